"""Gradio's own routes: which are open, what a file may be there, and that nobody gets at what is another's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError as Refused
from starlette.routing import BaseRoute, Mount

from app.access.credentials import ApiKeys
from app.access.person import SCOPES
from app.factory import build
from app.settings import Settings
from app.storage.database import open_database
from app.ui.filter import OPEN
from tests.integration.client import InstantRecognizer, wav
from tests.integration.conftest import start_server

SECRET = "挂号密语"


class Two:
    """A server with logins, and the keys of two people and of one who may only transcribe."""

    def __init__(self, client: httpx.Client, settings: Settings, routes: list[BaseRoute]) -> None:
        keys = ApiKeys(open_database(settings.data_dir))
        now = datetime.now(UTC)
        self.url = str(client.base_url)
        self.routes = routes
        self.stranger = client
        scopes = {"anna": SCOPES, "bert": SCOPES, "carl": {"transcribe"}}
        self.headers: dict[str, dict[str, str]] = {
            name: {"Authorization": f"Bearer {keys.add(name, name, scopes[name], now)}"} for name in scopes
        }
        self.http = {
            name: httpx.Client(base_url=self.url, headers=headers, timeout=30) for name, headers in self.headers.items()
        }
        config = self.http["anna"].get("/config").json()
        self.endpoints = {one["api_name"]: one["id"] for one in config["dependencies"]}

    def gradio(self, name: str, folder: Path) -> Client:
        return Client(self.url, headers=self.headers[name], verbose=False, download_files=folder,
                      analytics_enabled=False, httpx_kwargs={"timeout": 60})  # fmt: skip

    def join(self, name: str, data: list[Any], *, fn: str = "transcribe", session: str = "s") -> dict[str, Any]:
        """Call an endpoint as it stands in the protocol, and return the output of its last message."""
        http = self.http[name]
        sent = {"data": data, "fn_index": self.endpoints[fn], "session_hash": session}
        answer = http.post("/gradio_api/queue/join", json=sent)
        assert answer.status_code == 200, answer.text
        return last_message(http, session)["output"]


def last_message(http: httpx.Client, session: str) -> dict[str, Any]:
    stream = http.get("/gradio_api/queue/data", params={"session_hash": session}).text
    messages = [json.loads(line.removeprefix("data: ")) for line in stream.splitlines() if line.startswith("data: ")]
    return next(one for one in messages if one["msg"] in ("process_completed", "unexpected_error"))


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("two"), user_header="Remote-User",
                        trusted_proxies=frozenset({"10.0.0.1"}), requests_per_minute=0, max_streams=0,
                        lm_workers=0)  # fmt: skip
    app = build(settings, recognizer=InstantRecognizer())
    mounted = next(route for route in reversed(app.routes) if isinstance(route, Mount) and route.path == "")
    client, stop = start_server(app)
    yield Two(client, settings, list(mounted.app.gradio.routes))  # type: ignore[attr-defined]
    stop()


def declared(routes: list[BaseRoute]) -> Iterator[tuple[str, set[str]]]:
    for route in routes:
        if (included := getattr(route, "original_router", None)) is not None:
            yield from declared(included.routes)
        else:
            yield route.path, set(getattr(route, "methods", None) or {"GET", "POST"})  # type: ignore[attr-defined]


def test_every_route_of_gradios_is_open_or_closed_as_the_table_says(two: Two) -> None:
    ours = {"/gradio_api/upload", "/gradio_api/file={path_or_url:path}", "/login"}
    tried = 0
    http = two.http["anna"]
    for path, methods in declared(two.routes):
        if path.removesuffix("/") in ours:
            continue
        for method in methods - {"OPTIONS"}:
            filled = re.sub(r"{\w+(:path)?}", "x", path).removesuffix("/") or "/"
            answer = http.request(method, filled)
            closed = answer.status_code == 404 and answer.headers["content-type"] == "application/json"
            if method not in OPEN.get(path.removesuffix("/") or "/", frozenset()):
                assert closed, (method, path, answer.status_code)
                assert method == "HEAD" or answer.json()["error"]["code"] == "not_found", (method, path)
                tried += 1
    assert tried >= 50


def test_what_the_table_opens_is_there(two: Two) -> None:
    paths = {path.removesuffix("/") or "/" for path, _ in declared(two.routes)}
    assert set(OPEN) - paths == set()


def test_nothing_of_gradios_is_given_to_who_does_not_say_who_they_are(two: Two) -> None:
    for path, methods in OPEN.items():
        for method in methods - {"HEAD"}:
            answer = two.stranger.request(method, re.sub(r"{\w+(:path)?}", "x", path))
            assert answer.status_code in (401, 200 if path == "/favicon.ico" else 401), (method, path)
    assert two.stranger.post("/gradio_api/upload", files={"files": ("a.wav", wav())}).status_code == 401
    assert two.stranger.get("/gradio_api/file=upload/x/a.wav").status_code == 401


def test_two_users_of_gradio_client_never_see_each_other(two: Two, tmp_path: Path) -> None:
    anna, bert = two.gradio("anna", tmp_path), two.gradio("bert", tmp_path)
    talk = anna.predict(text=SECRET, api_name="/chat")
    anna.predict(text=SECRET, api_name="/hotwords_set")
    assert bert.predict(api_name="/hotwords_get")["text"] == ""
    assert [one["id"] for one in anna.predict(search=SECRET, api_name="/conversations")] == [talk["conversation"]]
    assert bert.predict(search=SECRET, api_name="/conversations") == []
    for call in (
        lambda: bert.predict(talk["conversation"], api_name="/messages"),
        lambda: bert.predict(text="你好", conversation=talk["conversation"], api_name="/chat"),
        lambda: bert.predict("global2", api_name="/hotwords_get"),
    ):
        with pytest.raises(Refused) as refused:
            call()
        assert SECRET not in str(refused.value)
    assert len(anna.predict(talk["conversation"], api_name="/messages")) >= 3


def test_a_session_of_the_same_name_is_another_one_for_another_person(two: Two) -> None:
    anna = two.http["anna"]
    bert = two.http["bert"]
    sent = {"data": [SECRET, None, "", ""], "fn_index": two.endpoints["chat"], "session_hash": "shared"}
    event = anna.post("/gradio_api/queue/join", json=sent).json()["event_id"]
    assert bert.get("/gradio_api/queue/data", params={"session_hash": "shared"}).status_code == 404
    assert bert.get(f"/gradio_api/call/chat/{event}").status_code == 404
    cancelled = bert.post("/gradio_api/cancel", json={"session_hash": "shared", "fn_index": 0, "event_id": event})
    assert cancelled.status_code == 404
    assert SECRET in json.dumps(last_message(anna, "shared"), ensure_ascii=False)


def test_a_simple_call_is_answered_to_who_made_it_alone(two: Two) -> None:
    anna = two.http["anna"]
    bert = two.http["bert"]
    event = anna.post("/gradio_api/call/chat", json={"data": [SECRET, None, "", ""]}).json()["event_id"]
    assert bert.get(f"/gradio_api/call/chat/{event}").status_code == 404
    assert (
        SECRET in json.loads(anna.get(f"/gradio_api/call/chat/{event}").text.rpartition("data: ")[2])[0]["transcript"]
    )


def test_an_uploaded_file_is_its_owners(two: Two) -> None:
    anna = two.http["anna"]
    bert = two.http["bert"]
    (path,) = anna.post("/gradio_api/upload", files={"files": ("a.wav", wav())}).json()
    assert anna.get(f"/gradio_api/file={path}").content == wav()
    assert bert.get(f"/gradio_api/file={path}").status_code == 404
    own = two.join("anna", [file_data(path), "", True, True, "mix"])
    assert own["data"][0]["text"] == "我要挂号", own
    assert "error" in two.join("bert", [file_data(path), "", True, True, "mix"])


def file_data(path: Any, **more: Any) -> dict[str, Any]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}, **more}


@pytest.fixture(scope="module")
def secret_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording on the server that nobody uploaded."""
    file = tmp_path_factory.mktemp("server") / "secret.wav"
    file.write_bytes(wav(1.0))
    return file


class Listener:
    """Another host, which nothing that a client sends may make the server call."""

    def __init__(self) -> None:
        import http.server
        import threading

        self.asked: list[str] = []
        asked = self.asked

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(wav())

            def log_message(self, *_: object) -> None: ...

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/a.wav"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.stop()


def test_no_value_that_looks_like_a_file_reads_one_of_the_servers_or_calls_another_host(
    two: Two, secret_file: Path, elsewhere: Listener
) -> None:
    anna = two.http["anna"]
    (path,) = anna.post("/gradio_api/upload", files={"files": ("a.wav", wav())}).json()
    token = path.split("/")[1]
    crafted: list[Any] = [
        file_data(str(secret_file)),
        file_data("/etc/passwd"),
        file_data(f"{path}/../../../../..{secret_file}"),
        file_data(f"upload/{token}/../{token}"),
        file_data(elsewhere.url),
        file_data(path="x", url=elsewhere.url),
        file_data("data:audio/wav;base64,UklGRg=="),
        file_data(f"file://{secret_file}"),
        file_data(str(secret_file), is_stream=True),
        file_data(str(secret_file), orig_name=path),
        {"path": str(secret_file), "meta": None},
        {"path": str(secret_file), "meta": []},
        {"path": [path], "meta": {"_type": "gradio.FileData"}},
        str(secret_file),
        elsewhere.url,
        {"nested": [file_data(str(secret_file)), file_data(elsewhere.url)]},
        [file_data(elsewhere.url)],
        None,
        7,
    ]
    for value in crafted:
        assert "error" in two.join("anna", [value, "", True, True, "mix"]), value
        # Where no file belongs, a value that looks like one is one all the same, for Gradio.
        assert "error" in two.join("anna", [file_data("x"), value, True, True, "mix"]), value
    assert elsewhere.asked == []


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd", "/gradio_api/file=app.py", "/gradio_api/file=upload/../../etc/passwd",
        "/gradio_api/file=http://127.0.0.1:1/", "/gradio_api/file%3D/etc/passwd", "/gradio_api//file=/etc/passwd",
        "/gradio_api/./file=/etc/passwd", "/gradio_api/file/etc/passwd", "/gradio_api/proxy=https://x.hf.space/",
        "/gradio_api/stream/a/b/c/playlist.m3u8", "/static/../../../../etc/passwd", "/assets/%2e%2e/%2e%2e/routes.py",
        "/svelte/../../../../../etc/passwd", "/gradio_api/mcp/../file=/etc/passwd", "/gradio_api/queue/join/../upload",
    ],
)  # fmt: skip
def test_no_path_leads_to_a_file_of_the_servers(two: Two, path: str) -> None:
    anna = two.http["anna"]
    answer = anna.get(path)
    assert answer.status_code in (401, 403, 404), path
    assert b"root:" not in answer.content


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"null", b"{", b'{"data": []}', b'{"data": [], "fn_index": 10000, "session_hash": "a"}',
        b'{"data": [], "fn_index": "0", "session_hash": "a"}', b'{"data": [], "fn_index": [], "session_hash": "a"}',
        b'{"data": [], "fn_index": 0, "session_hash": "../a"}', b'{"data": [], "fn_index": 0, "session_hash": 7}',
        b'{"data": [], "fn_index": true, "session_hash": {"a": 1}}',
        b'{"data": ' + b"[" * 50 + b"]" * 50 + b', "fn_index": 0, "session_hash": "a"}',
        b"[" * 100_000, b'{"data": 7, "fn_index": 0, "session_hash": "a"}', b"\xff\xfe",
        b'{"data": ["' + b"x" * 5 * 2**20,
    ],
    ids=range(16),
)  # fmt: skip
def test_a_crafted_body_is_refused_without_an_error_of_the_server(two: Two, body: bytes) -> None:
    anna = two.http["anna"]
    answer = anna.post("/gradio_api/queue/join", content=body, headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500, answer.text
    assert "Traceback" not in answer.text


def test_pages_of_other_sites_get_nothing_of_gradios(two: Two) -> None:
    foreign = {"Origin": "https://evil.example", "Host": "chat.example.org"}
    for method, path in (("GET", "/config"), ("GET", "/gradio_api/info"), ("POST", "/gradio_api/call/chat")):
        answer = two.http["anna"].request(method, path, headers=foreign)
        assert answer.status_code == 403, path
    own = two.http["anna"].get("/config", headers={"Origin": "http://chat.example.org", "Host": "chat.example.org"})
    assert own.status_code == 200
    assert not [name for name in own.headers if name.startswith("access-control")]


def test_an_upload_is_bounded_and_of_one_file(two: Two) -> None:
    anna = two.http["anna"]
    two_files = [("files", ("a.wav", wav())), ("files", ("b.wav", wav()))]
    assert anna.post("/gradio_api/upload", files=two_files).status_code == 400
    assert anna.post("/gradio_api/upload", files={"other": ("a.wav", wav())}).status_code == 422
    assert anna.post("/gradio_api/upload", json={"files": "/etc/passwd"}).status_code == 415
    (path,) = anna.post("/gradio_api/upload", files={"files": ("../../x<script>.html", b"<script>")}).json()
    assert re.fullmatch(r"upload/[\w-]{43}/x_script_.html", path)
    shown = anna.get(f"/gradio_api/file={path}")
    assert shown.headers["content-disposition"].startswith("attachment")
    assert shown.headers["content-type"] == "application/octet-stream"


def test_a_key_does_through_gradio_what_its_scopes_allow(two: Two, tmp_path: Path) -> None:
    carl = two.gradio("carl", tmp_path)
    file = tmp_path / "voice.wav"
    file.write_bytes(wav())
    assert carl.predict(handle_file(file), api_name="/transcribe")["text"] == "我要挂号"
    for call in ({"text": "你好", "api_name": "/chat"}, {"api_name": "/hotwords_get"}):
        with pytest.raises(Refused, match="权限"):
            carl.predict(**call)


def test_what_a_service_says_is_told_and_what_nobody_foresaw_is_not(two: Two) -> None:
    too_long = two.join("anna", ["长" * 2000, None, "", ""], fn="chat")
    assert "2000" in too_long["error"]
    wrong = two.join("anna", [{"a": 1}, None, "", ""], fn="chat")
    assert "服务器" in wrong["error"], wrong

"""The server calls the hosts that its operator named, and no other: whatever clients send and those hosts answer."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from sqlmodel import create_engine

from app.factory import build
from app.settings import Settings
from asr.engines.remote.connection import RemoteOptions
from asr.engines.remote.engine import RemoteEngine
from asr.errors import AsrError
from bot import Backend, Dialogue, Utterance, load_domain
from bot.connectors import Kind, connect
from bot.connectors.exchange import Exchange
from bot.errors import ActionFailed, BackendFailed
from bot.records.calls import Calls
from bot.rules.decision import ActionCall
from tests.backend_server import BackendServer, Told, running
from tests.integration.client import Chat, InstantRecognizer, wav
from tests.integration.conftest import start_server

METHODS = ("get", "post", "put", "patch", "delete")
REDIRECTS = (302, 307)


class Trap:
    """A port that counts who comes."""

    def __init__(self) -> None:
        self.visits = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/secret"
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self) -> None:
        while True:
            try:
                visitor, _ = self._socket.accept()
            except OSError:
                return
            self.visits += 1
            visitor.close()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def trap() -> Iterator[Trap]:
    trap = Trap()
    yield trap
    trap.close()


@pytest.fixture
def backend() -> Iterator[BackendServer]:
    with running() as server:
        yield server


class Sender:
    """Fills every string that the schema of an API asks for with one text."""

    def __init__(self, schema: dict[str, Any], text: str) -> None:
        self.schema = schema
        self.text = text

    def value(self, schema: dict[str, Any]) -> Any:
        if "$ref" in schema:
            return self.value(self.schema["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
        for several in ("anyOf", "oneOf", "allOf"):
            if several in schema:
                return self.value(schema[several][0])
        match schema.get("type"):
            case "object":
                return {name: self.value(each) for name, each in schema.get("properties", {}).items()}
            case "array":
                return [self.value(schema.get("items", {}))]
            case "integer" | "number":
                return 1
            case "boolean":
                return True
        return schema["enum"][0] if "enum" in schema else self.text

    def request(self, operation: dict[str, Any]) -> dict[str, Any]:
        query = {
            one["name"]: self.value(one["schema"]) for one in operation.get("parameters", []) if one["in"] == "query"
        }
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" in content:
            return {"params": query, "json": self.value(content["application/json"]["schema"])}
        playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{self.text}\n#EXT-X-ENDLIST\n".encode()
        form = dict.fromkeys(("model", "hotwords", "prompt", "language", "url", "file_url"), self.text)
        return {"params": query, "files": dict.fromkeys(("audio", "file"), (self.text, playlist)), "data": form}


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_no_text_that_a_client_sends_makes_the_server_call_or_read(
    settings: Settings, trap: Trap, tmp_path: Path, scheme: str
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the server's own", "utf-8")
    client, stop = start_server(build(settings, recognizer=InstantRecognizer(), page=None))
    try:
        chat = Chat(client)
        said = chat.say(wav())[0]
        ids = {"conversation_id": chat.id, "message_id": said["id"]}
        text = trap.url if scheme == "http" else secret.as_uri()
        schema = client.get("/api/openapi.json").json()
        sender = Sender(schema, text)
        tried = 0
        for path, operations in schema["paths"].items():
            for method in METHODS:
                if method not in operations or path == "/api/me":
                    continue
                target = path.replace(":path", "")
                for name in [part.partition("}")[0] for part in target.split("{")[1:]]:
                    target = target.replace("{" + name + "}", ids.get(name, "1"))
                answer = client.request(
                    method.upper(),
                    target,
                    headers={"Accept": "text/event-stream, */*"},
                    **sender.request(operations[method]),
                )
                assert "the server's own" not in answer.text, (method, path)
                assert answer.status_code != 500, (method, path, answer.text)
                tried += 1
    finally:
        stop()
    assert tried > 25
    assert trap.visits == 0


@pytest.mark.parametrize("kind", ["rasa", "openai", "webhook"])
@pytest.mark.parametrize("status", REDIRECTS)
def test_a_bot_that_points_elsewhere_is_not_followed(
    backend: BackendServer, trap: Trap, tmp_path: Path, kind: Kind, status: int
) -> None:
    elsewhere = Told(status=status, headers={"Location": trap.url})
    backend.answers = dict.fromkeys(("/", "/webhooks/rest/webhook", "/chat/completions", ""), elsewhere)
    builtin = Dialogue(load_domain("clinic"), create_engine(f"sqlite:///{tmp_path / 'bot.db'}"))
    connected = connect(builtin, Backend(kind, backend.url, key="hush", timeout=2.0))
    connected.respond(Utterance("你好"), connected.start().state)
    assert len(backend.asked) == 1
    assert trap.visits == 0


ORDER = """\
name: order
title: 点餐
language: zh
extends: common
slots:
  place: {type: place, label: 地点, ask: 去哪里？, help: 比如“火车站”。, values: [{value: 火车站}]}
actions:
  order: {do: call, url: "URL/order", timeout: 2, retries: 1, returns: [number]}
tasks:
  ride:
    title: 叫车
    intent: ride
    slots: [place]
    summary: "去{place}"
    action: order
    done: [车叫好了。]
intents:
  ride: {keywords: [叫车]}
phrases:
  greeting: 您好。
  help: 我可以叫车。
"""


@pytest.mark.parametrize("status", REDIRECTS)
def test_an_action_that_is_pointed_elsewhere_fails(
    backend: BackendServer, trap: Trap, tmp_path: Path, status: int
) -> None:
    (tmp_path / "order.yaml").write_text(ORDER.replace("URL", backend.url), "utf-8")
    actions = load_domain(tmp_path / "order.yaml").actions
    backend.answers["/order"] = Told(status=status, headers={"Location": trap.url})
    # What was said is a value of the JSON, never a part of the address.
    call = ActionCall("ride", "order", "key", {"place": f"@127.0.0.1:{trap.port}/../"})
    with pytest.raises(ActionFailed):
        Calls(actions, sleep=lambda _: None).run(actions["order"], call)
    assert {asked.path for asked in backend.asked} == {"/order"}
    assert trap.visits == 0


@pytest.mark.parametrize("status", REDIRECTS)
def test_a_recogniser_that_points_elsewhere_gets_no_audio_there(trap: Trap, status: int) -> None:
    class Elsewhere(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # a client of WebSockets passes over what an older one says

        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.send_header("Location", f"ws://127.0.0.1:{trap.port}/")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing between the dots of the test run."""

    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        engine = RemoteEngine(RemoteOptions(f"ws://127.0.0.1:{server.server_port}", attempts=2, back_off=0.01))
        with pytest.raises(AsrError):
            list(engine.listen([np.zeros(16000, np.float32)]))
    finally:
        server.shutdown()
        server.server_close()
    assert len(asked) == 2
    assert trap.visits == 0


def test_an_answer_that_is_packed_small_and_is_huge_is_refused(backend: BackendServer) -> None:
    bomb = gzip.compress(json.dumps([{"text": "0" * 50_000_000}]).encode())
    assert len(bomb) < 100_000
    backend.answers["/"] = Told(bomb, headers={"Content-Encoding": "gzip"})
    with pytest.raises(BackendFailed, match="packed"):
        Exchange(backend.url + "/", timeout=5.0).post("", {})
    assert backend.asked[0].headers["Accept-Encoding"] == "identity"


def test_proxies_of_the_environment_hear_nothing(
    backend: BackendServer, trap: Trap, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{trap.port}")
    backend.answers["/"] = Told(b"{}")
    assert Exchange(backend.url + "/", timeout=5.0).post("", {}) == {}
    assert trap.visits == 0
    with pytest.raises(httpx.HTTPError), httpx.Client() as careless:
        careless.get(backend.url)
    assert trap.visits == 1, "the trap works"

"""Whatever is sent is bounded before it is read: bodies, messages of sockets, lists of words, headers, connections."""

from __future__ import annotations

import gc
import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from app import serving
from app.access.proxies import Proxies
from app.api.funasr.messages import MAX_TEXT
from app.api.middleware.bounds import BOUNDS, MAX_LOGIN_BYTES, MAX_SMALL_BYTES, Bound, bound_of
from app.factory import build
from app.settings import Settings
from tests.integration.client import InstantRecognizer, wav
from tests.integration.conftest import start_server
from tests.security.latency import Latency

LONGEST_HOLD = 0.25  # seconds that one call may keep the event loop


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The whole app with Gradio's page, where people log in."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("page"), user_header="Remote-User",
                        trusted_proxies=frozenset({"10.0.0.1"}))  # fmt: skip
    client, stop = start_server(build(settings, recognizer=InstantRecognizer()))
    yield client
    stop()


def announce(client: httpx.Client, method: str, path: str, length: int) -> bytes:
    """Announce a body, send none of it, and return the answer."""
    with socket.create_connection(("127.0.0.1", client.base_url.port or 0), timeout=10) as wire:
        wire.sendall(
            f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {length}\r\n\r\n".encode()
        )
        answer = wire.recv(65536)
        with suppress(TimeoutError):
            while part := wire.recv(65536):
                answer += part
        return answer


@pytest.mark.parametrize("path", ["/login", "/login/", "/api/session", "/", "/api/nothing", "/gradio_api/queue/join"])
def test_nobody_can_make_the_server_read_what_it_does_not_want(page: httpx.Client, path: str) -> None:
    answer = announce(page, "POST", path, 300_000_000)
    assert answer.startswith(b"HTTP/1.1 413"), answer[:200]
    assert b"upload_too_large" in answer


@pytest.mark.parametrize("path", ["/login", "/api/session"])
def test_a_body_that_hides_its_length_is_cut_off(page: httpx.Client, path: str) -> None:
    sent = 0

    def parts() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 10_000
            yield b"name=" + bytes(9_995)

    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    with suppress(httpx.WriteError, httpx.ReadError):
        assert page.post(path, content=parts(), headers=headers).status_code in (401, 404, 405, 413)
    assert sent < 5_000_000


def test_bounds_are_small_where_nothing_large_is_expected() -> None:
    settings = Settings()
    for path in ("/api/session", "/login", "/login/"):
        assert bound_of(path, settings) == Bound(MAX_LOGIN_BYTES)
    for path in ("/", "/api/conversations", "/api/transcribe/1/cancel", "/api/loginx", "/anything"):
        assert bound_of(path, settings) == Bound(MAX_SMALL_BYTES)
    assert bound_of("/api/conversations/1/messages", settings).most == settings.max_upload_bytes
    assert bound_of("/v1/audio/transcriptions", settings).most == settings.max_file_bytes


MESSAGES = {
    "words": {"mode": "2pass", "hotwords": "a," * 8_000_000},
    "words as large as may be": {"mode": "2pass", "hotwords": "a," * (MAX_TEXT // 2 - 100)},
    "aliases": {"hotwords": "词 20" + " | 别" * (MAX_TEXT // 8)},
    "weights": {"hotwords": json.dumps({f"词{'九' * (n % 9)}": n for n in range(20_000)})},
    "numbers": {"hotwords": [1] * (MAX_TEXT // 4)},
    "depth": {"mode": json.loads("[" * 400 + "]" * 400)},
    "a name": {"wav_name": "甲" * (MAX_TEXT // 7)},
}


@pytest.fixture(scope="module")
def instant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, Latency]]:
    app = build(Settings(data_dir=tmp_path_factory.mktemp("instant")), recognizer=InstantRecognizer(), page=None)
    latency = Latency(app)
    client, stop = start_server(app)
    gc.freeze()  # as the entry point does: the tests' own objects would make each collection long
    yield client, latency
    gc.unfreeze()
    stop()


@pytest.mark.parametrize("name", MESSAGES)
def test_no_message_of_a_socket_holds_everybody_up(instant: tuple[httpx.Client, Latency], name: str) -> None:
    client, latency = instant
    url = f"ws://127.0.0.1:{client.base_url.port}/ws"
    with latency.bounded(LONGEST_HOLD), suppress(ConnectionClosed), connect(url, close_timeout=0.2) as wire:
        wire.send(json.dumps(MESSAGES[name]))
        wire.send('{"is_speaking": false}')
        while 'is_final": true' not in str(wire.recv(20)):
            pass
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize(
    "fields", [{"keywords": ["a," * 125_000] * 60}, {"prompt": "词 " * 125_000}, {"prompt": "a|" * 125_000}]
)
def test_no_field_of_a_form_holds_everybody_up(
    instant: tuple[httpx.Client, Latency], fields: dict[str, str | list[str]]
) -> None:
    client, latency = instant
    began = time.monotonic()
    with latency.bounded(LONGEST_HOLD):
        answer = client.post("/v1/audio/transcriptions", data=fields, files={"file": ("a.wav", wav())})
    assert answer.status_code in (200, 400, 413)
    assert time.monotonic() - began < 10


def test_sockets_do_not_unpack_messages(instant: tuple[httpx.Client, Latency]) -> None:
    client, _ = instant
    with connect(f"ws://127.0.0.1:{client.base_url.port}/ws", compression="deflate") as wire:
        assert wire.protocol.extensions == []
        with suppress(ConnectionClosed):
            wire.send("0" * (serving.MAX_SOCKET_MESSAGE + 1))
        with pytest.raises(ConnectionClosed):
            wire.recv(20)


def test_a_request_whose_headers_do_not_come_is_given_up(
    instant: tuple[httpx.Client, Latency], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _ = instant
    monkeypatch.setattr(serving, "HEADER_SECONDS", 0.3)
    for begun in (b"", b"GET /health HTTP/1.1\r\n", b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nGET /he"):
        with socket.create_connection(("127.0.0.1", client.base_url.port or 0), timeout=10) as wire:
            wire.sendall(begun)
            with suppress(ConnectionResetError):
                while wire.recv(4096):
                    pass


def test_a_body_that_comes_slowly_is_not_taken_for_headers(
    instant: tuple[httpx.Client, Latency], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _ = instant
    monkeypatch.setattr(serving, "HEADER_SECONDS", 0.2)

    def slowly() -> Iterator[bytes]:
        yield b'{"name": "a", '
        time.sleep(0.6)
        yield b'"password": "b"}'

    answer = client.post("/api/session", content=slowly(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 401


def test_one_address_cannot_hold_all_connections() -> None:
    connections = serving.Connections(100, Proxies(["10.0.0.0/8"]), most_of_address=30)
    assert [connections.take("203.0.113.1") for _ in range(40)].count(True) == 30
    assert connections.take("203.0.113.2")
    assert [connections.take("10.0.0.1") for _ in range(100)].count(True) == 69  # a proxy may have all that are left
    connections.leave("203.0.113.1")
    assert connections.take("203.0.113.2")


def test_connections_beyond_the_share_are_closed_and_the_rest_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "MAX_CONNECTIONS", 20)
    client, stop = start_server(build(Settings(data_dir=tmp_path), recognizer=InstantRecognizer(), page=None))
    try:
        address = ("127.0.0.1", client.base_url.port or 0)
        assert client.get("/health").status_code == 200  # over a connection that stays open
        halves = [socket.create_connection(address, timeout=10) for _ in range(15)]
        closed = 0
        for half in halves:
            half.settimeout(0.3)
            try:
                half.recv(1)
            except TimeoutError:
                continue
            except ConnectionResetError:
                pass
            closed += 1
        assert closed == 6  # half of all are one address's, and the client has one of them
        assert client.get("/health").status_code == 200
        for half in halves:
            half.close()
        with httpx.Client(base_url=client.base_url) as another:
            assert another.get("/health").status_code == 200
    finally:
        stop()


DEPLOY = Path(__file__).parents[2] / "deploy"


UNITS = {"k": 2**10, "m": 2**20}
PROXIES = {
    "nginx.conf": r"location ~ (\S+) +\{ client_max_body_size (\d+)([km]);",
    "Caddyfile": r"@\w+ path_regexp (\S+)",
}


@pytest.mark.parametrize("name", PROXIES)
def test_the_proxies_of_the_documentation_bound_the_same_paths(name: str) -> None:
    text = (DEPLOY / name).read_text("utf-8")
    found = [match[1].removeprefix("^") for match in re.finditer(PROXIES[name], text)]
    assert found == [pattern.pattern for pattern, _ in BOUNDS]
    if name == "nginx.conf":
        sizes = [int(match[2]) * UNITS[match[3]] for match in re.finditer(PROXIES[name], text)]
    else:
        sizes = [int(size) * UNITS[unit.lower()] for size, unit in re.findall(r"max_size (\d+)([KM])iB", text)][:-1]
    for size, (_, most) in zip(sizes, BOUNDS, strict=True):
        assert sum(most(Settings())) <= size <= 1.05 * sum(most(Settings())) + 2**20

"""Sockets that are flooded, starved, dropped and lied to: each ends with a reason, and the next one is served."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from socket import create_connection

import httpx
import pytest
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State
from websockets.sync.client import ClientConnection, connect
from websockets.uri import parse_uri

from app.factory import build
from app.settings import Settings
from tests.integration.client import Chat, wav
from tests.integration.conftest import start_server

PATHS = ("/ws", "/api/conversations/{id}/live")
SECOND = bytes(32_000)
BEGIN = {
    "/ws": json.dumps({"mode": "2pass", "wav_name": "a", "is_speaking": True}),
    PATHS[1]: json.dumps({"type": "begin", "client_id": "a"}),
}
ROOM = 150 * 2**20  # bytes
PLACES = 8  # for speakers


class Server:
    """The app with the embedded model, and a conversation."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.chat = Chat(client)

    def url(self, path: str) -> str:
        return f"ws://127.0.0.1:{self.client.base_url.port}{path.replace('{id}', self.chat.id)}"

    def open(self, path: str) -> ClientConnection:
        # Nobody here waits for a farewell: a server that is busy with the flood would be slow to say it.
        return connect(self.url(path), max_size=None, open_timeout=20, close_timeout=0.2)

    def vanish(self, path: str, *messages: str | bytes) -> None:
        """Open a socket, send `messages`, and be gone without a farewell."""
        protocol = ClientProtocol(parse_uri(self.url(path)))
        with create_connection(("127.0.0.1", self.client.base_url.port or 0), timeout=20) as wire:
            protocol.send_request(protocol.connect())
            wire.sendall(b"".join(protocol.data_to_send()))
            while protocol.state is State.CONNECTING:
                protocol.receive_data(wire.recv(4096))
            for message in messages:
                if isinstance(message, str):
                    protocol.send_text(message.encode())
                else:
                    protocol.send_binary(message)
            wire.sendall(b"".join(protocol.data_to_send()))

    def serve_another(self, path: str) -> None:
        """Open a socket that does as it should, and fail unless it is served."""
        with self.open(path) as socket:
            socket.send(BEGIN[path])
            socket.send(SECOND)
            socket.send('{"type": "end"}' if "live" in path else '{"is_speaking": false}')
            while True:
                told = json.loads(socket.recv(20))
                assert "error" not in told
                if told.get("type") == "done" or told.get("is_final"):
                    return

    def wait_for_sessions(self, number: int) -> None:
        deadline = time.monotonic() + 30
        while f"tingshuo_live_sessions {number}.0" not in self.client.get("/metrics").text:
            assert time.monotonic() < deadline, f"there are never {number} sessions"
            time.sleep(0.02)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("floods"), workers=1, max_sessions=PLACES, max_record_seconds=5
    )
    client, stop = start_server(build(settings, page=None))
    yield Server(client)
    stop()


def memory() -> int:
    return int(Path("/proc/self/statm").read_text("utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def huge_message(socket: ClientConnection) -> None:
    socket.send(bytes(40_000_000))


def packed_message(socket: ClientConnection) -> None:
    socket.send("0" * 40_000_000)  # 40 kB on the wire, where the server lets it be packed


def tiny_messages(socket: ClientConnection) -> None:
    for _ in range(5_000):
        socket.send(b"\x00")


def rubbish(socket: ClientConnection) -> None:
    for text in ("", "{", "[]", "null", '{"type": 5}', '"' * 1000, "[" * 50_000, '{"type": "begin"}' * 2, "\ud7ff"):
        socket.send(text)


def more_audio_than_is_listened_to(socket: ClientConnection) -> None:
    for _ in range(60):
        socket.send(SECOND * 10)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("began", [False, True], ids=["at once", "after the beginning"])
@pytest.mark.parametrize(
    "flood", [huge_message, packed_message, tiny_messages, rubbish, more_audio_than_is_listened_to]
)
def test_a_flood_leaves_no_memory_taken_and_harms_nobody(
    server: Server, path: str, began: bool, flood: Callable[[ClientConnection], None]
) -> None:
    before = memory()
    with suppress(ConnectionClosed, OSError, TimeoutError), server.open(path) as socket:
        if began:
            socket.send(BEGIN[path])
        flood(socket)
    assert memory() - before < ROOM
    server.wait_for_sessions(0)
    server.serve_another(path)


@pytest.mark.parametrize("path", PATHS)
def test_who_never_reads_is_not_waited_for(server: Server, path: str) -> None:
    with server.open(path) as deaf:
        deaf.send(BEGIN[path])
        for _ in range(4):
            deaf.send(SECOND)
        server.serve_another(path)


@pytest.mark.parametrize("path", PATHS)
def test_a_hundred_that_come_and_go_leave_nothing_behind(server: Server, path: str) -> None:
    for _ in range(50):
        server.vanish(path)
        server.vanish(path, BEGIN[path], SECOND)
    server.wait_for_sessions(0)
    server.serve_another(path)


def test_those_who_hold_all_places_leave_the_chat_alone(server: Server) -> None:
    with ExitStack() as held:
        for _ in range(PLACES):
            socket = held.enter_context(server.open(PATHS[1]))
            socket.send(BEGIN[PATHS[1]])
            socket.send(SECOND[:3200])
        server.wait_for_sessions(PLACES)
        with server.open(PATHS[1]) as late:
            late.send(BEGIN[PATHS[1]])
            assert json.loads(late.recv(20))["error"]["details"]["retry_after"] > 0
        assert server.chat.write("你好")[-1]["role"] == "bot"
        assert server.chat.say(wav())[0]["role"] == "user"

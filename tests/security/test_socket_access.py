"""Sockets are opened by who may: not by strangers, other sites, other people, nor by the hundred."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from app.access.credentials import ApiKeys
from app.access.person import USER_SCOPES
from app.factory import ROUTERS, build
from app.settings import Settings
from app.storage.database import open_database
from tests.integration.client import Chat, InstantRecognizer
from tests.integration.conftest import start_server

MAX_STREAMS = 3


class Sockets:
    """An app with logins, the keys of two people, and a conversation of the first."""

    def __init__(self, client: httpx.Client, settings: Settings) -> None:
        keys = ApiKeys(open_database(settings.data_dir))
        self.anna, self.bert = (keys.add(name, name, USER_SCOPES, datetime.now(UTC)) for name in ("anna", "bert"))
        self.chatter = keys.add("chatter", "chatter", {"chat"}, datetime.now(UTC))
        client.headers["Authorization"] = f"Bearer {self.anna}"
        self.root = f"ws://127.0.0.1:{client.base_url.port}"
        self.conversation = Chat(client).id

    def open(self, path: str, key: str = "", **headers: str) -> ClientConnection:
        if key:
            headers["Authorization"] = f"Bearer {key}"
        return connect(self.root + path.replace("{conversation_id}", self.conversation), additional_headers=headers)

    def refused(self, path: str, key: str = "", **headers: str) -> int:
        """The status with which a socket is refused."""
        with pytest.raises(InvalidStatus) as refusal:
            self.open(path, key, **headers)
        return refusal.value.response.status_code


def paths() -> list[str]:
    return [route.path for router in ROUTERS for route in router.routes if type(route).__name__ == "APIWebSocketRoute"]


@pytest.fixture(scope="module")
def sockets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sockets]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("sockets"),
        user_header="Remote-User",
        trusted_proxies=frozenset({"10.0.0.1"}),
        max_streams=MAX_STREAMS,
    )
    client, stop = start_server(build(settings, recognizer=InstantRecognizer(), page=None))
    yield Sockets(client, settings)
    stop()


@pytest.mark.parametrize("path", paths())
def test_a_stranger_opens_no_socket(sockets: Sockets, path: str) -> None:
    assert sockets.refused(path) == 401
    assert sockets.refused(path, "ts-00000000-" + "a" * 43) == 401


@pytest.mark.parametrize("path", paths())
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_another_site_opens_no_socket(sockets: Sockets, path: str, origin: str) -> None:
    assert sockets.refused(path, sockets.anna, Origin=origin) == 403


@pytest.mark.parametrize("path", [path for path in paths() if "{" in path])
def test_nobody_speaks_in_the_conversation_of_another(sockets: Sockets, path: str) -> None:
    with sockets.open(path, sockets.bert) as socket:
        socket.send(json.dumps({"type": "begin", "client_id": "a"}))
        assert "conversation_unknown" in str(socket.recv(10))
        with pytest.raises(ConnectionClosed):
            socket.recv(10)


def test_sockets_cannot_be_opened_by_the_hundred(sockets: Sockets) -> None:
    path = next(path for path in paths() if "{" not in path)
    with ExitStack() as held:
        for _ in range(MAX_STREAMS):
            held.enter_context(sockets.open(path, sockets.anna))
        assert sockets.refused(path, sockets.anna) == 429

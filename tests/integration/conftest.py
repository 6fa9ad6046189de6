"""A real server on a loopback port."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import structlog
import uvicorn
from fastapi import FastAPI

from app.factory import build
from app.services import Services
from app.serving import server_options
from app.settings import Settings
from tests.integration.client import Chat, InstantRecognizer, Serve


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", workers=2, max_waiting=4, shutdown_timeout=2.0)


def start_server(app: FastAPI) -> tuple[httpx.Client, Callable[[], None]]:
    """Start a real server for an app; return a client of it, and what stops both."""
    options = server_options(Services.of(app).settings) | {"timeout_graceful_shutdown": 2}
    config = uvicorn.Config(app, port=0, **options)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started:
        assert thread.is_alive(), "the server ended while it started"
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)

    def stop() -> None:
        client.close()
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive(), "the server did not stop"

    return client, stop


@pytest.fixture(scope="session", autouse=True)
def _quiet() -> Iterator[None]:
    """Threads of servers would log between the dots of the test run."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a real server for an app and return a client of it; all stop when the test ends."""
    stops: list[Callable[[], None]] = []

    def start(app: FastAPI) -> httpx.Client:
        client, stop = start_server(app)
        stops.append(stop)
        return client

    yield start
    for stop in stops:
        stop()


@pytest.fixture(scope="module")
def server(app: FastAPI) -> Iterator[httpx.Client]:
    """A client of the server for the `app` that a module makes for its tests."""
    client, stop = start_server(app)
    yield client
    stop()


@pytest.fixture(scope="module")
def url(server: httpx.Client) -> str:
    """Where that server speaks FunASR's protocol."""
    return f"ws://127.0.0.1:{server.base_url.port}/"


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """One server for all tests that need no other than a conversation of their own."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("shared") / "data", workers=2)
    client, stop = start_server(build(settings, recognizer=InstantRecognizer(), page=None))
    yield client
    stop()


@pytest.fixture
def chat(shared_server: httpx.Client) -> Chat:
    """A conversation with the real bot, where every recording is heard as 我要挂号."""
    return Chat(shared_server)


@pytest.fixture
def own_chat(settings: Settings, serve: Serve) -> Chat:
    """The same on a server of its own, with the folder that `settings` name."""
    return Chat(serve(build(settings, recognizer=InstantRecognizer(), page=None)))

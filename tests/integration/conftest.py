"""A real server on a loopback port."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from app.factory import build
from app.settings import Settings
from tests.integration.client import Chat, InstantRecognizer, Serve


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", workers=2, max_waiting=4, shutdown_timeout=2.0)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a real server for an app and return a client of it; all stop when the test ends."""
    running: list[tuple[uvicorn.Server, threading.Thread, httpx.Client]] = []

    def start(app: FastAPI) -> httpx.Client:
        config = uvicorn.Config(app, port=0, log_config=None, access_log=False, timeout_graceful_shutdown=2)
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
        running.append((server, thread, client))
        return client

    yield start
    for server, thread, client in running:
        client.close()
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive(), "the server did not stop"


@pytest.fixture
def chat(settings: Settings, serve: Serve) -> Chat:
    """A conversation with the real bot, where every recording is heard as 我要挂号."""
    return Chat(serve(build(settings, recognizer=InstantRecognizer(), page=None)))

"""The real app on a port of its own, that a test can stop and start again."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import uvicorn

from app.factory import build
from app.settings import Settings


class RunningApp:
    """The app in a thread; its data stay in `folder` over a restart."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(
            data_dir=folder / "data", shutdown_timeout=2.0, allowed_hosts=frozenset({"tingshuo.test"})
        )
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}/"

    def start(self) -> None:
        config = uvicorn.Config(
            build(self.settings),
            host="127.0.0.1",
            port=self.port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=2,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 90
        while not self._server.started:
            assert self._thread.is_alive(), "the server ended while it started"
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.02)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(20)
        assert not self._thread.is_alive(), "the server did not stop"

    def appointments(self) -> list[dict[str, Any]]:
        """What the bot has booked, oldest first."""
        with sqlite3.connect(self.settings.data_dir / "tingshuo.db") as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute("SELECT * FROM appointment ORDER BY id")]

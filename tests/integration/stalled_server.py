"""A server whose recognition never ends, for tests that kill it in the middle: `stalled_server.py DATA_DIR`."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import uvicorn

from app.factory import build
from app.settings import Settings
from asr import Audio, Transcript
from asr.hotwords.list import EMPTY, HotwordList


class StalledRecognizer:
    """Begins and never ends."""

    def transcribe(self, audio: Audio, hotwords: HotwordList = EMPTY) -> Transcript:
        threading.Event().wait()
        raise AssertionError


class AnnouncingServer(uvicorn.Server):
    """Writes the port that the system chose."""

    async def startup(self, sockets: object = None) -> None:
        await super().startup()
        sys.stdout.write(f"{self.servers[0].sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    settings = Settings(data_dir=Path(sys.argv[1]), port=0, workers=1, shutdown_timeout=0.5)
    app = build(settings, recognizer=StalledRecognizer(), page=None)
    AnnouncingServer(uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=1)).run()

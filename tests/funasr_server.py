"""A small FunASR runtime server: speaks its protocol, hears nothing, and can fail in every way that a real one does.

It answers each utterance with the text it was given, so that what a client makes of it can be told beforehand.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve


@dataclass
class FunasrServer:
    """What it says and how it behaves; `heard` is what came: the settings of each utterance and its bytes of PCM.

    `sentences` are (text, times in milliseconds or None); `acknowledges` as newer servers do; `once` takes a single
    utterance a connection and closes it then, as older ones do; `silent_after_once` keeps it open without an answer;
    `failures` is how many connections are broken off before it answers; `delay` is seconds before an answer.
    """

    sentences: list[tuple[str, list[list[int]] | None]]
    acknowledges: bool = False
    once: bool = False
    silent_after_once: bool = False
    failures: int = 0
    delay: float = 0.0
    error: str = ""
    raw: str | None = None
    heard: list[tuple[dict[str, Any], int]] = field(default_factory=list)
    connections: int = 0
    at_once: int = 0
    url: str = ""
    _open: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def talk(self, socket: ServerConnection) -> None:
        """Serve one connection."""
        with self._lock:
            self.connections += 1
        try:
            while True:
                settings, audio = self._utterance(socket)
                if self.failures > 0:
                    self.failures -= 1
                    return
                if self.silent_after_once and any(known is socket for known in self._served):
                    continue
                self._served.append(socket)
                with self._lock:
                    self.heard.append((settings, audio))
                    self._open += 1
                    self.at_once = max(self.at_once, self._open)
                time.sleep(self.delay)
                self._answer(socket, settings)
                with self._lock:
                    self._open -= 1
                if self.once:
                    return
        except ConnectionClosed:
            pass

    _served: list[ServerConnection] = field(default_factory=list)

    def _utterance(self, socket: ServerConnection) -> tuple[dict[str, Any], int]:
        settings = json.loads(socket.recv())
        audio = 0
        while True:
            message = socket.recv()
            if isinstance(message, str):
                if json.loads(message).get("is_speaking") is False:
                    return settings, audio
            else:
                audio += len(message)

    def _answer(self, socket: ServerConnection, settings: dict[str, Any]) -> None:
        name = {"wav_name": settings["wav_name"]}
        if self.raw is not None:
            socket.send(self.raw)
            return
        if self.error:
            socket.send(json.dumps({**name, "mode": settings["mode"], "is_end": True, "error": self.error}))
            return
        socket.send(json.dumps({"wav_name": "another", "mode": "offline", "text": "迟到的话"}))
        mode = "offline" if settings["mode"] == "offline" else "2pass-offline"
        if settings["mode"] == "2pass":
            socket.send(json.dumps({**name, "mode": "2pass-online", "text": "听", "is_final": False}))
        for text, times in self.sentences:
            message: dict[str, Any] = {**name, "mode": mode, "text": text, "is_final": False}
            if times is not None:
                message["timestamp"] = json.dumps(times)
            socket.send(json.dumps(message))
        if self.acknowledges:
            socket.send(json.dumps({**name, "mode": settings["mode"], "is_final": True, "is_end": True}))


@contextmanager
def running(server: FunasrServer, *, certificate: Path | None = None) -> Iterator[FunasrServer]:
    """Serve on a free port of this machine; `certificate` is a PEM file with key and certificate."""
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    with serve(server.talk, "127.0.0.1", 0, ssl=context, subprotocols=["binary"], compression=None) as listening:
        scheme = "wss" if context else "ws"
        server.url = f"{scheme}://127.0.0.1:{listening.socket.getsockname()[1]}"
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield server
        listening.shutdown()
        thread.join()

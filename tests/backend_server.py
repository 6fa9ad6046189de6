"""A small server on a loopback port that answers as a test tells it, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Asked:
    """One request: its path, headers and JSON."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Told:
    """One answer: status, type, body, further headers, and a wait before each piece."""

    body: bytes = b""
    status: int = 200
    media_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    wait: float = 0.0
    pieces: int = 1


def told(value: Any, **fields: Any) -> Told:
    """An answer in JSON."""
    return Told(json.dumps(value).encode(), **fields)


def streamed(*deltas: dict[str, Any]) -> Told:
    """A streamed chat completion of these deltas, as OpenAI's API sends it."""
    chunks = [json.dumps({"choices": [{"index": 0, "delta": delta}]}, ensure_ascii=False) for delta in deltas]
    lines = "".join(f"data: {chunk}\n\n" for chunk in (*chunks, "[DONE]"))
    return Told(lines.encode(), media_type="text/event-stream")


class BackendServer:
    """Answers each path with what `answers` gives for it: an answer, or several one after the other."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answers: dict[str, Told | list[Told] | Callable[[Asked], Told]] = {}
        self.url = ""

    def answer(self, asked: Asked) -> Told:
        self.asked.append(asked)
        found = self.answers.get(asked.path, Told(status=404))
        if isinstance(found, list):
            return found.pop(0) if len(found) > 1 else found[0]
        return found(asked) if callable(found) else found


@contextmanager
def running() -> Iterator[BackendServer]:
    """Run the server until the block ends."""
    backend = BackendServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, body: Any) -> None:
            answer = backend.answer(Asked(self.command, self.path, dict(self.headers), body))
            try:
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.media_type)
                self.send_header("Content-Length", str(len(answer.body)))
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                size = -(-len(answer.body) // answer.pieces)
                for start in range(0, len(answer.body), max(1, size)):
                    time.sleep(answer.wait)
                    self.wfile.write(answer.body[start : start + size])
                    self.wfile.flush()
            except OSError:
                pass  # the client has had enough, which is what some tests are about

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing between the dots of the test run."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    backend.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield backend
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)

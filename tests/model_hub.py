"""A small ModelScope and a small Hugging Face in one: real HTTP, with the troubles that networks have."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from asr.hub import registry
from asr.recognizer import EMBEDDED

Files = dict[str, bytes]
COMMIT = "c0ffee" + 34 * "0"  # of the one revision that there is


class ModelHub:
    """Serves `models` ("owner/name" -> path -> bytes); what goes wrong is set in the attributes."""

    def __init__(self, models: dict[str, Files]) -> None:
        self.models = models
        self.requests: list[tuple[str, str]] = []  # (path of a file or "files", its Range header)
        self.break_after: list[int] = []  # bytes after which the next downloads end, one entry each
        self.stall_after: list[int] = []  # bytes after which the next downloads hang, one entry each
        self.statuses: list[int] = []  # that the next requests are answered with
        self.wrong_sums: set[str] = set()  # files listed with another SHA-256 than they have
        self.ignores_ranges = False
        self.redirects = False
        self.seconds_a_chunk = 0.0
        self.listing: Any = None  # sent in the listing's place
        self.url = ""

    def downloads(self, path: str) -> list[str]:
        """The Range headers with which a file was asked for."""
        return [asked for name, asked in self.requests if name == path]


def copies_of_the_embedded() -> dict[str, Files]:
    """Models that load, under the ids of paraformer-zh and ct-punc.

    ct-punc is told from the embedded one by its marks: it asks where that one ends.
    """
    speech = {**_contents(EMBEDDED / "paraformer"), "am.mvn": b"<Nnet>"}
    punctuation = _contents(EMBEDDED / "punctuation")
    marks = str.maketrans("。？", "？。")
    punctuation["config.yaml"] = punctuation["config.yaml"].decode().translate(marks).encode()
    return {registry()["paraformer-zh"].id: speech, registry()["ct-punc"].id: punctuation}


def _contents(folder: Path) -> Files:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@contextmanager
def serving(models: dict[str, Files]) -> Iterator[ModelHub]:
    """Run a hub on a loopback port."""
    hub = ModelHub(models)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    yield hub
    server.shutdown()
    server.server_close()
    thread.join(5)


def _handler(hub: ModelHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if "/resolve/" in parts.path or parts.path.startswith("/api/models/"):
                self.as_hugging_face(unquote(parts.path))
                return
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            model, _, what = parts.path.removeprefix("/api/v1/models/").partition("/repo")
            files = hub.models.get(model)
            path = "files" if what == "/files" else query.get("FilePath", "")
            hub.requests.append((path, self.headers.get("Range", "")))
            if hub.statuses:
                self.answer(hub.statuses.pop(0), b"{}")
            elif files is None or query.get("Revision") != "master":
                self.answer(404, b'{"Code": 10010205001, "Message": "not found"}')
            elif what == "/files":
                listing = hub.listing if hub.listing is not None else self.listing(files)
                self.answer(200, json.dumps(listing).encode())
            elif path not in files:
                self.answer(404, b"{}")
            elif hub.redirects and "cdn" not in query:
                self.send_response(302)
                self.send_header("Location", f"{self.path}&cdn=1")
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                self.send_file(files[path])

        def as_hugging_face(self, path: str) -> None:
            """Answer as huggingface.co does: a model's description with its files, or a file of a revision."""
            found = re.fullmatch(r"/api/models/(.+?)/revision/(.+)|/(.+?)/resolve/([^/]+)/(.+)", path)
            if found is None:
                self.answer(404, b"{}")
                return
            model, revision, name = found[1] or found[3], found[2] or found[4], found[5]
            files = hub.models.get(model)
            if self.command == "GET":
                hub.requests.append((name or "files", self.headers.get("Range", "")))
            if hub.statuses:
                self.answer(hub.statuses.pop(0), b"{}")
            elif files is None or revision not in ("main", COMMIT) or (name and name not in files):
                missing = "EntryNotFound" if files is not None else "RepoNotFound"
                self.answer(404, b"{}", {"X-Error-Code": missing})
            elif not name:
                self.answer(200, json.dumps(self.description(model, files)).encode())
            elif self.command == "HEAD":
                self.send_response(200)
                self.hugging_face_headers(files[name])
                self.send_header("Content-Length", str(len(files[name])))
                self.end_headers()
            else:
                self.send_file(files[name], hugging_face=True)

        def hugging_face_headers(self, data: bytes) -> None:
            self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Accept-Ranges", "bytes")

        def description(self, model: str, files: Files) -> Any:
            def entry(path: str, data: bytes) -> dict[str, Any]:
                total = "0" * 64 if path in hub.wrong_sums else hashlib.sha256(data).hexdigest()
                lfs = {"sha256": total, "size": len(data), "pointerSize": 130}
                return {"rfilename": path, "size": len(data), "blobId": total[:40], "lfs": lfs}

            siblings = [entry(path, data) for path, data in files.items()]
            return {"_id": "1", "id": model, "modelId": model, "sha": COMMIT, "siblings": siblings, "tags": []}

        def listing(self, files: Files) -> Any:
            entries = [
                {
                    "Path": path,
                    "Name": path.rpartition("/")[2],
                    "Type": "blob",
                    "Size": len(data),
                    "Sha256": "0" * 64 if path in hub.wrong_sums else hashlib.sha256(data).hexdigest(),
                }
                for path, data in files.items()
            ]
            return {"Code": 200, "Data": {"Files": [{"Path": "fig", "Type": "tree", "Size": 0}, *entries]}}

        def send_file(self, data: bytes, *, hugging_face: bool = False) -> None:
            asked = self.headers.get("Range", "")
            start = int(asked.removeprefix("bytes=").partition("-")[0]) if asked else 0
            if asked and start >= len(data):
                self.answer(416, b"")
                return
            ranged = bool(asked) and not hub.ignores_ranges
            body = data[start:] if ranged else data
            self.send_response(206 if ranged else 200)
            if ranged:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            if hugging_face:
                self.hugging_face_headers(data)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if hub.break_after:
                self.wfile.write(body[: hub.break_after.pop(0)])
                self.close_connection = True
                return
            if hub.stall_after:
                self.wfile.write(body[: hub.stall_after.pop(0)])
                self.wfile.flush()
                time.sleep(3.0)  # longer than the client of a test waits
                self.close_connection = True
                return
            step = 2**16 if hub.seconds_a_chunk else max(1, len(body))
            for at in range(0, len(body), step):
                self.wfile.write(body[at : at + step])
                time.sleep(hub.seconds_a_chunk)

        def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Keep quiet."""

    return Handler

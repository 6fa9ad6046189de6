"""Files that clients of Gradio upload, and their own routes: POST /gradio_api/upload and GET /gradio_api/file=PATH.

Gradio's own routes would take files of any number, keep them for ever in a folder that all users of the machine share,
and hand them to everybody who knows their path. Here a path is a random name, known to the person who uploaded the
file; it never is the path of a file on the disk.
"""

from __future__ import annotations

import re
import secrets
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.api.dependencies import PersonDependency, SettingsDependency
from app.api.playback import playback
from app.api.uploads import save, sent_file
from app.errors import FileUnknown

LIFETIME = 1800.0  # seconds from the upload to the end of a file
MAX_FILES = 16  # of one person at a time; one more takes the place of the oldest
_PATH = re.compile(r"upload/([\w-]{43})/[^/]*")
_UNSAFE = re.compile(r"[^\w.\-]+")


@dataclass(frozen=True)
class Upload:
    """A file of `owner`'s; anybody who knows its path has it when `owner` is empty."""

    owner: str
    name: str
    file: Path
    size: int
    since: float


class Uploads:
    """The files that were uploaded and not used up yet; safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Keep files in a temporary folder, which goes with this object."""
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._kept: OrderedDict[str, Upload] = OrderedDict()  # the oldest first
        self._clock = clock
        self._lock = Lock()

    def place(self) -> tuple[str, Path]:
        """Return a new random name, and the path where the file of that name is to be written."""
        with self._lock:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="tingshuo-uploads-")
            token = secrets.token_urlsafe(32)
            return token, Path(self._folder.name) / token

    def add(self, token: str, file: Path, owner: str, name: str, *, counted_as: str) -> str:
        """Keep the `file` that was written for `token`; return the path that a client names it by.

        Args:
            token: of `place`.
            file: of `place`.
            owner: who may use the file; empty for everybody who knows the path.
            name: what the client calls the file.
            counted_as: whose `MAX_FILES` it counts among.
        """
        name = _UNSAFE.sub("_", Path(name).name)[-100:] or "file"
        upload = Upload(owner or f"?{counted_as}", name, file, file.stat().st_size, self._clock())
        with self._lock:
            self._kept[token] = upload
            theirs = [one for one, kept in self._kept.items() if kept.owner == upload.owner]
            for one in theirs[:-MAX_FILES]:
                self._forget(one)
            self._expire()
        return f"upload/{token}/{name}"

    def find(self, owner: str, path: str) -> Upload:
        """Return the file that `path` names; raises FileUnknown unless `owner` may use it."""
        match = _PATH.fullmatch(path)
        with self._lock:
            self._expire()
            found = self._kept.get(match[1]) if match else None
        if found is None or (found.owner != owner and not found.owner.startswith("?")):
            raise FileUnknown("There is no such file here; upload it first.")
        return found

    def close(self) -> None:
        """Delete all files."""
        with self._lock:
            self._kept.clear()
            if self._folder is not None:
                self._folder.cleanup()
                self._folder = None

    def _expire(self) -> None:
        while self._kept and (oldest := next(iter(self._kept.items())))[1].since < self._clock() - LIFETIME:
            self._forget(oldest[0])

    def _forget(self, token: str) -> None:
        self._kept.pop(token).file.unlink(missing_ok=True)


def router(uploads: Uploads) -> APIRouter:
    """Return the two routes, for files that are kept in `uploads`."""
    routes = APIRouter(prefix="/gradio_api", include_in_schema=False)

    @routes.post("/upload")
    async def upload(request: Request, person: PersonDependency, settings: SettingsDependency) -> list[str]:
        """Take one file, in the form's field `files`; answer with the path to name it by."""
        async with sent_file(request, "files", settings) as (sent, _):
            token, file = uploads.place()
            await run_in_threadpool(save, sent.file, file)
            # A visitor without a cookie is another person at the next request: the path alone is what they show then.
            owner = "" if request.scope.get("fresh_visitor") else person.id
            address = request.client.host if request.client else ""
            return [uploads.add(token, file, owner, sent.filename or "", counted_as=address)]

    @routes.api_route("/file={path:path}", methods=["GET", "HEAD"])
    async def show(path: str, request: Request, person: PersonDependency) -> Response:
        """Return a file that the one who asks has uploaded, or an answer of the app's for them."""
        found = uploads.find(person.id, path)
        # It may be anything, a page with a script too: a player may have it, a window only saves it.
        return playback(
            request,
            found.file.open("rb"),
            media_type="application/octet-stream",
            filename=found.name,
            headers={"Cache-Control": "private, no-store"},
        )

    return routes

"""ModelScope's HTTP: the files of a model, and their bytes, resumed where a connection broke.

    GET {url}/api/v1/models/{id}/repo/files?Revision=...&Recursive=True
        {"Code": 200, "Data": {"Files": [{"Path", "Type": "blob"|"tree", "Size", "Sha256"}]}}
    GET {url}/api/v1/models/{id}/repo?Revision=...&FilePath=...      with Range; redirects to a CDN

Source: modelscope 1.40.2 and modelscope-hub 0.5.1, modelscope_hub/_legacy_api.py and _download.py. That client is not
used itself: it brings 30 MB of packages for these two requests, asks the hub even for what is on the disk, and tells
its progress and its errors to nobody but the terminal.
"""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import httpx

from asr.errors import DiskFull, DownloadBroken, HubFileMissing, HubRefused, HubUnreachable

DEFAULT_URL = "https://www.modelscope.cn"
_TIMEOUT = httpx.Timeout(20.0, connect=10.0)
_ATTEMPTS = 5
_PAUSE = 0.5  # seconds before the second attempt; doubled before each further one

Advance = Callable[[int], None]  # told how many bytes more (or fewer: a restart) there are


@dataclass(frozen=True)
class HubFile:
    """A file as the hub lists it: its path within the model, its bytes, and their SHA-256 where the hub tells it."""

    path: str
    size: int
    sha256: str = ""


class Hub:
    """A ModelScope, or a mirror of one; safe to share between threads."""

    def __init__(self, url: str = "", *, attempts: int = _ATTEMPTS, pause: float = _PAUSE) -> None:
        """Ask the hub at `url` (empty: ModelScope, or TINGSHUO_HUB_URL); proxies are those of the environment."""
        self.url = (url or os.environ.get("TINGSHUO_HUB_URL") or DEFAULT_URL).rstrip("/")
        self._attempts = attempts
        self._pause = pause
        self._client = httpx.Client(timeout=_TIMEOUT, follow_redirects=True, headers={"User-Agent": "tingshuo"})

    def files(self, model_id: str, revision: str) -> list[HubFile]:
        """List the files of a model; raises HubUnreachable, HubRefused, HubFileMissing (no such model)."""
        url = f"{self.url}/api/v1/models/{model_id}/repo/files"
        # Fewer attempts than for a download: who has no network should hear of it soon.
        for pause in self._pauses(min(3, self._attempts)):
            time.sleep(pause)
            try:
                with self._refusals(f"{model_id} at {revision}"):
                    answer = self._client.get(url, params={"Revision": revision, "Recursive": "True"})
                    answer.raise_for_status()
                    return _listed(answer.json())
            except httpx.TransportError as error:
                last = error
            except (ValueError, KeyError, TypeError) as error:
                raise HubRefused(f"{self.url} did not answer as a ModelScope does.", url=self.url) from error
        raise self._unreachable() from last

    def download(self, model_id: str, revision: str, file: HubFile, target: Path, advance: Advance) -> None:
        """Fetch a file into `target`, going on where an earlier attempt stopped, and check size and SHA-256.

        Raises:
            HubUnreachable: the connection failed again and again; what came stays, for the next attempt.
            HubFileMissing: the hub has no such file.
            HubRefused: the hub answered with another error.
            DownloadBroken: the bytes are not those that the hub lists, twice; they are deleted.
            DiskFull: there is no room left.
        """
        url = f"{self.url}/api/v1/models/{model_id}/repo"
        params = {"Revision": revision, "FilePath": file.path}
        spoiled = False
        for pause in self._pauses(self._attempts):
            time.sleep(pause)
            try:
                with self._refusals(f"{file.path} of {model_id} at {revision}"), _room_on_disk(target):
                    self._fetch(url, params, file, target, advance)
                    reason = _wrong(target, file)
            except httpx.TransportError as error:
                last: Exception = error
                continue
            if not reason:
                return
            advance(-target.stat().st_size)
            target.unlink()
            if spoiled:
                raise DownloadBroken(f"{file.path} came broken, twice: {reason}.", file=file.path, reason=reason)
            spoiled, last = True, DownloadBroken(reason)
        raise self._unreachable() from last

    def _fetch(self, url: str, params: dict[str, str], file: HubFile, target: Path, advance: Advance) -> None:
        there = target.stat().st_size if target.exists() else 0
        if there == file.size and target.exists():
            return
        headers = {"Range": f"bytes={there}-"} if there else {}
        with self._client.stream("GET", url, params=params, headers=headers) as answer:
            if answer.status_code == 416 or there > file.size:
                advance(-there)
                target.unlink()
                raise httpx.ReadError("the hub cannot go on from here")
            answer.raise_for_status()
            goes_on = answer.status_code == 206 and answer.headers.get("content-range", "").startswith(
                f"bytes {there}-"
            )
            if there and not goes_on:  # small files are sent whole whatever is asked
                advance(-there)
            with target.open("ab" if goes_on else "wb") as sink:
                for chunk in answer.iter_bytes():  # no larger ones: what is gathered when a line breaks is lost
                    sink.write(chunk)
                    advance(len(chunk))
        if target.stat().st_size < file.size:
            raise httpx.ReadError("the connection ended early")

    def _pauses(self, attempts: int) -> Iterator[float]:
        """Yield the seconds to wait before each attempt: none, then twice as many each time."""
        yield 0.0
        yield from (self._pause * 2**attempt for attempt in range(attempts - 1))

    @contextmanager
    def _refusals(self, what: str) -> Iterator[None]:
        try:
            yield
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            if status == 404:
                raise HubFileMissing(f"{self.url} has no {what}.", url=self.url, file=what) from error
            if status in (429, 500, 502, 503, 504):
                raise httpx.ReadError(f"the hub answered {status}") from error
            raise HubRefused(f"{self.url} answered {status} for {what}.", url=self.url, status=status) from error

    def _unreachable(self) -> HubUnreachable:
        return HubUnreachable(
            f"{self.url} cannot be reached. Without a network, put the model into a folder "
            "(python -m asr.hub unpack) or use the embedded one.",
            url=self.url,
        )


def _listed(answer: Any) -> list[HubFile]:
    data = answer["Data"]
    entries = data["Files"] if isinstance(data, dict) else data
    return [
        HubFile(entry["Path"], int(entry["Size"]), str(entry.get("Sha256") or "").lower())
        for entry in entries
        if entry.get("Type", "blob") == "blob" and is_inside(entry["Path"])
    ]


def is_inside(path: str) -> bool:
    """Tell whether `path`, which somebody else wrote, stays within the folder that it is put into."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and not any(sign in path for sign in "\\:\0")


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _wrong(path: Path, file: HubFile) -> str:
    size = path.stat().st_size
    if size != file.size:
        return f"it has {size} bytes instead of {file.size}"
    if file.sha256 and digest(path) != file.sha256:
        return "its SHA-256 is not the one listed"
    return ""


@contextmanager
def _room_on_disk(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise disk_full(target.parent) from error


def disk_full(folder: Path, needed: int = 0) -> DiskFull:
    """Build the error for a folder without room for `needed` more bytes."""
    wanted = f" for {needed / 2**20:.0f} MB more" if needed else ""
    return DiskFull(f"There is no room left{wanted} in {folder}.", folder=str(folder), bytes=needed)

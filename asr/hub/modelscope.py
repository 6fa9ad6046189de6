"""ModelScope, by its own client: resumed downloads, checked against size and SHA-256.

What that client lacks is done here: it shows progress bars that no option turns off (a server's log is not the place
for them), takes an exception of a progress callback for trouble on the line, and writes wherever the hub's listing
says, so only paths that were checked are asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import modelscope_hub._download as client
import requests
from modelscope.hub.snapshot_download import snapshot_download
from modelscope_hub import HubApi, ProgressCallback
from modelscope_hub.errors import (
    APIError,
    FileDownloadError,
    FileIntegrityError,
    HubError,
    NetworkError,
    NotExistError,
    RequestTimeoutError,
)
from tqdm import tqdm

from asr.errors import DownloadBroken, HubFileMissing, HubRefused
from asr.hub.registry import Card
from asr.hub.source import FULL, Advance, HubFile, is_inside, unreachable, wrong_bytes

DEFAULT_URL = "https://www.modelscope.cn"
_BUSY = (429, 500, 502, 503, 504)

setattr(client, "tqdm", partial(tqdm, disable=True))  # noqa: B010 -- it is no name that the client exports
logging.getLogger("modelscope_hub").setLevel(logging.CRITICAL)  # errors are raised as well


class ModelScope:
    """ModelScope, or a mirror of it; safe to share between threads."""

    def __init__(self, url: str = "") -> None:
        """Ask the hub at `url`, or ModelScope; proxies are those of the environment."""
        self.url = (url or DEFAULT_URL).rstrip("/")

    def files(self, card: Card) -> list[HubFile]:
        """List the files of a model."""
        with self._named(f"{card.id} at {card.revision}"):
            listed = HubApi(endpoint=self.url).list_repo_files(card.id, "model", revision=card.revision)
            return [
                HubFile(entry.path, int(entry.size or 0), (entry.sha256 or "").lower())
                for entry in listed
                if entry.type != "tree" and is_inside(entry.path)
            ]

    def download(self, card: Card, file: HubFile, folder: Path, advance: Advance) -> None:
        """Fetch a file into `folder`."""
        stopped: list[BaseException] = []

        class Progress(ProgressCallback):
            def update(self, size: int) -> None:
                try:
                    advance(size)
                except BaseException as error:
                    stopped.append(error)
                    raise _StoppedError from error

        try:
            with self._named(f"{file.path} of {card.id} at {card.revision}"):
                snapshot_download(
                    card.id,
                    revision=card.revision,
                    local_dir=str(folder),
                    allow_patterns=[_literal(file.path)],
                    max_workers=1,
                    progress_callbacks=[Progress],
                    endpoint=self.url,
                )
        except _StoppedError:
            raise stopped[0] from None
        if reason := wrong_bytes(folder / file.path, file):  # the registry may know another sum than the hub
            (folder / file.path).unlink()
            raise DownloadBroken(f"{file.path} came broken: {reason}.", file=file.path, reason=reason)

    def finish(self, folder: Path) -> None:
        """Remove nothing: the client keeps nothing beside the files."""

    @contextmanager
    def _named(self, what: str) -> Iterator[None]:
        """Raise the client's errors as those of this package."""
        try:
            yield
        except FileDownloadError as error:
            cause = next(iter(error.failed_files.values()), error)
            if isinstance(cause, OSError) and cause.errno in FULL:
                raise cause from error
            raise self._error(cause, what) from error
        except (HubError, requests.RequestException, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._error(error, what) from error

    def _error(self, error: BaseException, what: str) -> Exception:
        if isinstance(error, FileIntegrityError):
            return DownloadBroken(
                f"{what} came broken, again and again: {error}.", file=what.split(" of ")[0], reason=str(error)
            )
        if isinstance(error, NotExistError):
            return HubFileMissing(f"{self.url} has no {what}.", url=self.url, file=what)
        status = getattr(error, "status_code", None) or getattr(getattr(error, "response", None), "status_code", None)
        if status == 404:
            return HubFileMissing(f"{self.url} has no {what}.", url=self.url, file=what)
        if isinstance(error, (NetworkError, RequestTimeoutError)) or status in _BUSY:
            return unreachable(self.url)
        if isinstance(error, APIError) or status:
            return HubRefused(f"{self.url} answered {status} for {what}.", url=self.url, status=status or 0)
        if isinstance(error, (requests.ConnectionError, requests.Timeout)):
            return unreachable(self.url)
        return HubRefused(f"{self.url} did not answer as a ModelScope does.", url=self.url)


class _StoppedError(BaseException):
    """Ends a download; no Exception, which the client would take for trouble on the line and try again."""


def _literal(path: str) -> str:
    """Return the pattern that matches this path alone."""
    return "".join(f"[{character}]" if character in "*?[" else character for character in path)

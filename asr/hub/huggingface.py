"""Hugging Face, by its own client: the second source, nearer than ModelScope to a Space."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
from huggingface_hub import HfApi, constants
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from tqdm import tqdm

from asr.errors import DownloadBroken, HubFileMissing, HubRefused
from asr.hub.registry import DEFAULT_REVISION, Card
from asr.hub.source import Advance, HubFile, is_inside, unreachable, wrong_bytes

_BUSY = (408, 429, 500, 502, 503, 504)
_ATTEMPTS = 3

logging.getLogger("huggingface_hub.file_download").setLevel(logging.CRITICAL)  # errors are raised as well


class HuggingFace:
    """Hugging Face, or a mirror of it (HF_ENDPOINT); safe to share between threads."""

    def __init__(self, url: str = "") -> None:
        """Ask the hub at `url`, or the one that HF_ENDPOINT names, or Hugging Face."""
        self.url = (url or constants.ENDPOINT).rstrip("/")
        self._api = HfApi(endpoint=self.url, library_name="tingshuo")

    def files(self, card: Card) -> list[HubFile]:
        """List the files of a model."""
        with self._named(f"{_id(card)} at {_revision(card)}"):
            info = self._api.model_info(_id(card), revision=_revision(card), files_metadata=True)
        return [
            HubFile(entry.rfilename, int(entry.size or 0), entry.lfs.sha256 if entry.lfs else "")
            for entry in info.siblings or []
            if is_inside(entry.rfilename)
        ]

    def download(self, card: Card, file: HubFile, folder: Path, advance: Advance) -> None:
        """Fetch a file into `folder`, and check its bytes, which the client does not."""

        class Progress(tqdm):  # type: ignore[type-arg]  # at run time it takes none
            def __init__(self, *arguments: Any, **options: Any) -> None:
                super().__init__(*arguments, **{**options, "disable": True})
                advance(int(options.get("initial") or 0))

            def update(self, n: float | None = 1) -> bool | None:
                advance(int(n or 0))
                return None

        target = folder / file.path
        for attempt in range(2):
            for left in range(_ATTEMPTS, 0, -1):
                try:
                    with self._named(f"{file.path} of {_id(card)} at {_revision(card)}"):
                        self._api.hf_hub_download(
                            _id(card), file.path, revision=_revision(card), local_dir=folder, tqdm_class=Progress,
                            force_download=bool(attempt) and left == _ATTEMPTS,
                        )  # fmt: skip
                    break
                except httpx.TransportError as error:
                    if left == 1:
                        raise unreachable(self.url) from error
            reason = wrong_bytes(target, file)
            if not reason:
                return
            advance(-target.stat().st_size)
            target.unlink()
        raise DownloadBroken(f"{file.path} came broken, twice: {reason}.", file=file.path, reason=reason)

    def finish(self, folder: Path) -> None:
        """Remove the client's notes of which version of each file it fetched."""
        shutil.rmtree(folder / ".cache", ignore_errors=True)

    @contextmanager
    def _named(self, what: str) -> Iterator[None]:
        try:
            yield
        except (RepositoryNotFoundError, RevisionNotFoundError) as error:
            raise HubFileMissing(f"{self.url} has no {what}.", url=self.url, file=what) from error
        except LocalEntryNotFoundError as error:  # what the client says when it cannot reach the hub
            raise unreachable(self.url) from error
        except EntryNotFoundError as error:
            raise HubFileMissing(f"{self.url} has no {what}.", url=self.url, file=what) from error
        except HfHubHTTPError as error:
            status = error.response.status_code
            if status in _BUSY:
                raise unreachable(self.url) from error
            raise HubRefused(f"{self.url} answered {status} for {what}.", url=self.url, status=status) from error
        except httpx.TransportError as error:
            raise unreachable(self.url) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise HubRefused(f"{self.url} did not answer as a Hugging Face does.", url=self.url) from error


def _id(card: Card) -> str:
    return card.huggingface or card.id


def _revision(card: Card) -> str:
    return "main" if card.huggingface or card.revision == DEFAULT_REVISION else card.revision

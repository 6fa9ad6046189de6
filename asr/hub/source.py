"""Where models come from: what every hub offers, and which of two hubs is asked first."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

import httpx

from asr.errors import DiskFull, HubRefused, HubUnreachable
from asr.hub.registry import Card

AUTO_ORDER = "auto"
_REACH_TIMEOUT = 3.0  # seconds in which a hub has to answer to be asked first
_NO_MEASURE = float("inf")

FULL = (errno.ENOSPC, errno.EDQUOT)
Advance = Callable[[int], None]  # told how many bytes more (or fewer: a restart) there are


@dataclass(frozen=True)
class HubFile:
    """A file as a hub lists it: its path within the model, its bytes, and their SHA-256 where the hub tells it."""

    path: str
    size: int
    sha256: str = ""


class Source(Protocol):
    """A hub: lists the files of a model and downloads them."""

    url: str

    def files(self, card: Card) -> list[HubFile]:
        """List the files of a model; raises HubUnreachable, HubRefused, HubFileMissing (no such model)."""
        ...

    def download(self, card: Card, file: HubFile, folder: Path, advance: Advance) -> None:
        """Fetch a file into `folder`, going on where an earlier attempt stopped; what `advance` raises ends it.

        Raises HubUnreachable, HubRefused, HubFileMissing, DownloadBroken, DiskFull.
        """
        ...

    def finish(self, folder: Path) -> None:
        """Remove what the hub's client keeps beside the files of a finished download."""
        ...


def open_sources(order: str = "", url: str = "") -> Sequence[Source]:
    """Return the hubs to ask, the first one first.

    Args:
        order: `auto`, or `modelscope` and `huggingface` with a comma between them; empty is TINGSHUO_HUB_SOURCES.
            `auto` measures which one answers sooner, and is ModelScope alone where `url` names a mirror of it.
        url: a mirror of ModelScope; empty is TINGSHUO_HUB_URL, or ModelScope itself.

    Raises HubRefused for an order with another name in it.
    """
    # The clients of both hubs take half a second to import, and most starts download nothing.
    from asr.hub.huggingface import HuggingFace
    from asr.hub.modelscope import ModelScope

    mirror = url or os.environ.get("TINGSHUO_HUB_URL", "")
    wanted = order or os.environ.get("TINGSHUO_HUB_SOURCES", "") or AUTO_ORDER
    makers: dict[str, Callable[[], Source]] = {"modelscope": lambda: ModelScope(mirror), "huggingface": HuggingFace}
    if wanted == AUTO_ORDER:
        return [ModelScope(mirror)] if mirror else by_reach([make() for make in makers.values()])
    names = [name.strip() for name in wanted.split(",")]
    if unknown := [name for name in names if name not in makers]:
        raise HubRefused(f"There is no hub called {unknown[0]}: use modelscope or huggingface.", url=unknown[0])
    return [makers[name]() for name in names]


def by_reach(sources: Sequence[Source]) -> list[Source]:
    """Sort hubs by how soon they answer; those that do not keep their order, at the end."""
    with ThreadPoolExecutor(len(sources)) as threads:
        times = list(threads.map(lambda source: _seconds_to_answer(source.url), sources))
    return [sources[index] for index in sorted(range(len(sources)), key=times.__getitem__)]


def _seconds_to_answer(url: str) -> float:
    begun = time.monotonic()
    try:
        httpx.head(url, timeout=_REACH_TIMEOUT)
    except httpx.HTTPError:
        return _NO_MEASURE
    return time.monotonic() - begun


def is_inside(path: str) -> bool:
    """Tell whether `path`, which a hub or an archive gives, stays within the folder that it is put into."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and not any(sign in path for sign in "\\:\0")


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def wrong_bytes(path: Path, file: HubFile) -> str:
    """Say how a downloaded file differs from the one that was listed; empty when it does not."""
    size = path.stat().st_size
    if size != file.size:
        return f"it has {size} bytes instead of {file.size}"
    if file.sha256 and digest(path) != file.sha256:
        return "its SHA-256 is not the one listed"
    return ""


def unreachable(url: str) -> HubUnreachable:
    """Build the error for a hub that does not answer."""
    return HubUnreachable(
        f"{url} cannot be reached. Without a network, put the model into a folder "
        "(python -m asr.hub unpack) or use the embedded one.",
        url=url,
    )


def disk_full(folder: Path, needed: int = 0) -> DiskFull:
    """Build the error for a folder without room for `needed` more bytes."""
    wanted = f" for {needed / 2**20:.0f} MB more" if needed else ""
    return DiskFull(f"There is no room left{wanted} in {folder}.", folder=str(folder), bytes=needed)

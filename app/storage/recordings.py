"""Recordings, each under a name that says what is in it: in a folder, or in a bucket (app.storage.bucket).

A name is `<SHA-256 of the content>-<bytes>-<nonce><suffix>`: a recording can be checked against its name wherever it
was copied to, and its size is known without asking for it. The nonce keeps two recordings with the same content apart:
deleting one can never take away the other, not even in the moment between a file and its record, and a person cannot
learn whether another one has sent the same. Recordings of the first versions are named by 32 hexadecimal digits.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from app.errors import StoreUnavailable

_NAME = re.compile(r"(?P<digest>[0-9a-f]{64})-(?P<size>\d+)-[0-9a-f]{16}(\.\w+)?")
_UNFINISHED = ".part"


@dataclass(frozen=True)
class Kept:
    """One recording and when it was written."""

    name: str
    written: datetime


class Recordings(ABC):
    """All recordings of one app; each appears whole or not at all. Safe to share between threads.

    Methods raise OSError, which `app.storage.database.guarded` turns into StoreUnavailable, or StoreUnavailable itself.
    """

    def __init__(self, folder: Path) -> None:
        """Make `folder`, where recordings are written before they are whole."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @abstractmethod
    def open(self, name: str) -> BinaryIO:
        """Return the recording called `name`, to read and seek in; raises FileNotFoundError when it is gone."""

    @abstractmethod
    def local(self, name: str) -> AbstractContextManager[Path]:
        """Have the recording called `name` as a file for a while; raises FileNotFoundError when it is gone."""

    @abstractmethod
    def kept(self) -> Iterator[Kept]:
        """Go through all recordings that are whole."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Delete the recording called `name` if it is there."""

    @abstractmethod
    def check(self) -> None:
        """Raise StoreUnavailable when recordings cannot be had."""

    @abstractmethod
    def _stat(self, name: str) -> int:
        """Return the size in bytes of a recording whose name does not tell; 0 when it is gone."""

    @abstractmethod
    def _take(self, whole: Path, name: str) -> None:
        """Keep the file `whole`, which is on the disk to its last byte, under `name`."""

    def size(self, name: str) -> int:
        """Return how many bytes the recording called `name` has."""
        known = _NAME.fullmatch(name)
        return int(known["size"]) if known else self._stat(name)

    def sweep_unfinished(self) -> None:
        """Delete what a crash left half written; only where no other process may be writing."""
        for unfinished in self._folder.glob(f"*{_UNFINISHED}"):
            unfinished.unlink(missing_ok=True)

    def sweep(self, named: Collection[str], before: datetime) -> int:
        """Delete the recordings that are not among `named` and were written `before`; return how many."""
        left = [one.name for one in self.kept() if one.name not in named and one.written < before]
        for name in left:
            self.remove(name)
        return len(left)

    def add(self, source: BinaryIO, suffix: str) -> str:
        """Copy `source` to a new recording and return its name."""
        unfinished = self.temporary(suffix)
        try:
            with unfinished.open("xb") as target:
                shutil.copyfileobj(source, target)
            return self.complete(unfinished)
        finally:
            unfinished.unlink(missing_ok=True)

    def temporary(self, suffix: str) -> Path:
        """Return a path for a file that the caller writes; `complete` then makes a recording of it."""
        return self._folder / f"{secrets.token_hex(16)}{suffix}{_UNFINISHED}"

    def complete(self, unfinished: Path) -> str:
        """Let a file that was written to a path from `temporary` appear, now that it is whole; return its name."""
        with unfinished.open("rb+") as written:
            digest = hashlib.file_digest(written, "sha256").hexdigest()
            size = written.seek(0, os.SEEK_END)
            os.fsync(written.fileno())
        suffix = Path(unfinished.name.removesuffix(_UNFINISHED)).suffix
        name = f"{digest}-{size}-{secrets.token_hex(8)}{suffix}"
        self._take(unfinished, name)
        return name


class FolderRecordings(Recordings):
    """A folder of recordings."""

    def open(self, name: str) -> BinaryIO:
        """Return the recording, open."""
        return (self._folder / name).open("rb")

    def local(self, name: str) -> AbstractContextManager[Path]:
        """Have the recording itself."""
        path = self._folder / name
        path.stat()
        return nullcontext(path)

    def kept(self) -> Iterator[Kept]:
        """Go through the folder."""
        for path in self._folder.iterdir():
            if path.suffix != _UNFINISHED:
                yield Kept(path.name, datetime.fromtimestamp(path.stat().st_mtime, UTC))

    def remove(self, name: str) -> None:
        """Delete the recording if it is there."""
        (self._folder / name).unlink(missing_ok=True)

    def check(self) -> None:
        """Raise StoreUnavailable when the folder is gone, or nothing can be written there."""
        if not self._folder.is_dir():
            raise StoreUnavailable(f"There is no folder {self._folder} any more.")
        trial = self.temporary("")
        try:
            trial.write_bytes(b"?")
        except OSError as error:
            raise StoreUnavailable(f"Nothing can be written to {self._folder}: {error.strerror}.") from error
        finally:
            trial.unlink(missing_ok=True)

    def _stat(self, name: str) -> int:
        try:
            return (self._folder / name).stat().st_size
        except FileNotFoundError:
            return 0

    def _take(self, whole: Path, name: str) -> None:
        whole.replace(self._folder / name)


def says_its_content(name: str) -> bool:
    """Whether `name` is of the present form, and not of the one from before."""
    return _NAME.fullmatch(name) is not None


def agrees(name: str, recording: BinaryIO) -> bool:
    """Whether a recording is what its name says; one with a name from before always is."""
    known = _NAME.fullmatch(name)
    if known is None:
        return True
    seen = hashlib.sha256()
    while piece := recording.read(2**20):
        seen.update(piece)
    return seen.hexdigest() == known["digest"]


def recordings_folder(data_dir: Path) -> Path:
    """Return where the recordings of a data folder lie."""
    return data_dir / "audio"


def open_recordings(data_dir: Path, url: str = "") -> Recordings:
    """Return the recordings in `data_dir`, or in the bucket at `url` (s3://bucket/prefix).

    Raises StoreUnavailable: also when there is a bucket and recordings are still in the folder, where they would
    not be found.
    """
    folder = FolderRecordings(recordings_folder(data_dir))
    if not url:
        return folder
    if any(True for _ in folder.kept()):
        raise StoreUnavailable(
            f"There are recordings in {recordings_folder(data_dir)}: `python -m app migrate` moves them to {url}."
        )
    return open_bucket(data_dir, url)


def open_bucket(data_dir: Path, url: str) -> Recordings:
    """Return the recordings in the bucket at `url`; raises StoreUnavailable."""
    try:
        from app.storage.bucket import BucketRecordings  # here, because most do without it
    except ModuleNotFoundError as error:
        raise StoreUnavailable(
            f"{error.name} is missing, which a bucket needs: pip install -r requirements-s3.txt"
        ) from error
    return BucketRecordings(recordings_folder(data_dir), url)

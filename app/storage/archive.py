"""Zip archives that are sent while they are made: a piece of one is in memory, and nothing of it on the disk."""

from __future__ import annotations

import io
import time
from collections.abc import Generator, Iterator
from typing import IO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from app.storage.recordings import Recordings

PIECE = 256 * 1024  # bytes of a recording that are read at a time


class ZipStream:
    """One archive. Each method yields what is to be sent next; `end` comes last."""

    def __init__(self, compression: int = ZIP_DEFLATED) -> None:
        """Begin an archive whose recordings are packed by `compression`, one of zipfile's."""
        self._sink = _Sink()
        self._archive = ZipFile(self._sink, "w", compression)

    def add_text(self, path: str, text: str) -> Iterator[bytes]:
        """Add a file of text."""
        self._archive.writestr(path, text, compress_type=ZIP_DEFLATED)
        yield from self._sink.taken()

    def add_recording(self, path: str, recordings: Recordings, name: str) -> Generator[bytes, None, bool]:
        """Add the recording called `name`, as it is; return False when it is gone."""
        try:
            source = recordings.open(name)
        except FileNotFoundError:
            return False
        about = ZipInfo(path, time.localtime()[:6])
        about.file_size = recordings.size(name)
        about.compress_type = self._archive.compression
        with source, self._archive.open(about, "w") as target:
            while piece := source.read(PIECE):
                target.write(piece)
                yield from self._sink.taken()
        yield from self._sink.taken()
        return True

    def end(self) -> Iterator[bytes]:
        """End the archive."""
        self._archive.close()
        yield from self._sink.taken()


def write_to(target: IO[bytes], chunks: Generator[bytes, None, int]) -> int:
    """Write an archive to a file; return what making it returns."""
    while True:
        try:
            target.write(next(chunks))
        except StopIteration as end:
            return int(end.value)


def begun(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Return `chunks` with the first of them made, so that what makes all fail is raised here."""
    first = next(chunks, b"")

    def all_of_them() -> Iterator[bytes]:
        yield first
        yield from chunks

    return all_of_them()


class _Sink(io.RawIOBase):
    """Holds what was written until it is taken; cannot be sought in, which zipfile then does not try."""

    def __init__(self) -> None:
        super().__init__()
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]  # zipfile writes nothing else
        self._held += data
        return len(data)

    def taken(self) -> Iterator[bytes]:
        if self._held:
            held, self._held = bytes(self._held), bytearray()
            yield held


__all__ = ["ZIP_DEFLATED", "ZIP_STORED", "ZipStream", "begun", "write_to"]

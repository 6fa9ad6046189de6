"""MP4, M4A, MOV, 3GP: where the index (moov) is when a box before it lies about its size. Source: ISO/IEC 14496-12."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from asr.audio.containers.layout import MAX_PARTS, Budget, Bytes, Part
from asr.errors import AudioUnreadable

_MAX_BOXES = 200_000
_NAME = re.compile(rb"[ -~\xa9]{4}")
_NAMES = {
    b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"moof", b"mfra", b"sidx", b"meta", b"udta", b"uuid",
}  # fmt: skip
_MOVIE = re.compile(rb"\0\0..ftyp[ -~]{4}", re.DOTALL)
_INDEX = re.compile(rb"moov....mvhd", re.DOTALL)
_SIZES = re.compile(rb"stsz", re.DOTALL)
_LARGEST_INDEX = 2**26  # bytes


@dataclass(frozen=True)
class Box:
    """A box at the top level: its name, where its header begins, where it ends as the header says."""

    name: bytes
    start: int
    end: int


def boxes(data: Bytes, start: int, end: int) -> Iterator[Box]:
    """Yield the boxes at the top level; what is no box ends a movie.

    Raises AudioUnreadable when there are more than any recording has.
    """
    budget = Budget(_MAX_BOXES, "boxes")
    position = start
    while position + 8 <= end:
        budget.spend()
        size = int.from_bytes(data[position : position + 4], "big")
        name = data[position + 4 : position + 8]
        if size == 1:
            size = int.from_bytes(data[position + 8 : position + 16], "big")
        elif size == 0:  # the last box, open to the end of the file
            size = end - position
        if size < 8 or not _NAME.match(name) or (position + size > end and name not in _NAMES):
            # Padding, a tag, or a box that lied about its size: one more movie may come.
            found = _MOVIE.search(data, position, end) if start < position else None
            if found is None:
                return
            position = found.start()
            continue
        yield Box(name, position, position + size)
        position += size


def read_mp4(data: Bytes, start: int, end: int) -> list[Part]:
    """Return the movies that follow one another, each with its sizes put right where its index would not be found."""
    begins, index, last, fragment = [start], None, None, False
    for box in boxes(data, start, end):
        if box.name == b"ftyp" and index is not None and box.start > begins[-1]:
            begins.append(box.start)
            index = None
            if len(begins) > MAX_PARTS:
                raise AudioUnreadable(f"The file has more than {MAX_PARTS} streams.", limit=MAX_PARTS)
        if box.name == b"moov":
            index = box
        fragment = fragment or box.name == b"moof"
        last = box
    movies = [Part(begin, stop) for begin, stop in itertools.pairwise(begins)]
    return [*movies, _movie(data, begins[-1], end, index, last, fragment)]


def _movie(data: Bytes, start: int, end: int, index: Box | None, last: Box | None, fragment: bool) -> Part:
    edits: dict[int, bytes] = {}
    if index is None or index.end > end:
        found = _INDEX.search(data, last.start + 8 if last else start, end)
        if found is None or last is None or index is not None:
            return Part(start, end, cut=True)
        position = found.start() - 4
        size = int.from_bytes(data[position : position + 4], "big")
        if position + size > end or last.start >= position:
            return Part(start, end, cut=True)
        edits[last.start] = _header(data, last, position - last.start)
        index = Box(b"moov", position, position + size)
        last = index
    claimed = None if fragment else _seconds(data, index)
    cut = last is not None and last.end > end
    if cut and last is not None and last.name == b"mdat" and not fragment:
        # The index knows how many bytes of samples there are: when they are all here, the size of the box is a lie.
        cut = _bytes_of_samples(data, index) > end - last.start - 8
        if not cut:
            edits[last.start] = _header(data, last, end - last.start)
    return Part(start, end, edits=edits, claimed=claimed, cut=cut)


def _header(data: Bytes, box: Box, size: int) -> bytes:
    """Return the header of `box` with another size, in as many bytes as it had."""
    if data[box.start : box.start + 4] == b"\0\0\0\1":
        return b"\0\0\0\1" + box.name + size.to_bytes(8, "big")
    return min(size, 2**32 - 1).to_bytes(4, "big") + box.name


def _bytes_of_samples(data: Bytes, index: Box) -> int:
    moov = data[index.start : min(index.end, index.start + _LARGEST_INDEX)]
    total = 0
    for match in _SIZES.finditer(moov):
        fields = moov[match.end() : match.end() + 12]
        if len(fields) == 12:
            each, count = int.from_bytes(fields[4:8], "big"), int.from_bytes(fields[8:12], "big")
            table = moov[match.end() + 12 : match.end() + 12 + 4 * count]
            table = table[: len(table) // 4 * 4]
            total += each * count if each else int(np.frombuffer(table, ">u4").sum(dtype=np.uint64))
    return total


def _seconds(data: Bytes, index: Box) -> float | None:
    """Return the length of the first track of sound, by its media header."""
    moov = data[index.start : min(index.end, index.start + _LARGEST_INDEX)]
    header = moov.rfind(b"mdhd", 0, max(0, moov.find(b"soun")))
    if header < 0:
        return None
    long = moov[header + 4 : header + 5] == b"\1"
    at, width = (header + 24, 8) if long else (header + 16, 4)
    scale, length = moov[at : at + 4], moov[at + 4 : at + 4 + width]
    if len(length) < width or not any(scale) or length == b"\xff" * width:
        return None
    return int.from_bytes(length, "big") / int.from_bytes(scale, "big")

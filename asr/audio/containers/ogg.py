"""Ogg: streams one after the other (chained), wrong checksums, a last page that is cut off. Source: RFC 3533."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from asr.audio.containers.layout import MAX_PARTS, Budget, Bytes, Part
from asr.errors import AudioUnreadable

_MAX_PAGES = 600_000  # three hours of pages of 20 ms
_MAX_MENDED = 50_000  # checksums
_HEADER = 27
_FIRST_PAGE = 2  # in a page's flags: the first one of its logical stream
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True)
class Page:
    """A page of Ogg: its place, its flags, and whether the file ends before it does."""

    start: int
    end: int
    flags: int
    cut: bool


def pages(data: Bytes, start: int, end: int) -> Iterator[Page]:
    """Yield the pages between `start` and `end`; what lies between two of them is passed over.

    Raises AudioUnreadable when there are more than any recording has.
    """
    budget = Budget(_MAX_PAGES, "pages")
    position = start
    while True:
        if data[position : position + 4] != b"OggS":
            position = data.find(b"OggS", position, end)
            if position < 0:
                return
        budget.spend()
        header = data[position : min(end, position + _HEADER)]
        segments = header[26] if len(header) == _HEADER else 0
        table = data[position + _HEADER : min(end, position + _HEADER + segments)]
        length = _HEADER + segments + sum(table)
        cut = len(header) < _HEADER or len(table) < segments or position + length > end
        yield Page(position, min(end, position + length), header[5] if len(header) > 5 else 0, cut)
        position += length
        if cut:
            return


def read_ogg(data: Bytes, start: int, end: int) -> list[Part]:
    """Return the streams that follow one another; those that lie side by side (sound and video) are one part."""
    begins = [start]
    edits: dict[int, bytes] = {}
    found: list[tuple[int, dict[int, bytes]]] = []
    previous_first, seen, cut = True, False, False
    for page in pages(data, start, end):
        first = bool(page.flags & _FIRST_PAGE)
        if first and not previous_first and seen:
            found.append((begins[-1], edits))
            begins.append(page.start)
            edits = {}
            if len(begins) > MAX_PARTS:
                raise AudioUnreadable(f"The file has more than {MAX_PARTS} streams.", limit=MAX_PARTS)
        previous_first, seen = first, True
        cut = page.cut
        if not page.cut:
            right = checksum(data[page.start : page.end])
            if right != data[page.start + 22 : page.start + 26] and len(edits) < _MAX_MENDED:
                edits[page.start + 22] = right
    found.append((begins[-1], edits))
    ends = [*begins[1:], end]
    return [
        Part(begin, stop, edits=mended, cut=cut and stop == end)
        for (begin, mended), stop in zip(found, ends, strict=True)
    ]


def checksum(page: bytes) -> bytes:
    """Return the four bytes of a page's checksum, which is zlib's CRC-32 with its bits the other way round."""
    mirrored = (page[:22] + bytes(4) + page[26:]).translate(_REVERSED)
    crc = zlib.crc32(mirrored, 0xFFFFFFFF) ^ 0xFFFFFFFF
    return crc.to_bytes(4, "little").translate(_REVERSED)[::-1]

"""Matroska and WebM: sizes of the segment that lie, recordings one after the other. Source: RFC 8794 and RFC 9559."""

from __future__ import annotations

import re

from asr.audio.containers.layout import MAX_PARTS, Budget, Bytes, Part
from asr.errors import AudioUnreadable

_MAX_ELEMENTS = 200_000
_HEADER = re.compile(rb"\x1aE\xdf\xa3[\x40-\xff].{0,80}?B\x82", re.DOTALL)  # EBML, with a DocType
_SEGMENT = b"\x18S\x80g"
_CLUSTER = b"\x1fC\xb6u"
_LEVEL_1 = {
    _CLUSTER, b"\x11M\x9bt", b"\x15I\xa9f", b"\x16T\xaek", b"\x1cS\xbbk", b"\x19A\xa4i", b"\x10C\xa7p", b"\x12T\xc3g",
    b"\xec", b"\xbf",
}  # fmt: skip


def read_matroska(data: Bytes, start: int, end: int) -> list[Part]:
    """Return the recordings that follow one another; a browser that starts anew appends a second header."""
    begins = [match.start() for match in _HEADER.finditer(data, start, end)]
    if not begins or begins[0] != start:
        begins.insert(0, start)
    if len(begins) > MAX_PARTS:
        raise AudioUnreadable(f"The file has more than {MAX_PARTS} streams.", limit=MAX_PARTS)
    ends = [*begins[1:], end]
    return [_recording(data, begin, stop) for begin, stop in zip(begins, ends, strict=True)]


def _recording(data: Bytes, start: int, end: int) -> Part:
    header = _element(data, start, end)
    if header and header[2] is None:
        return Part(start, end)
    segment = _element(data, header[2], end) if header and header[2] is not None else None
    if segment is None or segment[0] != _SEGMENT:
        position = data.find(_SEGMENT, start, min(end, start + 4096))
        segment = _element(data, position, end) if position >= 0 else None
    if segment is None:
        return Part(start, end, cut=True)
    _, body, stop = segment
    if stop is None:  # written live, the size is not known
        return Part(start, end)
    if stop == end:
        return Part(start, end)
    size_at = _size_position(data, body)
    unknown = {size_at: _unknown(body - size_at)}
    if stop < end:
        return Part(start, end, edits=unknown)
    return Part(start, end, edits=unknown, cut=_last_overruns(data, body, end))


def _last_overruns(data: Bytes, position: int, end: int) -> bool:
    """Tell whether the last element at the segment's top level claims more bytes than there are."""
    budget = Budget(_MAX_ELEMENTS, "elements")
    while position < end:
        budget.spend()
        found = _element(data, position, end)
        if found is None:
            return True
        name, _, stop = found
        if stop is None or name not in _LEVEL_1:
            return False
        position = stop
    return position > end


def _element(data: Bytes, position: int, end: int) -> tuple[bytes, int, int | None] | None:
    """Return an element's name, where its body begins and where it ends (None: not known), or None for no element."""
    name_length = _vint_length(data, position)
    size_at = position + name_length
    size_length = _vint_length(data, size_at)
    if not name_length or not size_length or size_at + size_length > end:
        return None
    mask = (1 << 7 * size_length) - 1
    size = int.from_bytes(data[size_at : size_at + size_length], "big") & mask
    body = size_at + size_length
    return data[position:size_at], body, None if size == mask else body + size


def _size_position(data: Bytes, body: int) -> int:
    """Return where the size of the segment whose body begins at `body` stands."""
    return data.rfind(_SEGMENT, 0, body) + len(_SEGMENT)


def _unknown(length: int) -> bytes:
    """Return the size "not known" in so many bytes: all ones behind the marker."""
    return (1 << 7 * length | (1 << 7 * length) - 1).to_bytes(length, "big")


def _vint_length(data: Bytes, position: int) -> int:
    """Length in bytes of the EBML number at `position`, or 0 when there is none."""
    if position >= len(data) or not data[position]:
        return 0
    return 9 - data[position].bit_length()

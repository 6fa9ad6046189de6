"""AMR and AMR-WB: where the frames end before padding and tags. Source: RFC 4867, section 5."""

from __future__ import annotations

from asr.audio.containers.layout import Budget, Bytes, Part
from asr.audio.containers.tags import trim_tags

_MAX_FRAMES = 10_000_000  # more than two days
_NARROW = (13, 14, 16, 18, 20, 21, 27, 32, 6, 0, 0, 0, 0, 0, 0, 1)  # bytes of a frame by its type, 0 for none
_WIDE = (18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 0, 0, 0, 0, 1, 1)
_MULTI_CHANNEL = b"#!AMR-WB_MC1.0\n", b"#!AMR_MC1.0\n"


def read_amr(data: Bytes, start: int, end: int) -> Part:
    """Find the frames between `start` and `end`."""
    last = trim_tags(data, start, end)
    head = data[start : start + 16]
    if head.startswith(_MULTI_CHANNEL):
        return Part(start, last)
    sizes, position = (_WIDE, start + 9) if head.startswith(b"#!AMR-WB\n") else (_NARROW, start + 6)
    budget = Budget(_MAX_FRAMES, "frames")
    while position < last:
        budget.spend()
        header = data[position]
        size = sizes[header >> 3 & 15]
        if header == 0 and not any(data[position:last]):  # padding, which would be frames marked as damaged
            return Part(start, position)
        if header & 0x83 or not size:
            break
        position += size
    return Part(start, last)

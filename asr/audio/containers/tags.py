"""Tags before and behind a recording: ID3v1, ID3v2.4, APEv2."""

from __future__ import annotations

import re

from asr.audio.containers.layout import Bytes

TAG = re.compile(rb"ID3[\x02-\x04]\0[\0-\xf0][\0-\x7f]{4}|APETAGEX")
_MAX_TAGS = 64  # tags one behind the other
_LARGEST = 2**22  # bytes of a tag behind a recording


def skip_tags(data: Bytes, position: int) -> int:
    """Return the position behind the ID3v2, ID3v1 and APEv2 tags at `position`, and behind the padding after them."""
    for _ in range(_MAX_TAGS):
        size = _tag_size(data, position)
        if not size:
            break
        position += size
    return min(position, len(data))


def _tag_size(data: Bytes, position: int) -> int:
    head = data[position : position + 32]
    if head[:3] == b"ID3" and len(head) >= 10:
        size = 0
        for byte in head[6:10]:
            size = size << 7 | byte & 0x7F
        return size + (20 if head[5] & 0x10 else 10)
    if head[:8] == b"APETAGEX" and len(head) == 32:
        header = int.from_bytes(head[20:24], "little") & 1 << 29
        return int.from_bytes(head[12:16], "little") + 32 if header else 32
    return 128 if head[:3] == b"TAG" and len(data) - position >= 128 else 0


def trim_tags(data: Bytes, start: int, end: int) -> int:
    """Return where a recording ends before the tags that stand behind it."""
    for _ in range(_MAX_TAGS):
        found = _trim_one(data, start, end)
        if found == end:
            break
        end = found
    return end


def _trim_one(data: Bytes, start: int, end: int) -> int:
    if end - 128 > start and data[end - 128 : end - 125] == b"TAG":
        return end - 128
    foot = data[max(start, end - 32) : end]
    if foot[:8] == b"APETAGEX" and not int.from_bytes(foot[20:24], "little") & 1 << 29:
        size = int.from_bytes(foot[12:16], "little")
        size += 32 if int.from_bytes(foot[20:24], "little") & 1 << 31 else 0
        return end - size if start < end - size else end
    first = max(start + 1, end - _LARGEST)
    for match in TAG.finditer(data[first:end]):
        position = first + match.start()
        if position + _tag_size(data, position) == end:
            return position
    return end

"""FLAC: its frames behind a header that leads to them, and whether the last one is complete. Source: RFC 9639."""

from __future__ import annotations

import re

from asr.audio.containers.layout import Budget, Bytes, Part
from asr.audio.containers.tags import trim_tags

_STREAMINFO = 34
_FRAME = re.compile(rb"\xff[\xf8\xf9]", re.DOTALL)
_MAX_BLOCKS = 10_000
_LONGEST_FRAME = 2**19  # bytes in which the start of the last frame is looked for


def read_flac(data: Bytes, start: int, end: int) -> Part:
    """Find the frames of the stream that begins with `fLaC` at `start`."""
    info = data[start : start + 8 + _STREAMINFO]
    if len(info) < 8 + _STREAMINFO or info[4] & 0x7F:
        return Part(start, end, broken_end=True)
    packed = int.from_bytes(info[18:26], "big")  # 20 bits of sample rate, 3 of channels, 5 of depth, 36 of samples
    rate, samples = packed >> 44, packed & (1 << 36) - 1
    claimed = samples / rate if rate and samples else None
    first, chained = _first_frame(data, start, end)
    if first is None:
        return Part(start, end, claimed=claimed, broken_end=True)
    last = trim_tags(data, first, end)
    broken = not _ends_whole(data, first, last)
    if chained and int.from_bytes(info[10:12], "big") >= _block_size(data, first):
        return Part(start, last, claimed=claimed, broken_end=broken)
    # A decoder needs the way to the frames, and refuses frames that are larger than the largest one.
    head = b"fLaC\x80\0\0\x22" + info[8:10] + b"\xff\xff" + bytes(6) + info[18:]
    return Part(first, last, head, claimed=claimed, broken_end=broken)


def _first_frame(data: Bytes, start: int, end: int) -> tuple[int | None, bool]:
    """Return where the frames begin, and whether that is behind the metadata, whose chain of sizes may be broken."""
    position, budget = start + 4, Budget(_MAX_BLOCKS, "blocks of metadata")
    while position + 4 <= end:
        budget.spend()
        kind, size = data[position], int.from_bytes(data[position + 1 : position + 4], "big")
        position += 4 + size
        if kind & 0x80:
            break
    if _is_frame(data, position):
        return position, True
    for count, match in enumerate(_FRAME.finditer(data, start + 8 + _STREAMINFO, end)):
        if count > _MAX_BLOCKS:
            break
        if _is_frame(data, match.start()):
            return match.start(), False
    return None, False


def _is_frame(data: Bytes, position: int) -> bool:
    """Tell whether the header of a frame, with its right checksum, stands at `position`."""
    head = data[position : position + 16]
    if len(head) < 6 or head[0] != 0xFF or head[1] & 0xFE != 0xF8 or head[3] & 1 or not head[2] >> 4:
        return False
    length = 4 + max(1, 8 - (head[4] ^ 0xFF).bit_length())  # the frame's number is coded like a letter in UTF-8
    length += {6: 1, 7: 2}.get(head[2] >> 4, 0) + {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
    return len(head) > length and _crc(head[:length], 8) == head[length]


def _block_size(data: Bytes, position: int) -> int:
    """Return how many samples of a channel the frame at `position` holds."""
    code = data[position + 2] >> 4
    if code in (6, 7):
        number = max(1, 8 - (data[position + 4] ^ 0xFF).bit_length())
        return int.from_bytes(data[position + 4 + number : position + 4 + number + code - 5], "big") + 1
    return 192 if code == 1 else 576 << code - 2 if code < 6 else 256 << code - 8


def _ends_whole(data: Bytes, first: int, end: int) -> bool:
    """Tell whether the last frame is complete: a frame's last two bytes are a checksum of all before them."""
    begin = max(first, end - _LONGEST_FRAME)
    tail = data[begin:end]
    starts = [match.start() for match in _FRAME.finditer(tail)][-64:]
    for start in reversed(starts):
        if _is_frame(tail, start):
            return len(tail) - start > 2 and _crc(tail[start:], 16) == 0
    return False


def _crc(data: bytes, bits: int) -> int:
    table, mask, crc = _TABLES[bits], (1 << bits) - 1, 0
    for byte in data:
        crc = (crc << 8 ^ table[crc >> bits - 8 ^ byte]) & mask
    return crc


def _table(bits: int, polynomial: int) -> list[int]:
    table = []
    for byte in range(256):
        crc = byte << bits - 8
        for _ in range(8):
            crc = (crc << 1 ^ (polynomial if crc >> bits - 1 else 0)) & (1 << bits) - 1
        table.append(crc)
    return table


_TABLES = {8: _table(8, 0x07), 16: _table(16, 0x8005)}

"""MPEG audio (MP3) as other programs leave it: tags and junk between the frames, a Xing header that is wrong.

Sources: ISO/IEC 11172-3 (frame header), the Xing/Info header as LAME writes it, ID3v1, ID3v2.4, APEv2.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from asr.audio.containers.layout import MAX_PARTS, Bytes, Part
from asr.audio.containers.tags import TAG, skip_tags, trim_tags
from asr.errors import AudioUnreadable

_MAX_LOST = 64  # times that frames are looked for again
_MAX_FRAMES = 4_000_000  # a day of MP3
_MAX_SEARCHES = 100_000
_IN_A_ROW = 8  # frames that must follow each other for a sync word not to be there by chance
_AT_THE_END = 2  # and where the file ends with them

_BITRATES = {  # kbit/s by (version 1 or not, layer); index 0 is "free format"
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = (44100, 48000, 32000)
_XING = re.compile(rb"Xing|Info")
_SYNC = re.compile(rb"\xff[\xe2-\xff]", re.DOTALL)


def is_adts(head: bytes) -> bool:
    """Tell whether a frame of AAC in ADTS begins with `head`: a 12-bit sync word and layer bits 00."""
    return len(head) >= 4 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0


def is_mpeg_audio(data: Bytes, position: int) -> bool:
    """Tell whether the header of an MP2 or MP3 frame stands at `position`."""
    head = data[position : position + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    layer_2_or_3 = head[1] >> 1 & 3 in (1, 2)  # layer 1 is left out: a UTF-16 byte order mark looks like it
    known_version = head[1] >> 3 & 3 != 1
    return layer_2_or_3 and known_version and head[2] >> 4 != 15 and head[2] >> 2 & 3 != 3


def confirmed_frame(data: Bytes, start: int, end: int) -> int | None:
    """Return the first position in [start, end) from which MPEG audio or ADTS frames follow one another, or None."""
    for count, match in enumerate(_SYNC.finditer(data, start, min(len(data), end))):
        if count > _MAX_SEARCHES:
            return None
        if any(_is_row(data, match.start(), length) for length in (_frame_length, _adts_length)):
            return match.start()
    return None


def _is_row(data: Bytes, position: int, length: Callable[[Bytes, int], int]) -> bool:
    """Tell whether frames of one kind and rate follow each other from `position` on, or up to the end of the file."""
    first = data[position : position + 3]
    for frames in range(_IN_A_ROW):
        head = data[position : position + 3]
        if len(head) < 3:
            return frames >= _AT_THE_END
        size = length(data, position)
        if not size or (head[1] ^ first[1]) & 0xFE or (head[2] ^ first[2]) & 0x0C:
            return False
        position += size
    return True


def read_mp3(data: Bytes, start: int, end: int) -> list[Part]:
    """Return the recordings of an MP3 file, which follow one another where files were joined."""
    begins = _recordings(data, start, end, _frame_length)
    for match in _XING.finditer(data, start, end):
        # The header stands behind the side information, whose length depends on version and channels.
        places = [match.start() - before for before in (13, 21, 36)]
        begins += [place for place in places if place > start and _xing(data, place) is not None]
    return [_mp3(data, *stretch) for stretch in _stretches(data, begins, end)]


def read_adts(data: Bytes, start: int, end: int) -> list[Part]:
    """Return the recordings of a file of AAC frames."""
    begins = _recordings(data, start, end, _adts_length)
    return [Part(*stretch) for stretch in _stretches(data, begins, end)]


def _recordings(data: Bytes, start: int, end: int, length: Callable[[Bytes, int], int]) -> list[int]:
    """Return `start`, and where frames begin behind a tag in the middle of the file."""
    begins = [0 if data[:3] == b"ID3" and start == skip_tags(data, 0) else start]  # ffmpeg skips the first tag itself
    for match in TAG.finditer(data, start, end):
        behind = skip_tags(data, match.start())
        if length(data, behind):
            begins.append(behind)
    return begins


def _stretches(data: Bytes, begins: list[int], end: int) -> list[tuple[int, int]]:
    begins = sorted(set(begins))
    if len(begins) > MAX_PARTS:
        raise AudioUnreadable(f"The file has more than {MAX_PARTS} streams.", limit=MAX_PARTS)
    return [(begin, trim_tags(data, begin, stop)) for begin, stop in zip(begins, [*begins[1:], end], strict=True)]


def _mp3(data: Bytes, begin: int, end: int) -> Part:
    """Return one recording, without a Xing header that counts other frames than there are."""
    start = skip_tags(data, begin)
    samples = _samples(data, start)
    xing = _xing(data, start)
    frames, broken, complete = _count(data, start, end)
    if xing is None or not complete:
        return Part(begin, end, broken_end=broken)
    counted = frames - 1  # the first one holds the header and no sound
    rate = _rate(data, start)
    claimed = xing * samples / rate if xing and rate else None
    wrong = xing not in (0, counted)
    first = start + _frame_length(data, start) if wrong and counted else begin
    return Part(first, end, claimed=claimed, broken_end=broken)


def _count(data: Bytes, start: int, end: int) -> tuple[int, bool, bool]:
    """Count frames: (how many, whether the last one is cut off, whether the count is complete)."""
    position, frames, searches = start, 0, 0
    while position < end and frames < _MAX_FRAMES:
        size = _frame_length(data, position)
        if size:
            if position + size > end:
                return frames, True, True
            frames += 1
            position += size
            continue
        behind = skip_tags(data, position)
        if behind == position:
            searches += 1
            found = confirmed_frame(data, position + 1, end) if searches < _MAX_LOST else None
            if found is None:
                return frames, False, searches < _MAX_LOST
            behind = found
        position = behind
    return frames, False, frames < _MAX_FRAMES


def _frame_length(data: Bytes, position: int) -> int:
    """Return the length in bytes of the frame at `position`; 0 where there is none, or its length is not told."""
    head = data[position : position + 3]
    if len(head) < 3 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return 0
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    bitrate, rate = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3:
        return 0
    hertz = _RATES[rate] >> (0 if version == 3 else 1 if version == 2 else 2)
    bits = _BITRATES[version == 3, layer][bitrate] * 1000
    padding = head[2] >> 1 & 1
    if layer == 1:
        return (12 * bits // hertz + padding) * 4
    return (144 if version == 3 or layer == 2 else 72) * bits // hertz + padding


def _adts_length(data: Bytes, position: int) -> int:
    head = data[position : position + 7]
    if len(head) < 7 or not is_adts(head):
        return 0
    size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return size if size >= 7 else 0


def _rate(data: Bytes, position: int) -> int:
    head = data[position : position + 3]
    version = head[1] >> 3 & 3
    return _RATES[head[2] >> 2 & 3] >> (0 if version == 3 else 1 if version == 2 else 2)


def _samples(data: Bytes, position: int) -> int:
    """Return how many samples a frame of layer 3 (of version 1, or of 2 and 2.5) holds."""
    return 1152 if data[position + 1 : position + 2] and data[position + 1] >> 3 & 3 == 3 else 576


def _xing(data: Bytes, start: int) -> int | None:
    """Return the number of frames that a Xing or Info header gives, 0 where it gives none; None without a header."""
    size = _frame_length(data, start)
    frame = data[start : start + size]
    if not size or 4 - (frame[1] >> 1 & 3) != 3:
        return None
    at = max(frame.find(b"Xing", 4, 64), frame.find(b"Info", 4, 64))
    if at < 0 or len(frame) < at + 12:
        return None
    flags = int.from_bytes(frame[at + 4 : at + 8], "big")
    return int.from_bytes(frame[at + 8 : at + 12], "big") if flags & 1 else 0

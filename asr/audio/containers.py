"""What a file's own bytes say about it: its container format, and whether its end is missing.

A name or a MIME type given by a client is never looked at. Only the formats named here are decoded, which is
what keeps playlists (HLS, concat) and other files that point to further files away from ffmpeg.
Sources: RIFF/WAVE and EBU Tech 3306 (RF64), AIFF-C, RFC 9639 (FLAC), RFC 3533 (Ogg), ISO/IEC 14496-12 (MP4),
RFC 8794 (EBML), RFC 4867 (AMR), ISO/IEC 11172-3 and 13818-7 (MP3 and ADTS frames).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from mmap import mmap

Bytes = bytes | mmap  # a file of hours is looked at where it lies

UNKNOWN_SIZE = 0x7FFF0000  # what is written to a pipe cannot know its size: writers put 2^31-1, 2^32-1 and the like
TOLERATED_LOSS = 0.25  # seconds; headers are often a few bytes off, and that little is no reason to refuse a message


@dataclass(frozen=True)
class Container:
    """A container format: its name for people, ffmpeg's demuxer, and whether libsndfile may read it."""

    name: str
    demuxer: str
    direct: bool


WAV = Container("WAV", "wav", True)
WAVE64 = Container("Wave64", "w64", True)
AIFF = Container("AIFF", "aiff", True)
AU = Container("AU", "au", True)
CAF = Container("CAF", "caf", True)
FLAC = Container("FLAC", "flac", True)
OGG = Container("Ogg", "ogg", True)
MP3 = Container("MP3", "mp3", True)
AAC = Container("AAC", "aac", False)
AMR = Container("AMR", "amr", False)
MP4 = Container("MP4", "mov", False)
MATROSKA = Container("WebM", "matroska", False)

_MAGIC = (
    (b"fLaC", FLAC),
    (b"OggS", OGG),
    (b"\x1aE\xdf\xa3", MATROSKA),
    (b"#!AMR", AMR),
    (b"caff", CAF),
    (b".snd", AU),
    (b"riff\x2e\x91\xcf\x11", WAVE64),
)
_MP4_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp"}


def sniff(data: Bytes) -> Container | None:
    """Return the container that `data` begins with, or None when it is none of those decoded here."""
    start = _id3_size(data)
    if start:  # once only: a row of nested tags is no recording
        return _by_magic(data[start : start + 16]) or MP3
    return _by_magic(data[:16])


def _by_magic(data: bytes) -> Container | None:
    if data[:4] in (b"RIFF", b"RF64", b"RIFX") and data[8:12] == b"WAVE":
        return WAV
    if data[:4] == b"FORM" and data[8:12] in (b"AIFF", b"AIFC"):
        return AIFF
    for magic, container in _MAGIC:
        if data.startswith(magic):
            return container
    if data[4:8] in _MP4_BOXES:
        return MP4
    return _mpeg_audio(data)


def ends_early(data: Bytes, container: Container) -> bool:
    """Tell whether `data` breaks off before the end that its own headers promise.

    False means "not known to": MP3, AAC and AMR are mere rows of frames, and what is written live
    (a browser's WebM) promises no length.
    """
    check = _ENDS_EARLY.get(container.demuxer)
    return check is not None and check(data)


def promised_seconds(data: Bytes, container: Container) -> float:
    """Return the seconds of sound that a FLAC file's STREAMINFO promises; 0.0 where it, or the format, is silent."""
    if container is not FLAC or len(data) < 26 or data[5:8] != b"\x00\x00\x22":
        return 0.0
    packed = int.from_bytes(data[18:26], "big")  # 20 bits of sample rate, 3 of channels, 5 of depth, 36 of samples
    rate, samples = packed >> 44, packed & (1 << 36) - 1
    return samples / rate if rate else 0.0


def _id3_size(data: Bytes) -> int:
    """Length in bytes of the ID3v2 tag at the start, or 0 when there is none."""
    if data[:3] != b"ID3" or len(data) < 10:
        return 0
    size = 0
    for byte in data[6:10]:
        size = size << 7 | byte & 0x7F
    return size + 10


def _mpeg_audio(data: bytes) -> Container | None:
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE0 != 0xE0:
        return None
    if data[1] & 0xF6 == 0xF0:  # layer bits 00 and a 12-bit sync word: ADTS
        return AAC
    layer_2_or_3 = data[1] >> 1 & 3 in (1, 2)  # layer 1 is left out: a UTF-16 byte order mark looks like it
    known_version = data[1] >> 3 & 3 != 1
    known_rates = data[2] >> 4 != 15 and data[2] >> 2 & 3 != 3
    return MP3 if layer_2_or_3 and known_version and known_rates else None


def _wav_ends_early(data: Bytes) -> bool:
    if data[:4] != b"RIFF":
        return len(data) < 12
    position, byte_rate = 12, 0
    while position + 8 <= len(data):
        name, size = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "little")
        body = position + 8
        if name == b"fmt ":
            byte_rate = int.from_bytes(data[body + 8 : body + 12], "little")
        if name == b"data":
            return size < UNKNOWN_SIZE and body + size - len(data) > byte_rate * TOLERATED_LOSS
        position = body + size + size % 2
    return True


def _aiff_ends_early(data: Bytes) -> bool:
    size = int.from_bytes(data[4:8], "big")
    return size < UNKNOWN_SIZE and 8 + size - len(data) > 2


def _au_ends_early(data: Bytes) -> bool:
    offset, size = int.from_bytes(data[4:8], "big"), int.from_bytes(data[8:12], "big")
    return size < UNKNOWN_SIZE and offset + size > len(data)


def _caf_ends_early(data: Bytes) -> bool:
    position = 8
    while position + 12 <= len(data):
        size = int.from_bytes(data[position + 4 : position + 12], "big", signed=True)
        if size < 0:  # -1: the data chunk of a file that was written live
            return False
        position += 12 + size
    return position > len(data)


def _ogg_ends_early(data: Bytes) -> bool:
    last = data.rfind(b"OggS")
    page = data[last:]
    if len(page) < 27 or len(page) < 27 + page[26]:
        return True
    return 27 + page[26] + sum(page[27 : 27 + page[26]]) > len(page)


def _mp4_boxes(data: Bytes) -> Iterator[tuple[bytes, int]]:
    """Yield the type and the end position (as its header says) of each box at the top level."""
    position = 0
    while position + 8 <= len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        if size == 1:
            size = int.from_bytes(data[position + 8 : position + 16], "big")
        elif size == 0:  # the last box, open to the end of the file
            size = len(data) - position
        if size < 8:
            return
        yield data[position + 4 : position + 8], position + size
        position += size


def _mp4_ends_early(data: Bytes) -> bool:
    boxes = list(_mp4_boxes(data))
    if not boxes or boxes[-1][1] > len(data):
        return True
    return b"moov" not in {name for name, _ in boxes}


def _matroska_ends_early(data: Bytes) -> bool:
    position = 0
    for _ in range(2):  # the EBML header, then the segment that holds all else
        identifier_length = _vint_length(data, position)
        size_at = position + identifier_length
        size_length = _vint_length(data, size_at)
        if not identifier_length or not size_length or size_at + size_length > len(data):
            return True
        mask = (1 << 7 * size_length) - 1
        size = int.from_bytes(data[size_at : size_at + size_length], "big") & mask
        if size == mask:  # all ones: written live, the size is not known
            return False
        position = size_at + size_length + size
    return position > len(data)


def _vint_length(data: Bytes, position: int) -> int:
    """Length in bytes of the EBML number at `position`, or 0 when there is none."""
    if position >= len(data) or not data[position]:
        return 0
    return 9 - data[position].bit_length()


_ENDS_EARLY: dict[str, Callable[[Bytes], bool]] = {
    WAV.demuxer: _wav_ends_early,
    AIFF.demuxer: _aiff_ends_early,
    AU.demuxer: _au_ends_early,
    CAF.demuxer: _caf_ends_early,
    OGG.demuxer: _ogg_ends_early,
    MP4.demuxer: _mp4_ends_early,
    MATROSKA.demuxer: _matroska_ends_early,
}

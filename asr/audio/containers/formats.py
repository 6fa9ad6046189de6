"""Which container format a file is, told from its bytes alone, also behind tags, padding or a few stray bytes.

A name or a MIME type given by a client is never looked at.
Sources: RIFF/WAVE and EBU Tech 3306 (RF64), AIFF-C, RFC 9639 (FLAC), RFC 3533 (Ogg), ISO/IEC 14496-12 (MP4),
RFC 8794 (EBML), RFC 4867 (AMR), ISO/IEC 11172-3 and 13818-7 (MP3 and ADTS frames), ID3v2.4, APEv2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from asr.audio.containers.layout import Bytes
from asr.audio.containers.mpeg import confirmed_frame, is_adts, is_mpeg_audio
from asr.audio.containers.tags import skip_tags


@dataclass(frozen=True)
class Container:
    """A container format: its name for people, and ffmpeg's demuxer for it; None lets ffmpeg find out."""

    name: str
    demuxer: str | None


WAV = Container("WAV", "wav")
WAVE64 = Container("Wave64", "w64")
AIFF = Container("AIFF", "aiff")
AU = Container("AU", "au")
CAF = Container("CAF", "caf")
FLAC = Container("FLAC", "flac")
OGG = Container("Ogg", "ogg")
MP3 = Container("MP3", "mp3")
AAC = Container("AAC", "aac")
AMR = Container("AMR", "amr")
MP4 = Container("MP4", "mov")
MATROSKA = Container("WebM", "matroska")
OTHER = Container("media", None)

_SEARCHED = 2**16  # bytes of junk, zeros not counted, behind which the start of a recording is looked for
_ZEROS = 2**24  # bytes of zeros before a recording

_MAGIC = (
    (rb"(?:RIFF|RF64|BW64|RIFX)....WAVE", WAV),
    (rb"FORM....AIF[FC]", AIFF),
    (rb"fLaC", FLAC),
    (rb"OggS\0", OGG),
    (rb"\x1aE\xdf\xa3", MATROSKA),
    (rb"#!AMR(?:-WB|_MC1\.0|-WB_MC1\.0)?\n", AMR),
    (rb"caff\0\x01", CAF),
    (rb"\.snd", AU),
    (rb"riff\x2e\x91\xcf\x11", WAVE64),
    (rb"....(?:ftyp|moov|mdat|free|skip|wide|styp)", MP4),
)
# Beginnings of formats that are left to ffmpeg whole: something known here may lie inside them.
_LEFT_TO_FFMPEG = re.compile(
    rb"RIFF|FORM|FLV|wvpk|MAC |TTA[12]|MPCK|MP\+|ea3|NIST_1A|Creative Voice|DSD |\.RMF|\.ra\xfd|ajkg|tBaK|2BIT|\x64\xa3"
    rb"|\x30\x26\xb2\x75\x8e\x66\xcf\x11|\0\0\x01[\xba\xb3]|\x0bw|\x7f\xfe\x80\x01|\xfe\x7f\x01\x80|\x1f\xff\xe8\0"
    rb"|\xff\x1f\0\xe8|nut/multimedia|\x06\x0e\x2b\x34|G.{187}G|ADIF|V[\xe0-\xff]|VAGp|SOX|XOS\.|\.SoX",
    re.DOTALL,
)
_AT_START = tuple((re.compile(magic, re.DOTALL), container) for magic, container in _MAGIC)
# Behind junk a longer pattern is asked for, so that it is none by chance.
_STRONG = (
    (rb"(?:RIFF|RF64|BW64|RIFX)....WAVE", WAV),
    (rb"FORM....AIF[FC]", AIFF),
    (rb"fLaC[\0\x80]\0\0\x22", FLAC),
    (rb"OggS\0[\2\6]", OGG),
    (rb"\x1aE\xdf\xa3", MATROSKA),
    (rb"#!AMR(?:-WB)?\n", AMR),
    (rb"caff\0\x01\0\0desc", CAF),
    (rb"\.snd\0\0..", AU),
    (rb"riff\x2e\x91\xcf\x11", WAVE64),
    (rb"\0\0..ftyp[ -~]{4}", MP4),
)
_BEHIND_JUNK = tuple((re.compile(magic, re.DOTALL), container) for magic, container in _STRONG)
_NOT_ZERO = re.compile(rb"[^\0]")


def sniff(data: Bytes) -> tuple[Container, int] | None:
    """Return the container of `data` and the position where it begins, or None when it is none of those known here."""
    start = skip_tags(data, 0)
    found = _by_magic(data, start)
    if found:
        return found, start
    if _LEFT_TO_FFMPEG.match(data[start : start + 200]):
        return None
    return _behind_junk(data, start)


def _by_magic(data: Bytes, position: int) -> Container | None:
    head = data[position : position + 32]
    for pattern, container in _AT_START:
        if pattern.match(head):
            return container
    if is_adts(head):
        return AAC
    return MP3 if is_mpeg_audio(data, position) else None


def _behind_junk(data: Bytes, start: int) -> tuple[Container, int] | None:
    found = _NOT_ZERO.search(data, start, start + _ZEROS)
    if found is None:
        return None
    first = found.start()
    best: tuple[Container, int] | None = None
    # Zeros are part of some headers (the size of an MP4 box), so the search steps back a little.
    window = data[max(start, first - 3) : first + _SEARCHED]
    for pattern, container in _BEHIND_JUNK:
        match = pattern.search(window)
        if match and (best is None or match.start() < best[1]):
            best = container, match.start()
    base = max(start, first - 3)
    nearest = base + best[1] if best else first + _SEARCHED
    frame = confirmed_frame(data, first, nearest)
    if frame is not None:
        return (AAC if is_adts(data[frame : frame + 7]) else MP3), frame
    return (best[0], nearest) if best else None

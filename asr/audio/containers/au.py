"""AU (Sun, NeXT): a header of a few numbers, then the samples. Source: the header of Sun's audio(4)."""

from __future__ import annotations

import struct

from asr.audio.containers.layout import TOLERANCE, UNKNOWN_SIZE, Bytes, Part, Pcm
from asr.audio.containers.tags import trim_tags
from asr.errors import AudioUnreadable

_ENCODINGS = {
    1: "ULAW", 2: "PCM_S8", 3: "PCM_16", 4: "PCM_24", 5: "PCM_32", 6: "FLOAT", 7: "DOUBLE", 27: "ALAW",
}  # fmt: skip


def read_au(data: Bytes, start: int, end: int) -> Part:
    """Find the sound of the AU file that lies between `start` and `end`."""
    if end - start < 24:
        return Part(start, end, cut=True)
    offset, size, encoding, rate, channels = struct.unpack(">IIIII", data[start + 4 : start + 24])
    subtype = _ENCODINGS.get(encoding)
    if subtype is None:  # ADPCM: the decoder is told that the size is not known
        return Part(start, end, edits={start + 8: b"\xff\xff\xff\xff"})
    if not channels or not 24 <= offset <= end - start:
        raise AudioUnreadable("The file claims to have no channels, or its samples where it has none.")
    pcm = Pcm(subtype, "BIG", rate, channels)
    known = size < UNKNOWN_SIZE
    missing = start + offset + size - end if known else 0
    claimed = size / (pcm.frame_bytes * rate) if known and rate else None
    last = trim_tags(data, start + offset, end)
    cut = missing > pcm.frame_bytes * rate * TOLERANCE
    return Part(start + offset, last, pcm=pcm, claimed=claimed, cut=cut)

"""AIFF, AIFF-C and CAF: where the samples are and how they are written.

Source: Apple, Audio Interchange File Format 1.3 and AIFF-C (draft 1991-08-26), Core Audio Format Specification 1.0.
"""

from __future__ import annotations

import struct

from asr.audio.containers.chunks import AIFF, CAF, Chunk, is_unknown, shape_chunk, sound_end, until
from asr.audio.containers.layout import TOLERANCE, Bytes, Part, Pcm
from asr.errors import AudioUnreadable

_AIFF_TRAILERS = rb"COMM|MARK|INST|COMT|NAME|AUTH|ANNO|\(c\) |APPL|MIDI|AESD|ID3 |id3 |FLLR|SAXL"
_CAF_TRAILERS = rb"pakt|info|uuid|strg|mark|free|chan|kuki|edct|ovvw|peak|regn|umid|midi"
_SIGNED = {8: "PCM_S8", 16: "PCM_16", 24: "PCM_24", 32: "PCM_32"}
_AIFC = {
    b"fl32": ("FLOAT", "BIG"), b"FL32": ("FLOAT", "BIG"), b"fl64": ("DOUBLE", "BIG"), b"FL64": ("DOUBLE", "BIG"),
    b"ulaw": ("ULAW", "BIG"), b"ULAW": ("ULAW", "BIG"), b"alaw": ("ALAW", "BIG"), b"ALAW": ("ALAW", "BIG"),
    b"in24": ("PCM_24", "BIG"), b"in32": ("PCM_32", "BIG"), b"raw ": ("PCM_U8", "BIG"),
}  # fmt: skip


def read_aiff(data: Bytes, start: int, end: int) -> Part:
    """Find the sound of the AIFF or AIFF-C file that lies between `start` and `end`."""
    chunks = {chunk.name: chunk for chunk in until(data, start + 12, end, AIFF, b"SSND")}
    whole = int.from_bytes(data[start + 4 : start + 8], "big") + 8
    sound = chunks.get(b"SSND")
    last = sound_end(data, sound, end, AIFF, _AIFF_TRAILERS) if sound else end
    if b"COMM" not in chunks and sound:  # some programs write it behind the sound
        chunks |= {chunk.name: chunk for chunk in until(data, last + last % 2, end, AIFF, b"COMM")}
    if sound is None:
        if start + whole > end and not is_unknown(whole - 8, AIFF):
            return Part(start, end, cut=True)
        raise AudioUnreadable("The file has no sound: the chunk of its samples is missing.")
    shape = shape_chunk(data, chunks, sound, start, AIFF, b"COMM")
    channels, frames, bits, rate = _common(data, shape)
    pcm = _aiff_pcm(data, start, shape, channels, bits, round(rate))
    body = sound.body + 8  # an offset and a block size, both 0 wherever this format is met
    claims = [start + whole > end, sound.end > end]
    missing = sound.end - end
    claimed = frames / rate if rate else None
    if pcm:
        claims.append(body + frames * pcm.frame_bytes > end)
        missing = max(missing, min(frames, 2**31) * pcm.frame_bytes - (end - body))
        claimed = claimed if sound.size else 0.0
    much = pcm.frame_bytes * rate * TOLERANCE if pcm else 2
    cut = sum(claims) > 1 and missing > much and not is_unknown(sound.size, AIFF)
    if pcm:
        return Part(body, last, pcm=pcm, claimed=claimed, cut=cut)
    edits = {sound.body - 4: (last - sound.body).to_bytes(4, "big"), start + 4: b"\x7f\xff\xff\xff"}
    return Part(start, last, edits=edits, cut=cut)


def _common(data: Bytes, shape: Chunk) -> tuple[int, int, int, float]:
    """Return channels, frames, bits of a sample and rate in Hz, which is an 80-bit float."""
    fields = data[shape.body : shape.body + 18]
    if len(fields) < 18:
        raise AudioUnreadable("The file's format chunk is too short.")
    channels, frames, bits, exponent, mantissa = struct.unpack(">hIhHQ", fields)
    if channels < 1:
        raise AudioUnreadable("The file claims to have no channels.")
    exponent = (exponent & 0x7FFF) - 16383 - 63
    return channels, frames, bits, float(mantissa) * 2.0**exponent if -100 < exponent < 0 else 0.0


def _aiff_pcm(data: Bytes, start: int, shape: Chunk, channels: int, bits: int, rate: int) -> Pcm | None:
    packing = data[shape.body + 18 : shape.body + 22] if data[start + 8 : start + 12] == b"AIFC" else b"NONE"
    signed = _SIGNED.get((bits + 7) // 8 * 8)
    if packing in (b"NONE", b"twos", b"sowt") and signed:
        return Pcm(signed, "LITTLE" if packing == b"sowt" else "BIG", rate, channels)
    return Pcm(*_AIFC[packing], rate, channels) if packing in _AIFC else None


def read_caf(data: Bytes, start: int, end: int) -> Part:
    """Find the sound of the CAF file that lies between `start` and `end`."""
    chunks = {chunk.name: chunk for chunk in until(data, start + 8, end, CAF, b"data")}
    sound = chunks.get(b"data")
    if sound is None:
        return Part(start, end, cut=True)
    shape = shape_chunk(data, chunks, sound, start, CAF, b"desc")
    fields = data[shape.body : shape.body + 32]
    if len(fields) < 32:
        raise AudioUnreadable("The file's format chunk is too short.")
    rate, kind, flags, _, _, channels, bits = struct.unpack(">d4sIIIII", fields)
    last = sound_end(data, sound, end, CAF, _CAF_TRAILERS)
    cut = sound.end > end and not is_unknown(sound.size, CAF)
    pcm = _caf_pcm(kind, flags, channels, bits, round(rate) if 0 < rate < 2**31 else 0)
    if pcm is None:
        return Part(start, last if last > sound.end else end, edits=_caf_edits(sound, last), cut=cut)
    claimed = None
    if pcm.rate and not is_unknown(sound.size, CAF):
        claimed = max(0, sound.size - 4) / (pcm.frame_bytes * pcm.rate)
    return Part(sound.body + 4, last, pcm=pcm, claimed=claimed, cut=cut)  # 4 bytes: how often it was edited


def _caf_edits(sound: Chunk, last: int) -> dict[int, bytes]:
    if sound.end == last or is_unknown(sound.size, CAF):
        return {}
    return {sound.body - 8: (last - sound.body).to_bytes(8, "big")}


def _caf_pcm(kind: bytes, flags: int, channels: int, bits: int, rate: int) -> Pcm | None:
    if not channels:
        raise AudioUnreadable("The file claims to have no channels.")
    endian = "LITTLE" if flags & 2 else "BIG"
    if kind == b"lpcm":
        subtype = {32: "FLOAT", 64: "DOUBLE"}.get(bits) if flags & 1 else _SIGNED.get((bits + 7) // 8 * 8)
        return Pcm(subtype, endian, rate, channels) if subtype else None
    named = {b"ulaw": "ULAW", b"alaw": "ALAW"}.get(kind)
    return Pcm(named, "BIG", rate, channels) if named else None

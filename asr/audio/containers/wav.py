"""WAV, RF64 and Wave64: where the samples are and how they are written.

Source: RIFF/WAVE, WAVEFORMATEXTENSIBLE, EBU Tech 3306 (RF64, BW64), Sony Wave64.
"""

from __future__ import annotations

import struct

from asr.audio.containers.chunks import RIFF, RIFX, WAVE64, Chunk, Form, is_unknown, shape_chunk, sound_end, until
from asr.audio.containers.layout import TOLERANCE, Bytes, Part, Pcm
from asr.errors import AudioUnreadable

_TRAILERS = rb"LIST|id3 |ID3 |bext|iXML|cue |smpl|inst|plst|PEAK|fact|afsp|axml|chna|JUNK|junk|PAD |DISP|_PMX|acid|levl"
_FORMATS = {(1, 8): "PCM_U8", (1, 16): "PCM_16", (1, 24): "PCM_24", (1, 32): "PCM_32", (3, 32): "FLOAT"} | {
    (3, 64): "DOUBLE", (6, 8): "ALAW", (7, 8): "ULAW",
}  # fmt: skip
_EXTENSIBLE = 0xFFFE


def read_wav(data: Bytes, start: int, end: int) -> Part:
    """Find the sound of the RIFF, RIFX, RF64 or BW64 file that lies between `start` and `end`."""
    form = RIFX if data[start : start + 4] == b"RIFX" else RIFF
    chunks = {chunk.name: chunk for chunk in until(data, start + 12, end, form, b"data")}
    whole = int.from_bytes(data[start + 4 : start + 8], "big" if form is RIFX else "little") + 8
    sound = chunks.get(b"data")
    wide = chunks.get(b"ds64")
    if wide and data[start : start + 4] != b"RIFF":
        riff_size, data_size = struct.unpack("<QQ", data[wide.body : wide.body + 16].ljust(16, b"\0"))
        whole = riff_size + 8
        if sound and is_unknown(sound.size, form):
            sound = Chunk(sound.name, sound.body, data_size or 2**32 - 1)
    return _part(data, start, end, form, chunks, sound, whole)


def read_wave64(data: Bytes, start: int, end: int) -> Part:
    """Find the sound of the Wave64 file that lies between `start` and `end`."""
    chunks = {chunk.name: chunk for chunk in until(data, start + 40, end, WAVE64, b"data")}
    whole = int.from_bytes(data[start + 16 : start + 24], "little")
    return _part(data, start, end, WAVE64, chunks, chunks.get(b"data"), whole)


def _part(
    data: Bytes, start: int, end: int, form: Form, chunks: dict[bytes, Chunk], sound: Chunk | None, whole: int
) -> Part:
    if sound is None:
        if start + whole > end and not is_unknown(whole - 8, form):
            return Part(start, end, cut=True)
        raise AudioUnreadable("The file has no sound: the chunk of its samples is missing.")
    shape = shape_chunk(data, chunks, sound, start, form, b"fmt ")
    tag, channels, rate, byte_rate, align, bits = _format(data, shape, form)
    last = sound_end(data, sound, end, form, _TRAILERS)
    unknown = is_unknown(sound.size, form)
    # One size that is too large is a lie; when both agree that there should be more, the file is cut off.
    missing = sound.end - end
    promised = not unknown and start + whole > end and not is_unknown(whole - 8, form)
    cut = promised and missing > max(1, byte_rate * TOLERANCE) and start + whole >= sound.end - 8
    pcm = _pcm(tag, channels, rate, align, bits, form)
    if pcm:
        claimed = None if unknown or not rate else sound.size / (pcm.frame_bytes * rate)
        return Part(sound.body, last, pcm=pcm, claimed=claimed, cut=cut)
    header = data[shape.body : shape.body + min(shape.size, 2**16)]
    length = min(last - sound.body, 2**32 - 2)
    head = b"RIFF" + b"\xff" * 4 + b"WAVEfmt " + struct.pack("<I", len(header)) + header + bytes(len(header) % 2)
    return Part(sound.body, last, b"%sdata%s" % (head, struct.pack("<I", length)), cut=cut)


def _format(data: Bytes, shape: Chunk, form: Form) -> tuple[int, int, int, int, int, int]:
    """Return the format's tag, channels, sample rate, bytes a second, bytes of a frame, bits of a sample."""
    fields = data[shape.body : shape.body + 40]
    if len(fields) < 16:
        raise AudioUnreadable("The file's format chunk is too short.")
    order = ">" if form is RIFX else "<"
    tag, channels, rate, byte_rate, align, bits = struct.unpack(order + "HHIIHH", fields[:16])
    if tag == _EXTENSIBLE and shape.size >= 26 and len(fields) >= 26:
        (tag,) = struct.unpack(order + "H", fields[24:26])
    return tag, channels, rate, byte_rate, align, bits


def _pcm(tag: int, channels: int, rate: int, align: int, bits: int, form: Form) -> Pcm | None:
    if not channels:
        raise AudioUnreadable("The file claims to have no channels.")
    stored = (bits + 7) // 8 * 8
    if tag == 1 and align % channels == 0 and align // channels * 8 in (16, 24, 32):
        each = align // channels * 8
        if not stored or (stored < each and stored % 8 == 0 and bits > 8):  # 24 bits in 32, 12 in 16
            stored = each
    subtype = _FORMATS.get((tag, stored))
    return Pcm(subtype, "BIG" if form is RIFX else "LITTLE", rate, channels) if subtype else None

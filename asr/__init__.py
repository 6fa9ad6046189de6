"""Speech to text: `open_recognizer().transcribe(decode_audio(data))` gives a `Transcript`."""

from __future__ import annotations

from asr.audio import Audio, AudioLimits, decode_audio, encode_wav
from asr.transcript import Alternative, Segment, Token, Transcript

__all__ = [
    "Alternative",
    "Audio",
    "AudioLimits",
    "Segment",
    "Token",
    "Transcript",
    "decode_audio",
    "encode_wav",
]

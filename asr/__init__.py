"""Speech to text: `open_recognizer().transcribe(decode_audio(data))` gives a `Transcript`."""

from __future__ import annotations

from asr.audio import Audio, AudioLimits, decode_audio, encode_wav
from asr.decoding import Tier
from asr.hotwords import Hotword, HotwordList
from asr.recognizer import Recognizer, open_recognizer
from asr.transcript import Alternative, Change, Segment, Token, Transcript

__all__ = [
    "Alternative",
    "Audio",
    "AudioLimits",
    "Change",
    "Hotword",
    "HotwordList",
    "Recognizer",
    "Segment",
    "Tier",
    "Token",
    "Transcript",
    "decode_audio",
    "encode_wav",
    "open_recognizer",
]

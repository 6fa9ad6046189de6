"""Speech to text: `open_recognizer().transcribe(decode_audio(data))` gives a `Transcript`."""

from __future__ import annotations

from asr.audio.decoding import Audio, AudioLimits, decode_audio, encode_wav
from asr.decoding import Tier
from asr.hotwords.list import Hotword, HotwordList
from asr.recognizer import Recognizer, open_recognizer
from asr.transcript import FORMATTED, PLAIN, Alternative, Change, Formatting, Segment, Token, Transcript, Word

__all__ = [
    "FORMATTED",
    "PLAIN",
    "Alternative",
    "Audio",
    "AudioLimits",
    "Change",
    "Formatting",
    "Hotword",
    "HotwordList",
    "Recognizer",
    "Segment",
    "Tier",
    "Token",
    "Transcript",
    "Word",
    "decode_audio",
    "encode_wav",
    "open_recognizer",
]

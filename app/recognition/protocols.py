"""What this app asks of a recogniser."""

from __future__ import annotations

from typing import Protocol

from app.recognition.files import SegmentRecognizer
from asr import Audio, HotwordList, Transcript
from asr.hotwords.list import EMPTY
from asr.streaming import LiveRecognizer


class Recognizer(SegmentRecognizer, LiveRecognizer, Protocol):
    """Speech to text; asr.Recognizer is one."""

    def transcribe(self, audio: Audio, hotwords: HotwordList = EMPTY) -> Transcript:
        """Return what is said in `audio`, where `hotwords` are expected; called from several threads at once."""
        ...

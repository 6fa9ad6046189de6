"""What a chat needs of the rooms beside it: somebody who hears, and somebody who answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from app.recognition.files import SegmentRecognizer
from asr import Audio, HotwordList, Transcript
from asr.hotwords.list import EMPTY
from asr.streaming import LiveRecognizer
from bot import DialogueState, DomainCard, Reply, Utterance


class Recognizer(SegmentRecognizer, LiveRecognizer, Protocol):
    """Speech to text; asr.Recognizer is one."""

    def transcribe(self, audio: Audio, hotwords: HotwordList = EMPTY) -> Transcript:
        """Return what is said in `audio`, where `hotwords` are expected; called from several threads at once."""
        ...


class Dialogue(Protocol):
    """Utterance to reply; bot.Dialogues is one."""

    @property
    def cards(self) -> Sequence[DomainCard]:
        """The domains that a conversation can be begun in, the default first."""
        ...

    def start(self, domain: str = "") -> Reply:
        """Return the greeting and a fresh state in `domain`, "" for the default; raises DomainMissing."""
        ...

    def respond(self, utterance: Utterance, state: DialogueState) -> Reply:
        """Return the answer and the next state; called from several threads at once."""
        ...

    def lexicon(self, state: DialogueState) -> Sequence[str]:
        """Return the words to expect in the next utterance."""
        ...

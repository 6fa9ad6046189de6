"""What a list of hotwords does to one recording: both transcripts, what differs, which tier did it, and the time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from app.recognition.protocols import Recognizer
from asr import Audio, Transcript
from asr.hotwords.list import EMPTY, HotwordList
from asr.transcript import join_texts

RECOGNISED = 3  # times that `try_out` has a recording recognised


@dataclass(frozen=True)
class TextDifference:
    """Where the texts differ: characters `before` to `before_end` became `after` to `after_end` (exclusive).

    `word` is the hotword that made the difference and `tier` the way it got in; both are empty for what changed with
    it, as punctuation may.
    """

    before: int
    before_end: int
    after: int
    after_end: int
    word: str = ""
    tier: str = ""


@dataclass(frozen=True)
class Trial:
    """One recording without the list and with it; `before_seconds` and `after_seconds` is how long each took."""

    before: Transcript
    after: Transcript
    marks: tuple[TextDifference, ...]
    before_seconds: float
    after_seconds: float


def try_out(recognizer: Recognizer, audio: Audio, hotwords: HotwordList) -> Trial:
    """Recognise `audio` without hotwords and with them; raises RecognitionFailed, ModelError."""
    recognizer.transcribe(audio, hotwords)  # makes the list ready, which is no part of what each message costs
    started = time.perf_counter()
    before = recognizer.transcribe(audio, EMPTY)
    between = time.perf_counter()
    after = recognizer.transcribe(audio, hotwords)
    ended = time.perf_counter()
    return Trial(before, after, tuple(_marks(before, after)), between - started, ended - between)


def _marks(before: Transcript, after: Transcript) -> Iterator[TextDifference]:
    """Put what differs together with the hotword that stands there."""
    placed = list(_placed(after))
    for code in Levenshtein.opcodes(before.text, after.text):
        if code.tag == "equal":
            continue
        word, tier = next(
            ((word, tier) for start, end, word, tier in placed if start <= code.dest_end and code.dest_start <= end),
            ("", ""),
        )
        yield TextDifference(code.src_start, code.src_end, code.dest_start, code.dest_end, word, tier)


def _placed(transcript: Transcript) -> Iterator[tuple[int, int, str, str]]:
    """Yield where in the written text the changed words stand."""
    written: list[str] = []
    for segment in transcript.segments:
        edges: list[tuple[int, int]] = []
        for word in segment.words:
            start = len(join_texts(written))
            written.append(word.text + word.punctuation)
            edges += [(start, len(join_texts(written)))] * (word.last - word.first)
        for change in segment.changes:
            if change.start < change.end:
                yield edges[change.start][0], edges[change.end - 1][1], change.word, change.tier

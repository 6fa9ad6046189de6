"""Two passes over live audio: quick partials while somebody speaks, the offline pipeline when they pause.

A `Session` belongs to one speaker and shares its recogniser with all others:

                       speech begins
        WAITING ────────────────────────► SPEAKING ◄─┐ longest piece reached: a SpeechSegment, cut at the best pause;
           ▲                                 │  └────┘ the utterance goes on
           │  silence behind the speech:     │
           └── a SpeechSegment, the utterance ends ┘
           │
           │ nothing said for `start_silence`: `quiet` (still WAITING, speech takes it back to SPEAKING)

        any state ── finish() ──► FINISHED: what was going on is a SpeechSegment up to the last sample

It does no work of its own accord. `accept` finds the speech (cheap, to be called in order); `partial` guesses at the
stretch that goes on, `final` recognises one that has ended: both are the caller's to schedule, in any thread.

The speech is found by the same steps as in a recording, and a stretch is recognised by the same call: the finals do
not depend on how the audio was split on its way, and equal what `Recognizer.transcribe` says of the whole of it.

Memory: the stretch that goes on, and half a second: at most 11 s of float32 samples (0.7 MB), however long it runs.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np
import soxr

from asr.audio.decoding import SAMPLE_RATE
from asr.audio.frontend import Samples
from asr.decoding import ALL_TIERS, Tier
from asr.engines.onnx.streaming import ChunkSize
from asr.errors import SampleRateUnsupported
from asr.hotwords.list import EMPTY, HotwordList
from asr.partials import StreamPartials
from asr.transcript import FORMATTED, PLAIN, Formatting, Segment
from asr.vad.fsmn import SpeechSpan, VoiceActivityStream

LOWEST_RATE, HIGHEST_RATE = 8_000, 48_000
_BYTES = 2  # of a sample of 16-bit PCM
_FULL_SCALE = 32768.0


class LiveRecognizer(Protocol):
    """What finds and recognises the speech of a session; asr.Recognizer is one. Safe to share between threads."""

    def stream(self, *, end_silence: float | None = None) -> VoiceActivityStream:
        """Begin to find the speech of live audio; see `asr.Recognizer.stream`."""
        ...

    def partials(self, chunk: ChunkSize | None = None, *, punctuation: bool = ...) -> StreamPartials | None:
        """Begin to partial a stretch with a model that streams; see `asr.Recognizer.partials`."""
        ...

    def recognise(
        self,
        samples: Samples,
        *,
        offset: float = ...,
        hotwords: HotwordList = ...,
        tiers: frozenset[Tier] = ...,
        formatting: Formatting = ...,
    ) -> Segment | None:
        """Recognise one stretch of speech; see `asr.Recognizer.recognise`."""
        ...


class State(Enum):
    """Where a session stands."""

    WAITING = "waiting"
    SPEAKING = "speaking"
    FINISHED = "finished"


@dataclass(frozen=True)
class SessionOptions:
    """What may be set for one speaker.

    Attributes:
        sample_rate: of the PCM that comes, 8000 to 48000 Hz.
        end_silence: seconds of silence that end an utterance; None is what the detector's folder says (0.8).
        start_silence: seconds in which nothing is said after which the session is `quiet`; None is never.
        partial_every: seconds of new speech between two partials.
        hold_back: how many of the last characters that two partials agree on are not called stable yet: for who cannot
            take them back. With one, 2 of 52 utterances had a wrong one instead of 8, and the text came 0.1 to 0.2 s
            later. A model that streams needs none.
        chunk: how much a streaming model hears at once; others partial by hearing the stretch again.
        hotwords: words to expect, in partials and finals.
        tiers: the ways in which they may get into the text.
        formatting: of the finals; partials are as spoken, with marks where a realtime punctuation model sets them.
    """

    sample_rate: int = SAMPLE_RATE
    end_silence: float | None = None
    start_silence: float | None = None
    partial_every: float = 0.3
    hold_back: int = 0
    chunk: ChunkSize | None = None
    hotwords: HotwordList = EMPTY
    tiers: frozenset[Tier] = ALL_TIERS
    formatting: Formatting = FORMATTED


@dataclass(frozen=True, eq=False)
class SpeechSegment:
    """Speech that has ended, or that goes on when it is drafted: `samples` (n,) at 16 kHz from `start` seconds on.

    `number` counts the stretches of a session from 0; `goes_on` when the utterance does not end with this one.
    """

    number: int
    start: float
    end: float
    samples: Samples
    goes_on: bool = False


@dataclass(frozen=True)
class Partial:
    """The guess at stretch `number`: `text` as spoken, of which the first `stable` characters stayed as they were."""

    number: int
    text: str
    stable: int


class Session:
    """One speaker's stream of PCM."""

    def __init__(self, recognizer: LiveRecognizer, options: SessionOptions | None = None) -> None:
        """Begin to listen.

        Raises:
            SampleRateUnsupported: the rate is not between 8 and 48 kHz.
        """
        self.options = options or SessionOptions()
        rate = self.options.sample_rate
        if not LOWEST_RATE <= rate <= HIGHEST_RATE:
            raise SampleRateUnsupported(
                f"Live audio is taken at {LOWEST_RATE} to {HIGHEST_RATE} Hz, not at {rate}.", sample_rate=rate
            )
        self.state = State.WAITING
        self._recognizer = recognizer
        self._vad = recognizer.stream(end_silence=self.options.end_silence)
        self._resampler = None if rate == SAMPLE_RATE else soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32")
        self._pending = bytearray()
        self._at_least = rate // 50 * _BYTES  # 20 ms: clients that send byte by byte must not cost more than others
        self._lock = threading.Lock()  # partials are made while audio comes in
        self._audio = _Audio()
        self._number = 0
        self._quiet_since = 0.0
        self._last_partial = (0, 0.0)  # the stretch of the last partial, and where that ended
        self._text = ""
        self._partials: StreamPartials | None = None
        self._partials_of = -1  # the stretch that they are of
        self._fed = 0  # samples of it that they have heard
        self._partial_running = threading.Lock()

    @property
    def seconds(self) -> float:
        """How much audio was taken."""
        return self._audio.end / SAMPLE_RATE

    @property
    def held_seconds(self) -> float:
        """How much audio is kept."""
        return self._audio.held / SAMPLE_RATE

    @property
    def number(self) -> int:
        """The number of the stretch that goes on, or of the next one."""
        return self._number

    @property
    def start(self) -> float | None:
        """Where the stretch that goes on began, in seconds; None in silence."""
        return self._vad.start

    @property
    def quiet(self) -> bool:
        """True when nothing was said for `start_silence` seconds."""
        limit = self.options.start_silence
        return limit is not None and self.state is State.WAITING and self.seconds - self._quiet_since >= limit

    @property
    def partial_due(self) -> bool:
        """True when there is enough new speech for another partial."""
        number, until = self._last_partial
        start = self._vad.start
        if self.state is not State.SPEAKING or start is None:
            return False
        return self._number != number or self.seconds - max(until, start) >= self.options.partial_every

    def accept(self, pcm: bytes) -> list[SpeechSegment]:
        """Take 16-bit little-endian mono PCM of any length, odd ones too; return the stretches that ended.

        Raises:
            RecognitionFailed: the detector of speech failed.
        """
        self._pending += pcm
        return self._take() if len(self._pending) >= self._at_least else []

    def finish(self) -> list[SpeechSegment]:
        """End the stream; return what is left of it. Half a sample at the end is left out.

        Raises:
            RecognitionFailed: the detector of speech failed.
        """
        ended = self._take(last=True)
        with self._lock:
            ended += self._cut(self._vad.finish())
            self.state = State.FINISHED
        return ended

    @property
    def ends_in_half_a_sample(self) -> bool:
        """True when an odd number of bytes was taken."""
        return len(self._pending) % _BYTES == 1

    def partial(self) -> Partial | None:
        """Guess at the stretch that goes on now, all of it; None when there is none, or nothing to be read in it.

        A character is stable when two partials in a row agree on it, on all before it, and on `hold_back` more behind
        it; with a model that streams, every one is.

        Raises:
            RecognitionFailed: the model failed.
        """
        with self._partial_running:  # the stability of one needs the text of the one before
            with self._lock:
                stretch = self._going_on()
            if stretch is None:
                return None
            text = self._guess(stretch)
            before = self._text if self._last_partial[0] == stretch.number else ""
            self._last_partial = (stretch.number, stretch.end)
            self._text = text
            stable = len(text) if self._partials else max(0, _agreement(before, text) - self.options.hold_back)
        return Partial(stretch.number, text, stable) if text else None

    def final(self, stretch: SpeechSegment) -> Segment | None:
        """Recognise a stretch that has ended; None when it was only noise.

        Raises:
            RecognitionFailed: the model failed.
        """
        return self._recognise(stretch, self.options.formatting)

    def _guess(self, stretch: SpeechSegment) -> str:
        if self._partials_of != stretch.number:
            marks = self.options.formatting.punctuation
            self._partials = self._recognizer.partials(self.options.chunk, punctuation=marks)
            self._partials_of, self._fed = stretch.number, 0
        if self._partials is None:
            segment = self._recognise(stretch, PLAIN)
            return segment.text if segment else ""
        fresh, self._fed = stretch.samples[self._fed :], len(stretch.samples)
        return self._partials.accept(fresh)

    def _recognise(self, stretch: SpeechSegment, formatting: Formatting) -> Segment | None:
        return self._recognizer.recognise(
            stretch.samples,
            offset=stretch.start,
            hotwords=self.options.hotwords,
            tiers=self.options.tiers,
            formatting=formatting,
        )

    def _take(self, *, last: bool = False) -> list[SpeechSegment]:
        whole = len(self._pending) // _BYTES * _BYTES
        samples = np.frombuffer(bytes(self._pending[:whole]), dtype="<i2").astype(np.float32) / np.float32(_FULL_SCALE)
        del self._pending[:whole]
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples, last=last)
        ended = []
        with self._lock:
            # Bit by bit, so that however much comes at once, what is not needed any more is let go on the way.
            for begin in range(0, len(samples), SAMPLE_RATE):
                some = samples[begin : begin + SAMPLE_RATE]
                self._audio.add(some)
                ended += self._cut(self._vad.accept(some))
        return ended

    def _cut(self, spans: list[SpeechSpan]) -> list[SpeechSegment]:
        ended = list(self._stretches(spans))
        self._audio.forget(round(self._vad.needed * SAMPLE_RATE))
        if self._vad.start is not None:
            self.state = State.SPEAKING
        elif self.state is State.SPEAKING:
            self.state = State.WAITING
            self._quiet_since = self.seconds
        return ended

    def _stretches(self, spans: list[SpeechSpan]) -> Iterator[SpeechSegment]:
        for span in spans:
            samples = self._audio.between(round(span.start * SAMPLE_RATE), round(span.end * SAMPLE_RATE))
            yield SpeechSegment(self._number, span.start, span.end, samples, span.goes_on)
            self._number += 1

    def _going_on(self) -> SpeechSegment | None:
        start = self._vad.start
        if start is None or self.state is not State.SPEAKING:
            return None
        samples = self._audio.between(round(start * SAMPLE_RATE), self._audio.end)
        return SpeechSegment(self._number, start, self.seconds, samples, goes_on=True)


class _Audio:
    """The last samples of a stream, found by their place in the whole of it."""

    def __init__(self) -> None:
        self._chunks: deque[Samples] = deque()
        self._begin = 0
        self.end = 0

    @property
    def held(self) -> int:
        return self.end - self._begin

    def add(self, samples: Samples) -> None:
        self._chunks.append(samples)
        self.end += len(samples)

    def between(self, begin: int, end: int) -> Samples:
        joined = np.concatenate(list(self._chunks)) if self._chunks else np.zeros(0, dtype=np.float32)
        self._chunks = deque([joined])
        return joined[begin - self._begin : end - self._begin].copy()

    def forget(self, before: int) -> None:
        while self._chunks and self._begin + len(self._chunks[0]) <= before:
            self._begin += len(self._chunks.popleft())


def _agreement(before: str, now: str) -> int:
    """Return how many characters both begin with."""
    return next(
        (index for index, (one, other) in enumerate(zip(before, now, strict=False)) if one != other),
        min(len(before), len(now)),
    )

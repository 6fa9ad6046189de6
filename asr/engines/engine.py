"""What every engine gives: for each stretch of speech, what a model heard in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from asr.audio.frontend import Samples
from asr.decoding.posteriors import Frames, Posteriors
from asr.hotwords.list import EMPTY, HotwordList


@dataclass(frozen=True)
class EngineOutput:
    """What a model heard in one stretch of speech.

    `posteriors` are with the hotwords' bias where the model has a hotword encoder and was given words. `alone` then
    gives what the model hears without them; it is a call because it may cost another run, and few callers ask.
    `frames` is all that a CTC model heard; `posteriors` are then those of its greedy text.
    """

    posteriors: Posteriors
    alone: Callable[[], Posteriors] | None = None
    frames: Frames | None = None


class Engine(Protocol):
    """One recogniser of speech, whatever runs it. Stateless between calls, safe to share between threads."""

    @property
    def name(self) -> str:
        """The kind of the model, as its config.yaml names it."""
        ...

    @property
    def units(self) -> tuple[str, ...]:
        """The texts that the columns of its posteriors stand for."""
        ...

    @property
    def max_seconds(self) -> float:
        """The longest stretch of speech it takes."""
        ...

    @property
    def batch_seconds(self) -> float:
        """How much speech it wants at once to be at its fastest; 0 when one stretch after the other is as good."""
        ...

    def listen(self, segments: Sequence[Samples], hotwords: HotwordList = EMPTY) -> list[EngineOutput]:
        """Recognise stretches of speech.

        Args:
            segments: float32 samples (n,) each, 16 kHz mono within [-1, 1], at most `max_seconds` long.
            hotwords: words for the model's own hotword encoder; a model without one passes them over.

        Returns:
            What was heard in each, in the order given.

        Raises:
            RecognitionFailed: the model failed.
        """
        ...

"""What makes a recording with its text useless to learn from."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from asr.errors import AsrError
from asr.evaluation.manifests import Entry, ManifestFault, Place
from asr.training.datasets.corpus import SAMPLE_RATE, Clip, Samples
from asr.training.datasets.latin import CONTINUES, units_of, words_of
from mandarin.spoken import spoken_form


@dataclass(frozen=True)
class CheckLimits:
    """Between what a recording and its text have to lie."""

    least_seconds: float = 0.2
    most_seconds: float = 30.0
    """Longer ones have to be cut first: Whisper's encoder was trained on 30 s."""
    most_characters: int = 200
    most_rate: float = 12.0
    """Characters a second; nobody speaks faster, so the text is of something else."""
    tolerated_mismatch: float = 0.1
    """Share of the stated duration (at least as many seconds) by which the real one may differ."""
    silence: float = 1e-3
    """A recording whose loudest sample is below this holds nothing."""


LIMITS = CheckLimits()


@dataclass(frozen=True)
class Accepted:
    """A recording to learn from: its text as it is spoken, and its real length in seconds."""

    entry: Entry
    seconds: float
    samples: Samples


class Checker:
    """Looks at entries one after another; it remembers their ids."""

    def __init__(self, vocabulary: Collection[str] | None, limits: CheckLimits = LIMITS) -> None:
        """Set up.

        Args:
            vocabulary: characters that the model can write; None takes any letter or sign of a script.
            limits: see there.
        """
        self._vocabulary = None if vocabulary is None else frozenset(vocabulary)
        self._limits = limits
        self._seen: dict[str, Place] = {}

    def __call__(self, entry: Entry) -> Accepted | list[ManifestFault]:
        """Return what can be learnt from, or everything that is wrong with the entry."""
        text = spoken_form(entry.text)
        problems = [*self._id_problems(entry), *self._text_problems(entry, text)]
        read = self._read(entry)
        if isinstance(read, ManifestFault):
            return [*problems, read]
        seconds = len(read) / SAMPLE_RATE
        problems += self._audio_problems(entry, read, seconds)
        if not problems and len(text) > self._limits.most_rate * seconds:
            problems.append(_problem(entry, "text-too-fast", f"{len(text)} characters in {seconds:.2f} s"))
        return problems or Accepted(replace(entry, text=text), seconds, read)

    def _id_problems(self, entry: Entry) -> list[ManifestFault]:
        first = self._seen.setdefault(entry.id, entry.place)
        if first is entry.place:
            return []
        return [_problem(entry, "duplicate-id", f"the id {entry.id} is taken by {first}")]

    def _text_problems(self, entry: Entry, text: str) -> list[ManifestFault]:
        if not text:
            return [_problem(entry, "empty-text", "no text, or nothing but punctuation")]
        if len(text) > self._limits.most_characters:
            return [_problem(entry, "text-too-long", f"{len(text)} characters, at most {self._limits.most_characters}")]
        strange: list[str] = []
        if self._vocabulary is not None:
            units = set(units_of(text, words_of(self._vocabulary))) - self._vocabulary
            strange = sorted(unit.removesuffix(CONTINUES) for unit in units)
        if strange:
            return [_problem(entry, "outside-vocabulary", f"not in the vocabulary: {' '.join(strange)}")]
        return []

    def _read(self, entry: Entry) -> Samples | ManifestFault:
        if not entry.audio.is_file():
            return _problem(entry, "missing-audio", f"no file {entry.audio}")
        try:
            return Clip(entry.id, entry.audio, entry.text, offset=entry.offset, duration=entry.duration).samples()
        except (AsrError, OSError, RuntimeError) as error:  # RuntimeError: libsndfile, in the middle of a file
            return _problem(entry, "unreadable-audio", f"{entry.audio}: {error}")

    def _audio_problems(self, entry: Entry, samples: Samples, seconds: float) -> list[ManifestFault]:
        limits = self._limits
        if seconds < limits.least_seconds:
            return [_problem(entry, "audio-too-short", f"{seconds:.2f} s, at least {limits.least_seconds:g} s")]
        if seconds > limits.most_seconds:
            return [_problem(entry, "audio-too-long", f"{seconds:.1f} s, at most {limits.most_seconds:g} s: cut it")]
        if not np.isfinite(samples).all() or np.abs(samples).max() < limits.silence:
            return [_problem(entry, "silent-audio", "nothing but silence")]
        stated = entry.duration
        if stated is not None and abs(stated - seconds) > limits.tolerated_mismatch * max(1.0, stated):
            return [_problem(entry, "duration-mismatch", f"stated {stated:g} s, really {seconds:.2f} s")]
        return []


def _problem(entry: Entry, kind: str, detail: str) -> ManifestFault:
    return ManifestFault(entry.place, kind, detail)

"""An n-gram model over words as a scorer of units: what a text of characters scores when it is cut in the best way.

The words of a text are not known while it grows. For each of its last few positions the best way to cut it up to there
is kept, and a unit that is added may end a word that began at any of them. A text scores what its best cutting does, so
what a unit adds can be positive: 膜 after 黏 is cheaper than both alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from asr.decoding.posteriors import Array
from asr.lm.ngram import NgramModel


@dataclass(frozen=True)
class NgramSettings:
    """How a scorer weighs: `weight` times the model's log-probability, and `length` for every unit (nats).

    `length` makes up for what every unit costs in the language model (Hannun et al. 2014, the exponent beta); with
    one posterior a token, as Paraformer gives them, all texts have the same length and it changes nothing. `depth` is
    how many units of a position are considered, `longest` the characters of the longest words.
    """

    weight: float = 0.5
    length: float = 1.5
    depth: int = 8
    longest: int = 6


@dataclass(frozen=True)
class _Cut:
    """The best way to cut a text up to one position: its score and the model's state (as a tuple, to be hashable)."""

    score: float
    state: tuple[int, ...]


@dataclass(frozen=True)
class _Text:
    """The last characters of a text, and the best cuttings up to before each of them and after the last."""

    recent: str
    cuts: tuple[_Cut, ...]


class NgramScorer:
    """A `Scorer`. Immutable, safe to share between threads."""

    def __init__(self, model: NgramModel, units: Sequence[str], settings: NgramSettings | None = None) -> None:
        """Prepare a model for one vocabulary; a unit may be several characters, its marks of pieces (▁, @@) go."""
        self._model = model
        self._settings = settings or NgramSettings()
        self._texts = tuple(unit.replace("▁", "").removesuffix("@@") for unit in units)

    @cached_property
    def _words(self) -> Mapping[str, int]:
        return {word: index for word, index in self._model.ids.items() if len(word) <= self._settings.longest}

    def wanted(self, costs: Array) -> Sequence[Collection[int]]:
        """Return the likeliest units of each position: any of them may be what the language expects."""
        depth = min(self._settings.depth, costs.shape[1])
        top = np.argpartition(-costs, depth - 1, axis=1)[:, :depth]
        return [
            [unit for unit in units if cost[unit] > -np.inf] for units, cost in zip(top.tolist(), costs, strict=True)
        ]

    def start(self) -> _Text:
        """Return the empty text."""
        return _Text("", (_Cut(0.0, tuple(self._model.start().tolist())),))

    def advance(self, state: _Text, unit: int) -> tuple[_Text, float]:
        """Add a unit; what it adds is the difference between the best cuttings after and before."""
        added = self._settings.length
        before = state.cuts[-1].score
        text = state
        for character in self._texts[unit]:
            text = self._grow(text, character)
        if text is state:
            return state, 0.0
        gained = text.cuts[-1].score - before
        # Only differences matter: texts that differ in what lies long behind are the same from here on.
        cuts = tuple(_Cut(round(cut.score - text.cuts[-1].score, 4), cut.state) for cut in text.cuts)
        return _Text(text.recent, cuts), added + self._settings.weight * gained

    def finish(self, state: _Text) -> float:
        """Add nothing: a pause may cut a sentence anywhere."""
        return 0.0

    def _grow(self, text: _Text, character: str) -> _Text:
        recent = text.recent + character
        # A word may begin at any kept position; a character on its own is always a way on, known or not.
        starts = [place for place in range(len(recent) - 1) if recent[place:] in self._words]
        words = [self._words[recent[place:]] for place in starts]
        starts.append(len(recent) - 1)
        words.append(self._words.get(character, -1))
        scores, states = self._model.advance(
            np.array([text.cuts[place].state for place in starts], dtype=np.int64).reshape(len(starts), -1),
            np.array(words, dtype=np.int64),
        )
        totals = [text.cuts[place].score + float(score) for place, score in zip(starts, scores, strict=True)]
        best = max(range(len(totals)), key=totals.__getitem__)
        cuts = (*text.cuts, _Cut(totals[best], tuple(states[best].tolist())))
        kept = self._settings.longest - 1
        return _Text(recent[-kept:], cuts[-kept - 1 :])

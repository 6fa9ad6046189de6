"""Beam search over the candidates of every position, with scorers that know what texts are likely.

Paraformer gives one posterior for each token, so a text costs what its units cost, position by position; Gao et al.
2022 name an external language model on top of that as what remains to be done.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from asr.decoding.greedy import Candidates
from asr.decoding.posteriors import Array


class Scorer(Protocol):
    """Adds to the score of a text as it grows, unit by unit; without memory of its own, so threads may share one.

    A state is hashable, and says all that the scorer needs to know of the text so far: of two texts in the same
    states only the better one is followed. Scores are natural logarithms and are added to those of the model.
    """

    def wanted(self, costs: Array) -> Sequence[Collection[int]]:
        """Say which units to consider at each position, beside the model's best.

        Only those with which a text may score more than without: the search tries them all, and where the model is
        sure of nothing, every unit is nearly as likely as the best.

        Args:
            costs: (N, V), of each unit at each position, 0 for the best, -inf for what is too unlikely to be looked at.
        """
        ...

    def start(self) -> Any:
        """Return the state of the empty text."""
        ...

    def advance(self, state: Any, unit: int) -> tuple[Any, float]:
        """Return the state after `unit`, and what that adds to the score."""
        ...

    def finish(self, state: Any) -> float:
        """Return what the end of the text adds."""
        ...


_DEPTH = 8  # units of a position that a list of texts considers


@dataclass(frozen=True)
class BeamSettings:
    """How far to look: texts kept at each position, and the worst candidate looked at (nats below the best)."""

    width: int = 12
    margin: float = 7.0


@dataclass(frozen=True)
class _Text:
    score: float
    states: tuple[Any, ...]
    unit: int
    before: _Text | None

    def units(self) -> tuple[int, ...]:
        chosen: list[int] = []
        text: _Text | None = self
        while text is not None and text.before is not None:
            chosen.append(text.unit)
            text = text.before
        return tuple(reversed(chosen))


def search(
    ranked: Sequence[Candidates], log_probs: Array, scorers: Sequence[Scorer], settings: BeamSettings
) -> tuple[int, ...]:
    """Find the text that model and scorers together like best.

    Args:
        ranked: the candidates of N positions, as `rank` gives them.
        log_probs: (rows, V), to which the candidates' rows point.
        scorers: none of them changes nothing: the best unit of each position is taken then.
        settings: how far to look.

    Returns:
        One unit for each position. Of texts with equal scores, the one that keeps more of the model's own choice.
    """
    return best_texts(ranked, log_probs, scorers, settings)[0][0]


def best_texts(
    ranked: Sequence[Candidates],
    log_probs: Array,
    scorers: Sequence[Scorer],
    settings: BeamSettings,
    *,
    count: int = 1,
) -> tuple[tuple[tuple[int, ...], float], ...]:
    """Find the texts that model and scorers together like best, as `search` finds the first of them.

    Returns:
        At most `count` texts, the best first: one unit for each position, and the score, the model's log-probabilities
        with what the scorers add.
    """
    scorers = [*scorers, _Apart()] if count > 1 else scorers
    best = [position.units[0] for position in ranked]
    costs = log_probs[[position.row for position in ranked]]
    certain = costs[np.arange(len(best)), best]
    costs = costs - certain[:, None]
    costs[costs <= -settings.margin] = -np.inf
    wanted = [scorer.wanted(costs) for scorer in scorers]
    if not any(map(any, wanted)):
        return ((tuple(best), float(certain.sum())),)
    texts = [_Text(0.0, tuple(scorer.start() for scorer in scorers), -1, None)]
    for place, (row, first) in enumerate(zip(costs, best, strict=True)):
        more = [unit for scorers_own in wanted for unit in scorers_own[place] if row[unit] > -np.inf]
        options = list(dict.fromkeys((first, *more)))
        texts = _extend(texts, list(zip(options, row[options].tolist(), strict=True)), scorers, settings.width)
    ended = [
        text.score + sum(scorer.finish(state) for scorer, state in zip(scorers, text.states, strict=True))
        for text in texts
    ]
    order = sorted(range(len(texts)), key=lambda place: -ended[place])[:count]
    return tuple((texts[place].units(), ended[place] + float(certain.sum())) for place in order)


class _Apart:
    """A scorer that adds nothing, and keeps apart texts that are the same to all others, as a list of texts must."""

    def wanted(self, costs: Array) -> Sequence[Collection[int]]:
        depth = min(_DEPTH, costs.shape[1])
        top: list[list[int]] = np.argpartition(-costs, depth - 1, axis=1)[:, :depth].tolist()
        return top

    def start(self) -> tuple[int, ...]:
        return ()

    def advance(self, state: tuple[int, ...], unit: int) -> tuple[tuple[int, ...], float]:
        return (*state, unit), 0.0

    def finish(self, state: tuple[int, ...]) -> float:
        return 0.0


def _extend(texts: list[_Text], options: list[tuple[int, float]], scorers: Sequence[Scorer], width: int) -> list[_Text]:
    grown: dict[tuple[Any, ...], _Text] = {}
    for text in texts:
        for unit, cost in options:
            score = text.score + cost
            states = []
            for scorer, state in zip(scorers, text.states, strict=True):
                state, added = scorer.advance(state, unit)
                states.append(state)
                score += added
            key = tuple(states)
            known = grown.get(key)
            if known is None or score > known.score:
                grown[key] = _Text(score, key, unit, text)
    return sorted(grown.values(), key=lambda text: -text.score)[:width]

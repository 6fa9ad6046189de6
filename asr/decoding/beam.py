"""Beam search over the candidates of every position, with scorers that know what texts are likely.

Paraformer gives one posterior for each token, so a text costs what its units cost, position by position; Gao et al.
2022 name an external language model on top of that as what remains to be done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from asr.decoding.greedy import Candidates
from asr.posteriors import Array


class Scorer(Protocol):
    """Adds to the score of a text as it grows, unit by unit; without memory of its own, so threads may share one.

    A state is hashable, and says all that the scorer needs to know of the text so far: of two texts in the same
    states only the better one is followed. Scores are natural logarithms and are added to those of the model.
    """

    @property
    def wanted(self) -> npt.NDArray[np.int64]:
        """Units to consider at every position, beside the model's own best."""
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
    if not scorers:
        return tuple(position.units[0] for position in ranked)
    wanted = np.unique(np.concatenate([scorer.wanted for scorer in scorers]))
    texts = [_Text(0.0, tuple(scorer.start() for scorer in scorers), -1, None)]
    for position in ranked:
        row = log_probs[position.row]
        best = float(row[position.units[0]])
        more = wanted[row[wanted] > best - settings.margin].tolist()
        options = [unit for unit in position.units if row[unit] > best - settings.margin or unit == position.units[0]]
        options = list(dict.fromkeys((*options, *more)))
        costs = (row[options] - best).tolist()
        texts = _extend(texts, list(zip(options, costs, strict=True)), scorers, settings.width)
    ended = [
        text.score + sum(scorer.finish(state) for scorer, state in zip(scorers, text.states, strict=True))
        for text in texts
    ]
    last: _Text | None = texts[max(range(len(texts)), key=ended.__getitem__)]
    chosen: list[int] = []
    while last is not None and last.before is not None:
        chosen.append(last.unit)
        last = last.before
    return tuple(reversed(chosen))


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

"""From one posterior a frame to text: connectionist temporal classification (Graves et al. 2006).

Many alignments of units and blanks to frames mean the same text. Greedy decoding takes the best alignment. Prefix beam
search (Hannun et al. 2014, "First-Pass Large Vocabulary Continuous Speech Recognition using Bi-Directional Recurrent
DNNs", algorithm 1) adds up all alignments of a text, and asks the same scorers as everywhere, hotwords and n-grams,
how likely it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from asr.decoding.beam import Scorer
from asr.decoding.posteriors import Array, Frames, Posteriors

_IMPOSSIBLE = -math.inf
_LONGEST_TOKEN = 0.4  # seconds; a unit is emitted at one moment, and what comes long after it is a pause


@dataclass(frozen=True)
class CtcSettings:
    """How far to look.

    Attributes:
        width: texts kept from frame to frame.
        depth: units considered in a frame, beside those that scorers want.
        margin: the worst unit considered, nats below the best of the frame.
        skip: frames whose blank has this probability or more are passed over; 1 passes over none.
    """

    width: int = 10
    depth: int = 8
    margin: float = 10.0
    skip: float = 0.98


@dataclass(frozen=True)
class Hypothesis:
    """A text as units, its log-probability over all alignments, and that with what the scorers add."""

    units: tuple[int, ...]
    acoustic: float
    score: float


def greedy(frames: Frames) -> Hypothesis:
    """Take the best alignment; its units are its text."""
    best = frames.log_probs.argmax(axis=1)
    repeated = np.concatenate([[False], best[1:] == best[:-1]])
    units = tuple(best[(best != frames.blank) & ~repeated].tolist())
    score = float(frames.log_probs.max(axis=1).sum()) if len(best) else 0.0
    return Hypothesis(units, score, score)


class _Prefix:
    """A text, with the log-probabilities of its alignments that end in a blank, and in its last unit."""

    __slots__ = ("added", "before", "blank", "children", "label", "states", "unit")

    def __init__(self, before: _Prefix | None, unit: int, states: tuple[Any, ...], added: float) -> None:
        self.before, self.unit, self.states, self.added = before, unit, states, added
        self.children: dict[int, _Prefix] = {}
        self.blank, self.label = _IMPOSSIBLE, _IMPOSSIBLE

    @property
    def total(self) -> float:
        return _add(self.blank, self.label)

    def child(self, unit: int, scorers: Sequence[Scorer]) -> _Prefix:
        """Return the text that is one unit longer; scorers are asked once for each text."""
        known = self.children.get(unit)
        if known is None:
            states, added = [], self.added
            for scorer, state in zip(scorers, self.states, strict=True):
                state, more = scorer.advance(state, unit)
                states.append(state)
                added += more
            known = self.children[unit] = _Prefix(self, unit, tuple(states), added)
        return known

    def units(self) -> tuple[int, ...]:
        found: list[int] = []
        node: _Prefix | None = self
        while node is not None and node.before is not None:
            found.append(node.unit)
            node = node.before
        return tuple(reversed(found))


def search(
    frames: Frames, scorers: Sequence[Scorer] = (), settings: CtcSettings | None = None, *, count: int = 1
) -> tuple[Hypothesis, ...]:
    """Find the texts that model and scorers together like best.

    Args:
        frames: log-probabilities of T frames.
        scorers: what they add is added to a text's log-probability; the model decides alone without any.
        settings: how far to look.
        count: how many texts to return at most.

    Returns:
        The best first; one at least, of no unit when nothing was said.
    """
    settings = settings or CtcSettings()
    root = _Prefix(None, -1, tuple(scorer.start() for scorer in scorers), 0.0)
    root.blank = 0.0
    beam = [root]
    for row, options in zip(frames.log_probs, _options(frames, scorers, settings), strict=True):
        blank = float(row[frames.blank])
        if settings.skip < 1.0 and blank >= math.log(settings.skip):
            for prefix in beam:
                prefix.blank, prefix.label = prefix.total + blank, _IMPOSSIBLE
        else:
            beam = _step(beam, row, blank, options, scorers, settings.width)
    ended = []
    for prefix in beam:
        more = sum(scorer.finish(state) for scorer, state in zip(scorers, prefix.states, strict=True))
        ended.append(Hypothesis(prefix.units(), prefix.total, prefix.total + prefix.added + more))
    return tuple(sorted(ended, key=lambda hypothesis: -hypothesis.score)[:count])


def _step(
    beam: list[_Prefix], row: Array, blank: float, options: Sequence[int], scorers: Sequence[Scorer], width: int
) -> list[_Prefix]:
    """Go on by one frame."""
    grown: dict[_Prefix, list[float]] = {}
    for prefix in beam:
        total = prefix.total
        here = grown.setdefault(prefix, [_IMPOSSIBLE, _IMPOSSIBLE])
        here[0] = _add(here[0], total + blank)
        if prefix.before is not None:
            here[1] = _add(here[1], prefix.label + float(row[prefix.unit]))
        for unit in options:
            # The same unit again without a blank between is the same one still.
            came = prefix.blank if unit == prefix.unit else total
            if came > _IMPOSSIBLE:
                there = grown.setdefault(prefix.child(unit, scorers), [_IMPOSSIBLE, _IMPOSSIBLE])
                there[1] = _add(there[1], came + float(row[unit]))
    ranked = sorted(grown, key=lambda prefix: -(_add(*grown[prefix]) + prefix.added))[:width]
    for prefix in beam:
        prefix.blank, prefix.label = _IMPOSSIBLE, _IMPOSSIBLE
    for prefix in ranked:
        prefix.blank, prefix.label = grown[prefix]
    return ranked


def _options(frames: Frames, scorers: Sequence[Scorer], settings: CtcSettings) -> list[list[int]]:
    """List the units that each frame may be, the blank left out."""
    log_probs = frames.log_probs
    if not len(log_probs):
        return []
    costs = log_probs - log_probs.max(axis=1, keepdims=True)
    costs[:, frames.blank] = -np.inf
    costs[costs < -settings.margin] = -np.inf
    depth = min(settings.depth, costs.shape[1])
    top = np.argpartition(-costs, depth - 1, axis=1)[:, :depth].tolist()
    wanted = [scorer.wanted(costs) for scorer in scorers]
    return [
        [unit for unit in dict.fromkeys((*units, *(u for own in wanted for u in own[place]))) if cost[unit] > -np.inf]
        for place, (units, cost) in enumerate(zip(top, costs, strict=True))
    ]


def align(frames: Frames, units: Sequence[int]) -> np.ndarray:
    """Find when each unit of a text was emitted: the best alignment (Viterbi).

    Args:
        frames: log-probabilities of T frames.
        units: a text that T frames can hold.

    Returns:
        int64 (units, 2): its first frame, and the one after its last.
    """
    states = np.full(2 * len(units) + 1, frames.blank, dtype=np.int64)
    states[1::2] = units
    emitted = frames.log_probs[:, states]
    # Over a blank one may step from unit to unit, unless they are the same.
    leaps = np.zeros(len(states), dtype=bool)
    leaps[3::2] = states[3::2] != states[1:-2:2]
    scores = np.full(len(states), -np.inf)
    scores[:2] = emitted[0, :2]
    steps = np.zeros(emitted.shape, dtype=np.int64)
    for frame in range(1, len(emitted)):
        choices = np.full((3, len(states)), -np.inf)
        choices[0] = scores
        choices[1, 1:] = scores[:-1]
        choices[2, 2:] = np.where(leaps[2:], scores[:-2], -np.inf)
        steps[frame] = choices.argmax(axis=0)
        scores = choices.max(axis=0) + emitted[frame]
    place = len(states) - 1 if len(states) == 1 or scores[-1] >= scores[-2] else len(states) - 2
    found = np.zeros((len(units), 2), dtype=np.int64)
    for frame in range(len(emitted) - 1, -1, -1):
        if place % 2:
            found[place // 2, 0] = frame
            found[place // 2, 1] = max(found[place // 2, 1], frame + 1)
        place -= int(steps[frame, place])
    return found


def collapse(frames: Frames, hypotheses: Sequence[Hypothesis]) -> Posteriors:
    """Turn frames into one posterior for each unit of the best text, as Paraformer gives them.

    What a position may be instead is what its frames say. How sure the text's own unit is, is its share among the
    hypotheses that have as many units, and it always is the first.

    Args:
        frames: log-probabilities of T frames.
        hypotheses: of `search` or `greedy`, the best first.

    Returns:
        Posteriors with times; no position where nothing was said.
    """
    units = hypotheses[0].units
    if not units:
        return Posteriors(np.zeros((0, frames.log_probs.shape[1]), np.float32), np.zeros((0, 2), np.float32))
    spans = align(frames, units)
    alike = [one for one in hypotheses if len(one.units) == len(units)]
    weights = np.exp([one.score - hypotheses[0].score for one in alike])
    weights /= weights.sum()
    rows = np.zeros((len(units), frames.log_probs.shape[1]))
    for place, (first, last) in enumerate(spans):
        heard = np.exp(frames.log_probs[first:last].astype(np.float64)).mean(axis=0)
        heard[frames.blank] = 0.0
        rows[place] = heard / max(heard.sum(), 1e-12)
        for one, weight in zip(alike, weights, strict=True):
            rows[place, one.units[place]] += weight
        rows[place, units[place]] = max(rows[place, units[place]], rows[place].max() + 1e-6)
    rows = np.maximum(rows / rows.sum(axis=1, keepdims=True), 1e-12)
    return Posteriors(np.log(rows).astype(np.float32), _times(spans, frames))


def _times(spans: np.ndarray, frames: Frames) -> Array:
    """A unit is heard from where it is emitted up to the next one, or until it must be over."""
    starts = spans[:, 0] * frames.frame_seconds
    ends = np.append(starts[1:], frames.seconds)
    ends = np.maximum(np.minimum(ends, starts + _LONGEST_TOKEN), np.minimum(spans[:, 1] * frames.frame_seconds, ends))
    times = np.clip(np.stack([starts, ends], axis=1), 0.0, frames.seconds)
    return np.asarray(times, dtype=np.float32)


def _add(first: float, second: float) -> float:
    """Return log(exp(first) + exp(second))."""
    if first < second:
        first, second = second, first
    return first if second == _IMPOSSIBLE else first + math.log1p(math.exp(second - first))

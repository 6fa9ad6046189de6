"""Hotwords as a scorer: an Aho-Corasick automaton over units (Aho and Corasick, CACM 1975).

Each unit of a hotword adds its share of the word's bonus as soon as it is reached, so that the search does not drop
the word before it is complete; when the word is not completed, the share is taken back, as in the context graph of
icefall (k2-fsa/icefall, context_graph.py). What completed words have earned stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from asr.decoding.posteriors import Array


@dataclass(frozen=True)
class Pattern:
    """A word as unit indices, and what writing it earns (nats)."""

    word: str
    units: tuple[int, ...]
    bonus: float


@dataclass(frozen=True)
class Match:
    """A word found at the units `start` to `end` (exclusive)."""

    word: str
    start: int
    end: int


class HotwordScorer:
    """A `Scorer` that rewards hotwords. Immutable after construction, safe to share between threads."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        """Build the automaton; empty patterns are ignored."""
        self._next: list[dict[int, int]] = [{}]
        self._fail = [0]
        self._word: list[Pattern | None] = [None]
        self._share = [0.0]  # of the best word that goes on from here, by the length reached
        self._patterns = tuple(pattern for pattern in patterns if pattern.units)
        for pattern in self._patterns:
            self._add(pattern)
        self._earned = [0.0] * len(self._next)  # by completed words, none overlapping, on the way to a state
        self._shorter = [0] * len(self._next)  # nearest state behind this one, along failures, that ends a word
        self._link()
        self._pending = [max(0.0, share - earned) for share, earned in zip(self._share, self._earned, strict=True)]

    def wanted(self, costs: Array) -> list[set[int]]:
        """Return the units of the words that, written from some position on, earn more than they cost there.

        No best text holds any other: where a word costs more than it earns, the model's own units score higher.
        """
        found: list[set[int]] = [set() for _ in costs]
        for units, bonuses in self._by_length:
            length = units.shape[1]
            places = max(0, len(costs) - length + 1)
            gains = sum((costs[step : step + places, units[:, step]] for step in range(length)), start=bonuses)
            for place, word in np.argwhere(gains > 0.0).tolist():
                for step, unit in enumerate(units[word].tolist()):
                    found[place + step].add(unit)
        return found

    @cached_property
    def _by_length(self) -> list[tuple[npt.NDArray[np.int64], Array]]:
        """The patterns' units (P, length) and bonuses (P,), for each length."""
        lengths = sorted({len(pattern.units) for pattern in self._patterns})
        grouped = [[one for one in self._patterns if len(one.units) == length] for length in lengths]
        return [
            (np.array([one.units for one in group]), np.array([one.bonus for one in group], dtype=np.float32))
            for group in grouped
        ]

    def start(self) -> int:
        """Return the root."""
        return 0

    def advance(self, state: int, unit: int) -> tuple[int, float]:
        """Follow `unit`: its share of a bonus is added, that of a match that broke off is taken back."""
        reached = state
        while reached and unit not in self._next[reached]:
            reached = self._fail[reached]
        target = self._next[reached].get(unit, 0)
        gained = self._earned[target] - self._earned[reached] if target else 0.0
        return target, gained + self._pending[target] - self._pending[state]

    def finish(self, state: int) -> float:
        """Take back the share of a word that the text broke off."""
        return -self._pending[state]

    def find(self, units: Sequence[int]) -> tuple[Match, ...]:
        """Return the hotwords in a text, none overlapping: those that together earn most, then the longer ones."""
        # best[i]: the most that the first i units can earn, and how.
        best: list[tuple[float, tuple[Match, ...]]] = [(0.0, ())]
        state = 0
        for end, unit in enumerate(units, 1):
            while state and unit not in self._next[state]:
                state = self._fail[state]
            state = self._next[state].get(unit, 0)
            choice = best[-1]
            ending = state if self._word[state] else self._shorter[state]
            while ending:
                pattern = self._word[ending]
                if pattern is not None:
                    start = end - len(pattern.units)
                    earned = best[start][0] + pattern.bonus
                    if earned > choice[0]:
                        choice = (earned, (*best[start][1], Match(pattern.word, start, end)))
                ending = self._shorter[ending]
            best.append(choice)
        return best[-1][1]

    def _add(self, pattern: Pattern) -> None:
        node = 0
        for depth, unit in enumerate(pattern.units, 1):
            following = self._next[node].get(unit)
            if following is None:
                following = len(self._next)
                self._next[node][unit] = following
                self._next.append({})
                self._fail.append(0)
                self._word.append(None)
                self._share.append(0.0)
            node = following
            self._share[node] = max(self._share[node], pattern.bonus * depth / len(pattern.units))
        known = self._word[node]
        if node and (known is None or pattern.bonus > known.bonus):
            self._word[node] = pattern

    def _link(self) -> None:
        """Set failures and earnings, the nearest states first."""
        # A state, with those on the way to it from the root.
        level: list[tuple[int, tuple[int, ...]]] = [(0, ())]
        while level:
            following = []
            for node, way in level:
                for unit, child in self._next[node].items():
                    if node:
                        failed = self._fail[node]
                        while failed and unit not in self._next[failed]:
                            failed = self._fail[failed]
                        self._fail[child] = self._next[failed].get(unit, 0)
                    fallback = self._fail[child]
                    self._shorter[child] = fallback if self._word[fallback] else self._shorter[fallback]
                    path = (*way, node)
                    self._earned[child] = self._earnings(child, path)
                    following.append((child, path))
            level = following

    def _earnings(self, node: int, way: tuple[int, ...]) -> float:
        earned = self._earned[way[-1]]
        ending = node
        while ending:
            pattern = self._word[ending]
            if pattern is not None:
                earned = max(earned, self._earned[way[len(way) - len(pattern.units)]] + pattern.bonus)
            ending = self._shorter[ending]
        return earned

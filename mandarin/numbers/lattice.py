"""What in a text is a number and what is a word that holds a numeral (十二指肠, 二十四史, 一起).

The text is a lattice whose edges are the words of the dictionary, each with its log-probability, and what the grammars
found; the likeliest path through it decides (Viterbi). A numeral that stands right before or behind a chosen number and
belongs to no word means that it was not understood: neither is written then.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, TypeVar

from mandarin.numbers.numerals import NUMERALS
from mandarin.numbers.words import LONGEST, words

_UNKNOWN = -14.0  # log-probability of a character that is on no list
_LOOSE = -11.0  # of a numeral that belongs to nothing
_DEEP = 12  # characters inside of a run of numerals from where on nothing begins


class Found(Protocol):
    """What a grammar found at the characters `start` to `end` (exclusive) of a text."""

    @property
    def start(self) -> int:
        """Where it begins."""
        ...

    @property
    def end(self) -> int:
        """Where it ends."""
        ...


F = TypeVar("F", bound=Found)


def likeliest(
    text: str,
    found_at: Callable[[int], Iterable[F]],
    weight: Callable[[F], float],
    *,
    names: Iterable[tuple[int, int]] = (),
    apart: Callable[[F], bool] = lambda found: False,
) -> list[F]:
    """Choose what is meant.

    Args:
        text: of any length.
        found_at: what may begin at a place; asked only where something may begin.
        weight: the log-probability of what was found.
        names: ranges that are known to be words.
        apart: whether what was found is a word of its own, which another number may stand beside: 周五, 十点.

    Returns:
        What lies on the likeliest path, in order, without overlap.
    """
    path = _best_path(text, found_at, weight, dict(names))
    beside = [
        (start, end, None) if found is not None and apart(found) else (start, end, found) for start, end, found in path
    ]
    return [
        found
        for before, (start, end, found), behind in zip(beside, path[1:], beside[2:], strict=False)
        if found is not None and not _goes_on(text, start, before) and not _goes_on(text, end, behind)
    ]


Step = tuple[int, int, F | None]


def _best_path(
    text: str, found_at: Callable[[int], Iterable[F]], weight: Callable[[F], float], names: Mapping[int, int]
) -> list[Step[F]]:
    """Return the steps of the likeliest path, with an empty one at either end."""
    known, prefixes = words()
    size, depth = len(text), _depths(text)
    best = [0.0] + [-math.inf] * size
    came: list[Step[F]] = [(0, 0, None)] * (size + 1)

    def reach(start: int, end: int, score: float, found: F | None = None) -> None:
        if best[start] + score > best[end]:
            best[end], came[end] = best[start] + score, (start, end, found)

    for place in range(size):
        reach(place, place + 1, _LOOSE if text[place] in NUMERALS else known.get(text[place], _UNKNOWN))
        if place in names:
            reach(place, names[place], _UNKNOWN)
        for end in range(place + 2, min(place + LONGEST, size) + 1) if depth[place] <= _DEEP else ():
            piece = text[place:end]
            if piece in known:
                reach(place, end, known[piece])
            if piece not in prefixes:
                break
        begins, _, found = came[place]
        if depth[place] == 0 or (depth[place] <= _DEEP and (found is not None or place - begins > 1)):
            for one in found_at(place):
                reach(place, one.end, weight(one), one)
    path: list[Step[F]] = [(size, size, None)]
    end = size
    while end:
        path.append(came[end])
        end = came[end][0]
    return [*path, (0, 0, None)][::-1]


def _goes_on(text: str, edge: int, neighbour: Step[F]) -> bool:
    """Whether a numeral that belongs to no word is next to a found number at one of its edges, or another number."""
    start, end, found = neighbour
    if start == end:
        return False
    nearest = text[edge if start == edge else edge - 1]
    inner = text[edge - 1 if start == edge else edge]
    if nearest not in NUMERALS or inner not in NUMERALS:
        return False
    if nearest == "两" and start == edge and text[edge + 1 : edge + 2] not in NUMERALS:
        return False  # the unit of weight: 五百两
    return found is not None or end - start == 1


def _depths(text: str) -> list[int]:
    """Return for each place how many numerals stand right before it."""
    depths, run = [], 0
    for character in text:
        depths.append(run)
        run = run + 1 if character in NUMERALS else 0
    return depths

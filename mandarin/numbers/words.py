"""The words of the dictionary around a numeral, and how likely each is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from mandarin.numbers.numerals import NUMERALS
from mandarin.words import common_words

_LIST = Path(__file__).resolve().parents[1] / "data" / "numeral_words.txt"
_TOTAL = math.log(60_101_967)  # of all counts in the dictionary
LONGEST = 10  # characters of the longest word looked for


@cache
def words() -> tuple[Mapping[str, float], frozenset[str]]:
    """Return the log-probability of words and characters, and all that longer words begin with."""
    lines = (line for line in _LIST.read_text(encoding="utf-8").splitlines() if line[:1] != "#")
    counts = ((word, int(count)) for word, _, count in (line.partition(" ") for line in lines))
    known = {word: math.log(count) - _TOTAL for word, count in counts}
    known |= {word: p for word, p in common_words().items() if not set(word) & NUMERALS}
    return known, frozenset(word[:length] for word in known for length in range(2, len(word)))


def begins_word(text: str, place: int) -> bool:
    """Whether a word of two characters or more stands at a place of a text."""
    known, _ = words()
    return any(text[place:end] in known for end in range(place + 2, place + 5))

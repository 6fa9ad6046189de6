"""Which Chinese words are common, and where the words of a text begin and end."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path

_LIST = Path(__file__).with_name("data") / "common_words.txt"
_LONGEST = 4  # characters of a listed word
_RAREST, _MOST_FREQUENT = -16.0, -8.0  # log-probabilities of common words, where `usualness` begins and ends
_MORE = -9.0  # log-probability of a word that is known beside the common ones
_CHARACTER = -12.0  # log-probability of a character that belongs to no listed word


@cache
def common_words() -> Mapping[str, float]:
    """Return the log-probability of each common word of two to four characters; the file names its source."""
    lines = _LIST.read_text(encoding="utf-8").splitlines()
    counts = {word: int(count) for word, _, count in (line.partition(" ") for line in lines if line[:1] != "#")}
    total = math.log(sum(counts.values()))
    return {word: math.log(count) - total for word, count in counts.items()}


def usualness(word: str) -> float:
    """Return how usual a word is among the common ones: 1 for the most frequent, towards 0, and 0 for no such word."""
    log_prob = common_words().get(word)
    return 0.0 if log_prob is None else min(1.0, max(0.0, (log_prob - _RAREST) / (_MOST_FREQUENT - _RAREST)))


def segment(text: str, more: Collection[str] = ()) -> list[str]:
    """Cut a text into its likeliest words; what belongs to none stays single characters.

    Args:
        text: of any characters; joined, the words are the text.
        more: words to know beside the common ones.
    """
    known = {**common_words(), **dict.fromkeys(more, _MORE)} if more else common_words()
    return cut(text, known, longest=max([_LONGEST, *map(len, more)]))


def cut(text: str, known: Mapping[str, float], *, longest: int) -> list[str]:
    """Cut a text into the words that are likeliest together; what belongs to none stays single characters.

    Args:
        text: of any characters; joined, the words are the text.
        known: the log-probability of each word.
        longest: characters of the longest word to look for.
    """
    # best[i]: the log-probability of the likeliest words up to i, and where the last of them begins.
    best: list[tuple[float, int]] = [(0.0, 0)]
    for end in range(1, len(text) + 1):
        choices = [(best[end - 1][0] + known.get(text[end - 1], _CHARACTER), end - 1)]
        starts = (start for start in range(max(0, end - longest), end - 1) if text[start:end] in known)
        choices += ((best[start][0] + known[text[start:end]], start) for start in starts)
        best.append(max(choices))
    words: list[str] = []
    end = len(text)
    while end:
        start = best[end][1]
        words.append(text[start:end])
        end = start
    return words[::-1]

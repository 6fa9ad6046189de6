"""Which Chinese words are common, and where the words of a text begin and end."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from functools import cache, lru_cache
from pathlib import Path

_LIST = Path(__file__).with_name("data") / "common_words.txt"
_LONGEST = 4  # characters of a listed word
_RAREST, _MOST_FREQUENT = -16.0, -8.0  # log-probabilities of common words, where `usualness` begins and ends
_MORE = -9.0  # log-probability of a word that is known beside the common ones
_SCRIPTS = re.compile(r"[a-z0-9']+|[^a-z0-9']+")
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


class WordCutter:
    """Cuts texts into the words that are likeliest together; a Latin word stays whole. Immutable, safe to share.

    A million sentences take well under a minute.
    """

    def __init__(self, known: Mapping[str, float], *, longest: int) -> None:
        """Take the log-probability of each word; words of more than `longest` characters are passed over."""
        self._known = {word: score for word, score in known.items() if len(word) <= longest}
        self._beginnings = {word[:length] for word in self._known for length in range(2, len(word))}

    def cut(self, text: str) -> list[str]:
        """Return the words of a text; joined, they are the text."""
        if text.isascii() or _SCRIPTS.fullmatch(text) is None:
            return [word for part in _SCRIPTS.findall(text) for word in self._parts(part)]
        return self._cut(text)

    def _parts(self, part: str) -> list[str]:
        return [part] if part.isascii() else self._cut(part)

    def _cut(self, text: str) -> list[str]:
        known, beginnings, count = self._known, self._beginnings, len(text)
        scores = [0.0] + [-1e30] * count
        starts = [0] * (count + 1)
        for start in range(count):
            here = scores[start]
            score = here + known.get(text[start], _CHARACTER)
            if score > scores[start + 1]:
                scores[start + 1], starts[start + 1] = score, start
            for end in range(start + 2, count + 1):
                piece = text[start:end]
                if piece in known:
                    score = here + known[piece]
                    if score > scores[end]:
                        scores[end], starts[end] = score, start
                if piece not in beginnings:
                    break
        words: list[str] = []
        end = count
        while end:
            words.append(text[starts[end] : end])
            end = starts[end]
        return words[::-1]


def segment(text: str, more: Collection[str] = ()) -> list[str]:
    """Cut a text into its likeliest words; what belongs to none stays single characters, Latin words stay whole.

    Args:
        text: of any characters; joined, the words are the text.
        more: words to know beside the common ones.
    """
    return _cutter(frozenset(more)).cut(text)


@lru_cache(maxsize=8)
def _cutter(more: frozenset[str]) -> WordCutter:
    known = {**common_words(), **dict.fromkeys(more, _MORE)}
    return WordCutter(known, longest=max([_LONGEST, *map(len, more)]))

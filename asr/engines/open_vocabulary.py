"""Recognisers that give text, not posteriors: their text as posteriors over whatever can be written in Chinese.

With these the same decoding serves all engines; hotwords are then found by their sound.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from asr.decoding.posteriors import Posteriors

UNRATED = 0.9
"""What is taken for the confidence of a recogniser that gives none: sure, but open to a hotword that sounds alike."""

_PIECES = "abcdefghijklmnopqrstuvwxyz0123456789'"  # of Latin words; all but the last end in @@, as FunASR's units
_CHARACTERS = (*range(0x4E00, 0xA000), 0x3005, 0x3007)  # 々 and 〇 stand apart
UNITS = ("<blank>", *map(chr, _CHARACTERS), *_PIECES, *(f"{piece}@@" for piece in _PIECES))

_INDEX = {unit: index for index, unit in enumerate(UNITS)}


@dataclass(frozen=True)
class SpokenText:
    """A piece of recognised text (a character, a word, or a sentence), seconds from the start of its segment."""

    text: str
    start: float
    end: float
    confidence: float = UNRATED


def posteriors_of(spoken: Iterable[SpokenText]) -> Posteriors:
    """Turn text with times into posteriors over `UNITS`.

    Punctuation and what is no part of Chinese or Latin words is left out. A piece of several characters is spread
    over its time evenly.
    """
    units: list[int] = []
    times: list[tuple[float, float]] = []
    sure: list[float] = []
    for piece in spoken:
        found = list(_units(piece.text))
        step = (piece.end - piece.start) / max(1, len(found))
        for place, unit in enumerate(found):
            units.append(_INDEX[unit])
            times.append((piece.start + place * step, piece.start + (place + 1) * step))
            sure.append(min(max(piece.confidence, 1e-3), 1.0 - 1e-3))
    probabilities = np.repeat(((1.0 - np.array(sure)) / (len(UNITS) - 1))[:, None], len(UNITS), axis=1)
    probabilities[np.arange(len(units)), units] = sure
    log_probs = np.log(probabilities).astype(np.float32)
    return Posteriors(log_probs.reshape(len(units), len(UNITS)), np.array(times, dtype=np.float32).reshape(-1, 2))


def words_of(text: str) -> list[str]:
    """Cut text into Chinese characters and Latin words, as FunASR gives times for; the rest is left out."""
    words: list[str] = []
    within = False
    for character in unicodedata.normalize("NFKC", text).lower():
        if character in _PIECES:
            words[len(words) - within :] = [words[-1] + character] if within else [character]
            within = True
            continue
        within = False
        if character in _INDEX:
            words.append(character)
    return words


def spread(words: Sequence[str], start: float, end: float) -> list[SpokenText]:
    """Give words equal shares of the time from `start` to `end`."""
    edges = np.linspace(start, end, len(words) + 1).tolist()
    return [SpokenText(word, *edges[place : place + 2]) for place, word in enumerate(words)]


def _units(text: str) -> Iterator[str]:
    for word in words_of(text):
        if len(word) > 1:
            yield from (f"{piece}@@" for piece in word[:-1])
        yield word[-1]

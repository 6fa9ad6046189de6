"""Finding words by their sound, because a recogniser of Mandarin writes the wrong character for the right syllable.

A syllable is an initial and a final; tones are ignored (recognisers confuse them most). Two syllables are compared
by features: initials by the accents' usual mergers (zh/z, ch/c, sh/s, n/l, f/h) and by place of articulation,
finals by medial, nucleus and coda (in/ing, en/eng, an/ang are near). A word is then aligned with every window of
the utterance (semi-global edit distance, as in Sellers 1980), over a whole lexicon at once in numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pypinyin import lazy_pinyin

from bot.understanding.normalised import CleanText
from mandarin import pinyin
from mandarin.near_sounds import FINAL_COSTS, INITIAL_COSTS, OPAQUE, Costs, near_class, parts, syllable_distance

__all__ = [
    "SoundLexicon",
    "SoundMatch",
    "Sounds",
    "near_class",
    "readings",
    "sounds_of",
    "syllable_distance",
    "syllables",
]

DELETION = 0.75  # a syllable of the word that was not heard
INSERTION = 0.55  # a syllable heard inside the word that does not belong there
HOMOPHONE = 0.03  # right syllable, wrong character: hardly worse than right, but the right one wins
LATTICE = 0.4  # at most this much for a candidate that the recogniser liked less

_DIGITS = dict(zip("0123456789", ["ling", "yi", "er", "san", "si", "wu", "liu", "qi", "ba", "jiu"], strict=True))


def readings(character: str) -> tuple[str, ...]:
    """Return the toneless syllables a character may stand for (the two usual ones), or () for what is not read."""
    if character in _DIGITS:
        return (_DIGITS[character],)
    return pinyin.readings(character)


def syllables(text: str) -> tuple[str, ...]:
    """Return one toneless syllable for each character of `text`, read in context; others stand for themselves."""
    spelled = "".join(_spell(character) for character in text)
    # pypinyin gives a run of unread characters as one item: the separator keeps one item a character
    items = lazy_pinyin(spelled, errors="\0".join, v_to_u=False)
    read = [syllable for item in items for syllable in item.split("\0")]
    return tuple(read) if len(read) == len(text) else tuple((readings(c) or (c,))[0] for c in text)


def _spell(character: str) -> str:
    return "零一二三四五六七八九"[int(character)] if character in _DIGITS else character


@dataclass(frozen=True)
class Sounds:
    """The readable characters of one utterance and how each may sound.

    `positions` maps them to the utterance's characters. The arrays are (characters, readings): initial and final
    indices (OPAQUE where unused) and the penalty of taking that reading. `options` are the characters themselves
    that may have been meant, with theirs.
    """

    text: str
    positions: tuple[int, ...]
    initials: npt.NDArray[np.int64]
    finals: npt.NDArray[np.int64]
    penalties: Costs
    options: tuple[tuple[tuple[str, float], ...], ...]


def sounds_of(heard: CleanText) -> Sounds:
    """Return the sounds of an utterance: for each character its readings, and those of the recogniser's candidates."""
    positions = tuple(index for index, character in enumerate(heard.text) if character.isalnum())
    text = "".join(heard.text[index] for index in positions)
    context = syllables(text)
    rows: list[list[tuple[int, int, float]]] = []
    options: list[tuple[tuple[str, float], ...]] = []
    for character, syllable, position in zip(text, context, positions, strict=True):
        row = [(*parts(reading), 0.0) for reading in dict.fromkeys((syllable, *readings(character)))]
        best = max(heard.certainty[position], 0.01)
        others = [
            (other, LATTICE * (1 - min(1.0, probability / best)))
            for other, probability in heard.candidates[position][:4]
            if probability >= 0.01
        ]
        for other, penalty in others:
            row += [(*parts(reading), penalty) for reading in readings(other)]
        rows.append(row)
        options.append(((character, 0.0), *others))
    width = max((len(row) for row in rows), default=1)
    table = np.full((len(rows), width, 3), OPAQUE, dtype=np.float64)
    for index, row in enumerate(rows):
        table[index, : len(row)] = row
    return Sounds(
        text=text,
        positions=positions,
        initials=table[:, :, 0].astype(np.int64),
        finals=table[:, :, 1].astype(np.int64),
        penalties=np.maximum(table[:, :, 2], 0).astype(np.float32),
        options=tuple(options),
    )


@dataclass(frozen=True)
class SoundMatch:
    """A word of the lexicon found in an utterance.

    `start` and `end` are character positions in the utterance; `score` is 1 minus the distance per syllable;
    `distance` the whole distance in syllables; `spelled` how many characters are the very ones of the word.
    """

    word: str
    start: int
    end: int
    score: float
    distance: float
    spelled: int


class SoundLexicon:
    """Words that can be found in utterances by their sound. Immutable after construction, safe to share."""

    def __init__(self, words: Sequence[str]) -> None:
        """Index `words` (each of one syllable or more; characters without a sound match only themselves)."""
        self._words = tuple(dict.fromkeys(word for word in words if word))
        units = {"": 0}  # the empty unit pads
        longest = max((len(word) for word in self._words), default=1)
        self._table = np.zeros((len(self._words), longest), dtype=np.int64)
        sounds: list[tuple[str, str]] = [("", "")]
        for row, word in enumerate(self._words):
            for column, (character, syllable) in enumerate(zip(word.lower(), syllables(word.lower()), strict=True)):
                unit = units.setdefault(f"{character}:{syllable}", len(units))
                if unit == len(sounds):
                    sounds.append((character, syllable))
                self._table[row, column] = unit
        self._units: dict[str, list[int]] = {}
        for unit, (character, _) in enumerate(sounds):
            self._units.setdefault(character, []).append(unit)
        rows = np.array([parts(syllable) if syllable else (OPAQUE, OPAQUE) for _, syllable in sounds])
        # thousands of characters have a few hundred sounds
        distinct, self._sound_of = np.unique(rows, axis=0, return_inverse=True)
        self._initials, self._finals = distinct[:, 0], distinct[:, 1]
        self._lengths = (self._table > 0).sum(axis=1)

    def find(self, sounds: Sounds, *, min_score: float, most: int = 12) -> list[SoundMatch]:
        """Return the words that sound like a part of the utterance, best score first, each at its best place.

        `min_score` is 0 to 1; at most `most` words are returned.
        """
        if not self._words or not sounds.text:
            return []
        costs = self._costs(sounds)
        cheapest = np.minimum(costs.min(axis=1), DELETION)
        cheapest[0] = 0.0
        bound = 1 - cheapest[self._table].sum(axis=1) / self._lengths
        rows = np.flatnonzero(bound >= min_score)
        if not len(rows):
            return []
        ends = _align(costs, self._table[rows], self._lengths[rows])
        distances = ends.min(axis=1)
        scores = 1 - distances / self._lengths[rows]
        order = np.argsort(-(scores + 1e-3 * self._lengths[rows]), kind="stable")
        best = [int(index) for index in order if scores[index] >= min_score][:most]
        return [self._locate(int(rows[index]), costs, sounds, int(ends[index].argmin())) for index in best]

    def _costs(self, sounds: Sounds) -> Costs:
        """Return (units, characters): what it costs to take each heard character for each unit of the lexicon."""
        initials = INITIAL_COSTS[self._initials[:, None, None], sounds.initials[None]]
        finals = FINAL_COSTS[self._finals[:, None, None], sounds.finals[None]]
        opaque = (self._initials[:, None, None] == OPAQUE) | (sounds.initials[None] == OPAQUE)
        each = np.where(opaque, 1.0, np.minimum(1.0, initials + finals + sounds.penalties[None] + HOMOPHONE))
        costs: Costs = each.min(axis=2).astype(np.float32)[self._sound_of]
        for position, options in enumerate(sounds.options):
            for option, penalty in options:
                for unit in self._units.get(option, ()):
                    costs[unit, position] = min(costs[unit, position], penalty)
        return costs

    def _locate(self, row: int, costs: Costs, sounds: Sounds, last: int) -> SoundMatch:
        """Trace the alignment of one word back from its last heard character."""
        units = self._table[row, : self._lengths[row]]
        word = self._words[row]
        grid = _grid(costs[units])
        syllable, place, spelled = len(units), last + 1, 0
        while syllable > 0 and place > 0:
            here = grid[syllable][place]
            step = grid[syllable - 1][place - 1] + float(costs[units[syllable - 1], place - 1])
            if abs(here - step) < 1e-6:
                syllable, place = syllable - 1, place - 1
                spelled += sounds.text[place] == word[syllable].lower()
            elif abs(here - grid[syllable - 1][place] - DELETION) < 1e-6:
                syllable -= 1
            else:
                place -= 1
        distance = max(0.0, float(grid[len(units)][last + 1]))
        first = min(place, last)
        return SoundMatch(
            word=word,
            start=sounds.positions[first],
            end=sounds.positions[last] + 1,
            score=1 - distance / len(units),
            distance=distance,
            spelled=spelled,
        )


def _align(costs: Costs, table: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> Costs:
    """Return (words, characters): the distance of each word's best alignment that ends at each character."""
    count, heard = len(table), costs.shape[1]
    slope = (INSERTION * np.arange(heard + 1)).astype(np.float32)
    row = np.zeros((count, heard + 1), dtype=np.float32)
    result = row
    for step in range(int(lengths.max())):
        moved = row + DELETION
        moved[:, 1:] = np.minimum(moved[:, 1:], row[:, :-1] + costs[table[:, step]])
        # the cheapest insertion chain is a running minimum once its constant slope is taken out
        row = np.minimum.accumulate(moved - slope, axis=1) + slope
        result = np.where((lengths > step)[:, None], row, result)
    ends: Costs = result[:, 1:]
    return ends


def _grid(costs: Costs) -> list[list[float]]:
    width = costs.shape[1]
    grid = [[0.0] * (width + 1)]
    for line in costs.tolist():
        above = grid[-1]
        row = [above[0] + DELETION]
        for place in range(1, width + 1):
            row.append(min(above[place - 1] + line[place - 1], above[place] + DELETION, row[place - 1] + INSERTION))
        grid.append(row)
    return grid

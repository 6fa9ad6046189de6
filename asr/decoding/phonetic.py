"""Hotwords that were heard right and written wrong: found by their syllables, whatever characters stand there.

The model's own posteriors say how sure it is of a syllable: the probabilities of all units that are read so are added
up, those of near sounds (`mandarin.near_sounds`) for a part. A word whose syllables are likely enough takes the place
of what was written when that is the better explanation, a price being paid for each character that has to change. So
words are found too that hold characters the model cannot write.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from asr.decoding.posteriors import Array
from asr.hotwords.list import DEFAULT_WEIGHT, HotwordList
from mandarin.near_sounds import near_class
from mandarin.pinyin import readings, syllables

_FLOOR = 1e-6  # of a probability
SHORT = 2  # characters of the hotwords that the price of usual words is given for
_SMALL = 100  # words; what a list of this size is given was chosen on the hotword set
_CROWDING = 3.0  # chosen there too, with lists of 1,000 and 5,000


def crowding(words: int, length: int) -> float:
    """Return what a word of `length` units pays for the length of its list, in nats: 0 up to 100 words.

    The more words there are, the likelier it is that one of them sounds like what was said by mere chance: with all
    words equally likely beforehand, each has 1 / words of the probability. That goes for words of two units above all;
    with each further one there are many times fewer things that sound like it.
    """
    return _CROWDING * math.log(max(1.0, words / _SMALL)) * (SHORT / max(SHORT, length)) ** 3


@dataclass(frozen=True)
class PhoneticSettings:
    """What makes a word be taken for what was said; the values were chosen on half of the hotword set.

    `near` is the part of a near sound's probability that counts; `price` what each changed character costs, `usual`
    what it costs besides where it belongs to a word that could not be more usual (清洗 is sooner meant than a homophone
    of its; for a hotword of two characters, and less for a longer one), and `bonus` what each character of a word of
    weight 20 earns, all in nats; `threshold` is the least mean probability of a syllable at that weight (a heavier
    word may be heard less well, a lighter one has to be heard better); `sure` is the mean probability of the written
    characters from which on a word of weight 20 leaves them alone; one of weight 40 takes a quarter of that doubt.
    """

    near: float = 0.3
    price: float = 2.0
    usual: float = 8.0
    bonus: float = 3.5
    threshold: float = 0.2
    sure: float = 0.96


@dataclass(frozen=True)
class SoundMatch:
    """A hotword that sounds like the positions `start` to `end` (exclusive).

    `gain` is how much better it explains them than what is written there, in nats; `probability` is the geometric
    mean of its syllables' probabilities.
    """

    word: str
    start: int
    end: int
    gain: float
    probability: float


class SoundTable:
    """Which syllables the units of a vocabulary stand for. Immutable, safe to share."""

    def __init__(self, units: Sequence[str]) -> None:
        """Read every unit; those that are no Chinese characters have no syllable."""
        self.unit_index = {unit.lower(): index for index, unit in enumerate(units)}
        # Syllables of one class stand side by side, so that either sum is one over neighbours.
        known = sorted({syllable for unit in units for syllable in readings(unit)}, key=lambda s: (near_class(s), s))
        self.syllable_index = {syllable: index for index, syllable in enumerate(known)}
        pairs = sorted(
            (self.syllable_index[syllable], index) for index, unit in enumerate(units) for syllable in readings(unit)
        )
        self._units = np.array([index for _, index in pairs], dtype=np.int64)
        self._starts = np.searchsorted([syllable for syllable, _ in pairs], np.arange(len(known)))
        classes = [near_class(syllable) for syllable in known]
        first = [index for index, name in enumerate(classes) if not index or classes[index - 1] != name]
        self._class_starts = np.array(first, dtype=np.int64)
        self._classes = np.searchsorted(first, np.arange(len(known)), side="right") - 1

    def log_probs(self, log_probs: Array, near: float) -> Array:
        """Turn (N, V) log-probabilities of units into (N, S) of syllables, near sounds counted for a part."""
        if not len(self._units):
            return np.zeros((len(log_probs), 0), dtype=np.float32)
        alone = np.add.reduceat(np.exp(log_probs[:, self._units]), self._starts, axis=1)
        # No matrix product, though it is one: the threads of a BLAS wait for each other on a busy machine.
        together = np.add.reduceat(alone, self._class_starts, axis=1)
        likely = alone + near * (together[:, self._classes] - alone)
        return np.asarray(np.log(np.clip(likely, _FLOOR, 1.0)), dtype=np.float32)


@dataclass(frozen=True)
class _Forms:
    """Words of one length: cells (W, L), weights relative to the usual one (W,)."""

    words: tuple[str, ...]
    cells: npt.NDArray[np.int64]
    weights: Array


class PhoneticWords:
    """A list of hotwords ready to be found by sound. Immutable, safe to share."""

    def __init__(self, hotwords: HotwordList, table: SoundTable, settings: PhoneticSettings) -> None:
        """Spell every word and alias in syllables; those with a character that has none are found by no sound."""
        self._table = table
        self._settings = settings
        self._count = len(hotwords)
        cells: dict[tuple[int, int], int] = {}
        forms: dict[int, list[tuple[str, list[int], float]]] = {}
        for hotword in hotwords:
            for form in (hotword.word, *hotword.aliases):
                read = syllables(form) if len(form) > 1 else None
                sounds = [table.syllable_index.get(syllable, -1) for syllable in read or ()]
                if not sounds or -1 in sounds:
                    continue
                # An alias is only a way to say the word: none of its own characters is wanted.
                wanted = [table.unit_index.get(char, -1) for char in form] if form is hotword.word else [-1] * len(form)
                row = [cells.setdefault(cell, len(cells)) for cell in zip(sounds, wanted, strict=True)]
                forms.setdefault(len(form), []).append((hotword.word, row, hotword.weight / DEFAULT_WEIGHT))
        self._syllables = np.array([syllable for syllable, _ in cells], dtype=np.int64)
        self._units = np.array([unit for _, unit in cells], dtype=np.int64)
        self._forms = [
            _Forms(
                tuple(word for word, _, _ in rows),
                np.array([row for _, row, _ in rows], dtype=np.int64),
                np.array([weight for _, _, weight in rows], dtype=np.float32),
            )
            for _, rows in sorted(forms.items())
        ]

    def find(self, log_probs: Array, units: npt.NDArray[np.int64], usual: Array) -> list[SoundMatch]:
        """Find the words that explain positions better than what is written there, the best first; they may overlap.

        Args:
            log_probs: (N, V), the positions that have text.
            units: (N,), what is written there now.
            usual: (N,), how usual the word is that each of them is part of, 0 to 1.
        """
        if not self._forms or not len(log_probs):
            return []
        settings = self._settings
        written = log_probs[np.arange(len(units)), units]
        sounds = self._table.log_probs(log_probs, settings.near)[:, self._syllables]
        spelled = np.where(self._units >= 0, log_probs[:, self._units], -np.inf)
        likely = np.maximum(spelled, sounds - settings.price)
        changed = self._units[None, :] != units[:, None]
        gains = likely - written[:, None]
        prices = np.where(changed, usual[:, None], np.float32(0.0))
        matches: list[SoundMatch] = []
        for forms in self._forms:
            matches += self._find_forms(forms, sounds, gains, prices, written)
        return sorted(matches, key=lambda match: (-match.gain, match.start))

    def _find_forms(
        self, forms: _Forms, sounds: Array, gains: Array, prices: Array, written: Array
    ) -> list[SoundMatch]:
        settings = self._settings
        length, places = forms.cells.shape[1], len(sounds) - forms.cells.shape[1] + 1
        if places <= 0:
            return []
        heard = np.zeros((places, len(forms.words)), dtype=np.float32)
        gained = heard + settings.bonus * length * forms.weights - crowding(self._count, length)
        for step in range(length):
            heard += sounds[step : step + places, forms.cells[:, step]]
            gained += gains[step : step + places, forms.cells[:, step]]
            # The longer a word, the less likely that it sounds like others by chance.
            gained -= settings.usual * SHORT / length * prices[step : step + places, forms.cells[:, step]]
        doubt = 1.0 - np.convolve(np.exp(written), np.ones(length), "valid") / length
        unsure = doubt[:, None] > (1.0 - settings.sure) / forms.weights**2
        clear = heard / length >= np.log(settings.threshold) / np.sqrt(forms.weights)
        return [
            SoundMatch(
                forms.words[word],
                int(place),
                int(place) + length,
                float(gained[place, word]),
                float(np.exp(heard[place, word] / length)),
            )
            for place, word in np.argwhere(clear & (gained > 0) & unsure)
        ]


def exact_aliases(hotwords: HotwordList) -> Mapping[str, str]:
    """Return which word each alias stands for; of words that claim the same alias the first one has it."""
    aliases: dict[str, str] = {}
    for hotword in hotwords:
        for alias in hotword.aliases:
            aliases.setdefault(alias, hotword.word)
    return aliases

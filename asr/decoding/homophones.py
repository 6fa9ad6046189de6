"""Characters that sound the same share what was heard: the probability of a syllable is the sum of theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from asr.decoding.posteriors import Posteriors
from mandarin.pinyin import toned_readings

_FLOOR = 1e-9  # of a probability


class Homophones:
    """Which units of a vocabulary sound the same, tone included. Immutable, safe to share."""

    def __init__(self, units: Sequence[str]) -> None:
        """Read every unit; those that are no Chinese characters have no sound."""
        read = {index: readings for index, unit in enumerate(units) if (readings := toned_readings(unit))}
        syllables = {syllable: number for number, syllable in enumerate(sorted({s for r in read.values() for s in r}))}
        pairs = sorted((syllables[syllable], index) for index, readings in read.items() for syllable in readings)
        self._members = np.array([index for _, index in pairs], dtype=np.int64)
        self._starts = np.searchsorted([syllable for syllable, _ in pairs], np.arange(len(syllables)))
        # Each unit's syllables, the first one again where others have more.
        most = max((len(readings) for readings in read.values()), default=0)
        self._units = np.array(list(read), dtype=np.int64)
        self._readings = np.array(
            [[syllables[s] for s in (*readings, *readings[:1] * most)[:most]] for readings in read.values()],
            dtype=np.int64,
        )

    def blend(self, posteriors: Posteriors, sound: float) -> Posteriors:
        """Give each character the log-probability of its likeliest syllable for a part.

        Args:
            posteriors: of one segment.
            sound: the part, 0 to 1; 0 changes nothing.

        Returns:
            Scores that no longer sum to one.
        """
        if not sound or not len(self._units) or not len(posteriors.log_probs):
            return posteriors
        probabilities = np.exp(posteriors.log_probs[:, self._members])
        heard = np.log(np.maximum(np.add.reduceat(probabilities, self._starts, axis=1), _FLOOR))
        likeliest = heard[:, self._readings[:, 0]]
        for column in self._readings.T[1:]:
            likeliest = np.maximum(likeliest, heard[:, column])
        log_probs = posteriors.log_probs.copy()
        log_probs[:, self._units] = (1 - sound) * log_probs[:, self._units] + sound * likeliest
        return replace(posteriors, log_probs=log_probs)

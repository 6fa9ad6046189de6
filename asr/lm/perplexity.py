"""How well a model expects a text, and how much of a field's model a mixture should have."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from asr.lm.ngram import NgramModel

_TOGETHER = 512  # sentences scored at once
_ROUNDS = 60
_CLOSE = 1e-4

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Judgement:
    """The log-probabilities (natural) that a model gives to the words of a text, and the text's characters."""

    scores: Floats
    characters: int

    @property
    def perplexity(self) -> float:
        """By character, so that models with different words can be compared."""
        return math.exp(-float(self.scores.sum()) / self.characters) if self.characters else math.inf


def judge(model: NgramModel, sentences: Sequence[Sequence[str]]) -> Judgement:
    """Score sentences, given as words, in their order; where sentences end is not scored."""
    scores = np.concatenate([np.zeros(0), *_batches(model, sentences)])
    return Judgement(scores, sum(len(word) for sentence in sentences for word in sentence))


def best_share(general: Floats, field: Floats) -> float:
    """Return the share of the field's model with which a mixture gives words the highest probability.

    Expectation maximisation over the one weight (Jelinek and Mercer 1980, deleted interpolation).

    Args:
        general: what the general model gives each word of a held-out text, log-probabilities.
        field: what the field's model gives the same words.
    """
    ratio = np.exp(np.clip(general - field, -50.0, 50.0))
    share = 0.5
    for _ in range(_ROUNDS):
        before, share = share, float(np.mean(share / (share + (1.0 - share) * ratio)))
        if abs(share - before) < _CLOSE:
            break
    return share


def _batches(model: NgramModel, sentences: Sequence[Sequence[str]]) -> Iterator[Floats]:
    for first in range(0, len(sentences), _TOGETHER):
        batch = sentences[first : first + _TOGETHER]
        lengths = np.array([len(sentence) for sentence in batch])
        words = np.full((len(batch), int(lengths.max(initial=0))), -1, dtype=np.int64)
        for row, sentence in enumerate(batch):
            words[row, : len(sentence)] = [model.ids.get(word, -1) for word in sentence]
        states = np.repeat(model.start()[None], len(batch), axis=0)
        given = np.zeros(words.shape)
        for column in range(words.shape[1]):
            given[:, column], states = model.advance(states, words[:, column])
        yield given[np.arange(words.shape[1]) < lengths[:, None]]

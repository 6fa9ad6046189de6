"""Linear interpolation of n-gram models: one that knows the language at large with one that knows a field.

The result is a single back-off model, as SRILM's `ngram -mix-lm` makes it (Stolcke 2002, "SRILM"): it holds every
n-gram of every model with the weighted mean of what the models give it, and back-off weights that make each
distribution sum to one again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from asr.lm.ngram import WORD_BITS, Ids, NgramModel, Order, Scores

_WORDS = (1 << WORD_BITS) - 1
_LEAST = 1e-12  # of a probability, or of what is left of one


def interpolate(models: Sequence[NgramModel], weights: Sequence[float]) -> NgramModel:
    """Mix models.

    Args:
        models: one at least; they may differ in words and order.
        weights: the share of each, positive; they are made to sum to one.

    Returns:
        The mixture, of the highest order among the models.

    Raises:
        ValueError: there is no model, not one weight for each, or one that is not positive.
    """
    if not models or len(models) != len(weights) or min(weights) <= 0:
        raise ValueError("one positive weight is needed for each model")
    shares = np.array(weights) / sum(weights)
    words = tuple(dict.fromkeys(word for model in models for word in model.words))
    parts = [_Part(model, words) for model in models]
    orders: list[Order] = []
    for number in range(1, max(model.order for model in models) + 1):
        keys = np.unique(np.concatenate([part.keys(number) for part in parts]))
        contexts, last = keys >> WORD_BITS, keys & _WORDS
        given = [part.extend(number, keys, contexts, last) for part in parts]
        mixed = sum(share * np.exp(scores.astype(np.float64)) for share, scores in zip(shares, given, strict=True))
        if number > 1:
            backoffs = _backoffs(NgramModel(words, tuple(orders)), contexts, last, np.asarray(mixed))
            orders[-1] = Order(orders[-1].keys, orders[-1].scores, backoffs)
        scores = np.log(np.maximum(mixed, _LEAST)).astype(np.float32)
        orders.append(Order(keys, scores, np.zeros(len(keys), dtype=np.float32)))
    return _by_frequency(NgramModel(words, tuple(orders)))


class _Part:
    """One of the models, asked about the n-grams of the mixture, order by order."""

    def __init__(self, model: NgramModel, words: Sequence[str]) -> None:
        self._model = model
        self._ours = np.array([model.ids.get(word, -1) for word in words], dtype=np.int64)
        place = {word: index for index, word in enumerate(words)}
        self._theirs = np.array([place[word] for word in model.words], dtype=np.int64)
        # For the order below the one that is asked about: where the model's n-grams lie in the mixture, and the
        # model's state after each n-gram of the mixture.
        self._places: Ids = np.zeros(0, dtype=np.int64)
        self._states: Ids = np.zeros((0, model.order - 1), dtype=np.int64)

    def keys(self, number: int) -> Ids:
        """Return the model's n-grams of one order, as the mixture writes them."""
        if number > self._model.order:
            return np.zeros(0, dtype=np.int64)
        if number == 1:
            return self._theirs
        keys = self._model.orders[number - 1].keys
        return np.asarray((self._places[keys >> WORD_BITS] << WORD_BITS) | self._theirs[keys & _WORDS])

    def extend(self, number: int, keys: Ids, contexts: Ids, last: Ids) -> Scores:
        """Return what the model gives to all n-grams of the mixture; -inf for words that it does not know."""
        words = self._ours[last]
        states = self._states[contexts] if number > 1 else np.full((len(keys), self._model.order - 1), -1)
        scores, after = self._model.advance(states, words)
        own = self.keys(number)
        self._places = np.searchsorted(keys, own)
        self._states = after
        return np.where(words >= 0, scores, -np.inf).astype(np.float32)


def _backoffs(shorter: NgramModel, contexts: Ids, last: Ids, given: np.ndarray) -> Scores:
    """Return the back-off weights of the contexts: what their n-grams leave, over what the shorter ones leave."""
    count = len(shorter.orders[-1].keys)
    states = _states_without_first(shorter)
    scores, _ = shorter.advance(states[contexts], last)
    taken = np.bincount(contexts, given, minlength=count)
    taken_shorter = np.bincount(contexts, np.exp(scores.astype(np.float64)), minlength=count)
    left, left_shorter = (np.maximum(1.0 - sum_, _LEAST) for sum_ in (taken, taken_shorter))
    return np.where(taken > 0, np.log(left / left_shorter), 0.0).astype(np.float32)


def _states_without_first(model: NgramModel) -> Ids:
    """Return the state after each of the longest n-grams, as if its first word had not been there."""
    states = np.full((1, model.order - 1), -1, dtype=np.int64)
    if model.order == 1:
        return np.zeros((len(model.orders[0].keys), 0), dtype=np.int64)
    columns: list[Ids] = []
    places = np.arange(len(model.orders[-1].keys))
    for order in reversed(model.orders):
        keys = order.keys[places]
        columns.append(keys & _WORDS)
        places = keys >> WORD_BITS
    states = np.repeat(states, len(columns[0]), axis=0)
    for column in columns[-2::-1]:
        _, states = model.advance(states, column)
    return states


def _by_frequency(model: NgramModel) -> NgramModel:
    """Number the words by frequency: small numbers pack well."""
    rank = np.argsort(-model.orders[0].scores, kind="stable")
    renamed = np.empty_like(rank)
    renamed[rank] = np.arange(len(rank))
    orders = [Order(np.arange(len(rank)), model.orders[0].scores[rank], model.orders[0].backoffs[rank])]
    places = renamed
    for order in model.orders[1:]:
        keys = (places[order.keys >> WORD_BITS] << WORD_BITS) | renamed[order.keys & _WORDS]
        sorting = np.argsort(keys, kind="stable")
        orders.append(Order(keys[sorting], order.scores[sorting], order.backoffs[sorting]))
        places = np.empty_like(sorting)
        places[sorting] = np.arange(len(sorting))
    return NgramModel(tuple(model.words[index] for index in rank), tuple(orders))

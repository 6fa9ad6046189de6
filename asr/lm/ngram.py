"""An n-gram model over words that many threads can ask at once.

The n-grams of each order lie sorted by (context, word), the context being the place of the (n-1)-gram before the
word; a look-up is a binary search in each order, done for whole arrays of questions at a time. Back-off is that of
the ARPA format, which SRILM, KenLM and others write (Katz 1987; Heafield 2011, "KenLM"). Scores are natural
logarithms.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]

START, END = "<s>", "</s>"
WORD_BITS = 21  # two million words


@dataclass(frozen=True)
class Order:
    """The n-grams of one order: sorted `keys` (context << WORD_BITS | word), and for each its score and back-off."""

    keys: Ids
    scores: Scores
    backoffs: Scores

    def find(self, contexts: Ids, words: Ids) -> Ids:
        """Return where (context, word) lies, -1 where it is not or where the context is -1."""
        if not len(self.keys):
            return np.full(np.broadcast_shapes(contexts.shape, words.shape), -1, dtype=np.int64)
        wanted = (contexts << WORD_BITS) | words
        places = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return np.where((contexts >= 0) & (self.keys[places] == wanted), places, -1)


class NgramModel:
    """Immutable, safe to share between threads.

    A state is what is remembered of a text: int64 (order - 1,), the places of its last one, two, ... words among the
    n-grams of those orders, -1 where they are none.
    """

    def __init__(self, words: tuple[str, ...], orders: tuple[Order, ...]) -> None:
        """Put a model together; `asr.lm.open_language_model` and `asr.lm.read_arpa` load one.

        Args:
            words: the unigrams, in the order of `orders[0]`.
            orders: one for each length of n-gram, from 1 on.
        """
        self.words = words
        self.orders = orders
        self.ids = {word: index for index, word in enumerate(words)}
        self.floor = float(orders[0].scores.min())
        """What a word scores that the model does not know: the least of all unigrams."""

    @property
    def order(self) -> int:
        """The length of the longest n-grams."""
        return len(self.orders)

    def __len__(self) -> int:
        """Return how many n-grams there are."""
        return sum(len(order.scores) for order in self.orders)

    def start(self) -> Ids:
        """Return the state of the empty text: after `<s>` where the model knows sentence boundaries."""
        state = np.full(self.order - 1, -1, dtype=np.int64)
        if len(state):
            state[0] = self.ids.get(START, -1)
        return state

    def advance(self, states: Ids, words: Ids) -> tuple[Scores, Ids]:
        """Score words after texts; the two arrays are broadcast against each other.

        Args:
            states: int64 (..., order - 1), of the texts.
            words: int64 (...), places in `words`; -1 for one that the model does not know.

        Returns:
            The scores, float32 (...), and the states after the words, int64 (..., order - 1).
        """
        known = words >= 0
        asked = np.where(known, words, 0)
        shape = np.broadcast_shapes(states.shape[:-1], words.shape)
        scores = np.broadcast_to(np.where(known, self.orders[0].scores[asked], self.floor), shape)
        after = np.full((*shape, self.order - 1), -1, dtype=np.int64)
        if self.order > 1:
            after[..., 0] = words
        for number, (shorter, order) in enumerate(pairwise(self.orders)):
            contexts = states[..., number]
            places = np.where(known, order.find(contexts, asked), -1)
            scores = scores + np.where(contexts >= 0, shorter.backoffs[contexts], np.float32(0.0))
            if len(order.scores):
                scores = np.where(places >= 0, order.scores[places], scores)
            if number + 1 < self.order - 1:
                after[..., number + 1] = places
        return np.asarray(scores, dtype=np.float32), after

    def finish(self, states: Ids) -> Scores:
        """Return what the end of the text adds, float32 (...): 0 where the model knows no sentence boundaries."""
        end = self.ids.get(END)
        if end is None:
            return np.zeros(states.shape[:-1], dtype=np.float32)
        return self.advance(states, np.full(states.shape[:-1], end, dtype=np.int64))[0]

    def score(self, words: Iterable[str]) -> float:
        """Return the natural logarithm of the probability of a text, given as its words."""
        state, total = self.start(), 0.0
        for word in words:
            added, state = self.advance(state, np.array(self.ids.get(word, -1)))
            total += float(added)
        return total + float(self.finish(state))

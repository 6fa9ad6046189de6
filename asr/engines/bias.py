"""Hotwords to the embeddings that SeACo and contextual Paraformer attend to.

Shi et al., "SeACo-Paraformer: A Non-Autoregressive ASR System with Flexible and Effective Hotword Customization
Ability", ICASSP 2024, section 3. An LSTM reads each word's units; its output at the last of them stands for the word.
The embedding of "<s>" stands for "no hotword here" and is always there. The model knows no weights: it is offered
every word of a list alike, and weights count in the tiers that come after it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

import numpy as np

from asr.decoding.greedy import UNKNOWN
from asr.decoding.hotwords import spell
from asr.decoding.posteriors import Array
from asr.engines.onnx.graph import Graph
from asr.hotwords.list import HotwordList

NO_HOTWORD = "<s>"
_KEPT = 16  # lists; the embeddings of 5,000 words take 10 MB
_AT_ONCE = 512  # words in one run: bounds the memory


class HotwordUnits:
    """Writes hotwords in the units of one vocabulary."""

    def __init__(self, units: Sequence[str]) -> None:
        """Take the vocabulary; raises ValueError when it has no "<s>"."""
        self._index = {unit: index for index, unit in enumerate(units)}
        if NO_HOTWORD not in self._index:
            raise ValueError(f"its vocabulary has no {NO_HOTWORD}, which stands for no hotword")
        self._unknown = self._index.get(UNKNOWN)

    def encode(self, hotwords: HotwordList) -> list[tuple[int, ...]]:
        """Give the units of every word that has any known one, then that of no hotword.

        A character outside the vocabulary becomes its <unk>, as in training. A word of nothing else would stand for
        any unknown word; it is left to the other tiers.
        """
        encoded = [self._spell(hotword.word) for hotword in hotwords]
        known = [units for units in encoded if any(unit != self._unknown for unit in units)]
        return [*known, (self._index[NO_HOTWORD],)]

    def _spell(self, word: str) -> tuple[int, ...]:
        whole = spell(word, self._index)
        if whole is not None:
            return whole
        units: list[int] = []
        for piece in _pieces(word):
            spelled = spell(piece, self._index)
            units += spelled if spelled is not None else [] if self._unknown is None else [self._unknown]
        return tuple(units)


class HotwordEncoder:
    """The LSTM: a list to embeddings, each list once. Safe to share between threads."""

    def __init__(self, graph: Graph, units: HotwordUnits) -> None:
        """Take model_eb.onnx: (hotword) to (hw_embed)."""
        self._graph = graph
        self._units = units
        self._lists: OrderedDict[str, Array] = OrderedDict()
        self._lock = Lock()

    def embed(self, hotwords: HotwordList) -> Array:
        """Return (W + 1, D) embeddings of a list's words and, last, of no hotword; raises RecognitionFailed."""
        with self._lock:
            known = self._lists.get(hotwords.digest)
            if known is None:
                known = self._run(self._units.encode(hotwords))
                self._lists[hotwords.digest] = known
                while len(self._lists) > _KEPT:
                    self._lists.popitem(last=False)
            self._lists.move_to_end(hotwords.digest)
            return known

    def _run(self, words: list[tuple[int, ...]]) -> Array:
        # Those of like length together: what is padded is computed for nothing.
        order = sorted(range(len(words)), key=lambda index: len(words[index]))
        rows: dict[int, Array] = {}
        for begin in range(0, len(order), _AT_ONCE):
            indices = order[begin : begin + _AT_ONCE]
            padded = np.zeros((len(indices), max(len(words[index]) for index in indices)), dtype=np.int32)
            for row, index in enumerate(indices):
                padded[row, : len(words[index])] = words[index]
            found = self._graph.run({"hotword": padded})["hw_embed"]  # (length, words, D)
            rows |= {index: found[len(words[index]) - 1, row] for row, index in enumerate(indices)}
        return np.stack([rows[index] for index in range(len(words))]).astype(np.float32)


def _pieces(word: str) -> list[str]:
    """Cut a word into Chinese characters and runs of Latin."""
    pieces: list[str] = []
    for character in word:
        if pieces and character.isascii() and pieces[-1].isascii():
            pieces[-1] += character
        else:
            pieces.append(character)
    return pieces

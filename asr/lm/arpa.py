"""Reading the ARPA format, in which language-model toolkits (SRILM, KenLM's lmplz, ...) exchange n-gram models."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from asr.errors import ModelInvalid
from asr.lm.ngram import START, WORD_BITS, NgramModel, Order

_LN10 = math.log(10.0)
_NEVER = -99.0 * _LN10  # SRILM's way to write the logarithm of 0


def read_arpa(path: Path, keep: Callable[[str], bool] = lambda word: True) -> NgramModel:
    """Read a model from an ARPA file.

    Args:
        path: the file, UTF-8.
        keep: which words to keep; n-grams that hold others are left out.

    Raises:
        OSError: the file cannot be read.
        ModelInvalid: it is no ARPA file; the error names the line.
    """
    with path.open(encoding="utf-8") as file:
        try:
            return _read(enumerate(file, 1), keep)
        except UnicodeDecodeError as error:
            raise ModelInvalid(f"{path} is not UTF-8.", file=str(path)) from error
        except _Wrong as error:
            raise ModelInvalid(f"{path}, line {error.line}: {error}", file=str(path), line=error.line) from error


class _Wrong(Exception):
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class _Rows:
    """The n-grams of one order as they are read."""

    def __init__(self, order: int) -> None:
        self.ids = array("q")
        self.scores = array("f")
        self.backoffs = array("f")
        self.order = order

    def arrange(self, shorter: list[Order]) -> Order:
        """Sort by context and word; contexts are places among the shorter n-grams."""
        words = np.array(self.ids, dtype=np.int64).reshape(-1, self.order)
        contexts = words[:, 0]
        for column, order in enumerate(shorter[1:], 1):
            contexts = order.find(contexts, words[:, column])
        keys = (contexts << WORD_BITS) | words[:, -1]
        # An n-gram whose beginning is not in the model can never be reached.
        chosen = np.flatnonzero(contexts >= 0)
        chosen = chosen[np.argsort(keys[chosen], kind="stable")]
        return Order(
            keys[chosen],
            np.array(self.scores, dtype=np.float32)[chosen],
            np.array(self.backoffs, dtype=np.float32)[chosen],
        )


def _read(lines: Iterator[tuple[int, str]], keep: Callable[[str], bool]) -> NgramModel:
    unigrams: list[tuple[float, float, str]] = []
    ids: dict[str, int] = {}
    orders: list[Order] = []
    rows: _Rows | None = None
    length = 0
    for number, line in lines:
        line = line.rstrip("\r\n")
        if line.startswith("\\") and line.endswith("-grams:"):
            if rows is not None:
                orders.append(rows.arrange(orders))
            elif length == 1:
                ids = _number(unigrams, orders)
            length += 1
            if line != f"\\{length}-grams:":
                raise _Wrong(number, f"\\{length}-grams: is expected here")
            rows = _Rows(length) if length > 1 else None
        elif line == "\\end\\":
            break
        elif length and line:
            score, words, backoff = _ngram(number, line, length)
            if rows is None:
                if keep(words[0]):
                    # KenLM gives the beginning of a sentence, which no text can hold, the probability 1.
                    unigrams.append((_NEVER if words[0] == START else score, backoff, words[0]))
            else:
                _add(rows, ids, score, words, backoff)
    else:
        raise _Wrong(0, "the file ends before \\end\\")
    if rows is not None:
        orders.append(rows.arrange(orders))
    elif length == 1:
        ids = _number(unigrams, orders)
    if not ids:
        raise _Wrong(0, "there is no word in it")
    return NgramModel(tuple(ids), tuple(orders))


def _number(unigrams: list[tuple[float, float, str]], orders: list[Order]) -> dict[str, int]:
    """Number the words by frequency, so that the numbers in most n-grams are small and pack well."""
    unigrams.sort(key=lambda unigram: -unigram[0])
    scores = np.array([score for score, _, _ in unigrams], dtype=np.float32)
    backoffs = np.array([backoff for _, backoff, _ in unigrams], dtype=np.float32)
    orders.append(Order(np.arange(len(unigrams), dtype=np.int64), scores, backoffs))
    return {word: index for index, (_, _, word) in enumerate(unigrams)}


def _add(rows: _Rows, ids: dict[str, int], score: float, words: Iterable[str], backoff: float) -> None:
    found = [ids.get(word, -1) for word in words]
    if min(found) >= 0:
        rows.ids.extend(found)
        rows.scores.append(score)
        rows.backoffs.append(backoff)


def _ngram(number: int, line: str, length: int) -> tuple[float, list[str], float]:
    fields = line.replace("\t", " ").split(" ")
    if len(fields) not in (length + 1, length + 2):
        raise _Wrong(number, f"a score, {length} words and at most a back-off weight are expected")
    try:
        backoff = float(fields[length + 1]) if len(fields) == length + 2 else 0.0
        return float(fields[0]) * _LN10, fields[1 : length + 1], backoff * _LN10
    except ValueError:
        raise _Wrong(number, "a score is no number") from None

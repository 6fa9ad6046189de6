"""N-gram models on disk: one small .npz file, four bytes an n-gram.

Scores and back-offs are kept as one byte each, the index into a table of 256 values chosen so that each stands for
equally many n-grams. Words are kept as their distance from the one before under the same context, in planes of one
byte, which compress well.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.errors import ModelFileMissing, ModelInvalid
from asr.lm.ngram import WORD_BITS, Ids, NgramModel, Order, Scores

_LEVELS = 256
_PLANES = 3  # bytes of a count or of the distance between two words
_WORDS = (1 << WORD_BITS) - 1

Arrays = Mapping[str, npt.NDArray[np.generic]]


def save_language_model(model: NgramModel, path: Path) -> None:
    """Write a model to one file, which appears whole or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    arrays: dict[str, npt.NDArray[np.generic]] = {"words": np.frombuffer("\n".join(model.words).encode(), np.uint8)}
    for number, order in enumerate(model.orders, 1):
        arrays |= _quantised(f"scores{number}", order.scores)
        if number < model.order:
            arrays |= _quantised(f"backoffs{number}", order.backoffs)
        if number > 1:
            counts = np.bincount(order.keys >> WORD_BITS, minlength=len(model.orders[number - 2].keys))
            arrays[f"counts{number}"] = _planes(counts)
            arrays[f"steps{number}"] = _planes(_steps(order.keys & _WORDS, counts))
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # numpy's stub takes the arrays for its own options
    partial.replace(path)


def open_language_model(path: Path) -> NgramModel:
    """Read what `save_language_model` wrote.

    Raises:
        ModelFileMissing: there is no such file.
        ModelInvalid: it is no such model.
    """
    if not path.is_file():
        raise ModelFileMissing(f"There is no language model at {path}.", folder=str(path.parent), file=path.name)
    try:
        with zipfile.ZipFile(path), np.load(path, allow_pickle=False) as arrays:
            return _model(arrays)
    except (OSError, ValueError, KeyError, IndexError, zipfile.BadZipFile, zlib.error) as error:
        raise ModelInvalid(f"{path} is no language model: {error}", file=str(path)) from error


def _model(arrays: Arrays) -> NgramModel:
    words = tuple(arrays["words"].tobytes().decode().split("\n"))
    orders: list[Order] = []
    while f"scores{len(orders) + 1}" in arrays:
        number = len(orders) + 1
        scores = _values(arrays, f"scores{number}")
        keys = np.arange(len(words), dtype=np.int64)
        if number > 1:
            counts = _joined(arrays[f"counts{number}"])
            contexts = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
            keys = (contexts << WORD_BITS) | _followers(_joined(arrays[f"steps{number}"]), counts)
        if len(keys) != len(scores):
            raise ValueError(f"{len(keys)} n-grams of order {number} and {len(scores)} scores")
        last = f"backoffs{number}" not in arrays
        orders.append(Order(keys, scores, np.zeros(0, np.float32) if last else _values(arrays, f"backoffs{number}")))
    return NgramModel(words, tuple(orders))


def _quantised(name: str, values: Scores) -> dict[str, npt.NDArray[np.generic]]:
    distinct = np.unique(values)
    table = distinct
    if len(distinct) > _LEVELS:
        # The middle of each of 256 equally large groups, the extremes kept as they are.
        table = np.unique(np.quantile(values, np.linspace(0.0, 1.0, _LEVELS)).astype(np.float32))
    edges = (table[1:] + table[:-1]) / 2
    return {name: np.searchsorted(edges, values).astype(np.uint8), f"{name}_table": table}


def _values(arrays: Arrays, name: str) -> Scores:
    return np.asarray(arrays[f"{name}_table"][arrays[name]], dtype=np.float32)


def _planes(values: Ids) -> npt.NDArray[np.uint8]:
    return np.stack([(values >> (8 * plane)) & 0xFF for plane in range(_PLANES)]).astype(np.uint8)


def _joined(planes: npt.NDArray[np.generic]) -> Ids:
    bytes_ = np.asarray(planes, dtype=np.int64)
    return np.asarray(sum(bytes_[plane] << (8 * plane) for plane in range(_PLANES)), dtype=np.int64)


def _firsts(counts: Ids) -> Ids:
    """Return where each context that has followers has its first one."""
    starts = np.cumsum(counts) - counts
    return np.asarray(starts[counts > 0], dtype=np.int64)


def _steps(followers: Ids, counts: Ids) -> Ids:
    """Turn sorted followers into distances; the first of each context stays as it is."""
    steps = np.diff(followers, prepend=0)
    firsts = _firsts(counts)
    steps[firsts] = followers[firsts]
    return steps


def _followers(steps: Ids, counts: Ids) -> Ids:
    """Undo `_steps`."""
    summed = np.cumsum(steps)
    firsts = _firsts(counts)
    before = summed[firsts] - steps[firsts]
    return np.asarray(summed - np.repeat(before, counts[counts > 0]), dtype=np.int64)

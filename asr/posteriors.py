"""What the acoustic model says about one segment: a distribution over the vocabulary for each token, and its time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

_EDGE = 0.1  # of a token's weight; what lies outside is as likely the pause between two tokens


@dataclass(frozen=True)
class Posteriors:
    """The model's output for one segment of N tokens over V units.

    `log_probs` is float32 (N, V), natural logarithms that sum to 1 in each row. `times` is float32 (N, 2): start and
    end of each token, in seconds from the start of the segment.
    """

    log_probs: Array
    times: Array


def token_times(weights: Array | None, count: int, *, weight_seconds: float, seconds: float) -> Array:
    """Place tokens in time by their CIF weights (Dong and Xu, "CIF", ICASSP 2020).

    A token fires when the sum of the weights reaches the next whole number, so token k owns the weights between k and
    k + 1. A tenth of that is left out at either edge: weights are near zero in a pause, and without that a token
    beside it would claim it.

    Args:
        weights: (frames,), or None for a model that does not give them: tokens are spread evenly then.
        count: number of tokens.
        weight_seconds: length of a weight's frame.
        seconds: length of the segment; no time lies behind it.

    Returns:
        (count, 2) start and end of each token, seconds, never decreasing.
    """
    if not count:
        return np.zeros((0, 2), dtype=np.float32)
    total = 0.0 if weights is None else float(weights.sum())
    if weights is None or total <= 0.0:
        edges = np.linspace(0.0, seconds, count + 1)
        return np.stack([edges[:-1], edges[1:]], axis=1).astype(np.float32)
    reached = np.concatenate([[0.0], np.cumsum(weights, dtype=np.float64)]) * (count / total)
    moments = np.arange(len(reached)) * weight_seconds
    tokens = np.arange(count)
    starts = np.interp(tokens + _EDGE, reached, moments)
    ends = np.interp(tokens + 1.0 - _EDGE, reached, moments)
    return np.asarray(np.clip(np.stack([starts, ends], axis=1), 0.0, seconds), dtype=np.float32)

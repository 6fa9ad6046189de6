"""What the acoustic model says about one segment: a distribution over the vocabulary for each token, or each frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

_EDGE = 0.1  # of a token's weight; what lies outside is as likely the pause between two tokens

# FunASR's figures, in frames of its time predictor: what a fire is late by, the longest token, the shortest silence.
_FIRED = 1.0 - 1e-4
_FIRE_SHIFT = -1.5
_LONGEST = 12
_SILENCE = 5


@dataclass(frozen=True)
class Posteriors:
    """The model's output for one segment of N tokens over V units.

    `log_probs` is float32 (N, V), natural logarithms that sum to 1 in each row. `times` is float32 (N, 2): start and
    end of each token, in seconds from the start of the segment.
    """

    log_probs: Array
    times: Array


@dataclass(frozen=True)
class Frames:
    """The output of a CTC model for one segment: float32 (T, V) natural logarithms that sum to 1 in each row.

    `blank` is the column that means nothing; a frame is `frame_seconds` long, the segment `seconds`.
    """

    log_probs: Array
    blank: int
    frame_seconds: float
    seconds: float


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


def fired_times(weights: Array, count: int, *, ended: bool, weight_seconds: float, seconds: float) -> Array:
    """Place tokens in time by the weights of FunASR's time predictor.

    It is trained so that it fires where a token begins, so a token lasts from its own fire to the next one, and the
    last fire ends the last token: "Achieving Timestamp Prediction While Recognizing with Non-Autoregressive End-to-End
    ASR Model" (Shi et al. 2023), section 3, with the figures of FunASR's `ts_prediction_lfr6_standard`.

    Args:
        weights: (frames,), none above 1.
        count: number of tokens that the model gave.
        ended: whether the last of them is the end of the sentence, which has no time of its own.
        weight_seconds: length of a weight's frame.
        seconds: length of the segment; no time lies behind it.

    Returns:
        (count, 2) start and end of each token, seconds, never decreasing.
    """
    spoken = count - 1 if ended else count
    total = float(weights.sum())
    if spoken < 1 or total <= 0.0:
        return token_times(None, count, weight_seconds=weight_seconds, seconds=seconds)
    reached = np.cumsum(weights, dtype=np.float64) * ((spoken + 1) / total)
    fires = np.searchsorted(reached, np.arange(1, spoken + 2) * _FIRED) + _FIRE_SHIFT
    starts, ends = fires[:-1], np.minimum(fires[1:], fires[:-1] + _LONGEST)
    rest = len(weights) - fires[-1]
    ends[-1] = fires[-1] + rest / 2 if rest > _SILENCE else len(weights)
    times = np.stack([np.append(starts, ends[-1:]), np.append(ends, ends[-1:])], axis=1)[:count]
    return np.asarray(np.clip(times * weight_seconds, 0.0, seconds), dtype=np.float32)


def log_softmax(scores: Array) -> Array:
    """Normalise logits (N, V); log-probabilities come out as they were."""
    if not scores.size:
        return scores
    shifted = scores - scores.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)), dtype=np.float32)

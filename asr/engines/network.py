"""What a Paraformer's network is asked for, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from asr.decoding.posteriors import Array
from asr.hotwords.list import HotwordList


@dataclass(frozen=True)
class Batch:
    """What a network gave for B segments.

    `scores` (B, N, V) are log-probabilities or logits, `counts` (B,) the tokens of each. `weights` (B, S) are CIF
    weights; `fires` says whether they are those of FunASR's time predictor, which fires where a token begins.
    """

    scores: Array
    counts: np.ndarray
    weights: Array | None
    fires: bool = False


class Network(Protocol):
    """A Paraformer's network, whatever runs it. Safe to share between threads."""

    @property
    def takes_hotwords(self) -> bool:
        """Whether it has a hotword encoder."""
        ...

    def run(self, features: Array, lengths: np.ndarray, hotwords: HotwordList) -> Batch:
        """Run a batch through the network.

        Args:
            features: (B, T, D), of which `lengths` (B,) frames are real.
            lengths: as said.
            hotwords: for a network that takes them.

        Raises:
            RecognitionFailed: it failed.
        """
        ...

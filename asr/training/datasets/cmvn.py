"""Mean and variance of filter bank features (CMVN), in the am.mvn file that FunASR's front end reads.

Format: Kaldi's nnet1 text, AddShift with the negative means and Rescale with the inverse standard deviations, each
row repeated for every frame that low frame rate (LFR) stacks.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from asr.audio.frontend import Features, Samples, WavFrontend

MELS = 80
STACK = 7
"""Frames in one, ``lfr_m`` of FunASR's Paraformer."""


class CmvnStatistics:
    """Sums over all frames seen so far."""

    def __init__(self, mels: int = MELS) -> None:
        """Of ``mels`` mel bins."""
        self._frontend = WavFrontend(
            np.zeros(mels, np.float32), np.ones(mels, np.float32), stack=1, stride=1, mels=mels
        )
        self._count = 0
        self._sum = np.zeros(mels)
        self._squares = np.zeros(mels)

    def add(self, samples: Samples) -> None:
        """Take in a recording, mono at 16 kHz."""
        frames: Features = self._frontend.fbank(samples)
        wide = frames.astype(np.float64)
        self._count += len(wide)
        self._sum += wide.sum(axis=0)
        self._squares += (wide**2).sum(axis=0)

    def save(self, path: Path, stack: int = STACK) -> None:
        """Write am.mvn for features of ``stack`` frames; raises ValueError when no frame was seen."""
        if not self._count:
            raise ValueError("no audio to compute the mean and variance of")
        mean = self._sum / self._count
        variance = self._squares / self._count - mean**2
        scale = 1.0 / np.sqrt(np.maximum(variance, 1e-10))
        size = len(mean) * stack
        rows = [f"<Nnet>\n<Splice> {size} {size}\n[ 0 ]"]
        for name, row in (("AddShift", -mean), ("Rescale", scale)):
            values = " ".join(f"{value:.6f}" for value in np.tile(row, stack))
            rows.append(f"<{name}> {size} {size}\n<LearnRateCoef> 0 [ {values} ]")
        path.write_text("\n".join([*rows, "</Nnet>\n"]), encoding="utf-8")

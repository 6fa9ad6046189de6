"""Any uploaded recording, to float32 mono samples at 16 kHz."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SAMPLE_RATE = 16000


@dataclass(frozen=True)
class Audio:
    """Mono sound: `samples` is float32 of shape (n,) within [-1, 1], `sample_rate` in Hz."""

    samples: npt.NDArray[np.float32]
    sample_rate: int = SAMPLE_RATE

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate


@dataclass(frozen=True)
class AudioLimits:
    """What is taken at most: bytes of the file, seconds of sound, seconds spent on decoding it."""

    max_bytes: int = 50 * 2**20
    max_seconds: float = 600.0
    decode_timeout: float = 30.0

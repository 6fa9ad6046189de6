"""The speech corpus: manifest lines to samples and characters."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Clip:
    """One line of a manifest (FunASR and NeMo style JSON lines): where the audio lies, and what is said."""

    id: str
    path: Path
    text: str
    kind: str = ""

    def samples(self) -> Samples:
        """The audio as float32 mono at 16 kHz; raises soundfile.LibsndfileError when it cannot be read."""
        samples, rate = sf.read(self.path, dtype="float32", always_2d=True)
        mono = samples.mean(axis=1)
        return mono if rate == SAMPLE_RATE else soxr.resample(mono, rate, SAMPLE_RATE)


def read_manifest(path: Path, root: Path | None = None) -> list[Clip]:
    """Read JSON lines with ``id``, ``audio_filepath`` (relative to ``root``, else to the manifest), ``text``."""
    root = root or path.parent
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [Clip(r["id"], root / r["audio_filepath"], r["text"], r.get("kind", "")) for r in lines]


def is_han(text: str) -> bool:
    """Whether every character is a Chinese one of Unicode's basic block, as the recogniser's vocabulary is."""
    return all("\u4e00" <= character <= "\u9fff" for character in text)


def han(text: str) -> str:
    """The Chinese characters of a text, everything else left out."""
    return "".join(character for character in text if is_han(character))


def trim(samples: Samples, threshold: float = 0.02, margin: float = 0.1) -> Samples:
    """Cut silence off both ends: frames of 10 ms under ``threshold`` of the loudest, but for ``margin`` seconds."""
    hop = SAMPLE_RATE // 100
    frames = samples[: len(samples) // hop * hop].reshape(-1, hop)
    energy = np.sqrt((frames**2).mean(axis=1))
    loud = np.flatnonzero(energy > threshold * energy.max(initial=0.0))
    if not len(loud):
        return samples
    pad = int(margin * SAMPLE_RATE)
    return samples[max(0, loud[0] * hop - pad) : (loud[-1] + 1) * hop + pad]


def join(clips: Sequence[Clip], rng: np.random.Generator, gap: tuple[float, float], *, level: bool = False) -> Samples:
    """Clips after one another with random pauses.

    Args:
        clips: what to say, in order.
        rng: the source of the pauses.
        gap: least and most seconds between two clips.
        level: trim every clip and bring it to one loudness first, as single words of a dictionary need it.
    """
    parts: list[Samples] = []
    for clip in clips:
        samples = clip.samples()
        if level:
            samples = trim(samples)
            samples = samples / (np.abs(samples).max() + 1e-6) * np.float32(0.5)
        parts += [samples, np.zeros(int(rng.uniform(*gap) * SAMPLE_RATE), np.float32)]
    return np.concatenate(parts[:-1])


def group(clips: Iterable[Clip], rng: np.random.Generator, least: int, most: int) -> list[list[Clip]]:
    """Shuffle the clips and divide them into runs of ``least`` to ``most``."""
    shuffled = list(clips)
    rng.shuffle(shuffled)
    runs = []
    while shuffled:
        size = int(rng.integers(least, most + 1))
        runs.append(shuffled[:size])
        shuffled = shuffled[size:]
    return runs

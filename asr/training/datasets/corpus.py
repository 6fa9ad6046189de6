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

from asr.audio.decoding import AudioLimits, decode_audio

SAMPLE_RATE = 16_000
Samples = NDArray[np.float32]
_LIMITS = AudioLimits(max_bytes=2**31, max_seconds=24 * 3600.0, decode_timeout=600.0)


@dataclass(frozen=True)
class Clip:
    """One line of a manifest (FunASR and NeMo style JSON lines): where the audio lies, and what is said."""

    id: str
    path: Path
    text: str
    kind: str = ""
    offset: float | None = None
    """Where in the file it begins, in seconds; None is the whole file."""
    duration: float | None = None
    """Its length in seconds, as the manifest states it; cuts the sound off only beside an offset."""

    @property
    def seconds(self) -> float:
        """Its length, as stated or else as the file says; 0 when neither tells."""
        if self.duration is not None:
            return self.duration
        try:
            return float(sf.info(self.path).duration)
        except sf.LibsndfileError:
            return 0.0

    def samples(self) -> Samples:
        """The audio as float32 mono at 16 kHz.

        Raises:
            AudioError: it cannot be read.
            OSError: the file is not there.
        """
        try:
            return self._read()
        except sf.LibsndfileError:  # m4a, amr and the like, which ffmpeg reads
            samples = decode_audio(self.path.read_bytes(), limits=_LIMITS).samples
            return self._stretch(samples, SAMPLE_RATE)

    def _read(self) -> Samples:
        with sf.SoundFile(self.path) as file:
            rate = file.samplerate
            start = round((self.offset or 0.0) * rate)
            file.seek(min(start, file.frames))
            whole = self.offset is None or self.duration is None
            samples = file.read(-1 if whole else round((self.duration or 0.0) * rate), "float32", always_2d=True)
        mono = samples.mean(axis=1)
        return mono if rate == SAMPLE_RATE else soxr.resample(mono, rate, SAMPLE_RATE)

    def _stretch(self, samples: Samples, rate: int) -> Samples:
        if self.offset is None:
            return samples
        start = round(self.offset * rate)
        return samples[start:] if self.duration is None else samples[start : start + round(self.duration * rate)]


def read_manifest(path: Path, root: Path | None = None) -> list[Clip]:
    """Read JSON lines as ``prepare`` writes them.

    Args:
        path: lines with ``id``, ``audio_filepath``, ``text``, and perhaps ``kind``, ``offset``, ``duration``.
        root: what relative audio paths are relative to; None is the manifest's folder.
    """
    root = root or path.parent
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [
        Clip(r["id"], root / r["audio_filepath"], r["text"], r.get("kind", ""), r.get("offset"), r.get("duration"))
        for r in lines
    ]


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

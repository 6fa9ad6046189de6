"""Waveform augmentation: other speakers, rooms, microphones and noises out of clean synthetic speech."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import soxr

from asr.training.corpus import SAMPLE_RATE, Samples

NoiseSource = Callable[[], Samples]


class Augmenter:
    """Speed and pitch, vocal-tract length, room, microphone, noise, loudness: each drawn anew for every clip."""

    def __init__(self, rng: np.random.Generator, babble: NoiseSource) -> None:
        """``babble`` gives speech of somebody else at 16 kHz, of any length over zero."""
        self.rng = rng
        self.babble = babble

    def __call__(self, samples: Samples) -> Samples:
        """Float32 mono at 16 kHz in, another version of it out; only the speed changes its length."""
        rng = self.rng
        samples = change_speed(samples, float(rng.choice([0.86, 0.9, 0.95, 1.0, 1.0, 1.05, 1.1, 1.16])))
        if rng.random() < 0.4:
            samples = reverberate(samples, rng, seconds=rng.uniform(0.08, 0.45), level=rng.uniform(0.1, 0.6))
        samples = equalise(samples, rng, decibels=6.0)
        if rng.random() < 0.2:
            samples = band_limit(samples, low=rng.uniform(50, 300), high=rng.uniform(3_400, 6_000))
        if rng.random() < 0.75:
            noise = self._noise(len(samples))
            samples = add_noise(samples, noise, snr=rng.uniform(6, 35))
        return scale(samples, peak_decibels=rng.uniform(-24, -1))

    def _noise(self, length: int) -> Samples:
        if self.rng.random() < 0.3:
            return np.resize(self.babble(), length)
        return coloured_noise(length, self.rng, tilt=self.rng.uniform(0, 1))


def change_speed(samples: Samples, factor: float) -> Samples:
    """Faster and higher (factor over 1) or slower and lower, formants included, as by another speaker."""
    return samples if factor == 1 else soxr.resample(samples, SAMPLE_RATE, SAMPLE_RATE / factor)


def reverberate(samples: Samples, rng: np.random.Generator, seconds: float, level: float) -> Samples:
    """A room as a direct path and exponentially decaying noise: 60 dB in ``seconds``, ``level`` of the direct path."""
    length = int(seconds * SAMPLE_RATE)
    tail = rng.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length)
    tail *= level / np.sqrt((tail**2).sum())
    tail[0] = 1.0
    size = 1 << (len(samples) + length).bit_length()
    spectrum = np.fft.rfft(samples, size) * np.fft.rfft(tail, size)
    return np.fft.irfft(spectrum, size)[: len(samples)].astype(np.float32)


def equalise(samples: Samples, rng: np.random.Generator, decibels: float) -> Samples:
    """A microphone's frequency response: seven random gains within ± ``decibels``, joined by lines."""
    spectrum = np.fft.rfft(samples)
    knots = np.array([0, 0.03, 0.08, 0.2, 0.4, 0.7, 1.0])
    gains = np.interp(np.linspace(0, 1, len(spectrum)), knots, rng.uniform(-decibels, decibels, len(knots)))
    return np.fft.irfft(spectrum * 10 ** (gains / 20), len(samples)).astype(np.float32)


def band_limit(samples: Samples, low: float, high: float) -> Samples:
    """A telephone or a cheap microphone: what lies outside ``low`` to ``high`` Hz loses 30 dB."""
    spectrum = np.fft.rfft(samples)
    frequencies = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    spectrum[(frequencies < low) | (frequencies > high)] *= 10 ** (-30 / 20)
    return np.fft.irfft(spectrum, len(samples)).astype(np.float32)


def coloured_noise(length: int, rng: np.random.Generator, tilt: float) -> Samples:
    """White (``tilt`` 0) to brownish (1) noise."""
    spectrum = np.fft.rfft(rng.standard_normal(length))
    spectrum /= (1 + 50 * np.linspace(0, 1, len(spectrum))) ** tilt
    return np.fft.irfft(spectrum, length).astype(np.float32)


def hum(length: int, rng: np.random.Generator) -> Samples:
    """Mains hum and machine tones: a few harmonics of one low frequency."""
    time = np.arange(length) / SAMPLE_RATE
    base = rng.uniform(45, 400)
    tones = [rng.uniform(0, 1) * np.sin(2 * np.pi * base * k * time) for k in range(1, 6)]
    return np.sum(tones, axis=0).astype(np.float32)


def clicks(length: int, rng: np.random.Generator) -> Samples:
    """Keys, taps and knocks: short decaying bursts in silence."""
    samples = coloured_noise(length, rng, tilt=0.5) * np.float32(0.01)
    for start in rng.integers(0, max(1, length - 800), size=max(1, length // SAMPLE_RATE * 3)):
        burst = rng.standard_normal(800) * np.exp(-np.arange(800) / rng.uniform(20, 150))
        samples[start : start + 800] += burst[: length - start].astype(np.float32)
    return samples


def add_noise(samples: Samples, noise: Samples, snr: float) -> Samples:
    """Mix at ``snr`` decibels, measured over the whole clip; ``noise`` has the length of ``samples``."""
    power, noise_power = float((samples**2).mean()), float((noise**2).mean())
    if noise_power == 0:
        return samples
    return samples + noise * np.float32(np.sqrt(power / noise_power / 10 ** (snr / 10)))


def scale(samples: Samples, peak_decibels: float) -> Samples:
    """Bring the largest sample to ``peak_decibels`` below full scale; silence stays silence."""
    peak = np.abs(samples).max(initial=0.0)
    return (samples / peak * 10 ** (peak_decibels / 20)).astype(np.float32) if peak else samples


def warp_mel(mel: Samples, factor: float) -> Samples:
    """Vocal-tract length on a log-mel spectrogram (frames, bands): formants move by ``factor``, the pitch barely."""
    bands = np.arange(mel.shape[1])
    source = np.clip(bands * factor, 0, mel.shape[1] - 1)
    lower = np.floor(source).astype(int)
    upper = np.minimum(lower + 1, mel.shape[1] - 1)
    weight = (source - lower).astype(np.float32)
    return mel[:, lower] * (1 - weight) + mel[:, upper] * weight


def non_speech(rng: np.random.Generator) -> Samples:
    """One to six seconds in which nobody speaks: noise, hum, clicks or silence."""
    length = int(rng.uniform(1, 6) * SAMPLE_RATE)
    kinds: list[Callable[[], Samples]] = [
        lambda: coloured_noise(length, rng, tilt=rng.uniform(0, 1.5)),
        lambda: hum(length, rng) + coloured_noise(length, rng, tilt=1.0),
        lambda: clicks(length, rng),
        lambda: np.zeros(length, np.float32),
    ]
    samples = kinds[int(rng.integers(len(kinds)))]()
    return scale(samples, peak_decibels=rng.uniform(-50, -6))

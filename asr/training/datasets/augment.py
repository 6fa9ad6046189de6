"""Waveform augmentation: other speakers, rooms, microphones and noises out of clean synthetic speech."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import soxr

from asr.training.datasets.corpus import SAMPLE_RATE, Samples
from asr.training.datasets.rooms import random_room

NoiseSource = Callable[[], Samples]


class Augmenter:
    """Speed, pitch, room, microphone, telephone, noise, babble, loudness: each drawn anew for every clip."""

    def __init__(self, rng: np.random.Generator, babble: NoiseSource, noise: NoiseSource | None = None) -> None:
        """Take what is mixed in, at 16 kHz and of any length over zero.

        Args:
            rng: draws everything.
            babble: gives speech of somebody else, another one at each call.
            noise: gives a recorded noise, another one at each call; None is made-up noise only.
        """
        self.rng = rng
        self.babble = babble
        self.noise = noise

    def __call__(self, samples: Samples) -> Samples:
        """Float32 mono at 16 kHz in, another version of it out; only the speed changes its length."""
        rng = self.rng
        samples = change_speed(samples, float(rng.choice([0.9, 0.95, 1.0, 1.0, 1.05, 1.1])))
        if rng.random() < 0.3:
            samples = change_pitch(samples, float(rng.choice([0.84, 0.89, 0.94, 1.06, 1.12, 1.19])))
        if rng.random() < 0.4:
            samples = convolve(samples, random_room(rng))
        samples = equalise(samples, rng, decibels=6.0)
        microphone = rng.random()
        if microphone < 0.1:
            samples = telephone(samples)
        elif microphone < 0.25:
            samples = band_limit(samples, low=rng.uniform(50, 300), high=rng.uniform(3_400, 6_000))
        if rng.random() < 0.75:
            samples = add_noise(samples, self._noise(len(samples)), snr=rng.uniform(5, 30))
        return scale(samples, peak_decibels=rng.uniform(-24, -1))

    def _noise(self, length: int) -> Samples:
        rng = self.rng
        if rng.random() < 0.3:
            return babble([self.babble() for _ in range(int(rng.integers(1, 5)))], length, rng)
        if self.noise is not None and rng.random() < 0.5:
            return babble([self.noise()], length, rng)
        noise = coloured_noise(length, rng, tilt=rng.uniform(0, 1))
        if rng.random() < 0.2:
            noise = noise + hum(length, rng) * np.float32(noise.std())
        return noise


def babble(voices: list[Samples], length: int, rng: np.random.Generator) -> Samples:
    """Several people talking at once, each from a random place on, equally loud."""
    mixed = np.zeros(length, np.float32)
    for voice in voices:
        turned = np.roll(voice, int(rng.integers(len(voice))))
        mixed += np.resize(turned, length) / np.float32(turned.std() + 1e-6)
    return mixed


def change_speed(samples: Samples, factor: float) -> Samples:
    """Faster and higher (factor over 1) or slower and lower, formants included, as by another speaker."""
    return samples if factor == 1 else soxr.resample(samples, SAMPLE_RATE, SAMPLE_RATE / factor)


def change_pitch(samples: Samples, factor: float) -> Samples:
    """Higher (factor over 1) or lower, formants included, as fast as before: another speed, stretched back."""
    return stretch(change_speed(samples, factor), len(samples))


def stretch(samples: Samples, length: int, window: int = 640, search: int = 160) -> Samples:
    """Make speech longer or shorter and leave its pitch: windows laid over one another where they fit best.

    Source: Verhelst and Roelands, "An overlap-add technique based on waveform similarity (WSOLA)" (1993).

    Args:
        samples: at 16 kHz.
        length: samples to return.
        window: of 40 ms; half of it overlaps.
        search: how far from its place a window may be taken, so that it goes on from the one before.
    """
    hop = window // 2
    padded = np.pad(samples, (search, window + 2 * search + hop))
    fade = np.hanning(window + 1)[:-1].astype(np.float32)
    out = np.zeros(length + window, np.float32)
    start = search
    for place in range(0, length, hop):
        out[place : place + window] += padded[start : start + window] * fade
        expected = padded[start + hop : start + hop + window]  # what would follow if nothing were stretched
        target = min(search + round((place + hop) * len(samples) / length), len(padded) - window - search)
        around = padded[target - search : target + search + window]
        start = target - search + int(np.correlate(around, expected, "valid").argmax())
    return out[:length]


def convolve(samples: Samples, response: Samples) -> Samples:
    """Speech as it sounds in the room of ``response``, as long as before."""
    size = 1 << (len(samples) + len(response)).bit_length()
    spectrum = np.fft.rfft(samples, size) * np.fft.rfft(response, size)
    return np.fft.irfft(spectrum, size)[: len(samples)].astype(np.float32)


def equalise(samples: Samples, rng: np.random.Generator, decibels: float) -> Samples:
    """A microphone's frequency response: seven random gains within ± ``decibels``, joined by lines."""
    spectrum = np.fft.rfft(samples)
    knots = np.array([0, 0.03, 0.08, 0.2, 0.4, 0.7, 1.0])
    gains = np.interp(np.linspace(0, 1, len(spectrum)), knots, rng.uniform(-decibels, decibels, len(knots)))
    return np.fft.irfft(spectrum * 10 ** (gains / 20), len(samples)).astype(np.float32)


def band_limit(samples: Samples, low: float, high: float) -> Samples:
    """A cheap microphone: what lies outside ``low`` to ``high`` Hz loses 30 dB."""
    spectrum = np.fft.rfft(samples)
    frequencies = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    spectrum[(frequencies < low) | (frequencies > high)] *= 10 ** (-30 / 20)
    return np.fft.irfft(spectrum, len(samples)).astype(np.float32)


def telephone(samples: Samples) -> Samples:
    """A telephone line: 300 to 3,400 Hz, eight bits a sample on the logarithmic scale of ITU-T G.711 (mu-law)."""
    heard = scale(band_limit(samples, low=300, high=3_400), peak_decibels=-3)
    steps = np.rint(np.sign(heard) * np.log1p(255 * np.abs(heard)) / np.log(256) * 127)
    return (np.sign(steps) * np.expm1(np.abs(steps) / 127 * np.log(256)) / 255).astype(np.float32)


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


def mask_mel(mel: Samples, rng: np.random.Generator, bands: int = 12, frames: int = 20) -> Samples:
    """SpecAugment (Park et al. 2019) on a log-mel spectrogram: up to two spans of bands and of frames become its mean.

    Args:
        mel: (frames, bands), 10 ms each; left as it is.
        rng: where and how wide.
        bands, frames: the widest span; spans of frames never take more than a tenth.
    """
    masked = mel.copy()
    mean = mel.mean()
    for _ in range(int(rng.integers(3))):
        width = int(rng.integers(bands + 1))
        start = int(rng.integers(mel.shape[1] - width + 1))
        masked[:, start : start + width] = mean
    for _ in range(int(rng.integers(3))):
        width = int(rng.integers(min(frames, len(mel) // 10) + 1))
        start = int(rng.integers(len(mel) - width + 1))
        masked[start : start + width] = mean
    return masked


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

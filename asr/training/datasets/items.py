"""What a model hears in one pass over the corpus: sentences, words, joined sentences, and non-speech."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from asr.audio.frontend import WhisperFrontend
from asr.training.datasets.augment import Augmenter, mask_mel, non_speech, scale, warp_mel
from asr.training.datasets.corpus import Clip, Samples, group, join

ALONE = 3
"""One word in so many is also learnt alone, for answers of one word."""
OF_ONE_PASS = ("words-", "joined-", "silence-")
"""How the ids begin of what is put together anew for every pass."""

TAIL_SECONDS = 0.5
"""Silence that the front end appends: without it the last frames' features drift."""


@dataclass(frozen=True)
class Item:
    """One thing to hear: its sound is made when its turn comes, the same one every time for the same seed."""

    id: str
    text: str
    seconds: float
    """Its length before augmentation, roughly."""
    make: Callable[[np.random.Generator], Samples]
    seed: tuple[int, ...] = ()
    warped: bool = False
    """Whether the vocal tract is made longer or shorter."""
    masked: bool = False
    """Whether SpecAugment hides spans of the spectrogram."""

    def mel(self, frontend: WhisperFrontend) -> Samples:
        """Log-mel frames of 10 ms, (frames, 80); raises AudioError or OSError when a recording cannot be read."""
        rng = np.random.default_rng(self.seed)
        mel = frontend(self.make(rng))
        if self.warped and rng.random() < 0.6:
            mel = warp_mel(mel, float(rng.uniform(0.9, 1.1)))
        return mask_mel(mel, rng) if self.masked else mel


def clean_items(clips: Sequence[Clip]) -> list[Item]:
    """The clips as they are: for evaluation."""
    return [Item(clip.id, clip.text, clip.seconds, partial(_as_it_is, clip)) for clip in clips]


def _as_it_is(clip: Clip, _: np.random.Generator) -> Samples:
    return clip.samples()


def _any(clips: Sequence[Clip], rng: np.random.Generator) -> Samples:
    return clips[int(rng.integers(len(clips)))].samples()


def _unspoken(noises: Sequence[Clip], rng: np.random.Generator) -> Samples:
    if noises and rng.random() < 0.5:
        return scale(_any(noises, rng), peak_decibels=rng.uniform(-40, -1))
    return non_speech(rng)


def training_items(
    clips: Sequence[Clip],
    number: int,
    *,
    augmented: float,
    masked: bool = False,
    seed: int = 0,
    noises: Sequence[Clip] = (),
) -> list[Item]:
    """One pass over the corpus: each sentence, words alone and in runs, a few sentences joined, some non-speech.

    Args:
        clips: the corpus; those of kind ``hsk-word`` are single words.
        number: passes of different numbers differ in every random choice.
        augmented: share of the items that pass the Augmenter.
        masked: whether SpecAugment is applied.
        seed: of the run.
        noises: recordings in which nobody speaks, to mix in and to learn silence from; none is made-up noise only.
    """
    rng = np.random.default_rng((seed, number))
    sentences = [clip for clip in clips if clip.kind != "hsk-word"]
    words = [clip for clip in clips if clip.kind == "hsk-word"]
    items: list[Item] = []

    def add(id_: str, parts: list[Clip], gap: tuple[float, float], *, level: bool = False) -> None:
        changed = bool(rng.random() < augmented)

        def make(own: np.random.Generator) -> Samples:
            samples = join(parts, own, gap, level=level)
            if not changed:
                return samples
            noise = partial(_any, noises, own) if noises else None
            return Augmenter(own, babble=partial(_any, sentences, own), noise=noise)(samples)

        seconds = sum(part.seconds for part in parts) + sum(gap) / 2 * (len(parts) - 1)
        text = "".join(part.text for part in parts)
        items.append(Item(id_, text, seconds, make, (seed, number, len(items)), changed, masked))

    for clip in sentences:
        add(clip.id, [clip], (0, 0))
    for clip in words[::ALONE]:
        add(clip.id, [clip], (0, 0), level=True)
    for i, run in enumerate(group(words, rng, 2, 5)):
        add(f"words-{number}-{i}", run, (0.0, 0.25), level=True)
    for i, run in enumerate(group(sentences, rng, 2, 5)[: len(sentences) // 20]):
        add(f"joined-{number}-{i}", run, (0.05, 0.6))
    silences = [(f"silence-{number}-{i}", (seed, number, len(items) + i)) for i in range(len(sentences) // 40)]
    items += [Item(id_, "", 3.5, partial(_unspoken, noises), own) for id_, own in silences]
    rng.shuffle(items)
    return items

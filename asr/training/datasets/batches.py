"""What an epoch is made of: cached features, or speech that is augmented and encoded anew.

Cached: the encoder is frozen, every version of a clip passed it once, and an epoch takes one version of each.
Live: no two epochs are alike, and the encoder's upper layers can be tuned; it costs the encoder in every epoch, and
so wants a GPU.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from asr.audio.frontend import WhisperFrontend
from asr.training.datasets.corpus import Clip
from asr.training.datasets.features import FeatureSet
from asr.training.datasets.items import OF_ONE_PASS, TAIL_SECONDS, Item, clean_items, training_items
from asr.training.whisper import FRAME_SECONDS

Line = dict[str, Any]
Rows = list[tuple[Tensor, str]]
"""Frames, (frames, 512) encoded or (frames, 80) log-mel, and the text of each."""


class HeldOutSet(Protocol):
    """Sentences to measure on: ``lines`` with id, text and about how many encoder frames."""

    lines: list[Line]

    def features(self, line: Line) -> Tensor:
        """Frames of one of ``lines``, of the same kind as those that are trained on."""
        ...


class Speech(Protocol):
    """Where the batches of an epoch come from."""

    live: bool
    """Whether rows are log-mel frames, which have to pass the encoder first."""

    def epoch(self, number: int, most: int, rng: np.random.Generator) -> tuple[int, Iterable[Rows]]:
        """How many batches an epoch has, and the batches, each of at most ``most`` encoder frames when padded."""
        ...


class CachedSpeech:
    """Copies of the corpus on disk; one that is not extracted yet joins in when it is there."""

    live = False

    def __init__(self, copies: Sequence[Path]) -> None:
        """``copies`` are paths of feature copies without suffix."""
        self._paths = copies

    def epoch(self, number: int, most: int, rng: np.random.Generator) -> tuple[int, Iterable[Rows]]:
        """See ``Speech``."""
        copies = [FeatureSet(path) for path in self._paths if path.with_suffix(".bin").exists()]
        chosen = one_copy_each(copies, rng)
        batches = list(bucketed([line["frames"] for _, line in chosen], most, rng))

        def rows() -> Iterator[Rows]:
            for indices in batches:
                lines = (chosen[i] for i in indices)
                yield [(copies[copy].features(line), line["text"]) for copy, line in lines]

        return len(batches), rows()


class LiveSpeech:
    """Clips, augmented anew in every epoch by ``workers`` processes."""

    live = True

    def __init__(
        self,
        clips: Sequence[tuple[Clip, float]],
        *,
        seed: int,
        workers: int,
        augmented: float = 0.85,
        noises: Sequence[Clip] = (),
    ) -> None:
        """Take the corpus.

        Args:
            clips: each with the number of times that it is heard in an epoch, on average.
            seed: of the run.
            workers: processes that augment; 0 does it in this one.
            augmented: the share of clips that are changed; the others keep the model used to clean speech.
            noises: recordings in which nobody speaks.
        """
        self._clips = clips
        self._noises = noises
        self._seed = seed
        self._workers = workers
        self._augmented = augmented

    def epoch(self, number: int, most: int, rng: np.random.Generator) -> tuple[int, Iterable[Rows]]:
        """See ``Speech``."""
        clips = drawn(self._clips, rng)
        items = training_items(
            clips, number, augmented=self._augmented, masked=True, seed=self._seed, noises=self._noises
        )
        lengths = [_frames(item) for item in items]
        batches = [[items[i] for i in indices] for indices in bucketed(lengths, most, rng)]
        loader = DataLoader(_Batches(batches), batch_size=None, num_workers=self._workers)
        return len(batches), loader


class _Batches(Dataset[Rows]):
    def __init__(self, batches: list[list[Item]]) -> None:
        self._batches = batches
        self._frontend = WhisperFrontend(tail_padding=TAIL_SECONDS)

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> Rows:
        return [(torch.from_numpy(item.mel(self._frontend)), item.text) for item in self._batches[index]]


class LiveHeldOut:
    """Clips to measure on, as they are, before the encoder."""

    def __init__(self, clips: Sequence[Clip]) -> None:
        """``clips`` are decoded again at every measurement."""
        self._items = {item.id: item for item in clean_items(clips)}
        self._frontend = WhisperFrontend(tail_padding=TAIL_SECONDS)
        self.lines = [{"id": i.id, "text": i.text, "frames": _frames(i)} for i in self._items.values()]

    def features(self, line: Line) -> Tensor:
        """See ``HeldOutSet``."""
        return torch.from_numpy(self._items[line["id"]].mel(self._frontend))


def _frames(item: Item) -> int:
    return max(1, round(item.seconds / FRAME_SECONDS))


def drawn(clips: Sequence[tuple[Clip, float]], rng: np.random.Generator) -> list[Clip]:
    """Each clip as often as stated; of what is left over from a whole number, as many clips as chance has it."""
    return [clip for clip, times in clips for _ in range(int(times) + int(rng.random() < times % 1))]


def one_copy_each(copies: Sequence[FeatureSet], rng: np.random.Generator) -> list[tuple[int, Line]]:
    """For one epoch: every sentence from one of its copies, and from one copy what only that copy has.

    Returns:
        (index of the copy, its line) pairs.
    """
    versions: dict[str, list[tuple[int, Line]]] = {}
    own: list[list[tuple[int, Line]]] = [[] for _ in copies]
    for number, copy in enumerate(copies):
        for line in copy.lines:
            if line["id"].startswith(OF_ONE_PASS):
                own[number].append((number, line))
            else:
                versions.setdefault(line["id"], []).append((number, line))
    chosen = [options[int(rng.integers(len(options)))] for options in versions.values()]
    extra = own[int(rng.integers(len(own)))]
    return chosen + extra


def bucketed(lengths: Sequence[int], most: int, rng: np.random.Generator | None) -> Iterator[list[int]]:
    """Indices in batches of alike lengths, each batch at most ``most`` when padded; shuffled when ``rng`` is given."""
    jitter = rng.uniform(0.9, 1.1, len(lengths)) if rng is not None else np.ones(len(lengths))
    batches: list[list[int]] = [[]]
    for i in np.argsort(np.asarray(lengths) * jitter):
        longest = max((lengths[j] for j in batches[-1]), default=0)
        if batches[-1] and (len(batches[-1]) + 1) * max(longest, lengths[i]) > most:
            batches.append([])
        batches[-1].append(int(i))
    if rng is not None:
        rng.shuffle(batches)
    yield from batches

"""The whole way from a corpus to the shipped files, as steps that leave their results in one work folder.

Every step is skipped when its result is there, so that the way can be gone on with after a stop.
"""

from __future__ import annotations

import logging
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
import yaml

from asr.frontend import WhisperFrontend
from asr.training import whisper
from asr.training.corpus import Clip, is_han, read_manifest
from asr.training.errors import ConfigInvalid
from asr.training.export import export, load_average
from asr.training.features import TAIL_SECONDS, FeatureSet, Item, clean_items, extract, training_items
from asr.training.losses import LossConfig
from asr.training.model import ModelConfig
from asr.training.quantise import tame
from asr.training.speak import speak
from asr.training.text import TextSet, Vocabulary, clauses, read_sentences
from asr.training.trainer import TrainConfig, Trainer

log = logging.getLogger(__name__)


CALIBRATION_STEP = 200
"""Of the corpus, one clip in so many is looked at for the range of activations before quantisation."""


@dataclass(frozen=True)
class Recipe:
    """What config.yaml of a training run says; paths are relative to the data folder, or to where it runs."""

    speech: list[str]
    """Manifests of the speech to learn from; archives (.tar) beside them are unpacked."""
    held_out: dict[str, str]
    """Manifests to measure on after every epoch, by name."""
    text: dict[str, int]
    """Files of text to learn from, and how many times each counts; ``text.read_sentences`` tells their kinds."""
    spoken: list[str] = field(default_factory=list)
    """Manifests of sentences that are synthesised first, with ``voice`` and ``speed``."""
    copies: int = 5
    """Versions of the corpus: one clean, the others augmented."""
    least_count: int = 8
    """Times a character has to be written to enter the vocabulary without having been spoken."""
    model: dict[str, Any] = field(default_factory=dict)
    """Fields of ModelConfig but for the sizes of the vocabulary."""
    loss: dict[str, Any] = field(default_factory=dict)
    """Fields of LossConfig."""
    training: dict[str, Any] = field(default_factory=dict)
    """Fields of TrainConfig but for ``loss``."""

    @classmethod
    def read(cls, path: Path) -> Recipe:
        """Read a YAML file.

        Raises:
            ConfigInvalid: it is no YAML, has an unknown key or lacks one; the message names it.
        """
        try:
            return cls(**yaml.safe_load(path.read_text(encoding="utf-8")))
        except (TypeError, yaml.YAMLError) as error:
            raise ConfigInvalid(f"{path}: {error}") from None


class Workshop:
    """Runs the steps of a recipe: reads ``data``, writes ``work``."""

    def __init__(self, recipe: Recipe, data: Path, work: Path) -> None:
        self.recipe = recipe
        self.data = data
        self.work = work
        self.features = work / "features"
        self.features.mkdir(parents=True, exist_ok=True)

    def gather(self) -> None:
        """Unpack the corpus, fetch Whisper's weights, build the vocabulary, encode text and speech."""
        self._prepare()
        self._extract()

    def _prepare(self) -> None:
        for archive in sorted(self.data.glob("**/*.tar")):
            self._unpack(archive)
        for manifest in self.recipe.spoken:
            speak(self._path(manifest), self._spoken, self.work / "kokoro")
        if not self._weights.exists():
            log.info("downloading Whisper-base")
            whisper.download(self._weights)
        if (self.work / "text.npz").exists():
            return
        held_out = {clip.text for manifest in self.recipe.held_out.values() for clip in self._clips(manifest)}
        spoken = [clip.text for clip in self._training_clips() if is_han(clip.text)]
        written = [clause for clause in self._clauses() if clause not in held_out]
        vocabulary = Vocabulary.build(spoken, written, self.recipe.least_count)
        vocabulary.save(self.work)
        text = TextSet.build(spoken + written, vocabulary)
        text.save(self.work / "text.npz")
        log.info(
            "%s tokens, %s syllables, %s characters of text",
            len(vocabulary.tokens),
            len(vocabulary.syllables),
            len(text.tokens),
        )

    def _extract(self) -> None:
        wanted: dict[str, Callable[[], list[Item]]] = {
            name: partial(self._held_out_items, manifest) for name, manifest in self.recipe.held_out.items()
        }
        wanted |= {f"train{number}": partial(self._copy_items, number) for number in range(self.recipe.copies)}
        missing = [name for name in wanted if not self._copy(name).with_suffix(".bin").exists()]
        encoder = whisper.WhisperEncoder.load(self._weights) if missing else None
        for name in missing:
            assert encoder is not None
            log.info("encoding %s", name)
            extract(wanted[name](), encoder, self._copy(name))

    def _held_out_items(self, manifest: str) -> list[Item]:
        return clean_items(self._clips(manifest))

    def _copy_items(self, number: int) -> list[Item]:
        return training_items(self._training_clips(), number, augmented=number > 0)

    def train(self) -> Path:
        """Train, or go on training; returns the checkpoint."""
        vocabulary = Vocabulary.load(self.work)
        sizes = ModelConfig(len(vocabulary.tokens), len(vocabulary.syllables), **self.recipe.model)
        config = TrainConfig(**self.recipe.training, loss=LossConfig(**self.recipe.loss))
        trainer = Trainer(self.work, vocabulary, sizes, config)
        copies = [self._copy(f"train{number}") for number in range(self.recipe.copies)]
        held_out = {name: FeatureSet(self._copy(name)) for name in self.recipe.held_out}
        trainer.train(copies, TextSet.load(self.work / "text.npz"), held_out)
        return trainer.checkpoint

    def export(self, folder: Path) -> None:
        """Write the ONNX files of the averaged weights to ``folder``."""
        frontend = WhisperFrontend(tail_padding=TAIL_SECONDS)
        clips = self._training_clips()[::CALIBRATION_STEP]
        mels = (torch.from_numpy(frontend(clip.samples())) for clip in clips)
        encoder = tame(whisper.WhisperEncoder.load(self._weights), mels)
        export(encoder, load_average(self.work / "checkpoint.pt"), Vocabulary.load(self.work), folder)

    @property
    def _weights(self) -> Path:
        return self.work / "whisper-base.bin"

    def _copy(self, name: str) -> Path:
        return self.features / name

    @property
    def _spoken(self) -> Path:
        return self.work / "spoken"

    def _path(self, name: str) -> Path:
        return self.data / name if (self.data / name).exists() else Path(name)

    def _training_clips(self) -> list[Clip]:
        recorded = [clip for manifest in self.recipe.speech for clip in self._clips(manifest)]
        spoken = [clip for manifest in self.recipe.spoken for clip in read_manifest(self._path(manifest), self._spoken)]
        return recorded + spoken

    def _clips(self, manifest: str) -> list[Clip]:
        path = self.data / manifest
        unpacked = self._unpacked(path)
        return read_manifest(path, unpacked if unpacked.exists() else None)

    def _clauses(self) -> Iterator[str]:
        for name, times in self.recipe.text.items():
            found = [clause for sentence in read_sentences(self._path(name)) for clause in clauses(sentence)]
            for _ in range(times):
                yield from found

    def _unpacked(self, path: Path) -> Path:
        """Where the archives beside ``path`` are unpacked."""
        return self.work / "audio" / path.parent.relative_to(self.data)

    def _unpack(self, archive: Path) -> None:
        target = self._unpacked(archive)
        done = target / f".{archive.name}.unpacked"
        if not done.exists():
            target.mkdir(parents=True, exist_ok=True)
            with tarfile.open(archive) as file:
                # An attribute and not the argument `filter`, which Python 3.11 has only from 3.11.4 on.
                file.extraction_filter = getattr(tarfile, "data_filter", None)
                file.extractall(target)
            done.touch()

"""The whole way from a corpus to the embedded kind of model, as steps that leave their results in one work folder.

Every step is skipped when its result is there, so that the way can be gone on with after a stop.
"""

from __future__ import annotations

import copy
import logging
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from asr.training import whisper
from asr.training.datasets.batches import CachedSpeech, HeldOutSet, LiveHeldOut, LiveSpeech, drawn
from asr.training.datasets.corpus import Clip, is_han, read_manifest
from asr.training.datasets.features import FeatureSet, extract
from asr.training.datasets.items import Item, clean_items, training_items
from asr.training.datasets.mixed import write_mixed
from asr.training.datasets.speak import speak
from asr.training.datasets.text import TextSet, Vocabulary, clauses, read_sentences
from asr.training.errors import ConfigInvalid
from asr.training.export.publish import ExportConfig, publish, stage_embedded, verify
from asr.training.language import make_language_model
from asr.training.losses import LossConfig
from asr.training.model import EmbeddedParaformer, ModelConfig
from asr.training.starting import Start, read_start, regrown
from asr.training.trainer import TrainConfig, Trainer
from asr.training.whisper import WhisperEncoder

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """What the YAML file of a training run says; paths are relative to the data folder, or to where it runs."""

    speech: dict[str, float]
    """Manifests of the speech to learn from; archives (.tar) beside them are unpacked. Each of its clips is
    heard so many times in an epoch of live training, on average, or is so likely to be in a cached copy of the corpus.
    A list in the YAML file is all of them once."""
    held_out: dict[str, str]
    """Manifests to measure on after every epoch, by name."""
    text: dict[str, int] = field(default_factory=dict)
    """Files of text to learn from, and how many times each counts; ``text.read_sentences`` tells their kinds."""
    init: str = ""
    """A checkpoint.pt or an exported model folder to go on from, beside the work folder, too; its vocabulary and
    sizes are kept."""
    latin: bool = False
    """Whether the vocabulary has Latin letters and English words too (latin.yaml)."""
    mixed: int = 0
    """So many Mandarin sentences with Latin in them are made up and synthesised first."""
    noise: str = ""
    """Folder of recordings in which nobody speaks, to mix in and to learn silence from."""
    spoken: list[str] = field(default_factory=list)
    """Manifests of sentences that are synthesised first, with ``voice`` and ``speed``."""
    copies: int = 5
    """Versions of the corpus when its features are cached: one clean, the others augmented."""
    least_count: int = 8
    """Times a character has to be written to enter the vocabulary without having been spoken."""
    model: dict[str, Any] = field(default_factory=dict)
    """Fields of ModelConfig but for the sizes of the vocabulary."""
    loss: dict[str, Any] = field(default_factory=dict)
    """Fields of LossConfig."""
    training: dict[str, Any] = field(default_factory=dict)
    """Fields of TrainConfig but for ``loss``."""
    export: dict[str, Any] = field(default_factory=dict)
    """Fields of ExportConfig."""

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> Recipe:
        """Take what a YAML file says; raises TypeError when a key, in a section too, is not known."""
        if isinstance(settings.get("speech"), list):
            settings = settings | {"speech": dict.fromkeys(settings["speech"], 1.0)}
        recipe = cls(**settings)
        recipe.train_config()
        recipe.export_config()
        ModelConfig(1, 1, **recipe.model)
        return recipe

    def train_config(self) -> TrainConfig:
        """The ``training`` and ``loss`` sections."""
        return TrainConfig(**self.training, loss=LossConfig(**self.loss))

    def export_config(self) -> ExportConfig:
        """The ``export`` section."""
        return ExportConfig(**self.export)


class Workshop:
    """Runs the steps of a recipe: reads ``data``, writes ``work``."""

    def __init__(self, recipe: Recipe, data: Path, work: Path) -> None:
        self.recipe = recipe
        self.data = data
        self.work = work
        self.features = work / "features"
        self.features.mkdir(parents=True, exist_ok=True)
        self.training = recipe.train_config()

    @cached_property
    def start(self) -> Start | None:
        """What ``init`` names; raises InitInvalid."""
        if not self.recipe.init:
            return None
        beside = self.work.parent / self.recipe.init
        start = read_start(beside if beside.exists() else self._path(self.recipe.init))
        return regrown(start, start.vocabulary.with_latin()) if self.recipe.latin else start

    def gather(self) -> None:
        """Unpack the corpus, fetch Whisper's weights, build the vocabulary, encode text and speech."""
        self._prepare()
        self._extract()

    def _prepare(self) -> None:
        for archive in sorted(self.data.glob("**/*.tar")):
            self._unpack(archive)
        if self.recipe.mixed and not self._mixed.exists():
            write_mixed(self._mixed, self.recipe.mixed)
        for manifest in self._manifests_to_speak():
            speak(self._path(manifest), self._spoken, self.work / "kokoro")
        if self._whispers_own and not self._weights.exists():
            log.info("downloading Whisper-base")
            whisper.download(self._weights)
        if (self.work / "text.npz").exists():
            return
        spoken, written = self._spoken_text(), self._written_text()
        if self.start:
            vocabulary = self.start.vocabulary
        else:
            vocabulary = Vocabulary.build(spoken, written, self.recipe.least_count)
            vocabulary = vocabulary.with_latin() if self.recipe.latin else vocabulary
        vocabulary.save(self.work)
        text = TextSet.build(spoken + written, vocabulary)
        text.save(self.work / "text.npz")
        log.info(
            "%s tokens, %s syllables, %s characters of text",
            len(vocabulary.tokens),
            len(vocabulary.syllables),
            len(text.tokens),
        )

    def language(self, path: Path) -> None:
        """Write the language model of the recipe's text; raises what ``make_language_model`` does."""
        tokens = Vocabulary.load(self.work).tokens
        make_language_model(tokens, [*self._spoken_text(), *self._written_text()], path)

    def _spoken_text(self) -> list[str]:
        return [clip.text for clip in self._training_clips() if is_han(clip.text)]

    def _written_text(self) -> list[str]:
        held_out = {clip.text for manifest in self.recipe.held_out.values() for clip in self._clips(manifest)}
        return [clause for clause in self._clauses() if clause not in held_out]

    def _extract(self) -> None:
        if self.training.live:
            return
        wanted: dict[str, Callable[[], list[Item]]] = {
            name: partial(self._held_out_items, manifest) for name, manifest in self.recipe.held_out.items()
        }
        wanted |= {f"train{number}": partial(self._copy_items, number) for number in range(self.recipe.copies)}
        missing = [name for name in wanted if not self._copy(name).with_suffix(".bin").exists()]
        encoder = self._encoder() if missing else None
        for name in missing:
            assert encoder is not None
            log.info("encoding %s", name)
            extract(wanted[name](), encoder, self._copy(name), self.training.encoder_layers)

    def _held_out_items(self, manifest: str) -> list[Item]:
        return clean_items(self._clips(manifest))

    def _copy_items(self, number: int) -> list[Item]:
        clips = drawn(self._learnable(), np.random.default_rng((self.training.seed, number)))
        return training_items(clips, number, augmented=float(number > 0), noises=self._noises())

    def train(self) -> Path:
        """Train, or go on training; returns the checkpoint."""
        vocabulary = Vocabulary.load(self.work)
        text = TextSet.load(self.work / "text.npz")
        config = self.training
        if self.start is not None and not self.start.has_ctc:
            log.info("the model to start from has no CTC head: its loss is off")
            config = replace(config, loss=replace(config.loss, ctc=0.0))
        encoder = self._encoder() if config.live or config.encoder_layers else None
        trainer = Trainer(self.work, vocabulary, self._sizes(vocabulary), config, encoder=encoder, start=self.start)
        held_out: dict[str, HeldOutSet]
        if config.live:
            live = LiveSpeech(self._learnable(), seed=config.seed, workers=config.workers, noises=self._noises())
            held_out = {name: LiveHeldOut(self._clips(path)) for name, path in self.recipe.held_out.items()}
            trainer.train(live, text, held_out)
        else:
            held_out = {name: FeatureSet(self._copy(name)) for name in self.recipe.held_out}
            copies = [self._copy(f"train{number}") for number in range(self.recipe.copies)]
            trainer.train(CachedSpeech(copies), text, held_out)
        return trainer.checkpoint

    def _sizes(self, vocabulary: Vocabulary) -> ModelConfig:
        if self.start is not None:
            return replace(self.start.config, **self.recipe.model)
        return ModelConfig(len(vocabulary.tokens), len(vocabulary.syllables), **self.recipe.model)

    def export(self, folder: Path) -> dict[str, Any]:
        """Write the ONNX files of the averaged weights to ``folder``; returns CER in percent, fp32 and int8, by set.

        Raises:
            AccuracyLost: int8 differs too much; ``folder`` was left as it was.
            ConfigInvalid: there is no held-out set.
        """
        config = self.recipe.export_config()
        encoder, model = self.trained()
        held_out = {name: self._clips(manifest) for name, manifest in self.recipe.held_out.items()}
        clips = self._training_clips()
        calibration = clips[:: max(1, len(clips) // config.calibration)][: config.calibration]
        vocabulary = Vocabulary.load(self.work)
        folders = stage_embedded(encoder, model, vocabulary, calibration, self.work / "export", config)
        found = verify(*folders, held_out, config.tolerance)
        publish(folders, folder)
        return found

    def trained(self) -> tuple[WhisperEncoder, EmbeddedParaformer]:
        """The averaged weights of the run; raises FileNotFoundError before its first epoch."""
        state = torch.load(self.work / "checkpoint.pt", map_location="cpu", weights_only=True)
        model = EmbeddedParaformer(ModelConfig(**state["model_config"]))
        model.load_state_dict(state["average"])
        encoder = self._encoder()
        if state.get("encoder_average"):
            encoder.load_state_dict(state["encoder_average"])
        return encoder, model.eval()

    def _encoder(self) -> WhisperEncoder:
        """The encoder to begin with: Whisper's own, or that of the model to go on from."""
        if self.start is not None and self.start.encoder is not None:
            return copy.deepcopy(self.start.encoder)
        return WhisperEncoder.load(self._weights)

    @property
    def _whispers_own(self) -> bool:
        return self.start is None or self.start.encoder is None

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
        return [clip for clip, _ in self._weighted_clips()]

    def _weighted_clips(self) -> list[tuple[Clip, float]]:
        recorded = [(clip, times) for manifest, times in self.recipe.speech.items() for clip in self._clips(manifest)]
        spoken = [
            (clip, 1.0)
            for manifest in self._manifests_to_speak()
            for clip in read_manifest(self._path(manifest), self._spoken)
        ]
        return recorded + spoken

    def _manifests_to_speak(self) -> list[str]:
        return [*self.recipe.spoken, *([str(self._mixed)] if self.recipe.mixed else [])]

    @property
    def _mixed(self) -> Path:
        return self.work / "mixed.jsonl"

    def _learnable(self) -> list[tuple[Clip, float]]:
        """What of the speech the vocabulary can write."""
        vocabulary = Vocabulary.load(self.work)
        return [(clip, times) for clip, times in self._weighted_clips() if vocabulary.covers(clip.text)]

    def _noises(self) -> list[Clip]:
        unpacked = self._unpacked(self.data / self.recipe.noise / "any")
        folder = unpacked if unpacked.exists() else self._path(self.recipe.noise)
        paths = sorted(path for path in folder.rglob("*") if path.suffix in (".ogg", ".flac", ".wav"))
        if self.recipe.noise and not paths:
            raise ConfigInvalid(f"noise: there is no recording in {folder}.")
        return [Clip(path.stem, path, "") for path in paths] if self.recipe.noise else []

    def _clips(self, manifest: str) -> list[Clip]:
        path = self._path(manifest)
        if not path.is_file():
            raise ConfigInvalid(f"There is no manifest {manifest}, neither below {self.data} nor here.")
        root = self._unpacked(path) if path.is_relative_to(self.data) else path.parent
        return read_manifest(path, root if root.exists() else None)

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

"""The training loop of the embedded Paraformer: resumable, averaged, measured on held-out sets after every epoch."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rapidfuzz.distance import Levenshtein
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from tqdm import tqdm

from asr.training.features import FeatureSet
from asr.training.losses import LossConfig, SpeechBatch, speech_loss, text_loss
from asr.training.model import STACK, EmbeddedParaformer, ModelConfig
from asr.training.text import TextSet, Vocabulary

log = logging.getLogger(__name__)
Line = dict[str, Any]


@dataclass(frozen=True)
class TrainConfig:
    """One training run; every field can be set in the configuration's ``train`` section."""

    epochs: int = 30
    batch_frames: int = 4_000
    """Encoder frames (20 ms) in a batch of speech, padding included."""
    text_batch: int = 64
    """Clauses of text beside every batch of speech; 0 trains on speech alone."""
    learning_rate: float = 1.2e-3
    warmup_steps: int = 400
    decay_from: float = 0.3
    """Share of the run after which the learning rate falls, in a straight line to a fiftieth."""
    weight_decay: float = 0.03
    clip: float = 2.0
    average: float = 0.999
    """Decay of the running average of the weights, which is what is evaluated and exported."""
    threads: int = 1
    seed: int = 0
    device: str = "cpu"
    bfloat16: bool = True
    loss: LossConfig = field(default_factory=LossConfig)


class Trainer:
    """Holds the model, its average, the optimiser and where the run stands."""

    def __init__(self, folder: Path, vocabulary: Vocabulary, model_config: ModelConfig, config: TrainConfig) -> None:
        """Start anew, or go on from ``folder``/checkpoint.pt when there is one.

        Args:
            folder: where the checkpoint, log.jsonl and the hypotheses of the last evaluation are kept.
            vocabulary: tokens and syllables.
            model_config: sizes.
            config: the run.
        """
        torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self.folder = folder
        self.vocabulary = vocabulary
        self.config = config
        self.device = torch.device(config.device)
        self.model = EmbeddedParaformer(model_config).to(self.device)
        self.average = EmbeddedParaformer(model_config).to(self.device).requires_grad_(requires_grad=False)
        self.average.load_state_dict(self.model.state_dict())
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=0.0, betas=(0.9, 0.98), weight_decay=config.weight_decay
        )
        self.neighbours = torch.from_numpy(vocabulary.neighbours()).to(self.device)
        self.epoch = self.step = 0
        self.checkpoint = folder / "checkpoint.pt"
        if self.checkpoint.exists():
            self._resume()

    def train(self, speech: Sequence[Path], text: TextSet | None, held_out: dict[str, FeatureSet]) -> None:
        """Run the epochs that are left.

        Args:
            speech: paths of feature copies; one that is not extracted yet joins in when it is there.
            text: clauses to learn from without audio.
            held_out: sets to measure after every epoch, by name.
        """
        while self.epoch < self.config.epochs:
            rng = np.random.default_rng((self.config.seed, self.epoch))
            started = time.monotonic()
            copies = [FeatureSet(path) for path in speech if path.with_suffix(".bin").exists()]
            losses = self._run_epoch(one_copy_each(copies, rng), copies, text, rng)
            self.epoch += 1
            scores = {name: self.measure(features, name) for name, features in held_out.items()}
            self._save()
            entry: Line = {
                "epoch": self.epoch,
                "step": self.step,
                "copies": len(copies),
                "seconds": time.monotonic() - started,
            }
            entry |= {"loss": losses, "cer": scores}
            with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
            log.info("epoch %s: %s", self.epoch, entry)

    def _run_epoch(
        self, chosen: list[tuple[int, Line]], copies: list[FeatureSet], text: TextSet | None, rng: np.random.Generator
    ) -> dict[str, float]:
        batches = list(bucketed([line["frames"] for _, line in chosen], self.config.batch_frames, rng))
        self.model.train()
        sums: dict[str, float] = {}
        bar = tqdm(batches, desc=f"epoch {self.epoch + 1}/{self.config.epochs}", mininterval=5)
        for done, indices in enumerate(bar):
            progress = (self.epoch + done / len(batches)) / self.config.epochs
            rows = [(copies[chosen[i][0]].features(chosen[i][1]), chosen[i][1]["text"]) for i in indices]
            parts = self._update(self._collate(rows), text, rng, self._learning_rate(progress))
            for name, value in parts.items():
                sums[name] = sums.get(name, 0.0) + value
            if done % 20 == 0:
                bar.set_postfix({name: f"{total / (done + 1):.3f}" for name, total in sums.items()})
        return {name: round(total / len(batches), 4) for name, total in sums.items()}

    def _update(
        self, batch: SpeechBatch, text: TextSet | None, rng: np.random.Generator, learning_rate: float
    ) -> dict[str, float]:
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate
        with self._precision():
            parts = speech_loss(self.model, batch, self.config.loss)
            if text is not None and self.config.text_batch:
                tokens, syllables = text.sample(self.config.text_batch, rng)
                ids, counts = self._padded(tokens)
                parts["text"] = text_loss(
                    self.model, ids, self._padded(syllables)[0], counts, self.neighbours, self.config.loss
                )
        self.optimiser.zero_grad()
        torch.stack(list(parts.values())).sum().backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        self.optimiser.step()
        self.step += 1
        self._update_average()
        return {name: float(value.detach()) for name, value in parts.items()}

    def _update_average(self) -> None:
        decay = min(self.config.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for kept, new in zip(self.average.parameters(), self.model.parameters(), strict=True):
                kept.lerp_(new, 1 - decay)

    def _learning_rate(self, progress: float) -> float:
        warm = min(1.0, (self.step + 1) / self.config.warmup_steps)
        fall = min(1.0, (1 - progress) / (1 - self.config.decay_from))
        return self.config.learning_rate * warm * max(0.02, fall)

    @torch.inference_mode()
    def measure(self, features: FeatureSet, name: str) -> float:
        """Character error rate in percent of the averaged weights; the hypotheses go to NAME.hypotheses.jsonl."""
        self.average.eval()
        lines = features.lines
        hypotheses = [""] * len(lines)
        for indices in bucketed([line["frames"] for line in lines], self.config.batch_frames, None):
            batch = self._collate([(features.features(lines[i]), lines[i]["text"]) for i in indices])
            with self._precision():
                logits, counts, _ = self.average.recognise(self.average.listen(batch.features, batch.lengths))
            for i, ids, count in zip(indices, logits.argmax(-1).tolist(), counts.tolist(), strict=True):
                hypotheses[i] = self.vocabulary.decode(ids[:count])
        pairs = [(line["text"], hypothesis) for line, hypothesis in zip(lines, hypotheses, strict=True)]
        with (self.folder / f"{name}.hypotheses.jsonl").open("w", encoding="utf-8") as file:
            for line, (text, hypothesis) in zip(lines, pairs, strict=True):
                file.write(
                    json.dumps({"id": line["id"], "text": text, "hypothesis": hypothesis}, ensure_ascii=False) + "\n"
                )
        errors = sum(Levenshtein.distance(text, hypothesis) for text, hypothesis in pairs)
        return round(100 * errors / max(1, sum(len(text) for text, _ in pairs)), 2)

    def _collate(self, rows: list[tuple[Tensor, str]]) -> SpeechBatch:
        lengths = torch.tensor([len(features) for features, _ in rows])
        longest = -(-int(lengths.max()) // STACK) * STACK
        features = torch.zeros(len(rows), longest, rows[0][0].shape[1])
        for row, (content, _) in enumerate(rows):
            features[row, : len(content)] = content
        tokens, counts = self._padded([self.vocabulary.encode(text) for _, text in rows])
        syllables, _ = self._padded([self.vocabulary.encode_syllables(text) for _, text in rows])
        return SpeechBatch(features.to(self.device), lengths.to(self.device), tokens, syllables, counts)

    def _padded(self, rows: Sequence[np.ndarray[Any, Any]]) -> tuple[Tensor, Tensor]:
        counts = torch.tensor([len(row) for row in rows])
        padded = pad_sequence([torch.from_numpy(row) for row in rows], batch_first=True)
        return padded.to(self.device), counts.to(self.device)

    def _precision(self) -> Any:
        return torch.autocast(self.device.type, torch.bfloat16) if self.config.bfloat16 else nullcontext()

    def _save(self) -> None:
        state = {
            "model_config": asdict(self.model.config),
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "random": torch.get_rng_state(),
            "epoch": self.epoch,
            "step": self.step,
        }
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self.checkpoint)

    def _resume(self) -> None:
        state = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["random"].cpu())
        self.epoch, self.step = state["epoch"], state["step"]
        log.info("resumed after epoch %s", self.epoch)


def one_copy_each(copies: Sequence[FeatureSet], rng: np.random.Generator) -> list[tuple[int, Line]]:
    """For one epoch: every sentence from one of its copies, and from one copy what only that copy has.

    Returns:
        (index of the copy, its line) pairs.
    """
    versions: dict[str, list[tuple[int, Line]]] = {}
    own: list[list[tuple[int, Line]]] = [[] for _ in copies]
    for number, copy in enumerate(copies):
        for line in copy.lines:
            if line["id"].startswith(("words-", "joined-", "silence-")):
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

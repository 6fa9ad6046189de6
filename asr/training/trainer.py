"""The training loop of the embedded Paraformer: resumable, averaged, measured on held-out sets after every epoch."""

from __future__ import annotations

import copy
import json
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from rapidfuzz.distance import Levenshtein
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from tqdm import tqdm

from asr.training.datasets.batches import HeldOutSet, Line, Rows, Speech, bucketed
from asr.training.datasets.features import DROPPED_FRAMES
from asr.training.datasets.text import TextSet, Vocabulary
from asr.training.losses import LossConfig, SpeechBatch, speech_loss, text_loss
from asr.training.model import STACK, EmbeddedParaformer, ModelConfig
from asr.training.starting import Start
from asr.training.whisper import N_MELS, WhisperEncoder, tunable

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainConfig:
    """One training run; every field can be set in the configuration's ``training`` section."""

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
    precision: str = "bfloat16"
    """Of the products in training: bfloat16, float16 (for GPUs without bfloat16) or float32."""
    live: bool = False
    """Whether speech is augmented and encoded anew in every epoch, instead of read from cached features."""
    workers: int = 0
    """Processes that augment speech for live training; 0 does it in this one."""
    encoder_layers: int = 0
    """Upper layers of Whisper's encoder that are tuned; cached features are what goes into them."""
    encoder_learning_rate: float = 3e-5
    loss: LossConfig = field(default_factory=LossConfig)


class Trainer:
    """Holds the model, its average, the optimiser and where the run stands."""

    def __init__(
        self,
        folder: Path,
        vocabulary: Vocabulary,
        model_config: ModelConfig,
        config: TrainConfig,
        *,
        encoder: WhisperEncoder | None = None,
        start: Start | None = None,
    ) -> None:
        """Start anew, or go on from ``folder``/checkpoint.pt when there is one.

        Args:
            folder: where the checkpoint, log.jsonl and the hypotheses of the last evaluation are kept.
            vocabulary: tokens and syllables.
            model_config: sizes.
            config: the run.
            encoder: Whisper's encoder, for live training or when layers of it are tuned.
            start: trained weights to begin with; a checkpoint in ``folder`` goes before them.
        """
        torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self.folder = folder
        self.vocabulary = vocabulary
        self.config = config
        self.device = torch.device(config.device)
        self.model = EmbeddedParaformer(model_config)
        if start is not None:
            self.model.load_state_dict(start.weights, strict=False)
        self.model.to(self.device)
        self.encoder = None if encoder is None else tunable(encoder, config.encoder_layers).to(self.device)
        self.average = copy.deepcopy(self.model).requires_grad_(requires_grad=False)
        self.encoder_average = self.encoder
        if self.encoder is not None and config.encoder_layers:
            self.encoder_average = copy.deepcopy(self.encoder).requires_grad_(requires_grad=False)
        self.optimiser = self._optimiser()
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=config.precision == "float16")
        self.neighbours = torch.from_numpy(vocabulary.neighbours()).to(self.device)
        self.epoch = self.step = 0
        self.scores: dict[str, float] = {}
        self.checkpoint = folder / "checkpoint.pt"
        if self.checkpoint.exists():
            self._resume()

    def _optimiser(self) -> torch.optim.AdamW:
        groups: list[dict[str, Any]] = [{"params": list(self.model.parameters()), "peak": self.config.learning_rate}]
        if self._tuned:
            groups.append({"params": self._tuned, "peak": self.config.encoder_learning_rate})
        return torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.98), weight_decay=self.config.weight_decay)

    @property
    def _tuned(self) -> list[nn.Parameter]:
        """The encoder's parameters that training changes."""
        if self.encoder is None:
            return []
        return [parameter for parameter in self.encoder.parameters() if parameter.requires_grad]

    def train(self, speech: Speech, text: TextSet | None, held_out: Mapping[str, HeldOutSet]) -> None:
        """Run the epochs that are left.

        Args:
            speech: where the batches come from; live ones need the encoder.
            text: clauses to learn from without audio.
            held_out: sets to measure after every epoch, by name.
        """
        while self.epoch < self.config.epochs:
            rng = np.random.default_rng((self.config.seed, self.epoch))
            started = time.monotonic()
            losses = self._run_epoch(*speech.epoch(self.epoch, self.config.batch_frames, rng), text, rng)
            self.epoch += 1
            self.scores = {name: self.measure(features, name) for name, features in held_out.items()}
            self._save()
            entry: Line = {"epoch": self.epoch, "step": self.step, "seconds": time.monotonic() - started}
            entry |= {"loss": losses, "cer": self.scores}
            with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
            log.info("epoch %s: %s", self.epoch, entry)

    def _run_epoch(
        self, count: int, batches: Iterable[Rows], text: TextSet | None, rng: np.random.Generator
    ) -> dict[str, float]:
        self.model.train()
        sums: dict[str, float] = {}
        bar = tqdm(batches, desc=f"epoch {self.epoch + 1}/{self.config.epochs}", total=count, mininterval=5)
        for done, rows in enumerate(bar):
            progress = (self.epoch + done / count) / self.config.epochs
            parts = self._update(self._collate(rows), text, rng, self._warmth(progress))
            for name, value in parts.items():
                sums[name] = sums.get(name, 0.0) + value
            if done % 20 == 0:
                shown = {name: f"{total / (done + 1):.3f}" for name, total in sums.items()}
                bar.set_postfix(shown | {f"CER {name}": f"{score} %" for name, score in self.scores.items()})
        return {name: round(total / count, 4) for name, total in sums.items()}

    def _update(
        self, batch: SpeechBatch, text: TextSet | None, rng: np.random.Generator, warmth: float
    ) -> dict[str, float]:
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * warmth
        with self._precision():
            parts = speech_loss(self.model, self._encoded(batch, self.encoder), self.config.loss)
            if text is not None and self.config.text_batch:
                tokens, syllables = text.sample(self.config.text_batch, rng)
                ids, counts = self._padded(tokens)
                parts["text"] = text_loss(
                    self.model, ids, self._padded(syllables)[0], counts, self.neighbours, self.config.loss
                )
        self.optimiser.zero_grad()
        self.scaler.scale(torch.stack(list(parts.values())).sum()).backward()
        self.scaler.unscale_(self.optimiser)
        torch.nn.utils.clip_grad_norm_([*self.model.parameters(), *self._tuned], self.config.clip)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.step += 1
        self._update_average()
        return {name: float(value.detach()) for name, value in parts.items()}

    def _encoded(self, batch: SpeechBatch, encoder: WhisperEncoder | None) -> SpeechBatch:
        """Pass log-mel frames through the encoder, or features through its tuned layers when there are any."""
        if encoder is None:
            return batch
        if batch.features.shape[-1] == N_MELS:
            lengths = torch.div(batch.lengths, 2, rounding_mode="floor") - DROPPED_FRAMES
            encoded = encoder(batch.features, batch.lengths)
        else:
            lengths = batch.lengths - DROPPED_FRAMES
            encoded = encoder.upper(batch.features, 2 * batch.lengths, self.config.encoder_layers)
        longest = -(-int(lengths.max()) // STACK) * STACK
        padded = F.pad(encoded, (0, 0, 0, max(0, longest - encoded.shape[1])))[:, :longest]
        valid = torch.arange(longest, device=self.device)[None] < lengths[:, None]
        return replace(batch, features=padded.masked_fill(~valid[..., None], 0.0), lengths=lengths)

    def _update_average(self) -> None:
        decay = min(self.config.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for kept, new in zip(self.average.parameters(), self.model.parameters(), strict=True):
                kept.lerp_(new, 1 - decay)
            if self.encoder is not None and self.encoder_average is not None and self._tuned:
                for kept, new in zip(self.encoder_average.parameters(), self.encoder.parameters(), strict=True):
                    kept.lerp_(new, 1 - decay)

    def _warmth(self, progress: float) -> float:
        """The learning rate's share of its peak."""
        warm = min(1.0, (self.step + 1) / self.config.warmup_steps)
        fall = min(1.0, (1 - progress) / (1 - self.config.decay_from))
        return warm * max(0.02, fall)

    @torch.inference_mode()
    def measure(self, features: HeldOutSet, name: str) -> float:
        """Character error rate in percent of the averaged weights; the hypotheses go to NAME.hypotheses.jsonl."""
        self.average.eval()
        lines = features.lines
        hypotheses = [""] * len(lines)
        for indices in bucketed([line["frames"] for line in lines], self.config.batch_frames, None):
            batch = self._collate([(features.features(lines[i]), lines[i]["text"]) for i in indices])
            with self._precision():
                batch = self._encoded(batch, self.encoder_average)
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
        step = 2 * STACK  # whole frames of the adapter, and an even number for the encoder
        longest = -(-int(lengths.max()) // step) * step
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
        if self.config.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, getattr(torch, self.config.precision))

    def _save(self) -> None:
        state = {
            "model_config": asdict(self.model.config),
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "encoder": self.encoder.state_dict() if self.encoder is not None and self._tuned else {},
            "encoder_average": self.encoder_average.state_dict() if self.encoder_average and self._tuned else {},
            "optimiser": self.optimiser.state_dict(),
            "scores": self.scores,
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
        if state.get("encoder") and self.encoder is not None and self.encoder_average is not None:
            self.encoder.load_state_dict(state["encoder"])
            self.encoder_average.load_state_dict(state["encoder_average"])
        peaks = [group["peak"] for group in self.optimiser.param_groups]
        self.optimiser.load_state_dict(state["optimiser"])
        for group, peak in zip(self.optimiser.param_groups, peaks, strict=True):
            group["peak"] = peak  # the configuration may have changed it since
        self.scores = state.get("scores", {})
        torch.set_rng_state(state["random"].cpu())
        self.epoch, self.step = state["epoch"], state["step"]
        log.info("resumed after epoch %s", self.epoch)

"""Trains the punctuation model: streams of sentences, as long and as cut off as those that a recogniser hands over."""

from __future__ import annotations

import json
import logging
import math
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pypinyin import lazy_pinyin
from torch import Tensor
from tqdm import tqdm

from asr.training.punctuation.model import CTTransformer, PunctuationConfig
from asr.training.punctuation.text import (
    COMMA,
    MARKS,
    PERIOD,
    QUESTION,
    UNKNOWN,
    UNKNOWN_MARK,
    Document,
    Sentence,
    Source,
)

log = logging.getLogger(__name__)

Ids = NDArray[np.int64]
_NEAR = 8  # homophones kept of each character
_LONGEST_SAMPLE = 180  # characters


@dataclass(frozen=True)
class PunctuationTraining:
    """The run. `batch_characters` counts padding too; `noisy` characters become others of the same sound."""

    steps: int
    batch_characters: int = 3000
    learning_rate: float = 1.5e-3
    warmup: int = 300
    weight_decay: float = 0.01
    average: float = 0.999
    noisy: float = 0.05
    cut_off: float = 0.25
    evaluate_every: int = 500
    seed: int = 1
    threads: int = 1
    bfloat16: bool = True


class Characters:
    """The model's vocabulary: characters in the order of tokens.json."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = list(tokens)
        self._ids = {token: index for index, token in enumerate(self.tokens)}

    @classmethod
    def build(cls, documents: Iterable[Document], least: int = 3) -> Characters:
        """The characters seen `least` times, the most frequent first; id 0 is <unk>."""
        counts = Counter(c for document in documents for sentence in document for c in sentence.characters)
        return cls([UNKNOWN, *(c for c, times in counts.most_common() if times >= least and c != UNKNOWN)])

    def encode(self, sentence: Sentence) -> tuple[Ids, Ids]:
        """Ids of the characters and of the marks."""
        ids = np.array([self._ids.get(character, 0) for character in sentence.characters], np.int64)
        return ids, np.array(sentence.marks, np.int64)

    def homophones(self) -> Ids:
        """Ids of characters of the same sound, the most frequent first, (characters, 8); itself where it has none."""
        sounds = [lazy_pinyin(character)[0] for character in self.tokens[1:]]
        groups = defaultdict(list)
        for index, sound in enumerate(sounds, 1):
            groups[sound].append(index)
        table = np.tile(np.arange(len(self.tokens))[:, None], (1, _NEAR))
        for index, sound in enumerate(sounds, 1):
            others = [other for other in groups[sound][: _NEAR + 1] if other != index]
            if others:
                table[index] = np.resize(others, _NEAR)
        return table


def streams(
    documents: Sequence[tuple[Source, Document]], characters: Characters, config: PunctuationTraining, epoch: int
) -> list[tuple[Ids, Ids]]:
    """Join the sentences of all texts to the samples of one epoch.

    A third are single sentences, as voice messages are; the others several in a row, so that marks inside a text are
    learned. Some are cut off in the middle, as a text is that is still being spoken.
    """
    rng = np.random.default_rng((config.seed, epoch))
    near = characters.homophones()
    by_name: dict[str, list[Document]] = defaultdict(list)
    for source, document in documents:
        by_name[source.name] += [document] * source.times
    samples = []
    for name in sorted(by_name):
        order = rng.permutation(len(by_name[name]))
        sentences = [characters.encode(sentence) for index in order for sentence in by_name[name][index]]
        position = 0
        while position < len(sentences):
            shortest, longest = [(0, 1), (20, 60), (60, _LONGEST_SAMPLE)][rng.choice(3, p=[0.35, 0.35, 0.3])]
            wanted = rng.integers(shortest, longest)
            ids, marks = sentences[position]
            position += 1
            while len(ids) < wanted and position < len(sentences):
                ids = np.concatenate([ids, sentences[position][0]])
                marks = np.concatenate([marks, sentences[position][1]])
                position += 1
            length = min(len(ids), _LONGEST_SAMPLE)
            if rng.random() < config.cut_off:
                length = int(rng.integers(1, length + 1))
            samples.append((_misheard(ids[:length], near, config.noisy, rng), marks[:length]))
    return samples


def _misheard(ids: Ids, near: Ids, share: float, rng: np.random.Generator) -> Ids:
    if rng.random() < 0.5:
        return ids
    wrong = rng.random(len(ids)) < 2 * share
    return np.where(wrong, near[ids, rng.integers(_NEAR, size=len(ids))], ids)


def batches(
    samples: Sequence[tuple[Ids, Ids]], characters: int, rng: np.random.Generator
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Pad samples of like length together: ids and marks (B, T) with B * T at most `characters`, lengths (B,)."""
    # Lengths are blurred, so that the same samples do not always meet.
    order = sorted(range(len(samples)), key=lambda index: len(samples[index][0]) * rng.uniform(0.9, 1.1))
    groups: list[list[int]] = [[]]
    longest = 0
    for index in order:
        longest = max(longest, len(samples[index][0]))
        if groups[-1] and longest * (len(groups[-1]) + 1) > characters:
            groups.append([])
            longest = len(samples[index][0])
        groups[-1].append(index)
    for group in rng.permutation(len(groups)):
        chosen = [samples[index] for index in groups[group]]
        lengths = torch.tensor([len(ids) for ids, _ in chosen])
        padded = [
            torch.nn.utils.rnn.pad_sequence([torch.from_numpy(part[column]) for part in chosen], batch_first=True)
            for column in (0, 1)
        ]
        yield padded[0], padded[1], lengths


@dataclass
class Counts:
    """What was found of one mark."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    @property
    def precision(self) -> float:
        return self.right / max(1, self.right + self.wrong)

    @property
    def recall(self) -> float:
        return self.right / max(1, self.right + self.missed)

    @property
    def f1(self) -> float:
        return 2 * self.right / max(1, 2 * self.right + self.wrong + self.missed)

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.right + other.right, self.wrong + other.wrong, self.missed + other.missed)


def count_marks(expected: Ids, found: Ids) -> dict[int, Counts]:
    """Compare marks; places whose mark is not known are left out. A mark taken for another is wrong and missed."""
    known = expected != UNKNOWN_MARK
    expected, found = expected[known], found[known]
    return {
        mark: Counts(
            right=int(((expected == mark) & (found == mark)).sum()),
            wrong=int(((expected != mark) & (found == mark)).sum()),
            missed=int(((expected == mark) & (found != mark)).sum()),
        )
        for mark in range(COMMA, len(MARKS))
    }


def together(counts: dict[int, Counts]) -> Counts:
    """，。？ summed up."""
    return counts[COMMA] + counts[PERIOD] + counts[QUESTION]


@torch.inference_mode()
def measure(
    model: CTTransformer, characters: Characters, documents: Sequence[tuple[Source, Document]]
) -> dict[int, Counts]:
    """Count the marks that a model in inference mode sets in the first 180 characters of documents."""
    total = {mark: Counts() for mark in range(COMMA, len(MARKS))}
    for _, document in documents:
        encoded = [characters.encode(sentence) for sentence in document]
        ids = np.concatenate([ids for ids, _ in encoded])[:_LONGEST_SAMPLE]
        marks = np.concatenate([marks for _, marks in encoded])[:_LONGEST_SAMPLE]
        found = model(torch.from_numpy(ids)[None], torch.tensor([len(ids)]))[0, :, 1:].argmax(-1) + 1
        for mark, counts in count_marks(marks, found.numpy()).items():
            total[mark] += counts
    return total


class PunctuationTrainer:
    """A run that can be stopped at any time: `folder`/checkpoint.pt has all that it needs to go on."""

    def __init__(
        self, folder: Path, characters: Characters, sizes: PunctuationConfig, config: PunctuationTraining
    ) -> None:
        """Start anew, or go on from the checkpoint in `folder`."""
        torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self.config = config
        self.characters = characters
        self.model = CTTransformer(sizes)
        self.average = CTTransformer(sizes).requires_grad_(requires_grad=False)
        self.average.load_state_dict(self.model.state_dict())
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=0.0, betas=(0.9, 0.98), weight_decay=config.weight_decay
        )
        self.epoch = self.done = self.step = 0  # `done` counts the batches of this epoch
        self.folder = folder
        self.checkpoint = folder / "checkpoint.pt"
        if self.checkpoint.exists():
            self._resume()

    def train(self, documents: Sequence[tuple[Source, Document]], held_out: Sequence[tuple[Source, Document]]) -> None:
        """Take the steps that are left; measures the averaged weights on `held_out` now and then."""
        bar = tqdm(total=self.config.steps, initial=self.step, mininterval=5)
        started = time.monotonic()
        losses: list[float] = []
        while self.step < self.config.steps:
            samples = streams(documents, self.characters, self.config, self.epoch)
            rng = np.random.default_rng((self.config.seed, self.epoch, 1))
            for number, batch in enumerate(batches(samples, self.config.batch_characters, rng)):
                if number < self.done:
                    continue
                losses.append(self._take_step(*batch))
                self.done = number + 1
                bar.update()
                if self.step % self.config.evaluate_every == 0 or self.step == self.config.steps:
                    score = together(measure(self.average.eval(), self.characters, held_out))
                    entry = {"step": self.step, "loss": float(np.mean(losses)), "f1": score.f1}
                    bar.set_postfix(loss=f"{entry['loss']:.4f}", f1=f"{score.f1:.4f}")
                    self._save(entry | {"seconds": time.monotonic() - started})
                    losses = []
                if self.step == self.config.steps:
                    return
            self.epoch, self.done = self.epoch + 1, 0

    def _take_step(self, ids: Tensor, marks: Tensor, lengths: Tensor) -> float:
        self.model.train()
        self.step += 1
        warm = min(1.0, self.step / self.config.warmup)
        rate = self.config.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * self.step / self.config.steps))
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        with torch.autocast("cpu", torch.bfloat16, enabled=self.config.bfloat16):
            logits = self.model(ids, lengths)
        loss = F.cross_entropy(logits.float().flatten(0, 1), marks.flatten(), ignore_index=UNKNOWN_MARK)
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 2.0)
        self.optimiser.step()
        share = min(self.config.average, self.step / (self.step + 10))
        with torch.no_grad():
            for mine, theirs in zip(self.average.parameters(), self.model.parameters(), strict=True):
                mine.lerp_(theirs, 1 - share)
        return float(loss.detach())

    def _save(self, entry: dict[str, float]) -> None:
        state = {
            "config": asdict(self.model.config),
            "tokens": self.characters.tokens,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "place": (self.epoch, self.done, self.step),
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = self.checkpoint.with_suffix(".new")
        torch.save(state, fresh)
        fresh.replace(self.checkpoint)  # a kill leaves the old one or the new one
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    def _resume(self) -> None:
        state = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.epoch, self.done, self.step = state["place"]
        log.info("going on at step %s", self.step)

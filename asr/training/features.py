"""Encoder features on disk: because the encoder is frozen, every version of a clip passes it once, not once an epoch.

A copy of the corpus is two files: NAME.bin, float16 features of 20 ms, shape (frames, 512) one after another; and
NAME.jsonl with id, text, and where its frames lie.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from asr.frontend import WhisperFrontend
from asr.training.augment import Augmenter, non_speech, warp_mel
from asr.training.corpus import Clip, Samples, group, is_han, join
from asr.training.whisper import WIDTH, WhisperEncoder

TAIL_SECONDS = 0.5
"""Silence that the front end appends: without it the last frames' features drift."""
DROPPED_FRAMES = 18
"""Encoder frames of that tail that carry nothing and are cut off again (0.36 of its 0.5 s)."""
ALONE = 3
"""One word in so many is also learnt alone, for answers of one word."""
_GROUP = 16
_BATCH = 4


@dataclass(frozen=True)
class Item:
    """One thing to encode: samples are made when their turn comes, so that a copy is never in memory whole."""

    id: str
    text: str
    make: Callable[[], Samples]
    warp: float = 1.0


def clean_items(clips: list[Clip]) -> list[Item]:
    """The clips as they are: for evaluation."""
    return [Item(clip.id, clip.text, clip.samples) for clip in clips]


def training_items(clips: list[Clip], seed: int, *, augmented: bool) -> list[Item]:
    """One copy of the corpus: each sentence, words alone and in runs, a few sentences joined, some non-speech.

    Args:
        clips: the corpus; those of kind ``hsk-word`` are single words.
        seed: copies of different seeds differ in every random choice.
        augmented: whether clips pass the Augmenter; the first copy is clean.
    """
    rng = np.random.default_rng(seed)
    clips = [clip for clip in clips if is_han(clip.text)]
    sentences = [clip for clip in clips if clip.kind != "hsk-word"]
    words = [clip for clip in clips if clip.kind == "hsk-word"]
    augment = Augmenter(rng, babble=lambda: sentences[int(rng.integers(len(sentences)))].samples())

    def item(id_: str, parts: list[Clip], gap: tuple[float, float], *, level: bool = False) -> Item:
        def make() -> Samples:
            samples = join(parts, rng, gap, level=level)
            return augment(samples) if augmented else samples

        warp = float(rng.uniform(0.9, 1.1)) if augmented and rng.random() < 0.6 else 1.0
        return Item(id_, "".join(part.text for part in parts), make, warp)

    items = [item(clip.id, [clip], (0, 0)) for clip in sentences]
    items += [item(clip.id, [clip], (0, 0), level=True) for clip in words[::ALONE]]
    items += [item(f"words-{seed}-{i}", run, (0.0, 0.25), level=True) for i, run in enumerate(group(words, rng, 2, 5))]
    joined = group(sentences, rng, 2, 5)[: len(sentences) // 20]
    items += [item(f"joined-{seed}-{i}", run, (0.05, 0.6)) for i, run in enumerate(joined)]
    items += [Item(f"silence-{seed}-{i}", "", lambda: non_speech(rng)) for i in range(len(sentences) // 40)]
    rng.shuffle(items)
    return items


def extract(items: list[Item], encoder: WhisperEncoder, target: Path) -> None:
    """Encode the items into ``target``.bin and ``target``.jsonl, which appear when they are whole.

    Args:
        items: what to encode.
        encoder: Whisper's encoder; it runs in bfloat16 where the processor has it.
        target: path without suffix.
    """
    frontend = WhisperFrontend(tail_padding=TAIL_SECONDS)
    partial = target.with_name(f"{target.name}-partial")
    offset = 0
    with (
        partial.with_suffix(".bin").open("wb") as features,
        partial.with_suffix(".jsonl").open("w", encoding="utf-8") as index,
    ):
        for start in tqdm(range(0, len(items), _GROUP), desc=target.name, mininterval=5):
            batch = items[start : start + _GROUP]
            mels = [warp_mel(frontend(item.make()), item.warp) for item in batch]
            for item, encoded in zip(batch, _encode(mels, encoder), strict=True):
                encoded.tofile(features)
                line = {"id": item.id, "text": item.text, "offset": offset, "frames": len(encoded)}
                index.write(json.dumps(line, ensure_ascii=False) + "\n")
                offset += len(encoded)
    for suffix in (".jsonl", ".bin"):  # the features last: they are what says that the copy is there
        partial.with_suffix(suffix).replace(target.with_suffix(suffix))


@torch.inference_mode()
def _encode(mels: list[Samples], encoder: WhisperEncoder) -> list[NDArray[np.float16]]:
    outputs: list[NDArray[np.float16]] = [np.empty((0, WIDTH), np.float16)] * len(mels)
    order = sorted(range(len(mels)), key=lambda i: len(mels[i]))
    for start in range(0, len(order), _BATCH):
        chosen = order[start : start + _BATCH]
        lengths = torch.tensor([len(mels[i]) for i in chosen])
        batch = torch.zeros(len(chosen), int(lengths.max()), mels[0].shape[1])
        for row, (i, length) in enumerate(zip(chosen, lengths, strict=True)):
            batch[row, :length] = torch.from_numpy(mels[i])
        with torch.autocast("cpu", torch.bfloat16):
            encoded = encoder(batch, lengths)
        for row, (i, length) in enumerate(zip(chosen, lengths, strict=True)):
            outputs[i] = encoded[row, : length // 2 - DROPPED_FRAMES].half().numpy()
    return outputs


class FeatureSet:
    """A copy on disk, read through a memory map."""

    def __init__(self, target: Path) -> None:
        """``target`` is the path without suffix; raises FileNotFoundError when the copy is not there."""
        self._features = np.memmap(target.with_suffix(".bin"), np.float16, "r").reshape(-1, WIDTH)
        index = target.with_suffix(".jsonl").read_text(encoding="utf-8")
        self.lines = [json.loads(line) for line in index.splitlines()]

    def features(self, line: dict[str, Any]) -> Tensor:
        """Features of one of ``lines``, float16, shape (frames, 512)."""
        start = line["offset"]
        return torch.from_numpy(np.array(self._features[start : start + line["frames"]]))

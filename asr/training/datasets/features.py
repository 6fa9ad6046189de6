"""Encoder features on disk: what is frozen of the encoder, every version of a clip passes once, not once an epoch.

A copy of the corpus is two files: NAME.bin, float16 features of 20 ms, shape (frames, 512) one after another; and
NAME.jsonl with id, text, and where its frames lie.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from asr.audio.frontend import WhisperFrontend
from asr.training.datasets.corpus import Samples
from asr.training.datasets.items import TAIL_SECONDS, Item
from asr.training.whisper import WIDTH, WhisperEncoder

DROPPED_FRAMES = 18
"""Encoder frames of the appended silence that carry nothing and are cut off again (0.36 of its 0.5 s)."""
_GROUP = 16
_BATCH = 4


def extract(items: list[Item], encoder: WhisperEncoder, target: Path, above: int = 0) -> None:
    """Encode the items into ``target``.bin and ``target``.jsonl, which appear when they are whole.

    Args:
        items: what to encode.
        encoder: Whisper's encoder; it runs in bfloat16 where the processor has it.
        target: path without suffix.
        above: upper layers of the encoder that are tuned, and so left to training; the frames of the appended silence
            are kept then.
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
            mels = [item.mel(frontend) for item in batch]
            for item, encoded in zip(batch, _encode(mels, encoder, above), strict=True):
                encoded.tofile(features)
                line = {"id": item.id, "text": item.text, "offset": offset, "frames": len(encoded)}
                index.write(json.dumps(line, ensure_ascii=False) + "\n")
                offset += len(encoded)
    for suffix in (".jsonl", ".bin"):  # the features last: they are what says that the copy is there
        partial.with_suffix(suffix).replace(target.with_suffix(suffix))


@torch.inference_mode()
def _encode(mels: list[Samples], encoder: WhisperEncoder, above: int) -> list[NDArray[np.float16]]:
    outputs: list[NDArray[np.float16]] = [np.empty((0, WIDTH), np.float16)] * len(mels)
    order = sorted(range(len(mels)), key=lambda i: len(mels[i]))
    for start in range(0, len(order), _BATCH):
        chosen = order[start : start + _BATCH]
        lengths = torch.tensor([len(mels[i]) for i in chosen])
        batch = torch.zeros(len(chosen), int(lengths.max()), mels[0].shape[1])
        for row, (i, length) in enumerate(zip(chosen, lengths, strict=True)):
            batch[row, :length] = torch.from_numpy(mels[i])
        with torch.autocast("cpu", torch.bfloat16):
            encoded = encoder.lower(batch, lengths, above) if above else encoder(batch, lengths)
        dropped = 0 if above else DROPPED_FRAMES
        for row, (i, length) in enumerate(zip(chosen, lengths, strict=True)):
            outputs[i] = encoded[row, : length // 2 - dropped].half().numpy()
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

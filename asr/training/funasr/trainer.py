"""FunASR's trainer with the two things that it lacks: it stays on the CPU where told to, and it counts characters.

FunASR reports its loss and the share of tokens that are right when the decoder sees the reference (teacher forcing).
How well the model recognises is told by decoding alone, so after each epoch the held-out set is decoded greedily.
Source: FunASR 1.4, funasr/train_utils/trainer_ds.py.
"""

from __future__ import annotations

import logging
from typing import Any

import torch
from rapidfuzz.distance import Levenshtein

log = logging.getLogger(__name__)

_TOKENS_BEFORE_TEXT = 3  # blank, beginning and end of a sentence come first in every vocabulary


def with_held_out_cer(trainer: type, *, on_the_cpu: bool) -> type:
    """Derive from FunASR's Trainer one that logs the CER of the held-out set after each epoch.

    Args:
        trainer: FunASR's class.
        on_the_cpu: keep the device a CPU: FunASR's main sets it to the process's rank, the number of a GPU.
    """

    class HeldOutTrainer(trainer):  # type: ignore[misc]  # FunASR has no types
        def validate_epoch(
            self, model: Any = None, dataloader_val: Any = None, epoch: int | None = None, **kwargs: Any
        ) -> None:
            super().validate_epoch(model=model, dataloader_val=dataloader_val, epoch=epoch, **kwargs)
            model.eval()
            cer = held_out_cer(getattr(model, "module", model), dataloader_val, self.device)
            model.train()
            log.info("epoch %s: held-out CER %.2f %%", epoch, 100 * cer)

    if on_the_cpu:
        HeldOutTrainer.device = property(lambda self: "cpu", lambda self, value: None)
    return HeldOutTrainer


@torch.no_grad()
def held_out_cer(model: Any, batches: Any, device: str | int) -> float:
    """Decode batches greedily, each token for itself, and compare with their texts.

    Args:
        model: a Paraformer of FunASR's, in evaluation mode.
        batches: of FunASR's dataset: speech (B, T, F), speech_lengths (B, 1), text (B, N), text_lengths (B, 1).
        device: where the model is.

    Returns:
        Edits by tokens of the references; with FunASR's character vocabularies the character error rate.
    """
    edits = tokens = 0
    for batch in batches:
        speech = batch["speech"].to(device)
        encoded, lengths = model.encode(speech, batch["speech_lengths"][:, 0].to(device))
        embeddings, counts, *_ = model.calc_predictor(encoded, lengths)
        counts = counts.round().long()
        found: list[list[int]] = [[] for _ in counts]
        if int(counts.max()) > 0:  # else it heard nothing in any of them, which the decoder cannot take
            scores = model.cal_decoder_with_predictor(encoded, lengths, embeddings, counts)[0]
            found = [row[:count].tolist() for row, count in zip(scores.argmax(-1), counts, strict=True)]
        for text, length, heard in zip(batch["text"], batch["text_lengths"][:, 0], found, strict=True):
            said = text[: int(length)].tolist()
            edits += Levenshtein.distance(said, [token for token in heard if token >= _TOKENS_BEFORE_TEXT])
            tokens += len(said)
    return edits / max(1, tokens)

"""What the embedded Paraformer is trained on: one loss for a batch of speech, one for a batch of text."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from asr.training.model import Acoustics, EmbeddedParaformer, glance, integrate
from asr.training.mwer import mwer_loss


@dataclass(frozen=True)
class LossConfig:
    """Weights of the parts, and the sampler's settings."""

    decoder: float = 1.0
    syllable: float = 0.5
    ctc: float = 0.5
    quantity: float = 1.0
    text: float = 0.5
    label_smoothing: float = 0.1
    sampling_ratio: float = 0.6
    """Share of the first pass's errors that the glancing sampler shows; 0 switches the sampler off."""
    mwer: float = 0.0
    """Weight of the expected errors of the n best sentences; for the last epochs, on top of a trained model."""
    mwer_hypotheses: int = 4
    deaf: float = 0.15
    """Share of the sentences whose acoustic embeddings and frames are hidden: the decoder has the syllables only."""
    confusion: float = 0.25
    """Share of a text's syllables that are blurred with a neighbour."""


@dataclass(frozen=True)
class SpeechBatch:
    """Features (batch, frames, 512) with lengths; token and syllable ids (batch, tokens) with counts, zero-padded."""

    features: Tensor
    lengths: Tensor
    tokens: Tensor
    syllables: Tensor
    counts: Tensor

    @property
    def token_mask(self) -> Tensor:
        """(batch, tokens), True where a token is valid."""
        return torch.arange(self.tokens.shape[1], device=self.counts.device)[None] < self.counts[:, None]


def speech_loss(model: EmbeddedParaformer, batch: SpeechBatch, config: LossConfig) -> dict[str, Tensor]:
    """The weighted parts by name; their sum is what to minimise."""
    acoustics = model.listen(batch.features, batch.lengths)
    mask = batch.token_mask
    total = acoustics.alphas.sum(dim=1)
    scaled = acoustics.alphas * (batch.counts / total.clamp(min=1e-3))[:, None]
    acoustic = model.acoustic_norm(integrate(acoustics.frames, scaled, batch.counts.max()))
    syllable_logits = model.syllable_logits(acoustic)
    parts = {"ctc": _ctc_loss(model, acoustics, batch)} if config.ctc else {}
    parts["quantity"] = (total - batch.counts).abs().sum() / batch.counts.sum().clamp(min=1)
    parts["syllable"] = _cross_entropy(syllable_logits, batch.syllables, mask & (batch.syllables > 0))
    deaf = torch.rand(len(total), device=total.device) < config.deaf
    embedded = model.embed(acoustic.masked_fill(deaf[:, None, None], 0.0), syllable_logits.float().softmax(-1).detach())
    frame_mask = acoustics.mask & ~deaf[:, None]
    parts["decoder"] = _glancing_loss(model, embedded, batch.tokens, mask, acoustics.frames, frame_mask, config)
    if config.mwer and mask.any():
        logits = model.decode(embedded, mask, acoustics.frames, frame_mask)
        parts["mwer"] = mwer_loss(logits.float().log_softmax(dim=-1), batch.tokens, mask, config.mwer_hypotheses)
    return {name: value * getattr(config, name) for name, value in parts.items()}


def text_loss(
    model: EmbeddedParaformer, tokens: Tensor, syllables: Tensor, counts: Tensor, neighbours: Tensor, config: LossConfig
) -> Tensor:
    """Syllables to characters, as if a recogniser had heard them: some blurred towards a neighbour.

    Args:
        tokens, syllables: ids (batch, tokens), zero-padded, with ``counts`` (batch,).
        neighbours: (syllables, n) ids that each syllable is taken for.
    """
    mask = torch.arange(tokens.shape[1], device=tokens.device)[None] < counts[:, None]
    heard = F.embedding(syllables, model.syllable_embedding.weight)
    column = torch.randint(neighbours.shape[1], syllables.shape, device=tokens.device)
    mistaken = F.embedding(neighbours[syllables, column], model.syllable_embedding.weight)
    share = torch.rand(syllables.shape, device=tokens.device)
    share = share.masked_fill(torch.rand_like(share) >= config.confusion, 0.0)[..., None]
    embedded = (1 - share) * heard + share * mistaken
    frames = embedded.new_zeros(len(tokens), 1, embedded.shape[-1])
    no_frames = torch.zeros(len(tokens), 1, dtype=torch.bool, device=tokens.device)
    logits = model.decode(embedded, mask, frames, no_frames)
    return config.text * _cross_entropy(logits, tokens, mask, config.label_smoothing)


def _glancing_loss(
    model: EmbeddedParaformer,
    embedded: Tensor,
    tokens: Tensor,
    mask: Tensor,
    frames: Tensor,
    frame_mask: Tensor,
    config: LossConfig,
) -> Tensor:
    if not config.sampling_ratio:
        logits = model.decode(embedded, mask, frames, frame_mask)
        return _cross_entropy(logits, tokens, mask, config.label_smoothing)
    with torch.no_grad():
        first = model.decode(embedded, mask, frames, frame_mask).argmax(dim=-1)
    truth = model.glance_norm(model.token_embedding(tokens))
    mixed, shown = glance(embedded, truth, (first != tokens) & mask, mask, config.sampling_ratio)
    logits = model.decode(mixed, mask, frames, frame_mask)
    return _cross_entropy(logits, tokens, mask & ~shown, config.label_smoothing)


def _cross_entropy(logits: Tensor, target: Tensor, mask: Tensor, label_smoothing: float = 0.0) -> Tensor:
    if not mask.any():
        return logits.sum() * 0.0
    return F.cross_entropy(logits[mask].float(), target[mask], label_smoothing=label_smoothing)


def _ctc_loss(model: EmbeddedParaformer, acoustics: Acoustics, batch: SpeechBatch) -> Tensor:
    log_probabilities = model.ctc_logits(acoustics.frames).float().log_softmax(dim=-1).transpose(0, 1)
    lengths = acoustics.mask.sum(dim=1)
    losses = F.ctc_loss(log_probabilities, batch.syllables, lengths, batch.counts, reduction="none", zero_infinity=True)
    return losses.sum() / batch.counts.sum().clamp(min=1)

"""The embedded Paraformer in torch: what stands on top of the frozen Whisper encoder.

Source: Gao et al., "Paraformer: Fast and Accurate Parallel Transformer for Non-autoregressive End-to-End Speech
Recognition" (2022): the CIF predictor (section 3.2), the glancing sampler (3.3), the single-step decoder (3.4).
Of our own making is the syllable path: every token's toned syllable is predicted from its acoustic embedding, and
the expected syllable's embedding is given to the decoder. So the decoder can also be taught from text alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STACK = 3
"""Encoder frames in one frame of the adapter: 60 ms."""
FRAME_SECONDS = 0.02 * STACK
TAIL = 0.45
"""FunASR's ``tail_threshold``: the weight that makes a last token with a fixed threshold."""


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of the trained part."""

    tokens: int
    syllables: int
    acoustic_width: int = 512
    width: int = 256
    heads: int = 4
    feed_forward: int = 1024
    adapter_layers: int = 2
    decoder_layers: int = 4
    dropout: float = 0.1
    dynamic_threshold: bool = True
    """Whether CIF's threshold is set for every utterance so that no weight is left over at its end. If not it is 1,
    and what is left over is a token when it is more than ``TAIL``."""


@dataclass(frozen=True)
class Acoustics:
    """What the adapter and the predictor make of a batch."""

    frames: Tensor
    """(batch, frames, width), 60 ms each."""
    mask: Tensor
    """(batch, frames), True where a frame is valid."""
    alphas: Tensor
    """(batch, frames), float32: how much of a token each frame holds. Their sum is the number of tokens."""


class EmbeddedParaformer(nn.Module):
    """Adapter, CIF predictor, syllable path, decoder, and a CTC head over syllables that keeps the adapter honest."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.width
        self.config = config
        self.adapter = Adapter(config)
        self.predictor = CifPredictor(width)
        self.acoustic_norm = nn.LayerNorm(width)
        self.to_syllable = nn.Linear(width, config.syllables)
        self.syllable_embedding = nn.Embedding(config.syllables, width)
        self.token_embedding = nn.Embedding(config.tokens, width)
        self.glance_norm = nn.LayerNorm(width)
        self.decoder = Decoder(config)
        self.output = nn.Linear(width, width)
        self.output_bias = nn.Parameter(torch.zeros(config.tokens))
        self.ctc = nn.Linear(width, config.syllables)
        for embedding in (self.token_embedding, self.syllable_embedding):
            nn.init.normal_(embedding.weight, std=width**-0.5)

    def listen(self, features: Tensor, lengths: Tensor) -> Acoustics:
        """Encoder features of 20 ms, (batch, frames, 512), of valid lengths (batch,), to 60 ms frames and alphas."""
        frames, mask = self.adapter(features, lengths)
        return Acoustics(frames, mask, self.predictor(frames, mask))

    def syllable_logits(self, acoustic: Tensor) -> Tensor:
        """Integrated acoustic embeddings, (batch, tokens, width), to (batch, tokens, syllables)."""
        return self.to_syllable(acoustic)

    def embed(self, acoustic: Tensor, syllable_probabilities: Tensor) -> Tensor:
        """The decoder's input: how it sounds, plus the embedding of the syllable it is expected to be."""
        return acoustic + syllable_probabilities.to(acoustic.dtype) @ self.syllable_embedding.weight

    def decode(self, embedded: Tensor, token_mask: Tensor, frames: Tensor, frame_mask: Tensor) -> Tensor:
        """Embedded tokens and the frames they may look at to logits, (batch, tokens, vocabulary)."""
        hidden = self.decoder(embedded, token_mask, frames, frame_mask)
        return F.linear(self.output(hidden), self.token_embedding.weight, self.output_bias)

    def ctc_logits(self, frames: Tensor) -> Tensor:
        """Per-frame logits over syllables, (batch, frames, syllables); index 0 is blank."""
        return self.ctc(frames)

    def recognise(self, acoustics: Acoustics) -> tuple[Tensor, Tensor, Tensor]:
        """Inference: logits (batch, tokens, vocabulary), token counts (batch,), and the weights that make the tokens.

        With the dynamic threshold of the paper (section 3.2) the weights sum to the counts: a threshold of total /
        count, and weights divided by it, are the same thing. The paper's count is the total rounded up; to the
        nearest is what the quantity loss teaches.
        """
        total = acoustics.alphas.sum(dim=1)
        counts, alphas = (total + (1 - TAIL)).floor(), acoustics.alphas
        if self.config.dynamic_threshold:
            counts = total.round()
            alphas = alphas * (counts / total.clamp(min=1e-3))[:, None]
        most = counts.max().clamp(min=1).long()
        acoustic = self.acoustic_norm(integrate(acoustics.frames, alphas, most))
        token_mask = count_up(most)[None] < counts[:, None].clamp(min=1)
        probabilities = self.syllable_logits(acoustic).softmax(dim=-1)
        logits = self.decode(self.embed(acoustic, probabilities), token_mask, acoustics.frames, acoustics.mask)
        return logits, counts.long(), alphas


def integrate(frames: Tensor, alphas: Tensor, most: Tensor) -> Tensor:
    """Continuous integrate-and-fire: token k is the sum of the frames weighted by their share of alpha mass k to k + 1.

    Args:
        frames: (batch, frames, width).
        alphas: (batch, frames), non-negative.
        most: the number of tokens to integrate, a scalar.

    Returns:
        (batch, most, width), float32.
    """
    upper = alphas.cumsum(dim=1)[:, None]
    lower = upper - alphas[:, None]
    token = count_up(most).float()[None, :, None]
    weights = (torch.minimum(upper, token + 1) - torch.maximum(lower, token)).clamp(min=0)
    return weights @ frames.float()


def count_up(end: Tensor) -> Tensor:
    """0, 1, ... ``end`` - 1 on the device of ``end``, a scalar: a tensor, so that an exported graph stays dynamic."""
    return torch.arange(end, device=end.device)  # type: ignore[call-overload]  # stubs know numbers only


def glance(embedded: Tensor, truth: Tensor, wrong: Tensor, token_mask: Tensor, ratio: float) -> tuple[Tensor, Tensor]:
    """The glancing sampler: show the decoder the truth at some positions, more of them the more it got wrong.

    Args:
        embedded: the decoder's input, (batch, tokens, width).
        truth: embeddings of the right tokens, same shape.
        wrong: where the first pass was wrong, (batch, tokens).
        token_mask: valid positions, (batch, tokens).
        ratio: share of a sentence's errors that is shown.

    Returns:
        The mixed input, and the positions that were shown, which take no part in the loss.
    """
    order = torch.rand(wrong.shape, device=wrong.device).masked_fill(~token_mask, 2.0).argsort(dim=1).argsort(dim=1)
    shown = order < (wrong.sum(dim=1) * ratio).long()[:, None]
    return torch.where(shown[..., None], truth.to(embedded.dtype), embedded), shown


class CifPredictor(nn.Module):
    """How much of a token every frame holds: a convolution and a sigmoid."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(width, width, 3, padding=1)
        self.out = nn.Linear(width, 1)
        nn.init.constant_(self.out.bias, -1.5)  # about one token in five frames, as in speech

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        hidden = F.relu(self.convolution((frames * mask[..., None]).transpose(1, 2))).transpose(1, 2)
        return torch.sigmoid(self.out(hidden).float())[..., 0] * mask


class Adapter(nn.Module):
    """Whisper's features of 20 ms to frames of 60 ms in the trained part's width."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.acoustic_width)
        self.project = nn.Linear(config.acoustic_width * STACK, config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(AdapterLayer(config) for _ in range(config.adapter_layers))
        self.final_norm = nn.LayerNorm(config.width)

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        batch, length, width = features.shape
        x = self.norm(features)
        if self.training:
            x = mask_spans(x, lengths)
        x = x.reshape(batch, length // STACK, width * STACK)
        mask = (
            torch.arange(length // STACK, device=x.device)[None]
            < torch.div(lengths, STACK, rounding_mode="floor")[:, None]
        )
        x = self.dropout(self.project(x))
        x = x + positions(x)
        for layer in self.layers:
            x = layer(x, mask)
        return self.final_norm(x), mask


def mask_spans(x: Tensor, lengths: Tensor, longest: int = 12, every: int = 75) -> Tensor:
    """SpecAugment in time: blank a span of up to ``longest`` frames in about every ``every``."""
    start = torch.rand(x.shape[0], max(1, x.shape[1] // every), 1) * lengths[:, None, None].cpu()
    width = torch.rand_like(start) * longest
    frame = torch.arange(x.shape[1])[None, None]
    blanked = ((frame >= start) & (frame < start + width)).any(dim=1).to(x.device)
    return x.masked_fill(blanked[..., None], 0.0)


class AdapterLayer(nn.Module):
    """Self-attention, a gated convolution of nine frames, and a feed-forward part, each with a residual connection."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.width
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(width, config.heads)
        self.gate_norm = nn.LayerNorm(width)
        self.gate = nn.Linear(width, 2 * width)
        self.depthwise = nn.Conv1d(width, width, 9, padding=4, groups=width)
        self.depthwise_norm = nn.LayerNorm(width)
        self.mix = nn.Linear(width, width)
        self.feed_forward = FeedForward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        normed = self.attention_norm(x)
        x = x + self.dropout(self.attention(normed, normed, mask))
        gated = F.glu(self.gate(self.gate_norm(x)), dim=-1) * mask[..., None]
        convolved = self.depthwise(gated.transpose(1, 2)).transpose(1, 2)
        x = x + self.dropout(self.mix(F.silu(self.depthwise_norm(convolved))))
        return x + self.feed_forward(x)


class Decoder(nn.Module):
    """All tokens at once: each sees every other and all frames. A learned null frame stands where there is no audio."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.null_frame = nn.Parameter(torch.zeros(1, 1, config.width))
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.decoder_layers))
        self.norm = nn.LayerNorm(config.width)

    def forward(self, embedded: Tensor, token_mask: Tensor, frames: Tensor, frame_mask: Tensor) -> Tensor:
        null = self.null_frame.expand(frames.shape[0], -1, -1).to(frames.dtype)
        memory = torch.cat([null, frames], dim=1)
        memory_mask = F.pad(frame_mask, (1, 0), value=True)
        x = embedded + positions(embedded)
        for layer in self.layers:
            x = layer(x, token_mask, memory, memory_mask)
        return self.norm(x)


class DecoderLayer(nn.Module):
    """Self-attention over tokens, attention over frames, and a feed-forward part."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.width)
        self.attention = Attention(config.width, config.heads)
        self.frames_norm = nn.LayerNorm(config.width)
        self.frames_attention = Attention(config.width, config.heads)
        self.feed_forward = FeedForward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, token_mask: Tensor, memory: Tensor, memory_mask: Tensor) -> Tensor:
        normed = self.attention_norm(x)
        x = x + self.dropout(self.attention(normed, normed, token_mask))
        x = x + self.dropout(self.frames_attention(self.frames_norm(x), memory, memory_mask))
        return x + self.feed_forward(x)


class FeedForward(nn.Module):
    """Norm, widen, narrow."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.width)
        self.widen = nn.Linear(config.width, config.feed_forward)
        self.narrow = nn.Linear(config.feed_forward, config.width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.narrow(F.gelu(self.widen(self.norm(x)))))


class Attention(nn.Module):
    """Multi-head attention of ``x`` over ``memory``, where ``mask`` is True.

    Written out, because for sequences this short it trains faster on a CPU than torch's fused attention.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor) -> Tensor:
        key, value = self.key_value(memory).chunk(2, dim=-1)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (self.query(x), key, value))
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
        weights = scores.masked_fill(~mask[:, None, None, :], -1e4).softmax(dim=-1).to(v.dtype)
        return self.out((weights @ v).transpose(1, 2).flatten(2))


def positions(x: Tensor, strength: float = 0.3) -> Tensor:
    """Sinusoids for the positions of ``x``, (positions, width), at a strength that leaves the content on top."""
    half = x.shape[-1] // 2
    scales = torch.exp(-math.log(10_000) / (half - 1) * torch.arange(half, device=x.device, dtype=torch.float32))
    angles = torch.arange(x.shape[1], device=x.device, dtype=torch.float32)[:, None] * scales[None]
    return (torch.cat([angles.sin(), angles.cos()], dim=1) * strength).to(x.dtype)

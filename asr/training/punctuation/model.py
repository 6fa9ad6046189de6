"""CT-Transformer in torch: which mark stands behind each character of a text.

Chen et al., "Controllable Time-Delay Transformer for Real-Time Punctuation Prediction and Disfluency Detection",
ICASSP 2020; its encoder is SAN-M, self-attention with an FSMN memory beside it: Gao et al., "SAN-M: Memory Equipped
Self-Attention for End-to-End Speech Recognition", Interspeech 2020. Parameters have the names of FunASR's
`CTTransformer`, so that either's weights load into the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LONGEST = 512
"""Positions that are made ready; FunASR's window is cut at 200 words, longer texts are read in pieces."""


@dataclass(frozen=True)
class PunctuationConfig:
    """Sizes: `width` of embeddings and layers, `hidden` of feed-forward parts, `kernel` of the memory in characters."""

    vocabulary: int
    marks: int
    width: int = 192
    heads: int = 4
    hidden: int = 768
    layers: int = 3
    kernel: int = 11
    dropout: float = 0.1


class SanmAttention(nn.Module):
    """Self-attention whose values also pass a depthwise convolution, the memory."""

    def __init__(self, config: PunctuationConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.linear_q_k_v = nn.Linear(config.width, 3 * config.width)
        self.linear_out = nn.Linear(config.width, config.width)
        self.fsmn_block = nn.Conv1d(
            config.width, config.width, config.kernel, padding=config.kernel // 2, groups=config.width, bias=False
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, present: Tensor) -> Tensor:
        """Take x (B, T, D) and `present` (B, T), 1.0 where there is a character; give (B, T, D)."""
        batch, length, width = x.shape
        queries, keys, values = self.linear_q_k_v(x).chunk(3, dim=-1)
        kept = values * present[..., None]
        memory = (self.dropout(self.fsmn_block(kept.transpose(1, 2)).transpose(1, 2) + kept)) * present[..., None]

        def split(part: Tensor) -> Tensor:
            return part.reshape(batch, length, self.heads, width // self.heads).transpose(1, 2)

        absent = present[:, None, None, :] == 0
        scores = (split(queries) * (width // self.heads) ** -0.5) @ split(keys).transpose(-2, -1)
        weights = self.dropout(scores.masked_fill(absent, float("-inf")).softmax(dim=-1))
        heard = (weights @ split(values)).transpose(1, 2).reshape(batch, length, width)
        return self.linear_out(heard) + memory


class FeedForward(nn.Module):
    """Two linear layers."""

    def __init__(self, config: PunctuationConfig) -> None:
        super().__init__()
        self.w_1 = nn.Linear(config.width, config.hidden)
        self.w_2 = nn.Linear(config.hidden, config.width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.w_2(self.dropout(F.relu(self.w_1(x))))


class EncoderLayer(nn.Module):
    """Attention and feed-forward, each behind a layer norm and beside the identity."""

    def __init__(self, config: PunctuationConfig) -> None:
        super().__init__()
        self.self_attn = SanmAttention(config)
        self.feed_forward = FeedForward(config)
        self.norm1 = nn.LayerNorm(config.width, eps=1e-12)
        self.norm2 = nn.LayerNorm(config.width, eps=1e-12)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, present: Tensor) -> Tensor:
        x = x + self.dropout(self.self_attn(self.norm1(x), present))
        return x + self.dropout(self.feed_forward(self.norm2(x)))


class SanmEncoder(nn.Module):
    """Layers over embeddings and sinusoidal positions. FunASR keeps the first layer under a name of its own."""

    positions: Tensor

    def __init__(self, config: PunctuationConfig) -> None:
        super().__init__()
        self.scale = math.sqrt(config.width)
        self.encoders0 = nn.ModuleList([EncoderLayer(config)])
        self.encoders = nn.ModuleList(EncoderLayer(config) for _ in range(config.layers - 1))
        self.after_norm = nn.LayerNorm(config.width, eps=1e-12)
        self.register_buffer("positions", sinusoids(LONGEST, config.width), persistent=False)

    def forward(self, embedded: Tensor, present: Tensor) -> Tensor:
        x = embedded * self.scale + self.positions[: embedded.shape[1]]
        for layer in (*self.encoders0, *self.encoders):
            x = layer(x, present)
        return self.after_norm(x)


class CTTransformer(nn.Module):
    """Characters to scores of marks."""

    def __init__(self, config: PunctuationConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocabulary, config.width)
        self.encoder = SanmEncoder(config)
        self.decoder = nn.Linear(config.width, config.marks)
        # The encoder multiplies by the root of the width (as every Transformer's does).
        nn.init.normal_(self.embed.weight, std=config.width**-0.5)

    def forward(self, inputs: Tensor, text_lengths: Tensor) -> Tensor:
        """Take ids (B, T), of which `text_lengths` (B,) are real; give logits (B, T, marks)."""
        positions = torch.arange(inputs.shape[1], device=inputs.device)
        present = (positions[None] < text_lengths[:, None]).float()
        return self.decoder(self.encoder(self.embed(inputs), present))


def sinusoids(length: int, width: int) -> Tensor:
    """Positions 1 to `length` as FunASR's SinusoidalPositionEncoder has them: sines, then cosines, (length, width)."""
    rates = torch.exp(torch.arange(width // 2) * (-math.log(10000) / (width / 2 - 1)))
    angles = torch.arange(1, length + 1)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)

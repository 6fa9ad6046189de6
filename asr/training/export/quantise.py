"""int8 weights that cost next to no accuracy, in spite of the outliers in Whisper's activations.

Dynamic quantisation gives all activations of a layer one scale. A few hidden units of Whisper's upper layers reach a
hundred times the others' size, and leave those three or four of the 256 steps. Two exact rewritings of the encoder
before it is quantised cure that: scales move from the activations behind a layer norm into the weights that follow
(Xiao et al., "SmoothQuant", 2023, section 4), and the largest hidden units pass a small product of their own that
stays in fp32 (Dettmers et al., "LLM.int8()", 2022, section 3.2).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor, nn

from asr.training.whisper import EncoderLayer, WhisperEncoder


@dataclass(frozen=True)
class Int8Settings:
    """How an encoder is made ready for int8."""

    smoothing: float = 0.85
    """Share of an activation's range that moves into the weights; SmoothQuant's alpha."""
    outliers: int = 48
    """Hidden units of every feed-forward part that stay in fp32."""


class SplitLinear(nn.Module):
    """A linear layer whose largest inputs pass a product of their own."""

    def __init__(self, linear: nn.Linear, outliers: Tensor) -> None:
        super().__init__()
        keep = torch.ones(linear.in_features)
        keep[outliers] = 0.0
        self.keep = nn.Buffer(keep)
        self.outliers = nn.Buffer(outliers)
        self.outlier_weight = nn.Buffer(linear.weight.detach()[:, outliers].T.contiguous())
        self.rest = linear

    def forward(self, x: Tensor) -> Tensor:
        return self.rest(x * self.keep) + x[..., self.outliers] @ self.outlier_weight


def tame(encoder: WhisperEncoder, largest: dict[str, Tensor], settings: Int8Settings) -> WhisperEncoder:
    """An encoder that computes the same and can be quantised.

    Args:
        encoder: left as it is.
        largest: what ``largest_inputs`` saw of it.
        settings: see there.
    """
    tamed = copy.deepcopy(encoder)
    for i, layer in enumerate(tamed.layers):
        assert isinstance(layer, EncoderLayer)
        smooth(layer.attention_norm, layer.qkv, largest[f"layers.{i}.qkv"], settings.smoothing)
        smooth(layer.feed_forward_norm, layer.expand, largest[f"layers.{i}.expand"], settings.smoothing)
        split = SplitLinear(layer.contract, largest[f"layers.{i}.contract"].topk(settings.outliers).indices)
        layer.set_submodule("contract", split)
    return tamed


@torch.inference_mode()
def largest_inputs(encoder: WhisperEncoder, mels: Iterable[Tensor]) -> dict[str, Tensor]:
    """The largest magnitude each input of each linear layer takes: name of the layer → (inputs,).

    Args:
        encoder: left as it is.
        mels: log-mel spectrograms to see the activations on, each (frames, 80), an even number of frames.
    """
    largest: dict[str, Tensor] = {}

    def watch(name: str) -> None:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            seen = inputs[0].abs().flatten(0, -2).amax(dim=0)
            largest[name] = torch.maximum(largest.get(name, seen), seen)

        handles.append(encoder.get_submodule(name).register_forward_pre_hook(hook))

    handles: list[torch.utils.hooks.RemovableHandle] = []
    for name, module in list(encoder.named_modules()):
        if isinstance(module, nn.Linear):
            watch(name)
    for mel in mels:
        encoder(mel[None], torch.tensor([len(mel)]))
    for handle in handles:
        handle.remove()
    return {name: value.clone() for name, value in largest.items()}


@torch.no_grad()
def smooth(norm: nn.LayerNorm, linear: nn.Linear, largest: Tensor, smoothing: float) -> None:
    """Divide what the norm puts out by a scale for each channel, and multiply the weights with it, in place."""
    weight = linear.weight.abs().amax(dim=0).clamp(min=1e-5)
    scale = largest.clamp(min=1e-3) ** smoothing / weight ** (1 - smoothing)
    scale = scale / scale.log().mean().exp()
    norm.weight.div_(scale)
    norm.bias.div_(scale)
    linear.weight.mul_(scale)


def quantise(source: Path, target: Path) -> None:
    """Weights of matrix products to int8, one scale per output channel; activations are quantised as they come.

    Weights are unsigned, because signed ones overflow on processors with AVX2 but without VNNI.
    """
    graph = onnx.load(str(source)).graph
    split_off = {weight.name for weight in graph.initializer if weight.name.endswith(".outlier_weight")}
    quantize_dynamic(
        source,
        target,
        op_types_to_quantize=["MatMul"],
        per_channel=True,
        weight_type=QuantType.QUInt8,
        nodes_to_exclude=[node.name for node in graph.node if split_off.intersection(node.input)],
        extra_options={"MatMulConstBOnly": True},
    )

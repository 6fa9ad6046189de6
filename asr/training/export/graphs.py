"""From trained weights to a model folder: two ONNX graphs, with configuration and vocabulary.

Layout of the folder, FunASR's where it has one: config.yaml, tokens.json, encoder.onnx (log-mel frames to Whisper's
features) and model.onnx (features to tokens); syllables.json is for those who go on training from it.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
import yaml
from torch import Tensor, nn

from asr.training.datasets.features import DROPPED_FRAMES
from asr.training.datasets.items import TAIL_SECONDS
from asr.training.datasets.text import Vocabulary
from asr.training.model import FRAME_SECONDS, STACK, EmbeddedParaformer, ModelConfig
from asr.training.whisper import N_MELS, WhisperEncoder

OPSET = 17
MAX_SECONDS = 30
"""Longest segment: what Whisper's encoder was trained on."""


class EncoderGraph(nn.Module):
    """Log-mel frames to features, without the frames of the appended silence."""

    def __init__(self, encoder: WhisperEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, speech: Tensor, speech_lengths: Tensor) -> tuple[Tensor, Tensor]:
        return self.encoder(speech, speech_lengths), torch.div(
            speech_lengths, 2, rounding_mode="floor"
        ) - DROPPED_FRAMES


class ModelGraph(nn.Module):
    """Features to log-probabilities of tokens, their number, and the CIF weights that give their times."""

    def __init__(self, model: EmbeddedParaformer) -> None:
        super().__init__()
        self.model = model

    def forward(self, encoder_out: Tensor, encoder_lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        padded = F.pad(encoder_out, (0, 0, 0, STACK - 1))
        whole = padded[:, : torch.div(padded.shape[1], STACK, rounding_mode="floor") * STACK]
        logits, counts, alphas = self.model.recognise(self.model.listen(whole, encoder_lengths))
        return logits.log_softmax(dim=-1), counts, alphas


def export_encoder(encoder: WhisperEncoder, path: Path) -> None:
    """Write Whisper's encoder as an ONNX file, fp32."""
    _export_graph(
        EncoderGraph(encoder),
        (torch.zeros(2, 200, N_MELS), torch.tensor([200, 160])),
        path,
        inputs={"speech": {0: "batch", 1: "mel_frames"}, "speech_lengths": {0: "batch"}},
        outputs={"encoder_out": {0: "batch", 1: "encoder_frames"}, "encoder_lengths": {0: "batch"}},
    )


def export_model(model: EmbeddedParaformer, path: Path) -> None:
    """Write what stands on the encoder as an ONNX file, fp32."""
    _export_graph(
        ModelGraph(model),
        (torch.randn(2, 82, model.config.acoustic_width), torch.tensor([82, 62])),
        path,
        inputs={"encoder_out": {0: "batch", 1: "encoder_frames"}, "encoder_lengths": {0: "batch"}},
        outputs={
            "log_probs": {0: "batch", 1: "tokens"},
            "token_num": {0: "batch"},
            "alphas": {0: "batch", 1: "frames"},
        },
    )


def write_description(config: ModelConfig, vocabulary: Vocabulary, folder: Path) -> None:
    """Write config.yaml and the vocabulary beside the graphs."""
    description = {
        "model": "WhisperParaformer",
        "model_conf": {
            "frame_seconds": FRAME_SECONDS,
            "max_seconds": MAX_SECONDS,
            "heads": config.heads,
            "dynamic_threshold": config.dynamic_threshold,
        },
        "frontend": "WhisperFrontend",
        "frontend_conf": {
            "fs": 16_000,
            "n_mels": N_MELS,
            "frame_length": 25,
            "frame_shift": 10,
            "tail_padding": TAIL_SECONDS,
        },
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(description, sort_keys=False), encoding="utf-8")
    vocabulary.save(folder)


def _export_graph(
    graph: nn.Module,
    example: tuple[Tensor, Tensor],
    path: Path,
    inputs: dict[str, dict[int, str]],
    outputs: dict[str, dict[int, str]],
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer warns of every shape, and the shapes here are dynamic
        torch.onnx.export(
            graph.eval(),
            example,
            str(path),
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={**inputs, **outputs},
            opset_version=OPSET,
            dynamo=False,
        )

"""From a checkpoint to the files that ship: two ONNX graphs, int8 beside fp32, with configuration and vocabulary.

Layout of the folder, FunASR's where it has one: config.yaml, tokens.json, encoder[_quant].onnx (log-mel frames to
Whisper's features) and model[_quant].onnx (features to tokens).
"""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
import yaml
from torch import Tensor, nn

from asr.training.features import DROPPED_FRAMES, TAIL_SECONDS
from asr.training.model import FRAME_SECONDS, STACK, EmbeddedParaformer, ModelConfig
from asr.training.quantise import quantise
from asr.training.text import Vocabulary
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


def load_average(checkpoint: Path) -> EmbeddedParaformer:
    """The averaged weights of a training run, ready for inference."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    model = EmbeddedParaformer(ModelConfig(**state["model_config"]))
    model.load_state_dict(state["average"])
    return model.eval()


def export(encoder: WhisperEncoder, model: EmbeddedParaformer, vocabulary: Vocabulary, folder: Path) -> None:
    """Write the model folder: fp32 and int8 graphs, config.yaml, tokens.json.

    Args:
        encoder: Whisper's encoder.
        model: the trained part, in inference mode.
        vocabulary: its tokens.
        folder: made when it is not there; files of the same names are replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _export_graph(
        EncoderGraph(encoder),
        (torch.zeros(2, 200, N_MELS), torch.tensor([200, 160])),
        folder / "encoder.onnx",
        inputs={"speech": {0: "batch", 1: "mel_frames"}, "speech_lengths": {0: "batch"}},
        outputs={"encoder_out": {0: "batch", 1: "encoder_frames"}, "encoder_lengths": {0: "batch"}},
    )
    _export_graph(
        ModelGraph(model),
        (torch.randn(2, 82, model.config.acoustic_width), torch.tensor([82, 62])),
        folder / "model.onnx",
        inputs={"encoder_out": {0: "batch", 1: "encoder_frames"}, "encoder_lengths": {0: "batch"}},
        outputs={
            "log_probs": {0: "batch", 1: "tokens"},
            "token_num": {0: "batch"},
            "alphas": {0: "batch", 1: "frames"},
        },
    )
    for name in ("encoder", "model"):
        quantise(folder / f"{name}.onnx", folder / f"{name}_quant.onnx")
    _write_config(folder)
    vocabulary.save(folder)
    (folder / "syllables.json").unlink()


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


def _write_config(folder: Path) -> None:
    config = {
        "model": "WhisperParaformer",
        "model_conf": {"frame_seconds": FRAME_SECONDS, "max_seconds": MAX_SECONDS},
        "frontend": "WhisperFrontend",
        "frontend_conf": {
            "fs": 16_000,
            "n_mels": N_MELS,
            "frame_length": 25,
            "frame_shift": 10,
            "tail_padding": TAIL_SECONDS,
        },
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")

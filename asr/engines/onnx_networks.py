"""The layouts of ONNX files in which Paraformer comes, each behind one call.

- FunASR's export: model_quant.onnx or model.onnx, (speech, speech_lengths) -> (logits, token_num), and
  (us_alphas, us_cif_peak) when the model gives times (BiCif, SeACo);
- with hotwords (SeACo, contextual): the same with a third input bias_embed, and model_eb_quant.onnx or model_eb.onnx,
  (hotword) -> (hw_embed);
- `WhisperParaformer`, the embedded one: encoder_quant.onnx, (speech, speech_lengths) -> (encoder_out,
  encoder_lengths), then model_quant.onnx, those -> (log_probs, token_num, alphas).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from asr.engines.onnx_graph import Graph
from asr.folder import ModelFolder
from asr.posteriors import Array

_MODEL = ("model_quant.onnx", "model.onnx")
_SPEECH = ("speech", "speech_lengths")


@dataclass(frozen=True)
class Batch:
    """What a network gave for B segments.

    `scores` (B, N, V) are log-probabilities or logits, `counts` (B,) the tokens of each. `weights` (B, S) are CIF
    weights; `fires` says whether they are those of FunASR's time predictor, which fires where a token begins.
    """

    scores: Array
    counts: np.ndarray
    weights: Array | None
    fires: bool = False


class Network(Protocol):
    """One layout of ONNX files behind one call."""

    def run(self, features: Array, lengths: np.ndarray, bias: Array | None) -> Batch:
        """Run a batch through the network.

        Args:
            features: (B, T, D), of which `lengths` (B,) frames are real.
            lengths: as said.
            bias: (W, E) embeddings of hotwords, for a network that takes them.

        Raises:
            RecognitionFailed: onnxruntime failed.
        """
        ...


class WhisperParaformerNetwork:
    """The embedded model: Whisper's encoder in one file, Paraformer's own parts in another."""

    def __init__(self, folder: ModelFolder, *, threads: int) -> None:
        """Load both files; raises ModelFileMissing, ModelInvalid."""
        encoded = ("encoder_out", "encoder_lengths")
        self._encoder = Graph(
            folder, ("encoder_quant.onnx", "encoder.onnx"), inputs=_SPEECH, outputs=encoded, threads=threads
        )
        outputs = ("log_probs", "token_num", "alphas")
        self._model = Graph(folder, _MODEL, inputs=encoded, outputs=outputs, threads=threads)

    def run(self, features: Array, lengths: np.ndarray, bias: Array | None) -> Batch:
        """Run a batch; it takes no bias. Raises RecognitionFailed."""
        encoded = self._encoder.run({"speech": features, "speech_lengths": lengths})
        found = self._model.run(encoded)
        return Batch(found["log_probs"], found["token_num"], found["alphas"])


class FunasrNetwork:
    """FunASR's export: encoder, predictor and decoder in one file."""

    def __init__(self, folder: ModelFolder, *, threads: int) -> None:
        """Load the file; raises ModelFileMissing, ModelInvalid."""
        self._graph = Graph(
            folder,
            _MODEL,
            inputs=(*_SPEECH, "bias_embed"),
            outputs=("logits", "token_num"),
            optional=("us_alphas",),
            threads=threads,
        )

    @property
    def takes_bias(self) -> bool:
        """Whether it wants embeddings of hotwords."""
        return "bias_embed" in self._graph.shapes

    def run(self, features: Array, lengths: np.ndarray, bias: Array | None) -> Batch:
        """Run a batch; raises RecognitionFailed."""
        values = {"speech": features, "speech_lengths": lengths}
        if bias is not None:
            values["bias_embed"] = np.repeat(bias[None], len(features), axis=0)
        found = self._graph.run(values)
        return Batch(found["logits"], found["token_num"], found.get("us_alphas"), fires=True)

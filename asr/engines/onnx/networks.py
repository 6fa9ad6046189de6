"""The layouts of ONNX files in which Paraformer comes, each behind one call.

- FunASR's export: model_quant.onnx or model.onnx, (speech, speech_lengths) -> (logits, token_num), and
  (us_alphas, us_cif_peak) when the model gives times (BiCif, SeACo);
- with hotwords (SeACo, contextual): the same with a third input bias_embed, and model_eb_quant.onnx or model_eb.onnx,
  (hotword) -> (hw_embed);
- `WhisperParaformer`, the embedded one: encoder_quant.onnx, (speech, speech_lengths) -> (encoder_out,
  encoder_lengths), then model_quant.onnx, those -> (log_probs, token_num, alphas).
"""

from __future__ import annotations

import numpy as np

from asr.decoding.posteriors import Array
from asr.engines.bias import HotwordEncoder, HotwordUnits
from asr.engines.network import Batch
from asr.engines.onnx.graph import Graph
from asr.hotwords.list import HotwordList
from asr.model_files.folder import ModelFolder

_MODEL = ("model_quant.onnx", "model.onnx")
_SPEECH = ("speech", "speech_lengths")


class WhisperParaformerNetwork:
    """The embedded model: Whisper's encoder in one file, Paraformer's own parts in another."""

    takes_hotwords = False

    def __init__(self, folder: ModelFolder, *, threads: int, cuda: bool = False) -> None:
        """Load both files; raises ModelFileMissing, ModelInvalid."""
        encoded = ("encoder_out", "encoder_lengths")
        self._encoder = Graph(
            folder, ("encoder_quant.onnx", "encoder.onnx"), inputs=_SPEECH, outputs=encoded, threads=threads, cuda=cuda
        )
        outputs = ("log_probs", "token_num", "alphas")
        self._model = Graph(folder, _MODEL, inputs=encoded, outputs=outputs, threads=threads, cuda=cuda)

    def run(self, features: Array, lengths: np.ndarray, hotwords: HotwordList) -> Batch:
        """Run a batch; it takes no hotwords. Raises RecognitionFailed."""
        encoded = self._encoder.run({"speech": features, "speech_lengths": lengths})
        found = self._model.run(encoded)
        return Batch(found["log_probs"], found["token_num"], found["alphas"])


class FunasrNetwork:
    """FunASR's export: encoder, predictor and decoder in one file."""

    def __init__(self, folder: ModelFolder, units: tuple[str, ...], *, threads: int, cuda: bool = False) -> None:
        """Load the file, and the hotword encoder where it wants one; raises ModelFileMissing, ModelInvalid."""
        self._graph = Graph(
            folder,
            _MODEL,
            inputs=(*_SPEECH, "bias_embed"),
            outputs=("logits", "token_num"),
            optional=("us_alphas",),
            threads=threads,
            cuda=cuda,
        )
        self._hotwords = _open_hotword_encoder(folder, units) if "bias_embed" in self._graph.shapes else None

    @property
    def takes_hotwords(self) -> bool:
        """Whether it has a hotword encoder."""
        return self._hotwords is not None

    def run(self, features: Array, lengths: np.ndarray, hotwords: HotwordList) -> Batch:
        """Run a batch; raises RecognitionFailed."""
        values = {"speech": features, "speech_lengths": lengths}
        if self._hotwords is not None:
            values["bias_embed"] = np.repeat(self._hotwords.embed(hotwords)[None], len(features), axis=0)
        found = self._graph.run(values)
        return Batch(found["logits"], found["token_num"], found.get("us_alphas"), fires=True)


def _open_hotword_encoder(folder: ModelFolder, units: tuple[str, ...]) -> HotwordEncoder:
    try:
        spelling = HotwordUnits(units)
    except ValueError as error:
        raise folder.invalid(folder.path / "tokens.json", str(error)) from error
    names = ("model_eb_quant.onnx", "model_eb.onnx")
    return HotwordEncoder(Graph(folder, names, inputs=("hotword",), outputs=("hw_embed",), any_length=True), spelling)

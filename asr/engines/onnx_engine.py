"""Paraformer over onnxruntime: segments of speech to posteriors, in batches.

Gao et al., "Paraformer: Fast and Accurate Parallel Transformer for Non-autoregressive End-to-End Speech Recognition",
Interspeech 2022. Two layouts of a model folder are read, told apart by `model` in config.yaml:

- FunASR's export: one file model_quant.onnx or model.onnx, (speech, speech_lengths) -> (logits, token_num), and
  (us_alphas, us_cif_peak) too when the model gives times;
- `WhisperParaformer`, the embedded one: encoder_quant.onnx, (speech, speech_lengths) -> (encoder_out,
  encoder_lengths), then model_quant.onnx, those -> (log_probs, token_num, alphas).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime

from asr.engines.engine import Heard
from asr.errors import RecognitionFailed
from asr.folder import ModelFolder
from asr.frontend import Features, Samples, open_frontend
from asr.hotwords import EMPTY, HotwordList
from asr.posteriors import Array, Posteriors, token_times

_SAMPLE_RATE = 16000
_UPSAMPLED = 3  # FunASR's CifPredictorV2/V3 give their time weights at three times the encoder's rate
_BATCH_SECONDS = 60.0  # padded length of a batch: bounds the memory
_MAX_PADDING = 1.25  # longest to shortest segment of a batch: what is padded is computed for nothing


@dataclass(frozen=True)
class Batch:
    """What a network gave for B segments: log-probabilities or logits (B, N, V), token counts (B,), weights (B, S)."""

    scores: Array
    counts: Array
    weights: Array | None


class Network(Protocol):
    """One layout of ONNX files behind one call."""

    weight_seconds: float

    def run(self, features: Array, lengths: np.ndarray) -> Batch:
        """Run features (B, T, D), of which `lengths` (B,) frames are real, through the network."""
        ...


class WhisperParaformerNetwork:
    """The embedded model: Whisper's encoder in one file, Paraformer's own parts in another."""

    def __init__(self, folder: ModelFolder, *, weight_seconds: float, threads: int) -> None:
        """Load both files; raises ModelFileMissing, ModelInvalid."""
        self.weight_seconds = weight_seconds
        self._encoder = _Graph(
            folder, ("encoder_quant.onnx", "encoder.onnx"), ("encoder_out", "encoder_lengths"), (), threads
        )
        self._model = _Graph(
            folder, ("model_quant.onnx", "model.onnx"), ("log_probs", "token_num", "alphas"), (), threads
        )

    def run(self, features: Array, lengths: np.ndarray) -> Batch:
        """Run a batch; raises RecognitionFailed."""
        encoded = self._encoder.run({"speech": features, "speech_lengths": lengths})
        found = self._model.run(encoded)
        return Batch(found["log_probs"], found["token_num"], found["alphas"])


class FunasrNetwork:
    """FunASR's export: encoder, predictor and decoder in one file."""

    def __init__(self, folder: ModelFolder, *, frame_seconds: float, threads: int) -> None:
        """Load the file; raises ModelFileMissing, ModelInvalid."""
        self.weight_seconds = frame_seconds / _UPSAMPLED
        self._graph = _Graph(
            folder, ("model_quant.onnx", "model.onnx"), ("logits", "token_num"), ("us_alphas",), threads
        )

    def run(self, features: Array, lengths: np.ndarray) -> Batch:
        """Run a batch; raises RecognitionFailed."""
        found = self._graph.run({"speech": features, "speech_lengths": lengths})
        return Batch(found["logits"], found["token_num"], found.get("us_alphas"))


class OnnxEngine:
    """The acoustic model of a folder: samples to posteriors. Stateless between calls, safe to share between threads."""

    def __init__(self, path: Path, *, threads: int = 1, max_batch: int = 1) -> None:
        """Load the model in folder `path`.

        Args:
            path: config.yaml, tokens.json, the ONNX files, and am.mvn for a `WavFrontend`.
            threads: used for one batch.
            max_batch: segments of like length that run together. On a CPU that gains nothing (padding is computed
                too), and an int8 model scales its activations by batch, so that a segment's text would depend on its
                neighbours; an accelerator wants more.

        Raises:
            ModelFileMissing: the error names the folder looked in and the file missing.
            ModelInvalid: a file cannot be used; the error says which and why.
        """
        folder = ModelFolder(path)
        config = folder.config()
        settings = folder.section(config, "model_conf")
        frontend_settings = folder.section(config, "frontend_conf")
        self._max_batch = max_batch
        self.name = str(config.get("model", "Paraformer"))
        self.batch_seconds = 0.0
        self.units = folder.tokens()
        self._frontend = open_frontend(folder)
        self._network: Network
        try:
            self.max_seconds = float(settings.get("max_seconds", 30.0)) - float(
                frontend_settings.get("tail_padding", 0.0)
            )
            frame_seconds = (
                float(frontend_settings.get("frame_shift", 10)) / 1000 * int(frontend_settings.get("lfr_n", 1))
            )
            weight_seconds = float(settings.get("frame_seconds", 0.06))
        except (TypeError, ValueError) as error:
            raise folder.invalid(path / "config.yaml", f"model_conf or frontend_conf: {error}") from error
        if self.name == "WhisperParaformer":
            self._network = WhisperParaformerNetwork(folder, weight_seconds=weight_seconds, threads=threads)
        else:
            self._network = FunasrNetwork(folder, frame_seconds=frame_seconds, threads=threads)

    def listen(self, segments: Sequence[Samples], hotwords: HotwordList = EMPTY) -> list[Heard]:
        """Recognise stretches of speech, as `Engine.listen` says.

        Raises:
            RecognitionFailed: onnxruntime failed, or the model's output has another vocabulary than tokens.json.
        """
        features = [self._frontend(segment) for segment in segments]
        results: dict[int, Posteriors] = {}
        # A segment too short for one frame has nothing to recognise.
        seconds = [
            len(segment) / _SAMPLE_RATE if len(frames) else 0.0
            for segment, frames in zip(segments, features, strict=True)
        ]
        for indices in _batches(seconds, self._max_batch):
            padded, lengths = _pad([features[index] for index in indices])
            batch = self._network.run(padded, lengths)
            for row, index in enumerate(indices):
                results[index] = self._unpack(batch, row, seconds[index], lengths[row] / lengths.max())
        empty = Posteriors(np.zeros((0, len(self.units)), np.float32), np.zeros((0, 2), np.float32))
        return [Heard(results.get(index, empty)) for index in range(len(segments))]

    def _unpack(self, batch: Batch, row: int, seconds: float, filled: float) -> Posteriors:
        if batch.scores.shape[-1] != len(self.units):
            raise RecognitionFailed(
                f"The model gives {batch.scores.shape[-1]} scores a token; tokens.json has {len(self.units)} units.",
                scores=int(batch.scores.shape[-1]),
                units=len(self.units),
            )
        count = max(0, min(int(batch.counts[row]), batch.scores.shape[1]))
        scores = batch.scores[row, :count].astype(np.float32)
        weights = None
        if batch.weights is not None:  # those of the padding are not this segment's
            weights = batch.weights[row, : math.ceil(batch.weights.shape[1] * filled)]
        times = token_times(weights, count, weight_seconds=self._network.weight_seconds, seconds=seconds)
        return Posteriors(_log_softmax(scores), times)


class _Graph:
    """One ONNX file whose inputs and outputs are known by name."""

    def __init__(
        self,
        folder: ModelFolder,
        names: tuple[str, ...],
        outputs: tuple[str, ...],
        optional: tuple[str, ...],
        threads: int,
    ) -> None:
        self._session: onnxruntime.InferenceSession = folder.session(*names, threads=threads)
        given = {node.name for node in self._session.get_outputs()}
        missing = [name for name in outputs if name not in given]
        if missing:
            raise folder.invalid(folder.find(*names), f"it has no output named {', '.join(missing)}")
        self._outputs = [*outputs, *(name for name in optional if name in given)]
        self._inputs = {node.name: _NUMPY_TYPES.get(node.type) for node in self._session.get_inputs()}
        foreign = sorted(self._inputs.keys() - _INPUTS)
        if foreign:  # contextual and SeACo models want the embeddings of hotwords
            raise folder.invalid(
                folder.find(*names), f"it needs the input {', '.join(foreign)}, which is not known here"
            )

    def run(self, values: dict[str, Any]) -> dict[str, Any]:
        feed = {name: np.asarray(value, dtype=self._inputs.get(name)) for name, value in values.items()}
        try:
            found = self._session.run(self._outputs, feed)
        # onnxruntime's errors share no base class of their own.
        except Exception as error:
            raise RecognitionFailed("The acoustic model failed on this recording.", reason=str(error)) from error
        return dict(zip(self._outputs, found, strict=True))


_INPUTS = {"speech", "speech_lengths", "encoder_out", "encoder_lengths"}
_NUMPY_TYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(int32)": np.int32}


def _batches(seconds: Sequence[float], max_batch: int) -> Iterator[list[int]]:
    """Group the indices of segments, those of like length together, within the limits above; leave out empty ones."""
    order = sorted((index for index, length in enumerate(seconds) if length), key=lambda index: (seconds[index], index))
    batch: list[int] = []
    for index in order:
        length = seconds[index]
        full = len(batch) == max_batch or length * (len(batch) + 1) > _BATCH_SECONDS
        if batch and (full or length > seconds[batch[0]] * _MAX_PADDING):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _pad(features: Sequence[Features]) -> tuple[Array, np.ndarray]:
    lengths = np.array([len(frames) for frames in features], dtype=np.int64)
    padded = np.zeros((len(features), int(lengths.max()), features[0].shape[1]), dtype=np.float32)
    for row, frames in enumerate(features):
        padded[row, : len(frames)] = frames
    return padded, lengths


def _log_softmax(scores: Array) -> Array:
    """Normalise logits (N, V); log-probabilities come out as they were."""
    if not scores.size:
        return scores
    shifted = scores - scores.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)), dtype=np.float32)

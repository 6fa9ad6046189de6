"""Paraformer over onnxruntime: segments of speech to posteriors.

Gao et al., "Paraformer: Fast and Accurate Parallel Transformer for Non-autoregressive End-to-End Speech Recognition",
Interspeech 2022. Which of its kinds a folder holds is told by its files (`asr.engines.onnx_networks`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from asr.engines.bias import HotwordEncoder, HotwordUnits
from asr.engines.engine import Heard
from asr.engines.onnx_graph import Graph
from asr.engines.onnx_networks import Batch, FunasrNetwork, Network, WhisperParaformerNetwork
from asr.errors import RecognitionFailed
from asr.folder import ModelFolder
from asr.frontend import Features, Samples, open_frontend
from asr.hotwords import EMPTY, HotwordList
from asr.posteriors import Array, Posteriors, fired_times, log_softmax, token_times

_SAMPLE_RATE = 16000
_UPSAMPLED = 3  # FunASR's CifPredictorV3 gives its time weights at three times the encoder's rate
_BATCH_SECONDS = 60.0  # padded length of a batch: bounds the memory
_MAX_PADDING = 1.25  # longest to shortest segment of a batch: what is padded is computed for nothing


class OnnxEngine:
    """The Paraformer in a folder, on the CPU. Stateless between calls, safe to share between threads."""

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
        self._hotwords: HotwordEncoder | None = None
        try:
            self.max_seconds = float(settings.get("max_seconds", 30.0)) - float(
                frontend_settings.get("tail_padding", 0.0)
            )
            frame = float(frontend_settings.get("frame_shift", 10)) / 1000 * int(frontend_settings.get("lfr_n", 1))
            weight_seconds = float(settings.get("frame_seconds", 0.06))
        except (TypeError, ValueError) as error:
            raise folder.invalid(path / "config.yaml", f"model_conf or frontend_conf: {error}") from error
        if self.name == "WhisperParaformer":
            self._network: Network = WhisperParaformerNetwork(folder, threads=threads)
            self._weight_seconds = weight_seconds
        else:
            network = FunasrNetwork(folder, threads=threads)
            self._network = network
            self._weight_seconds = frame / _UPSAMPLED
            if network.takes_bias:
                self._hotwords = _open_hotword_encoder(folder, self.units)

    def listen(self, segments: Sequence[Samples], hotwords: HotwordList = EMPTY) -> list[Heard]:
        """Recognise stretches of speech, as `Engine.listen` says.

        Raises:
            RecognitionFailed: onnxruntime failed, or the model's output has another vocabulary than tokens.json.
        """
        features = [self._frontend(segment) for segment in segments]
        # A segment too short for one frame has nothing to recognise.
        seconds = [
            len(segment) / _SAMPLE_RATE if len(frames) else 0.0
            for segment, frames in zip(segments, features, strict=True)
        ]
        heard = self._run(features, seconds, hotwords)
        if self._hotwords is None or not hotwords:
            return [Heard(posteriors) for posteriors in heard]
        alone = [partial(self._run_alone, frames, length) for frames, length in zip(features, seconds, strict=True)]
        return [Heard(posteriors, without) for posteriors, without in zip(heard, alone, strict=True)]

    def _run_alone(self, features: Features, seconds: float) -> Posteriors:
        return self._run([features], [seconds], EMPTY)[0]

    def _run(self, features: Sequence[Features], seconds: Sequence[float], hotwords: HotwordList) -> list[Posteriors]:
        bias = self._hotwords.embed(hotwords) if self._hotwords else None
        # SeACo picks the likely words of a long list for a whole batch: a text would depend on its neighbours.
        most = 1 if hotwords and bias is not None else self._max_batch
        results: dict[int, Posteriors] = {}
        for indices in _batches(seconds, most):
            padded, lengths = _pad([features[index] for index in indices])
            batch = self._network.run(padded, lengths, bias)
            for row, index in enumerate(indices):
                results[index] = self._unpack(batch, row, seconds[index], lengths[row] / lengths.max())
        empty = Posteriors(np.zeros((0, len(self.units)), np.float32), np.zeros((0, 2), np.float32))
        return [results.get(index, empty) for index in range(len(features))]

    def _unpack(self, batch: Batch, row: int, seconds: float, filled: float) -> Posteriors:
        if batch.scores.shape[-1] != len(self.units):
            raise RecognitionFailed(
                f"The model gives {batch.scores.shape[-1]} scores a token; tokens.json has {len(self.units)} units.",
                scores=int(batch.scores.shape[-1]),
                units=len(self.units),
            )
        count = max(0, min(int(batch.counts[row]), batch.scores.shape[1]))
        scores = log_softmax(batch.scores[row, :count].astype(np.float32))
        weights = None
        if batch.weights is not None:  # those of the padding are not this segment's
            weights = batch.weights[row, : math.ceil(batch.weights.shape[1] * filled)]
        if weights is not None and batch.fires:
            ended = bool(count) and self.units[int(scores[-1].argmax())] == "</s>"
            times = fired_times(weights, count, ended=ended, weight_seconds=self._weight_seconds, seconds=seconds)
        else:
            times = token_times(weights, count, weight_seconds=self._weight_seconds, seconds=seconds)
        return Posteriors(scores, times)


def _open_hotword_encoder(folder: ModelFolder, units: tuple[str, ...]) -> HotwordEncoder:
    try:
        spelling = HotwordUnits(units)
    except ValueError as error:
        raise folder.invalid(folder.path / "tokens.json", str(error)) from error
    names = ("model_eb_quant.onnx", "model_eb.onnx")
    return HotwordEncoder(Graph(folder, names, inputs=("hotword",), outputs=("hw_embed",), any_length=True), spelling)


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

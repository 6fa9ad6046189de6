"""Paraformer, whatever runs its network: segments of speech to features, batches, posteriors.

Gao et al., "Paraformer: Fast and Accurate Parallel Transformer for Non-autoregressive End-to-End Speech Recognition",
Interspeech 2022.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from asr.audio.frontend import Features, Samples, open_frontend
from asr.decoding.posteriors import Array, Posteriors, fired_times, log_softmax, token_times
from asr.engines.engine import EngineOutput
from asr.engines.network import Batch, Network
from asr.errors import RecognitionFailed
from asr.hotwords.list import EMPTY, HotwordList
from asr.model_files.folder import ModelFolder

_SAMPLE_RATE = 16000
_UPSAMPLED = 3  # FunASR's CifPredictorV3 gives its time weights at three times the encoder's rate
_MAX_PADDING = 1.25  # longest to shortest segment of a batch: what is padded is computed for nothing


class ParaformerEngine:
    """An `Engine` around a network. Stateless between calls, safe to share between threads."""

    def __init__(
        self, folder: ModelFolder, network: Network, *, max_batch: int, max_padded: float, batch_seconds: float = 0.0
    ) -> None:
        """Read the settings of a folder.

        Args:
            folder: config.yaml, tokens.json, and am.mvn for a `WavFrontend`.
            network: its network.
            max_batch: segments of like length that run together.
            max_padded: seconds of a batch, padding included: bounds the memory.
            batch_seconds: as `Engine.batch_seconds` says.

        Raises:
            ModelFileMissing, ModelInvalid: a file is missing or wrong.
        """
        config = folder.config()
        settings = folder.section(config, "model_conf")
        frontend_settings = folder.section(config, "frontend_conf")
        self.name = str(config.get("model", "Paraformer"))
        self.units = folder.tokens()
        self.batch_seconds = batch_seconds
        self._network = network
        self._max_batch = max_batch
        self._max_padded = max_padded
        self._frontend = open_frontend(folder)
        try:
            self.max_seconds = float(settings.get("max_seconds", 30.0)) - float(
                frontend_settings.get("tail_padding", 0.0)
            )
            frame = float(frontend_settings.get("frame_shift", 10)) / 1000 * int(frontend_settings.get("lfr_n", 1))
            self._frame_seconds = float(settings.get("frame_seconds", 0.06))
        except (TypeError, ValueError) as error:
            raise folder.invalid(folder.path / "config.yaml", f"model_conf or frontend_conf: {error}") from error
        self._fire_seconds = frame / _UPSAMPLED

    def listen(self, segments: Sequence[Samples], hotwords: HotwordList = EMPTY) -> list[EngineOutput]:
        """Recognise stretches of speech, as `Engine.listen` says.

        Raises:
            RecognitionFailed: the network failed, or the model's output has another vocabulary than tokens.json.
        """
        features = [self._frontend(segment) for segment in segments]
        # A segment too short for one frame has nothing to recognise.
        seconds = [
            len(segment) / _SAMPLE_RATE if len(frames) else 0.0
            for segment, frames in zip(segments, features, strict=True)
        ]
        heard = self._run(features, seconds, hotwords)
        if not self._network.takes_hotwords or not hotwords:
            return [EngineOutput(posteriors) for posteriors in heard]
        alone = [partial(self._run_alone, frames, length) for frames, length in zip(features, seconds, strict=True)]
        return [EngineOutput(posteriors, without) for posteriors, without in zip(heard, alone, strict=True)]

    def _run_alone(self, features: Features, seconds: float) -> Posteriors:
        return self._run([features], [seconds], EMPTY)[0]

    def _run(self, features: Sequence[Features], seconds: Sequence[float], hotwords: HotwordList) -> list[Posteriors]:
        # SeACo picks the likely words of a long list for a whole batch: a text would depend on its neighbours.
        most = 1 if hotwords and self._network.takes_hotwords else self._max_batch
        results: dict[int, Posteriors] = {}
        for indices in _batches(seconds, most, self._max_padded):
            padded, lengths = _pad([features[index] for index in indices])
            batch = self._network.run(padded, lengths, hotwords)
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
            times = fired_times(weights, count, ended=ended, weight_seconds=self._fire_seconds, seconds=seconds)
        else:
            times = token_times(weights, count, weight_seconds=self._frame_seconds, seconds=seconds)
        return Posteriors(scores, times)


def _batches(seconds: Sequence[float], max_batch: int, max_padded: float) -> Iterator[list[int]]:
    """Group the indices of segments, those of like length together, within the limits above; leave out empty ones."""
    order = sorted((index for index, length in enumerate(seconds) if length), key=lambda index: (seconds[index], index))
    batch: list[int] = []
    for index in order:
        length = seconds[index]
        full = len(batch) == max_batch or length * (len(batch) + 1) > max_padded
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

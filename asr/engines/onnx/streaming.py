"""Streaming Paraformer over onnxruntime: speech to posteriors while it goes on, 600 ms at a time.

Two files: model_quant.onnx or model.onnx, (speech, speech_lengths) -> (enc, enc_len, alphas), and decoder_quant.onnx
or decoder.onnx, (enc, enc_len, acoustic_embeds, acoustic_embeds_len, in_cache_*) -> (logits, out_cache_*). Scaling,
positions, overlap of chunks and CIF are not in the files and are done here, as in FunASR's `ParaformerStreaming`.
Sources: Gao et al. 2022 (Paraformer), Zhang et al. 2020 (SCAMA, the chunks), Dong and Xu 2020 (CIF).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asr.audio.frontend import Features, Samples, WavFrontend, open_frontend
from asr.decoding.posteriors import Array, Posteriors, log_softmax
from asr.engines.engine import EngineOutput
from asr.engines.onnx.graph import Graph
from asr.errors import RecognitionFailed
from asr.hotwords.list import EMPTY, HotwordList
from asr.model_files.folder import ModelFolder

_SAMPLE_RATE = 16000
_BLOCK = _SAMPLE_RATE  # samples of a whole recording that are given to a stream at once
_LONGEST = 0.3  # seconds; a token that fires after more than this began no earlier: before it was a pause


@dataclass(frozen=True)
class ChunkSize:
    """Frames (60 ms each) that the encoder sees at once: some it saw before, new ones, and of those some in advance.

    FunASR's protocol calls it `chunk_size` and writes [5, 10, 5]: of every 600 ms the last 300 ms are only looked
    ahead at, and decided on with the next chunk. `decoder_back` is its `decoder_chunk_look_back`: how many chunks
    that were decoded before the decoder attends to again. Its `encoder_chunk_look_back` has no place here: the
    exporter leaves the caches of the encoder's attention out of the file, and what it sees of the past is `back`.
    """

    back: int = 5
    new: int = 10
    ahead: int = 5
    decoder_back: int = 0

    def __post_init__(self) -> None:
        """Check the sizes; raises ValueError."""
        if self.back < 0 or self.ahead < 0 or self.new < 1 or self.decoder_back < 0:
            raise ValueError(f"chunks of {self.back}, {self.new} and {self.ahead} frames cannot be")


class StreamingParaformer:
    """The streaming model of a folder. Stateless, safe to share: whatever belongs to one speaker is in a stream.

    It is an `Engine` too, which hears whole stretches of speech as if they were just being spoken.
    """

    max_seconds = 60.0
    batch_seconds = 0.0

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        """Load the model in folder `path` (config.yaml, tokens.json, am.mvn, the ONNX files).

        Raises:
            ModelFileMissing: the error names the folder looked in and the file missing.
            ModelInvalid: a file cannot be used; the error says which and why.
        """
        folder = ModelFolder(path)
        config = folder.config()
        predictor = folder.section(config, "predictor_conf")
        frontend = open_frontend(folder)
        if not isinstance(frontend, WavFrontend):
            raise folder.invalid(path / "config.yaml", f"it does not stream with {config.get('frontend')!r}")
        self.name = str(config.get("model", "ParaformerStreaming"))
        self.units = folder.tokens()
        self.frontend = frontend
        try:
            self.width = int(folder.section(config, "encoder_conf")["output_size"])
            self.tail = float(predictor.get("tail_threshold", 0.45))
            self.threshold = float(predictor.get("threshold", 1.0))
        except (KeyError, TypeError, ValueError) as error:
            raise folder.invalid(path / "config.yaml", f"encoder_conf or predictor_conf: {error!r}") from error
        self.encoder = Graph(
            folder,
            ("model_quant.onnx", "model.onnx"),
            inputs=("speech", "speech_lengths"),
            outputs=("enc", "enc_len", "alphas"),
            threads=threads,
        )
        given = ("enc", "enc_len", "acoustic_embeds", "acoustic_embeds_len")
        layers = int(folder.section(config, "decoder_conf").get("num_blocks", 0))
        self.decoder = Graph(
            folder,
            ("decoder_quant.onnx", "decoder.onnx"),
            inputs=(*given, *(f"in_cache_{layer}" for layer in range(layers))),
            outputs=("logits", *(f"out_cache_{layer}" for layer in range(layers))),
            threads=threads,
        )

    def stream(self, chunk: ChunkSize | None = None) -> ParaformerStream:
        """Begin to hear one utterance."""
        return ParaformerStream(self, chunk or ChunkSize())

    def listen(self, segments: Sequence[Samples], hotwords: HotwordList = EMPTY) -> list[EngineOutput]:
        """Recognise stretches of speech, as `Engine.listen` says; hotwords are for the other tiers."""
        return [EngineOutput(self._hear(segment)) for segment in segments]

    def _hear(self, samples: Samples) -> Posteriors:
        stream = self.stream()
        heard = [stream.accept(samples[begin : begin + _BLOCK]) for begin in range(0, len(samples), _BLOCK)]
        return _joined([*heard, stream.finish()], len(self.units))


class ParaformerStream:
    """One utterance, as it is spoken. Not to be shared between threads."""

    def __init__(self, model: StreamingParaformer, chunk: ChunkSize) -> None:
        """Begin; `StreamingParaformer.stream` does it."""
        self._model = model
        self._chunk = chunk
        self._features = model.frontend.stream()
        self._waiting = np.zeros((0, model.frontend.mels * model.frontend.stacked), dtype=np.float32)
        self._overlap = np.zeros((chunk.back + chunk.ahead, self._waiting.shape[1]), dtype=np.float32)
        self._position = 0  # frames that were scaled and given their place
        self._cif = _Integrator(model.width, model.threshold)
        self._caches = {
            name: np.zeros([1, *(size if isinstance(size, int) else 1 for size in shape[1:])], dtype=np.float32)
            for name, shape in model.decoder.shapes.items()
            if name.startswith("in_cache_")
        }
        self._decoded = np.zeros((1, 0, model.width), dtype=np.float32)  # what the decoder sees again
        self._last_fire = 0.0
        self._samples = 0

    def accept(self, samples: Samples) -> Posteriors:
        """Take the next samples, float32 (n,), mono, 16 kHz, however many; return the tokens that are new.

        Times count from the start of the utterance. Raises RecognitionFailed.
        """
        self._samples += len(samples)
        self._waiting = np.concatenate([self._waiting, self._features.accept(samples)])
        return self._hear(finished=False)

    def finish(self) -> Posteriors:
        """End the utterance; return its last tokens. Raises RecognitionFailed."""
        self._waiting = np.concatenate([self._waiting, self._features.finish()])
        return self._hear(finished=True)

    def _hear(self, *, finished: bool) -> Posteriors:
        new = self._chunk.new
        found = []
        # The last chunk may be shorter, but what is ready must not wait for it.
        while len(self._waiting) > new or (len(self._waiting) == new and not finished):
            found.append(self._run(self._waiting[:new], last=False))
            self._waiting = self._waiting[new:]
        if finished and (self._position or len(self._waiting)):
            found.append(self._run(self._waiting, last=True))
            self._waiting = self._waiting[:0]
        return _joined(found, len(self._model.units))

    def _run(self, features: Features, *, last: bool) -> Posteriors:
        model, chunk = self._model, self._chunk
        placed = features * np.float32(model.width**0.5) + _positions(self._position, *features.shape)
        first = self._position - chunk.ahead  # the frame of the utterance that is decided on first
        self._position += len(features)
        seen = np.concatenate([self._overlap, placed])
        self._overlap = seen[len(seen) - len(self._overlap) :]
        encoded = model.encoder.run({"speech": seen[None], "speech_lengths": np.array([len(seen)])})
        weights = encoded["alphas"][0].copy()
        weights[: chunk.back] = 0.0
        if not last:
            weights[chunk.back + chunk.new :] = 0.0
        hidden = encoded["enc"][0]
        if last:
            weights = np.append(weights, np.float32(model.tail))
            hidden = np.concatenate([hidden, np.zeros((1, model.width), dtype=np.float32)])
        embedded, fired = self._cif.accept(hidden, weights)
        times = self._times([first - chunk.back + frame for frame in fired])
        if not len(embedded):
            return _joined([], len(model.units))
        return Posteriors(self._decode(encoded, embedded), times)

    def _decode(self, encoded: dict[str, np.ndarray], embedded: Array) -> Array:
        seen = np.concatenate([self._decoded, encoded["enc"]], axis=1)
        if kept := self._chunk.decoder_back * self._chunk.new:
            self._decoded = seen[:, -kept:]
        found = self._model.decoder.run(
            {
                "enc": seen,
                "enc_len": encoded["enc_len"] + seen.shape[1] - encoded["enc"].shape[1],
                "acoustic_embeds": embedded[None],
                "acoustic_embeds_len": np.array([len(embedded)]),
                **self._caches,
            }
        )
        self._caches = {
            name: found[name.replace("in_", "out_")][:, :, -cache.shape[2] :] for name, cache in self._caches.items()
        }
        scores = found["logits"][0]
        if scores.shape[-1] != len(self._model.units):
            raise RecognitionFailed(
                f"The model gives {scores.shape[-1]} scores a token; tokens.json has {len(self._model.units)} units.",
                scores=int(scores.shape[-1]),
                units=len(self._model.units),
            )
        return log_softmax(scores.astype(np.float32))

    def _times(self, frames: list[int]) -> Array:
        """Place tokens by the frames in which they fired: each ends there, and begins where the one before ended."""
        seconds = self._samples / _SAMPLE_RATE
        shift = self._model.frontend.frame_seconds
        times = []
        for frame in frames:
            end = min(max((frame + 1) * shift, self._last_fire), seconds)
            times.append((max(self._last_fire, end - _LONGEST), end))
            self._last_fire = end
        return np.array(times, dtype=np.float32).reshape(-1, 2)


class _Integrator:
    """Continuous integrate-and-fire that goes on from chunk to chunk."""

    def __init__(self, width: int, threshold: float) -> None:
        self._threshold = threshold
        self._weight = np.float32(0.0)
        self._frame = np.zeros(width, dtype=np.float32)  # what was integrated so far, by `_weight`

    def accept(self, hidden: Array, weights: Array) -> tuple[Array, list[int]]:
        """Integrate (T, D) frames by (T,) weights; return the (N, D) embeddings that fired, and in which frames."""
        fired: list[Array] = []
        frames = []
        for index in np.flatnonzero(weights > 0.0):
            weight, frame = weights[index], hidden[index]
            if self._weight + weight < self._threshold:
                self._weight += weight
                self._frame = self._frame + weight * frame
                continue
            missing = self._threshold - self._weight
            fired.append(self._frame + missing * frame)
            frames.append(int(index))
            self._weight = np.float32(weight - missing)
            self._frame = self._weight * frame
        width = len(self._frame)
        return np.array(fired, dtype=np.float32).reshape(-1, width), frames


def _positions(start: int, count: int, depth: int) -> Array:
    """Sinusoids of the places start + 1 to start + count, (count, depth), as `StreamSinusoidalPositionEncoder`."""
    scales = np.exp(-np.log(10000.0) / (depth / 2 - 1) * np.arange(depth // 2))
    angles = np.arange(start + 1, start + count + 1)[:, None] * scales[None]
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)


def _joined(pieces: Sequence[Posteriors], units: int) -> Posteriors:
    scores = [np.zeros((0, units), np.float32), *(piece.log_probs for piece in pieces)]
    times = [np.zeros((0, 2), np.float32), *(piece.times for piece in pieces)]
    return Posteriors(np.concatenate(scores), np.concatenate(times))

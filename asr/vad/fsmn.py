"""Where in a recording somebody speaks: FSMN-VAD over onnxruntime.

Zhang et al., "Deep-FSMN for Large Vocabulary Continuous Speech Recognition", ICASSP 2018; model card of
iic/speech_fsmn_vad_zh-cn-16k-common-pytorch. `VadModel` scores features and hands its memory (four FSMN caches)
back to the caller, so that live audio can be scored piece by piece; `VoiceActivityStream` does that, and whole
recordings take the same way through `VoiceActivityDetector.detect`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.audio.decoding import SAMPLE_RATE
from asr.audio.frontend import FeatureStream, WavFrontend, open_frontend
from asr.errors import RecognitionFailed
from asr.model_files.folder import ModelFolder
from asr.vad.endpoint import FRAME_SECONDS, EndpointOptions
from asr.vad.segmenter import Piece, Segmenter

Samples = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float32]
Caches = tuple[npt.NDArray[np.float32], ...]

_BLOCK = 6  # frames scored together, 60 ms: how sums are rounded depends on it, so it is the same for all audio
_PIECE = SAMPLE_RATE  # samples of a recording that are looked at together


@dataclass(frozen=True)
class SpeechSpan:
    """One stretch of speech, in seconds from the start of the audio; `goes_on` when it was cut where nobody stopped."""

    start: float
    end: float
    goes_on: bool = False


class VadModel:
    """The network: features to the probability of silence in each frame. Stateless, safe to share."""

    def __init__(self, folder: ModelFolder, *, threads: int = 1) -> None:
        """Load model.onnx; raises ModelFileMissing, ModelInvalid."""
        config = folder.config()
        settings = folder.section(config, "model_conf")
        self._silence_ids = [int(index) for index in settings.get("sil_pdf_ids", [0])]
        self._session = folder.session("model.onnx", threads=threads)
        inputs = self._session.get_inputs()
        names = [node.name for node in inputs]
        if not names or names[0] != "speech":
            raise folder.invalid(folder.path / "model.onnx", "it has no input named speech")
        self._inputs = names
        # A dimension without a size (a name) is one that only a batch or a longer piece changes.
        self._cache_shapes = [[size if isinstance(size, int) else 1 for size in node.shape] for node in inputs[1:]]

    def fresh_caches(self) -> Caches:
        """Return the memory of a stream that has not begun."""
        return tuple(np.zeros(shape, dtype=np.float32) for shape in self._cache_shapes)

    def score(self, features: Scores, caches: Caches) -> tuple[Scores, Caches]:
        """Score the next frames of a stream.

        Args:
            features: (frames, dimensions), normalised.
            caches: as `fresh_caches` or the last `score` gave them.

        Returns:
            The probability of silence in each frame, (frames,), and the caches for the next call.

        Raises:
            RecognitionFailed: onnxruntime failed.
        """
        feed = dict(zip(self._inputs, (features[None].astype(np.float32), *caches), strict=True))
        try:
            outputs: list[Any] = self._session.run(None, feed)
        # onnxruntime's errors share no base class of their own.
        except Exception as error:
            raise RecognitionFailed("The voice activity detector failed on this recording.") from error
        return outputs[0][0][:, self._silence_ids].sum(axis=1), tuple(outputs[1:])


class VoiceActivityDetector:
    """Finds the speech in recordings and in streams. Stateless between calls, safe to share."""

    def __init__(self, model: VadModel, frontend: WavFrontend, options: EndpointOptions) -> None:
        """Put the parts together; `open_vad` makes them from a folder."""
        self._model = model
        self._frontend = frontend
        self.options = options

    def detect(self, samples: Samples, *, max_seconds: float | None = None) -> tuple[SpeechSpan, ...]:
        """Find all stretches of speech; arguments, order and errors as for `spans`."""
        return tuple(self.spans(samples, max_seconds=max_seconds))

    def spans(self, samples: Samples, *, max_seconds: float | None = None) -> Iterator[SpeechSpan]:
        """Find the stretches of speech, each as soon as it has ended; hours of audio need no more memory than minutes.

        Args:
            samples: float32 (n,), mono, 16 kHz, within [-1, 1].
            max_seconds: longer stretches are cut, each at the best pause in reach.

        Returns:
            Spans in order of time, without overlap; none when nobody speaks.

        Raises:
            RecognitionFailed: the network failed.
        """
        stream = self.stream(max_seconds=max_seconds)
        for begin in range(0, len(samples), _PIECE):
            yield from stream.accept(samples[begin : begin + _PIECE])
        yield from stream.finish()

    def stream(
        self, *, max_seconds: float | None = None, options: EndpointOptions | None = None
    ) -> VoiceActivityStream:
        """Begin to find the speech of a stream; `options` take the place of the folder's own."""
        longest = None if max_seconds is None else max(1, int(max_seconds / FRAME_SECONDS))
        segmenter = Segmenter(options or self.options, longest=longest)
        return VoiceActivityStream(self._model, self._frontend.stream(), segmenter)


class VoiceActivityStream:
    """The speech of one stream: into whatever pieces its samples are split, the same spans are found."""

    def __init__(self, model: VadModel, features: FeatureStream, segmenter: Segmenter) -> None:
        """Begin; `VoiceActivityDetector.stream` does it."""
        self._model = model
        self._features = features
        self._segmenter = segmenter
        self._caches = model.fresh_caches()
        self._unscored: list[Scores] = []
        self._samples = 0
        self._finished = False

    @property
    def start(self) -> float | None:
        """Where the speech that goes on now began, in seconds; None in silence."""
        start = self._segmenter.start
        return None if start is None else start * FRAME_SECONDS

    @property
    def needed(self) -> float:
        """The earliest moment, in seconds, at which a span still to come may begin."""
        return self._segmenter.needed * FRAME_SECONDS

    def accept(self, samples: Samples) -> list[SpeechSpan]:
        """Take the next samples, float32 (n,), 16 kHz; return the spans that are certain now.

        Raises:
            RecognitionFailed: the network failed.
        """
        self._samples += len(samples)
        self._unscored += list(self._features.accept(samples))
        spans = []
        while len(self._unscored) >= _BLOCK:
            spans += self._score(_BLOCK)
        return spans

    def finish(self) -> list[SpeechSpan]:
        """End the stream; return what is left of it. Raises RecognitionFailed."""
        self._unscored += list(self._features.finish())
        self._finished = True
        spans = []
        while self._unscored:
            spans += self._score(_BLOCK)
        return spans + [self._span(piece) for piece in self._segmenter.finish()]

    def _score(self, count: int) -> list[SpeechSpan]:
        block, self._unscored = self._unscored[:count], self._unscored[count:]
        silence, self._caches = self._model.score(np.stack(block), self._caches)
        return [self._span(piece) for piece in self._segmenter.accept(silence.tolist())]

    def _span(self, piece: Piece) -> SpeechSpan:
        # The last frame's window covers the rest of the audio.
        last = self._finished and piece.end == self._segmenter.frames
        end = self._samples / SAMPLE_RATE if last else piece.end * FRAME_SECONDS
        return SpeechSpan(piece.start * FRAME_SECONDS, end, piece.goes_on)


def open_vad(path: Path, *, threads: int = 1) -> VoiceActivityDetector:
    """Load the FSMN-VAD in folder `path` (model.onnx, am.mvn, config.yaml); raises ModelFileMissing, ModelInvalid."""
    folder = ModelFolder(path)
    config = folder.config()
    settings = folder.section(config, "model_conf")
    try:
        options = EndpointOptions.from_config(settings)
    except (TypeError, ValueError) as error:
        raise folder.invalid(path / "config.yaml", f"model_conf: {error}") from error
    frontend = open_frontend(folder)
    if not isinstance(frontend, WavFrontend):
        raise folder.invalid(path / "config.yaml", f"a detector of speech has no front end {config.get('frontend')!r}")
    return VoiceActivityDetector(VadModel(folder, threads=threads), frontend, options)

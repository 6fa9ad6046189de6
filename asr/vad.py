"""Where in a recording somebody speaks: FSMN-VAD over onnxruntime.

Zhang et al., "Deep-FSMN for Large Vocabulary Continuous Speech Recognition", ICASSP 2018; model card of
iic/speech_fsmn_vad_zh-cn-16k-common-pytorch. `VadModel` scores features and hands its memory (four FSMN caches)
back to the caller, so that live audio can be scored piece by piece; `VoiceActivityDetector` does whole recordings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.audio import SAMPLE_RATE
from asr.endpoint import FRAME_SECONDS, Endpointer, EndpointOptions, FrameSpan
from asr.errors import RecognitionFailed
from asr.folder import ModelFolder
from asr.frontend import WavFrontend, open_frontend

Samples = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float32]
Caches = tuple[npt.NDArray[np.float32], ...]

_PAUSE_WINDOW = 20  # frames; a pause worth cutting at is silent for about 200 ms
_EARLIEST_CUT = 0.4  # of the maximal length: a cut before it would leave a segment too short for context
_LAST_WINDOW = 0.025  # seconds; what an analysis window reaches beyond its frame, and a rest too short for another
_PIECE = 3000  # frames that are scored at once: half a minute


@dataclass(frozen=True)
class SpeechSpan:
    """One stretch of speech, in seconds from the start of the audio."""

    start: float
    end: float


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
    """Finds the speech in whole recordings. Stateless between calls, safe to share."""

    def __init__(self, model: VadModel, frontend: WavFrontend, options: EndpointOptions) -> None:
        """Put the parts together; `open_vad` makes them from a folder."""
        self._model = model
        self._frontend = frontend
        self._options = options

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
        longest = None if max_seconds is None else max(1, int(max_seconds / FRAME_SECONDS))
        duration = len(samples) / SAMPLE_RATE
        caches = self._model.fresh_caches()
        endpointer = Endpointer(self._options)
        silence = np.zeros(0, dtype=np.float32)  # of the frames from `begin` on
        begin = 0
        for features in self._frontend.pieces(samples, _PIECE):
            scores, caches = self._model.score(features, caches)
            silence = np.concatenate([silence, scores])
            # p(speech) >= p(silence) + margin, with p(speech) = 1 - p(silence)
            is_speech = 1.0 - scores >= scores + self._options.speech_margin
            for span in filter(None, map(endpointer.accept, is_speech.tolist())):
                yield from _cut(span, silence, begin, longest, duration)
            # What has been decided is forgotten, but for the little that the next segment may reach back.
            settled = endpointer.speech_start
            settled = begin + len(silence) - _PIECE if settled is None else settled
            begin, silence = max(begin, settled), silence[max(0, settled - begin) :]
        if last := endpointer.finish():
            yield from _cut(last, silence, begin, longest, duration)


def _cut(span: FrameSpan, silence: Scores, begin: int, longest: int | None, duration: float) -> Iterator[SpeechSpan]:
    """Give a span in seconds, in pieces of at most `longest` frames; `silence` is of the frames from `begin` on."""
    within = silence[: span.end - begin]
    local = FrameSpan(span.start - begin, span.end - begin)
    for piece in [local] if longest is None else cut_at_pauses(local, within, longest):
        start, end = (piece.start + begin) * FRAME_SECONDS, (piece.end + begin) * FRAME_SECONDS
        # The window of the recording's last frame covers the rest of it.
        yield SpeechSpan(start, duration if duration - end < _LAST_WINDOW else end)


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


def cut_at_pauses(span: FrameSpan, silence: Sequence[float] | Scores, longest: int) -> list[FrameSpan]:
    """Cut a span into pieces of at most `longest` frames, each cut where the silence around it is surest.

    Args:
        span: frames within `silence`.
        silence: probability of silence in each frame.
        longest: frames, at least 1.
    """
    pieces = []
    start = span.start
    while span.end - start > longest:
        earliest = start + max(1, int(longest * _EARLIEST_CUT))
        latest = min(start + longest, span.end - 1)
        around = np.asarray(silence[earliest - 1 : latest + _PAUSE_WINDOW], dtype=np.float64)
        smooth = np.convolve(around, np.ones(_PAUSE_WINDOW) / _PAUSE_WINDOW, mode="same")[: latest - earliest + 1]
        # Of equal pauses the last: fewer pieces, more context in each.
        cut = latest - int(np.argmax(smooth[::-1]))
        pieces.append(FrameSpan(start, cut))
        start = cut
    pieces.append(FrameSpan(start, span.end))
    return pieces

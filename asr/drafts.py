"""Drafts of a stretch of speech by a model that streams: it hears every sample once, and takes nothing back."""

from __future__ import annotations

from asr.decoding.greedy import decode_greedily
from asr.engines.onnx_streaming import ParaformerStream
from asr.frontend import Samples
from asr.transcript import join_texts


class StreamDrafts:
    """What a streaming Paraformer has understood of one stretch so far. Not to be shared between threads."""

    def __init__(self, stream: ParaformerStream, units: tuple[str, ...]) -> None:
        """Begin; `Recognizer.drafts` does it."""
        self._stream = stream
        self._units = units
        self._said: list[str] = []

    def accept(self, samples: Samples) -> str:
        """Take the next samples, float32 (n,), 16 kHz; return the text of all so far.

        Raises:
            RecognitionFailed: the model failed.
        """
        self._said += [token.text for token in decode_greedily(self._stream.accept(samples), self._units)]
        return join_texts(self._said)

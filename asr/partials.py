"""Partials of a stretch of speech by a model that streams: it hears every sample once, and takes nothing back."""

from __future__ import annotations

from asr.audio.frontend import Samples
from asr.decoding.greedy import decode_greedily
from asr.engines.onnx.streaming import ParaformerStream
from asr.text.punctuation import Punctuator
from asr.transcript import join_texts


class StreamPartials:
    """What a streaming Paraformer has understood of one stretch so far. Not to be shared between threads."""

    def __init__(self, stream: ParaformerStream, units: tuple[str, ...], punctuator: Punctuator | None = None) -> None:
        """Begin; `Recognizer.partials` does it. `punctuator` is a realtime one, or None for words alone."""
        self._stream = stream
        self._units = units
        self._punctuator = punctuator
        self._said: list[str] = []
        self._sentence: tuple[str, ...] = ()  # the words since the last full stop

    def accept(self, samples: Samples) -> str:
        """Take the next samples, float32 (n,), 16 kHz; return the text of all so far.

        Raises:
            RecognitionFailed: a model failed.
        """
        words = [token.text for token in decode_greedily(self._stream.accept(samples), self._units)]
        if self._punctuator is None or not words:
            self._said += words
        else:
            found = self._punctuator.marks_after(self._sentence, words)
            if self._said:
                self._said[-1] += found.between
            self._said += [word + mark for word, mark in zip(words, found.marks, strict=True)]
            self._sentence = found.rest
        return join_texts(self._said)

"""CT-Transformer over onnxruntime: marks between the words of a text that was spoken.

Chen et al., "Controllable Time-Delay Transformer for Real-Time Punctuation Prediction and Disfluency Detection",
ICASSP 2020. A model folder has FunASR's layout: config.yaml (in older folders punc.yaml), tokens.json, model_quant.onnx
or model.onnx, and perhaps a dictionary (`asr.text.punctuation_words`). Two kinds of graphs are read, told apart by
their inputs:

- offline, (inputs, text_lengths) -> logits: every word sees the whole window;
- realtime, with sub_masks, by which a word sees those before it, and vad_masks, by which it sees in the last layer all
  that was said up to the next pause too: what was shown stays. (funasr-onnx gives the second mask for both, and so
  other scores than the model that was trained.)

What is done around the graph is FunASR's way (its CTTransformer and CTTransformerStreaming): windows of 20 words, and
what stands behind the last full stop of a window is read again with the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnxruntime

from asr.errors import RecognitionFailed
from asr.model_files.folder import ModelFolder
from asr.text.punctuation_words import DICTIONARY, Unit, WordCutter

COMMA, PERIOD, QUESTION, PAUSE = "，", "。", "？", "、"
_WINDOW = 20  # words
_LONGEST = 200  # words without a full stop before one is set at a comma
# Chosen on 108 clips of synthetic speech; marks inside a clip: F1 0.77 without pauses, 0.82 with them.
USUAL_PAUSE = 0.3  # seconds: such a one says nothing
_PAUSE_REACH = (0.1, 0.3)  # seconds below and above it beyond which nothing more is said
_PAUSE_WEIGHT = 10.0  # nats a second
_NO_MARK = ("_", "<unk>")
_PLAIN = {",": COMMA, "?": QUESTION}
_UNKNOWN = "<unk>"

Scores = npt.NDArray[np.float32]


class Continuation(NamedTuple):
    """What `Punctuator.marks_after` finds."""

    between: str
    """The mark behind the last word of before, which was not certain then."""
    marks: tuple[str, ...]
    """One mark a word."""
    rest: tuple[str, ...]
    """The words since the last full stop: what comes `before` the next call's."""


class Punctuator:
    """The punctuation model of a folder. Stateless between calls, safe to share between threads."""

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        """Load the model in folder `path`; raises ModelFileMissing, ModelInvalid, EngineMissing (jieba)."""
        folder = ModelFolder(path)
        names = ("config.yaml", "punc.yaml")
        config = folder.config(*names)
        # punc.yaml has both lists at its top level.
        marks = folder.section(config, "model_conf").get("punc_list", config.get("punc_list"))
        if not isinstance(marks, list) or PERIOD not in marks or not all(isinstance(mark, str) for mark in marks):
            raise folder.invalid(folder.find(*names), "model_conf has no punc_list with 。 in it")
        tokens = config["token_list"] if isinstance(config.get("token_list"), list) else folder.tokens()
        self._marks = ["" if mark in _NO_MARK else _PLAIN.get(mark, str(mark)) for mark in marks]
        self._ids = {str(token): index for index, token in enumerate(tokens)}
        self._unknown = self._ids.get(_UNKNOWN, len(self._ids) - 1)
        self._cutter = WordCutter(path / DICTIONARY) if (path / DICTIONARY).is_file() else None
        self._session: onnxruntime.InferenceSession = folder.session("model_quant.onnx", "model.onnx", threads=threads)
        self._inputs = [node.name for node in self._session.get_inputs()]
        self.realtime = any("mask" in name for name in self._inputs)

    def marks(
        self, words: Sequence[str], *, pauses: Sequence[float] | None = None, ends: bool = True
    ) -> tuple[str, ...]:
        """Find the mark behind each word of a text.

        Args:
            words: Chinese characters, and Latin words whole.
            pauses: seconds of silence behind each word, where they are known: a mark is likelier at a long one, and
                less likely where the speaker went right on. FunASR knows of none.
            ends: whether the text ends here; its last mark is 。 or ？ then.

        Returns:
            One mark a word: ，。？、 or "" for none.

        Raises:
            RecognitionFailed: onnxruntime failed.
        """
        if not words:
            return ()
        units = (
            [Unit(word, place) for place, word in enumerate(words)]
            if self._cutter is None
            else list(self._cutter.cut(words))
        )
        behind = None if pauses is None else [pauses[unit.last] for unit in units]
        found, scores = self._windows([unit.text for unit in units], 0, behind)
        if ends:
            final = [index for index, mark in enumerate(self._marks) if mark in (PERIOD, QUESTION)]
            found[-1] = self._marks[max(final, key=lambda index: float(scores[index]))]
        marks = [""] * len(words)
        for unit, mark in zip(units, found, strict=True):
            marks[unit.last] = mark
        return tuple(marks)

    def marks_after(self, before: Sequence[str], words: Sequence[str]) -> Continuation:
        """Find the marks behind words that follow on others, as FunASR's realtime model is called pause by pause.

        Args:
            before: the last call's `rest`; () at first.
            words: what was said since.

        Returns:
            The marks, none behind the last word, whose sentence may go on.

        Raises:
            RecognitionFailed: onnxruntime failed.
        """
        if not words:
            return Continuation("", (), tuple(before))
        everything = [*before, *words]
        found, _ = self._windows(everything, len(before))
        between = found[len(before) - 1] if before else ""
        return Continuation(between, (*found[len(before) : -1], ""), tuple(everything[_last_full_stop(found) + 1 :]))

    def scores(self, words: Sequence[str], *, pause: int = 0) -> Scores:
        """Run the graph over one window.

        Args:
            words: of the window.
            pause: how many of them were said before a pause; only a realtime graph makes use of it.

        Returns:
            Logits, float32 (words, marks), in the order of the model's list of marks.

        Raises:
            RecognitionFailed: onnxruntime failed, or the graph has another number of marks than the list.
        """
        feed: dict[str, npt.NDArray[Any]] = {}
        for name in self._inputs:
            if name.startswith("vad"):
                feed[name] = _pause_mask(len(words), pause)
            elif "mask" in name:
                feed[name] = np.tri(len(words), dtype=np.float32)[None, None]
            elif "length" in name:
                feed[name] = np.array([len(words)], np.int32)
            else:
                feed[name] = np.array([[self._ids.get(word, self._unknown) for word in words]], np.int32)
        try:
            (logits,) = self._session.run(None, feed)
        # onnxruntime's errors share no base class of their own.
        except Exception as error:
            raise RecognitionFailed("The punctuation model failed on this text.", reason=str(error)) from error
        if logits.shape[-1] != len(self._marks):
            raise RecognitionFailed(
                f"The punctuation model gives {logits.shape[-1]} scores a word; its list has {len(self._marks)} marks.",
                scores=int(logits.shape[-1]),
                marks=len(self._marks),
            )
        return np.asarray(logits[0], dtype=np.float32)

    def _windows(
        self, words: Sequence[str], pause: int, pauses: Sequence[float] | None = None
    ) -> tuple[list[str], Scores]:
        """Return the mark behind each word and the scores (marks,) at the last one."""
        against = np.zeros(len(words), np.float32) if pauses is None else _against_nothing(pauses)
        nothing = [index for index, mark in enumerate(self._marks) if not mark]
        found: list[str] = []
        start = 0  # of what is read again
        for end in range(_WINDOW, len(words) + _WINDOW, _WINDOW):
            scores = self.scores(words[start:end], pause=pause)
            scores[:, nothing] -= against[start:end, None]
            marks = [self._marks[index] for index in scores.argmax(axis=-1)]
            if end >= len(words):
                return found + marks, scores[-1]
            done = _last_full_stop(marks)
            if done < 0 and len(marks) > _LONGEST and COMMA in marks[2:-1]:
                done = len(marks) - 2 - marks[2:-1][::-1].index(COMMA)
                marks[done] = PERIOD
            found += marks[: done + 1]
            start += done + 1
        raise AssertionError("the last window returns")


def _last_full_stop(marks: Sequence[str]) -> int:
    """Return the place of the last 。 or ？, or -1; at the first two words and the last one there is none to FunASR."""
    return next((index for index in range(len(marks) - 2, 1, -1) if marks[index] in (PERIOD, QUESTION)), -1)


def _against_nothing(pauses: Sequence[float]) -> Scores:
    """Return how much less likely nothing becomes behind each word, in nats."""
    seconds = np.asarray(pauses, np.float32)
    if not (seconds[:-1] > 0.0).any():  # times without silences were made up: spread evenly over the segment
        return np.zeros(len(seconds), np.float32)
    return np.asarray(np.clip(seconds - USUAL_PAUSE, -_PAUSE_REACH[0], _PAUSE_REACH[1]) * _PAUSE_WEIGHT, np.float32)


def _pause_mask(size: int, pause: int) -> Scores:
    """Return (1, 1, size, size): which word sees which, those before the pause only each other (FunASR's vad_mask)."""
    mask = np.ones((size, size), np.float32)
    if 0 < pause < size:
        mask[: pause - 1, pause:] = 0.0
    return mask[None, None]

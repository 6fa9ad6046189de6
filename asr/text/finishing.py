"""From what was said to how it is written: punctuation, then numbers in digits. Tokens and their times stay."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from asr.hotwords.list import EMPTY, HotwordList
from asr.text.itn import InverseTextNormalizer
from asr.text.punctuation import PERIOD, QUESTION, USUAL_PAUSE, Punctuator
from asr.transcript import FORMATTED, Formatting, Segment, Word, join_texts, spoken_words

_DIGITS = frozenset("零〇一二三四五六七八九幺")
_LONG_NUMBER = 7  # digits; a telephone number is said in groups, with pauses that look like commas
_NOT_CHINESE = "\ufffc"  # stands for a Latin word where numbers are looked for

Range = tuple[int, int]


class Finisher:
    """Punctuation and inverse text normalisation. Stateless between calls, safe to share between threads."""

    def __init__(self, punctuator: Punctuator | None, normalizer: InverseTextNormalizer | None) -> None:
        """Put the parts together; None leaves one out."""
        self._punctuator = punctuator
        self._normalizer = normalizer

    @property
    def realtime(self) -> Punctuator | None:
        """The punctuation model, if it is one that can set marks while somebody speaks."""
        return self._punctuator if self._punctuator is not None and self._punctuator.realtime else None

    def finish(
        self,
        segment: Segment,
        formatting: Formatting = FORMATTED,
        *,
        hotwords: HotwordList = EMPTY,
        ends: bool = True,
    ) -> Segment:
        """Write a segment's words as a reader wants to see them.

        Args:
            segment: its tokens are what was said; words that it has already are made anew.
            formatting: what is wanted; with neither, the words are the tokens.
            hotwords: stay as they are: no mark inside one, no character of it in digits.
            ends: whether a pause follows, so that a sentence may end there; False where long speech was cut.

        Returns:
            The segment with words that cover its tokens.

        Raises:
            RecognitionFailed: the punctuation model failed.
        """
        words = list(spoken_words(segment.tokens))
        kept = [(change.start, change.end) for change in segment.changes]
        kept += _occurrences(words, (hotword.word for hotword in hotwords))
        if formatting.punctuation and self._punctuator:
            pauses = [following.start - word.end for word, following in pairwise(words)]
            marks = self._punctuator.marks(
                [word.text for word in words], pauses=[*pauses, USUAL_PAUSE][: len(words)], ends=ends
            )
            words = [
                replace(word, punctuation="" if _inside(word.last, kept) else mark)
                for word, mark in zip(words, marks, strict=True)
            ]
        if formatting.itn and self._normalizer:
            words = self._in_digits(words, kept)
        return replace(segment, words=tuple(words))

    def _in_digits(self, words: Sequence[Word], kept: Sequence[Range]) -> list[Word]:
        assert self._normalizer
        words = _without_marks_in_numbers(words)
        written: list[Word] = []
        first = 0
        for last in range(1, len(words) + 1):
            if last == len(words) or words[last - 1].punctuation:
                written += self._clause_in_digits(words[first:last], kept)
                first = last
        return written

    def _clause_in_digits(self, words: Sequence[Word], kept: Sequence[Range]) -> list[Word]:
        assert self._normalizer
        text = "".join(word.text if len(word.text) == 1 else _NOT_CHINESE for word in words)
        written: list[Word] = []
        done = 0
        for change in self._normalizer.rewritings(text):
            first, last = words[change.start], words[change.end - 1]
            whole = words[change.whole[0]].first, words[change.whole[1] - 1].last
            if any(start < whole[1] and whole[0] < end for start, end in kept):
                continue  # the whole of it stays as it was said, not only what a hotword holds
            number = Word(change.text, first.start, last.end, first.first, last.last, last.punctuation)
            written += [*words[done : change.start], number]
            done = change.end
        return [*written, *words[done:]]


def open_finisher(punctuation_dir: Path | None, *, itn: bool = True, threads: int = 1) -> Finisher:
    """Load a finisher.

    Args:
        punctuation_dir: folder of a CT-Transformer; None sets no marks.
        itn: whether numbers are written in digits.
        threads: CPU threads of the punctuation model.

    Raises:
        ModelFileMissing: the error names the folder looked in and the file missing.
        ModelInvalid: a file cannot be used; the error says which and why.
    """
    punctuator = None if punctuation_dir is None else Punctuator(punctuation_dir, threads=threads)
    return Finisher(punctuator, InverseTextNormalizer() if itn else None)


def _occurrences(words: Sequence[Word], wanted: Iterable[str]) -> list[Range]:
    """Find where the texts of `wanted` stand, as ranges of tokens."""
    text, starts = "", []
    for word in words:
        spaced = join_texts([text, word.text])
        starts.append(len(spaced) - len(word.text))
        text = spaced
    found = []
    for phrase in wanted:
        place = text.find(phrase)
        while place >= 0:
            covered = [
                word
                for word, start in zip(words, starts, strict=True)
                if start < place + len(phrase) and place < start + len(word.text)
            ]
            found.append((covered[0].first, covered[-1].last))
            place = text.find(phrase, place + 1)
    return found


def _inside(edge: int, ranges: Sequence[Range]) -> bool:
    """Tell whether the edge between two tokens lies within one of the ranges."""
    return any(start < edge < end for start, end in ranges)


def _without_marks_in_numbers(words: Sequence[Word]) -> list[Word]:
    """Take out marks between the digits of a long number; those that end a sentence stay."""
    result = list(words)
    first = 0
    for index in range(len(words) + 1):
        within = index < len(words) and words[index].text in _DIGITS
        if within and words[index].punctuation not in (PERIOD, QUESTION):
            continue
        last = index + 1 if within else index
        if last - first >= _LONG_NUMBER:
            for place in range(first, last - 1):
                result[place] = replace(words[place], punctuation="")
        first = index + 1
    return result

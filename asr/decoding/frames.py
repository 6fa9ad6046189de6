"""Decoding of frames, as CTC models give them: prefix beam search with n-grams and hotwords, then tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from asr.decoding.beam import Scorer
from asr.decoding.ctc import CtcSettings, Hypothesis, collapse, search
from asr.decoding.greedy import NOT_TEXT, UNKNOWN
from asr.decoding.posteriors import Frames, Posteriors
from asr.transcript import Token, join_texts

_BEGINS = "▁"  # before a piece that begins a word
_COMPARED = 5  # hypotheses from which the confidence of a unit is taken


class FrameDecoder:
    """Frames to one posterior a token. Keeps nothing between calls; threads may share it."""

    def __init__(self, expected: Scorer | None = None, settings: CtcSettings | None = None) -> None:
        """Prepare.

        Args:
            expected: what knows which texts are likely; None leaves it to the model alone.
            settings: how far the search looks.
        """
        self._expected = expected
        self._settings = settings or CtcSettings()

    def decode(self, frames: Frames, *more: Scorer) -> Posteriors:
        """Return a posterior for each unit of the best text; `more` scorers have their say beside the n-grams."""
        return collapse(frames, self.best(frames, *more, count=_COMPARED))

    def best(self, frames: Frames, *more: Scorer, count: int) -> tuple[Hypothesis, ...]:
        """Return the best texts, at most `count` of them."""
        scorers = [self._expected, *more] if self._expected else list(more)
        return search(frames, scorers, self._settings, count=count)


def said_between(tokens: Sequence[Token], start: float, end: float) -> str:
    """Return the text of the tokens whose middle lies between two times."""
    return join_texts(token.text for token in tokens if start <= (token.start + token.end) / 2 <= end)


def unmarked(tokens: Sequence[Token], units: Sequence[str]) -> tuple[Token, ...]:
    """Write the pieces of Latin words as the rest of the program does.

    SentencePiece marks a piece that begins a word (▁wo, rld), FunASR one that goes on (wo@@, rld). `units` is the
    model's vocabulary, which says whose marks they are.
    """
    if not any(unit.startswith(_BEGINS) for unit in units):
        return tuple(tokens)
    written = []
    for place, token in enumerate(tokens):
        text = token.text.removeprefix(_BEGINS)
        following = tokens[place + 1].text if place + 1 < len(tokens) else _BEGINS
        if _latin(text) and _latin(following):
            text += "@@"
        written.append(replace(token, text=text))
    return tuple(written)


def text_of(chosen: Sequence[int], units: Sequence[str]) -> str:
    """Return what units of a vocabulary write."""
    names = [units[unit] for unit in chosen]
    pieces = [Token(name, 0.0, 0.0, 1.0) for name in names if name not in NOT_TEXT and name != UNKNOWN]
    return join_texts(token.text for token in unmarked(pieces, units))


def _latin(text: str) -> bool:
    return text[:1].isascii() and text[:1].isalpha() and not text.endswith("@@")

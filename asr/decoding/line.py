"""The line that one segment's tokens make, and how the words of a list are put into it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from asr.decoding.posteriors import Array
from asr.hotwords.list import Hotword
from asr.transcript import Alternative, Change, Token, join_texts
from mandarin.words import segment, usualness


@dataclass(frozen=True)
class Edit:
    """Tokens that take the place of those from `start` up to `end`, for a hotword; `heard` is what the model wrote."""

    start: int
    end: int
    word: str
    tier: str
    tokens: tuple[Token, ...]
    heard: str | None = None  # None is what the line says


class Line:
    """The tokens of one segment as the model wrote them, and the edits made to them so far."""

    def __init__(self, tokens: list[Token], units: list[int]) -> None:
        self.tokens = tokens
        self.units = units
        self.edits: list[Edit] = []

    @cached_property
    def usual(self) -> Array:
        """How usual the written word is that each token is part of, 0 to 1; 0 for a character on its own."""
        found = np.zeros(len(self.tokens), dtype=np.float32)
        if all(len(token.text) == 1 for token in self.tokens):
            start = 0
            for word in segment("".join(token.text for token in self.tokens)):
                found[start : start + len(word)] = usualness(word)
                start += len(word)
        return found

    def free(self, start: int, end: int) -> bool:
        """Tell whether no edit touches the tokens `start` to `end`."""
        return all(edit.end <= start or end <= edit.start for edit in self.edits)

    def written(self, start: int, end: int) -> str:
        """Return what the model wrote at the tokens `start` to `end`."""
        return join_texts(token.text for token in self.tokens[start:end])

    def in_context(self, hotword: Hotword, start: int, end: int) -> bool:
        """Tell whether the tokens touch one of the contexts in which the word is not to be put."""
        for context in hotword.contexts:
            for first in range(max(0, start - len(context) + 1), end):
                for last in range(first + 1, min(len(self.tokens), first + len(context)) + 1):
                    if last > start and self.written(first, last) == context:
                        return True
        return False

    def finished(self) -> tuple[tuple[Token, ...], tuple[Change, ...]]:
        """Return the tokens after all edits, and the changes at their places in those."""
        tokens: list[Token] = []
        changes = []
        done = 0
        for edit in sorted(self.edits, key=lambda edit: edit.start):
            tokens += self.tokens[done : edit.start]
            heard = self.written(edit.start, edit.end) if edit.heard is None else edit.heard
            changes.append(Change(edit.word, len(tokens), len(tokens) + len(edit.tokens), heard, str(edit.tier)))
            tokens += edit.tokens
            done = edit.end
        return (*tokens, *self.tokens[done:]), tuple(changes)


def renamed(token: Token, text: str, confidence: float) -> Token:
    """Write `text` at a token; what the model had there shares the probability that is left."""
    others = [other for other in token.alternatives if other.text != text]
    total = sum(other.probability for other in others)
    left = min(1.0, (1.0 - confidence) / total) if total else 0.0
    shrunk = [Alternative(other.text, other.probability * left) for other in others]
    return replace(token, text=text, confidence=confidence, alternatives=(Alternative(text, confidence), *shrunk))


def spread(word: str, replaced: Sequence[Token], confidence: float) -> Iterable[Token]:
    """Make the tokens of a word that takes the place of others: one a character, Latin words whole."""
    texts = [word] if word.isascii() else list(word)
    if len(texts) == len(replaced):
        for text, token in zip(texts, replaced, strict=True):
            yield renamed(token, text, confidence)
        return
    start, end = replaced[0].start, replaced[-1].end
    step = (end - start) / len(texts)
    for number, text in enumerate(texts):
        yield Token(text, start + number * step, start + (number + 1) * step, confidence)

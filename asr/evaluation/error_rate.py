"""Errors between what was said and what was recognised, counted in characters, as is the custom for Mandarin."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import astuple, dataclass

from rapidfuzz.distance import Levenshtein


@dataclass(frozen=True)
class Errors:
    """Edits that turn references into what was recognised, counted in characters."""

    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0
    characters: int = 0
    sentences: int = 0
    correct_sentences: int = 0

    def __add__(self, other: Errors) -> Errors:
        """Add up the counts."""
        return Errors(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    @property
    def cer(self) -> float:
        """Character error rate: edits by characters of the references (the insertions' count when there are none)."""
        return (self.substitutions + self.deletions + self.insertions) / max(1, self.characters)

    @property
    def sentence_accuracy(self) -> float:
        """Sentences without any error, 0 to 1."""
        return self.correct_sentences / max(1, self.sentences)


def normalize(text: str) -> str:
    """Drop punctuation, symbols and spaces; make full-width forms and capital letters plain small ones."""
    plain = unicodedata.normalize("NFKC", text).lower()
    return "".join(char for char in plain if unicodedata.category(char)[0] in "LMN")


def count_errors(reference: str, recognized: str) -> Errors:
    """Compare one sentence with its reference, both normalised first."""
    expected, found = normalize(reference), normalize(recognized)
    kinds = [edit.tag for edit in Levenshtein.editops(expected, found)]
    return Errors(
        substitutions=kinds.count("replace"),
        deletions=kinds.count("delete"),
        insertions=kinds.count("insert"),
        characters=len(expected),
        sentences=1,
        correct_sentences=int(not kinds),
    )


def substitutions(reference: str, recognized: str) -> Iterator[tuple[str, str]]:
    """Give the characters of a sentence that another was taken for, as (said, recognised)."""
    expected, found = normalize(reference), normalize(recognized)
    for edit in Levenshtein.editops(expected, found):
        if edit.tag == "replace":
            yield expected[edit.src_pos], found[edit.dest_pos]


Confusions = Counter[tuple[str, str]]
"""How often a character (said, recognised) was taken for another."""

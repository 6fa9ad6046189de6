"""What may be wrong with the entries of a hotword list."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """What may be wrong with an entry; stable for programs and for the texts shown to users."""

    EMPTY_WORD = "empty_word"
    TOO_LONG = "too_long"
    WEIGHT_OUT_OF_RANGE = "weight_out_of_range"
    DIGITS_GLUED = "digits_glued"
    NUMBER_ONLY = "number_only"
    RESERVED_CHARACTER = "reserved_character"
    UNREADABLE = "unreadable"
    TOO_MANY = "too_many"
    UNKNOWN_CHARACTER = "unknown_character"
    DUPLICATE = "duplicate"


# The entry is kept: a duplicate is merged, and a character that the model cannot write is found by its sound.
_WARNINGS = frozenset({Reason.UNKNOWN_CHARACTER, Reason.DUPLICATE})


@dataclass(frozen=True)
class HotwordProblem:
    """One thing wrong with a list: at `line` and `column` (from 1; entry and 1 for what came as objects).

    `message` is an English sentence that says what to do. An entry with a `warning` is kept, one without is left out.
    """

    line: int
    column: int
    reason: Reason
    message: str

    @property
    def warning(self) -> bool:
        """Whether the entry was kept."""
        return self.reason in _WARNINGS

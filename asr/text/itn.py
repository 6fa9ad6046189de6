"""Inverse text normalisation: numbers as people write them, 百分之五十 as 50%, 下午三点半 as 下午3点半.

What stands in a text and what it is worth, the grammars of the language say (mandarin.written); here it becomes what
to write in place of what. As GB/T 15835-2011 has it, left in words are numbers below ten but for times, dates, decimals
and amounts (三个人, 一下), approximations (三四十个, 十几天), lunar days, and words of the dictionary (二十四史).
"""

from __future__ import annotations

from dataclasses import dataclass

from mandarin.written import find_written


@dataclass(frozen=True)
class Rewriting:
    """The characters `start` to `end` (exclusive) of a text are written as `text`.

    `whole` is the range of the expression that it belongs to, 下午三点到五点: all of it is written so, or nothing.
    """

    start: int
    end: int
    text: str
    whole: tuple[int, int]


class InverseTextNormalizer:
    """Finds the numbers of a text and writes them in digits. Keeps nothing between calls; threads may share it."""

    def rewritings(self, text: str) -> list[Rewriting]:
        """Find the numbers of a text.

        Args:
            text: as it was spoken, without punctuation; whatever is no Chinese character parts numbers.

        Returns:
            What to write in place of what, in order, without overlap.
        """
        return [
            Rewriting(part.start, part.end, part.text, (found.start, found.end))
            for found in find_written(text)
            for part in sorted(found.parts, key=lambda one: one.start)
        ]

    def normalize(self, text: str) -> str:
        """Return `text` with its numbers in digits."""
        for change in reversed(self.rewritings(text)):
            text = text[: change.start] + change.text + text[change.end :]
        return text

"""A number of a text: where it stands, what kind it is, what it is worth, and how it is written in digits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum


class Kind(StrEnum):
    """What sort of number it is."""

    CARDINAL = "cardinal"
    DECIMAL = "decimal"
    ORDINAL = "ordinal"
    PERCENT = "percent"
    PERMILLE = "permille"
    PER_TEN_THOUSAND = "per ten thousand"
    FRACTION = "fraction"
    RATIO = "ratio"
    DIGITS = "digits"
    ADDRESS = "address"
    RANGE = "range"
    APPROXIMATE = "approximate"
    COMPOUND = "compound"
    PRODUCT = "product"
    PRESSURE = "pressure"


@dataclass(frozen=True, slots=True)
class Part:
    """The characters `start` to `end` (exclusive) of the text are written as `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Number:
    """A number at the characters `start` to `end` (exclusive) of a text.

    `values` holds one value; two of a range or approximation (least and most, in percent for percents), of a ratio, of
    a fraction (numerator, denominator) and of a blood pressure; all factors of a product. Money and measures in two
    units (三块五, 一米七五) are in the larger one. `digits`: of a row of digits or an address, as they are written.
    `unit`: the unit inside of it (三块五: 块), or the one right behind it. `parts`: what is written in digits; none
    where the number is better left in words.
    """

    start: int
    end: int
    kind: Kind
    values: tuple[Decimal, ...]
    parts: tuple[Part, ...] = ()
    digits: str = ""
    unit: str = ""

    @property
    def exact(self) -> bool:
        """Whether it is one value, not as much or so and not from one to another."""
        return self.kind not in (Kind.RANGE, Kind.APPROXIMATE) and len(set(self.values)) == 1

    def as_cardinal(self) -> Number:
        """Return a row of digits as the number that its digits make."""
        return replace(self, kind=Kind.CARDINAL, values=(Decimal(self.digits),), digits="")

    def written(self, text: str) -> str:
        """Return the number as it is written, given the text that it was found in."""
        return write(text, self.parts, self.start, self.end)


def write(text: str, parts: tuple[Part, ...], start: int, end: int) -> str:
    """Return the characters `start` to `end` of a text with what `parts` say in place."""
    pieces, done = [], start
    for part in parts:
        pieces += [text[done : part.start], part.text]
        done = part.end
    return "".join([*pieces, text[done:end]])

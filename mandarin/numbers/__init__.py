"""Numbers in Mandarin: read to values with their place and kind, written in digits, and said again.

Text enters `find_numbers`; numbers leave it. `Numerals` reads what begins at one place.
"""

from __future__ import annotations

from mandarin.numbers.number import Kind, Number, Part, write
from mandarin.numbers.numerals import NUMERALS, Numeral, Numerals
from mandarin.numbers.reading import find_numbers

__all__ = ["Kind", "Number", "NUMERALS", "Numeral", "Numerals", "Part", "find_numbers", "write"]

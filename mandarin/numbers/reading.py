"""Reading the numbers of a text."""

from __future__ import annotations

from mandarin.numbers.grammar import NumberGrammar
from mandarin.numbers.lattice import likeliest
from mandarin.numbers.number import Kind, Number
from mandarin.numbers.numerals import Numerals

_NUMBER = -9.0  # log-probability of any number: about as usual as one of the commoner words
_CHARACTER = -0.3  # for each of its characters
_COUNTS = 2.0  # where a unit stands right behind it, or a word within says that it is one
_MARKED = (Kind.ORDINAL, Kind.PERCENT, Kind.PERMILLE, Kind.FRACTION, Kind.PRESSURE)


def find_numbers(text: str) -> list[Number]:
    """Find the numbers of a text, spoken or in digits or both mixed; words that hold a numeral are none.

    Returns:
        Numbers of two characters and more, and single digits, in order, without overlap.
    """
    grammar = NumberGrammar(Numerals(text))
    return likeliest(text, grammar.at, number_weight)


def number_weight(number: Number) -> float:
    """Return how likely it is that a number stands where one can be read, as a log-probability."""
    length = min(number.end - number.start, 20)
    score = _NUMBER + _CHARACTER * length + (_COUNTS if number.unit else 0.0)
    if number.kind in _MARKED:
        score += _COUNTS
    return score

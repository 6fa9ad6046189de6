"""Digits that are said one by one: codes, room numbers, telephone numbers, addresses.

address := numeral 点 numeral 点 numeral (点 numeral)…
row     := (digit | 双 digit | count 个 digit)…, of three and more; of two before a unit that is numbered
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from mandarin.numbers.number import Kind, Number, Part
from mandarin.numbers.numerals import DIGITS, LARGE_UNITS, NUMERALS, SMALL_UNITS, Numeral, Numerals
from mandarin.numbers.units import unit_at

_ROOM_UNITS = frozenset(("床", "房", "室", "路", "栋", "幢", "号楼", "号房", "号床", "病区"))
_LEAST_GROUPED_ROW = 5
_COUNT_OF_EQUAL_DIGITS = {"两": 2, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "2": 2, "3": 3, "4": 4, "5": 5, "6": 6}
_NEAR = 20  # characters within which the second point of an address stands
_MOST_PARTS = 8  # of an address
_MOST_GROUPS = 12  # of digits: 三个零
_LONG = 64  # digits


class RowGrammar:
    """Reads the rows of digits that begin at a place of one text."""

    def __init__(self, numerals: Numerals) -> None:
        """Read from the numerals of a text."""
        self._numerals = numerals
        self._text = numerals.text

    def address(self, place: int) -> Iterator[Number]:
        """Read 192.168.1.1 and version 2.3.1, said with 点."""
        near = self._text[place : place + _NEAR]
        if near.count("点") + near.count(".") < 2:
            return
        found: list[Numeral] = []
        at = place
        while len(found) < _MOST_PARTS:
            whole, row = self._numerals.cardinal(at), self._numerals.row(at)
            one = row if row is not None and (whole is None or row.end > whole.end) else whole
            if one is None or not one.exact or one.shortened or one.end - one.start > _LONG:
                break
            found.append(one)
            at = one.end
            if self._text[at : at + 1] not in ("点", ".") or self._text[at + 1 : at + 2] not in NUMERALS:
                break
            at += 1
        if len(found) < 3 or self._text[at : at + 1] in ("点", "半", "分", "刻"):
            return
        end = found[-1].end
        digits = ".".join(one.text or f"{one.low:f}" for one in found)
        yield Number(place, end, Kind.ADDRESS, (), (Part(place, end, digits),), digits=digits)

    def row(self, place: int) -> Iterator[Number]:
        """Read digits one by one, with 双五 and 三个零; digits that count up (一二三) are not written as a code."""
        digits, at, grouped = "", place, False
        if self._numerals.row_end(place) - place > _LONG and self._numerals.row_end(place - 1) > place:
            return  # within a long one
        for _ in range(_MOST_GROUPS):
            row = self._numerals.row(at)
            count = self._equal_digits(at)
            if count:
                digits, grouped = digits + count * self._digit(at + (1 if self._text[at] == "双" else 2)), True
                at += 2 if self._text[at] == "双" else 3
            elif row is not None:
                end = row.end
                # the last digit before 个 is how many of the next there are
                if self._equal_digits(end - 1) and end - 1 > at:
                    end -= 1
                digits, at = digits + row.text[: end - at], end
            else:
                break
        written = self._text[place:at]
        unit, behind = unit_at(self._text, at), self._text[at : at + 1]
        of_two = unit in _ROOM_UNITS or _is_generation(digits, behind) or _is_year(digits, unit)
        least = _LEAST_GROUPED_ROW if grouped else 2 if of_two else 3
        if len(digits) < least or behind in SMALL_UNITS or behind in LARGE_UNITS:
            return
        steps = {int(b) - int(a) for a, b in pairwise(digits)}
        code = len(digits) == 2 or "幺" in written or unit in _ROOM_UNITS or self._latin(place - 1)
        counting = steps in ({1}, {-1}) and not code
        parts = () if counting or written.isascii() else (Part(place, at, digits),)
        yield Number(place, at, Kind.DIGITS, (), parts, digits=digits, unit=unit)

    def _latin(self, at: int) -> bool:
        return at >= 0 and self._text[at].isascii() and self._text[at].isalpha()

    def _equal_digits(self, at: int) -> int:
        """Return how many equal digits 双五 (2) and 三个零 (3) stand for, 0 where there is no such thing."""
        if self._text.startswith("双", at):
            return 2 if self._digit(at + 1) else 0
        count = _COUNT_OF_EQUAL_DIGITS.get(self._text[at : at + 1], 0)
        if not count or self._text[at + 1 : at + 2] != "个" or not self._digit(at + 2):
            return 0
        behind = self._text[at + 3 : at + 4]
        return 0 if behind in SMALL_UNITS or behind in LARGE_UNITS else count

    def _digit(self, at: int) -> str:
        end = self._numerals.row_end(at)
        return "" if end == at else str(DIGITS.get(self._text[at], self._text[at]))


def _is_generation(digits: str, behind: str) -> bool:
    """Whether 八零 or 九五 stands before 后: who was born since then."""
    return behind == "后" and len(digits) == 2 and digits[1] in "05"


def _is_year(digits: str, unit: str) -> bool:
    """Whether 九八 before 年 is a year: 八九年 is eight or nine years as well, and stays open."""
    return unit == "年" and len(digits) == 2 and int(digits[1]) - int(digits[0]) != 1 and digits != "35"

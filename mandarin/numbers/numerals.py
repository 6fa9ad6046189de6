"""Numerals: what characters and digits are worth, before it is known what they count.

A recursive descent over the characters of a text. `Numerals` belongs to one text and keeps what it has read, so that
each place is read once however many rules ask for it. Every rule takes a bounded number of characters but the runs of
digits, whose ends are found once for the whole text: reading is linear in the length of the text.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from decimal import Decimal

DIGITS = {character: value for value, character in enumerate("零一二三四五六七八九")}
DIGITS |= {"〇": 0, "幺": 1, "两": 2} | {character: value for value, character in enumerate("壹贰叁肆伍陆柒捌玖", 1)}
RADIO_DIGITS = {"洞": 0, "拐": 7, "勾": 9}
"""How digits are said on the radio; only inside of a row."""
ASCII_DIGITS = frozenset("0123456789")
SMALL_UNITS = {"十": 10, "百": 100, "千": 1000, "拾": 10, "佰": 100, "仟": 1000}
TENS = {"廿": 20, "卅": 30, "卌": 40}
COUNTED = {"俩": 2, "仨": 3}
"""A digit and 个 in one character."""
LARGE_UNITS = {"万": 10**4, "亿": 10**8, "萬": 10**4, "億": 10**8}
NUMERALS = frozenset([*DIGITS, *SMALL_UNITS, *TENS, *LARGE_UNITS]) | ASCII_DIGITS
"""Characters that a numeral may hold; 几, 数, 多, 半 and 点 are none by themselves."""

_SEVERAL = frozenset("几数")
_AND_MORE = frozenset("多余来")
_NOT_MORE = frozenset("少么数半")  # 十多少, 二十多半
_ROW_DIGITS = {**{c: v for c, v in DIGITS.items() if c != "两"}, **{str(v): v for v in range(10)}}
_FRACTION_DIGITS = {c: v for c, v in _ROW_DIGITS.items() if c not in "幺壹贰叁肆伍陆柒捌玖"}
_LEAST_BEFORE_RADIO = 2  # digits, before 洞 is one too
_END = "\0"  # stands behind the last character
_LONGEST_PART = 24  # digits of a number that is more than a row of them


@dataclass(frozen=True, slots=True)
class Numeral:
    """A numeral at the characters `start` to `end` (exclusive): `low` and `high` are the same where it is exact.

    `text` is how it is written in digits; of a row of digits, the digits. `unit` is the worth of its last place (10 of
    二十 and 三百五). `shortened`: the last unit is left out (三百五).
    """

    start: int
    end: int
    low: Decimal
    high: Decimal
    text: str = ""
    unit: int = 1
    shortened: bool = False

    @property
    def exact(self) -> bool:
        """Whether it is one number, not about as much."""
        return self.low == self.high


@dataclass(frozen=True, slots=True)
class _Section:
    """A part below ten thousand."""

    end: int
    low: Decimal
    high: Decimal
    unit: int
    plain: bool  # one digit
    shortened: bool = False


class Numerals:
    """The numerals of one text."""

    def __init__(self, text: str) -> None:
        """Prepare to read `text`, of any length."""
        self.text = text
        self._padded = text + _END * 8
        self._row_ends = _run_ends(text, _ROW_DIGITS.keys())
        self._rows: dict[int, Numeral] = {}
        self._cardinals: dict[int, Numeral | None] = {}
        self._numbers: dict[int, Numeral | None] = {}

    def row_end(self, place: int) -> int:
        """Return where the run of digits ends that `place` is in; `place` itself where there is no digit."""
        return max(place, self._row_ends[place]) if 0 <= place < len(self.text) else place

    def row(self, place: int) -> Numeral | None:
        """Read digits that stand one behind the other, 幺三八, 零零洞 or 301; the value is that of the whole number."""
        end = self.row_end(place)
        if end == place:
            return None
        if place in self._rows:
            return self._rows[place]
        while end - place >= _LEAST_BEFORE_RADIO and self._padded[end] in RADIO_DIGITS:
            end = self.row_end(end + 1)
        digits = "".join(str(_ROW_DIGITS.get(c, RADIO_DIGITS.get(c))) for c in self.text[place:end])
        value = Decimal(digits) if len(digits) <= _LONGEST_PART else Decimal(0)
        self._rows[place] = Numeral(place, end, value, value, digits)
        return self._rows[place]

    def cardinal(self, place: int) -> Numeral | None:
        """Read a whole number of any size: 一千零五, 两万五, 3万5千, 三四十, 十几, 三百多."""
        if place not in self._cardinals:
            self._cardinals[place] = self._cardinal(place)
        return self._cardinals[place]

    def number(self, place: int) -> Numeral | None:
        """Read a whole number or a decimal one: 三点一四, 一点二万, 三六点五, 2.5万."""
        if place not in self._numbers:
            self._numbers[place] = self._decimal(place) or self.cardinal(place)
        return self._numbers[place]

    def _cardinal(self, place: int) -> Numeral | None:
        low = high = Decimal(0)
        smallest, at, unit = 10**16, place, 1
        shortened = zero = False
        while True:
            section = self._section(at, first=at == place)
            if section is None:
                break
            large, after = self._large(section.end)
            if large == 1:
                if at > place and section.plain and not zero:
                    if smallest == 10**16 or self._padded[at] in "两几数" or section.low != section.high:
                        break
                    section = replace(section, low=section.low * smallest / 10, high=section.high * smallest / 10)
                    shortened, unit = True, smallest // 10
                else:
                    unit, shortened = section.unit, section.shortened
                low, high, at = low + section.low, high + section.high, section.end
                break
            if large >= smallest:
                break
            low, high = low + section.low * large, high + section.high * large
            smallest, unit, at = large, section.unit * large, after
            if section.low != section.high:
                break
            zero = self._padded[at] in ("零", "〇") and self._padded[at + 1] in NUMERALS
            at += zero
        if at == place:
            return None
        if zero and self._padded[at - 1] in ("零", "〇") and at > place + 1:
            at -= 1
        found = Numeral(place, at, low, high, unit=unit, shortened=shortened)
        return self._and_more(found)

    def _large(self, at: int) -> tuple[int, int]:
        """Return the worth of 万, 亿, 万亿, 百万 behind a section and where it ends."""
        worth = 1
        while self._padded[at] in LARGE_UNITS and worth <= 10**8:
            worth *= LARGE_UNITS[self._padded[at]]
            at += 1
        return worth, at

    def _and_more(self, found: Numeral) -> Numeral:
        """Widen 三十多, 一百来, 三万余 to what they may mean."""
        more, behind = self._padded[found.end], self._padded[found.end + 1]
        if more not in _AND_MORE or not found.exact or found.unit < 10 or found.shortened:
            return found
        if behind in _NOT_MORE and more != "余":
            return found
        large, after = self._large(found.end + 1) if found.unit < 10**4 else (1, found.end + 1)
        low, high = found.low + 1, found.high + found.unit - 1
        return replace(found, end=after, low=low * large, high=high * large, unit=found.unit * large)

    def _section(self, at: int, *, first: bool) -> _Section | None:
        start, low, high, unit = at, Decimal(0), Decimal(0), 10**4
        zero = False
        while True:
            digit = self._digit(at, first=first and at == start)
            if digit is None:
                ten = self._bare_ten(at, below=unit)
                if ten is None:
                    break
                low, high, at, unit = low + ten[0], high + ten[0], ten[1], 10
                continue
            end, least, most, written = digit
            worth = SMALL_UNITS.get(self._padded[end], 0)
            if most == 0 and worth:  # 零十一 is no number
                return _Section(end, low, high, 1, plain=True) if at == start else None
            if worth and worth < unit and not (written and least >= 10):
                several = self.text[at] in _SEVERAL
                low += (2 if several and at == start else least) * worth
                high += most * worth + (worth - 1 if several else 0)
                unit, at = worth, end + 1
                if least != most:
                    return _Section(at, low, high, worth, plain=False)
                if self._padded[at] in ("零", "〇") and self._goes_on(at + 1, unit):
                    zero, at = True, at + 1
                continue
            if worth:
                return self._closed(start, at, low, high, unit, zero=zero)
            if at == start:
                unit = _last_place(least) if written else 1
                return _Section(end, Decimal(least), Decimal(most), unit, plain=not written or least < 10)
            if least != most and not (unit == 10 or zero):
                return self._closed(start, at, low, high, unit, zero=zero)
            if zero or unit == 10:
                return _Section(end, low + least, high + most, 1, plain=False)
            if self.text[at] == "两" or self.text[at] in ("零", "〇") or unit == 10**4 or written:
                break
            worth = unit // 10
            return _Section(end, low + least * worth, high + most * worth, worth, plain=False, shortened=True)
        return self._closed(start, at, low, high, unit, zero=zero)

    def _closed(self, start: int, at: int, low: Decimal, high: Decimal, unit: int, *, zero: bool) -> _Section | None:
        if at == start or not low:
            return None
        if zero and self.text[at - 1] in ("零", "〇"):
            at -= 1
        return _Section(at, low, high, unit, plain=False)

    def _goes_on(self, at: int, unit: int) -> bool:
        """Whether what stands behind a 零 is a smaller part of the same number."""
        character = self._padded[at]
        if character in ("十", "拾") or character in TENS:
            return unit > 10
        return character in DIGITS and DIGITS[character] > 0

    def _bare_ten(self, at: int, *, below: int) -> tuple[int, int] | None:
        if self._padded[at] in TENS and below > 10:
            return TENS[self.text[at]], at + 1
        return (10, at + 1) if self._padded[at] == "十" and below > 10 else None

    def _digit(self, at: int, *, first: bool) -> tuple[int, int, int, bool] | None:
        """Return the end, the least and most worth of a digit, and whether it is written as one."""
        character = self._padded[at]
        if character in ASCII_DIGITS:
            end = self._ascii_end(at)
            if end - at > 4 and not first:
                return None
            value = int(self.text[at:end].replace(",", "")) if end - at <= _LONGEST_PART else -1
            return (end, value, value, True) if value >= 0 else None
        if character in _SEVERAL:
            behind = self._padded[at + 1]
            counted = behind in SMALL_UNITS or behind in LARGE_UNITS
            return (at + 1, 1, 9, False) if counted or (character == "几" and not first) else None
        if character in COUNTED and first:
            return at + 1, COUNTED[character], COUNTED[character], False
        if character not in DIGITS or character == "幺":
            return None
        value, following = DIGITS[character], DIGITS.get(self._padded[at + 1], 0)
        pair = value and (following == value + 1 or (value, following) == (3, 5)) and self._padded[at + 1] != "幺"
        if pair and self._padded[at + 2] not in DIGITS:
            return at + 2, value, following, False
        return at + 1, value, value, False

    def _ascii_end(self, at: int) -> int:
        """Return where a number in digits ends, thousands parted by commas included."""
        end = at
        while self._padded[end] in ASCII_DIGITS:
            end += 1
        if end - at <= 3:
            while self._padded[end] == "," and _three_digits(self.text, end + 1):
                end += 4
        return end

    def _decimal(self, place: int) -> Numeral | None:
        whole = self.cardinal(place)
        row = self.row_end(place)
        if whole is None or row > whole.end:
            if not 2 <= row - place <= 4:
                return None
            whole = self.row(place)
        if whole is None or not whole.exact or whole.shortened or self._padded[whole.end] not in ("点", ".", "點"):
            return None
        at = whole.end + 1
        end = min(self.row_end(at), at + _LONGEST_PART)
        digits = [_FRACTION_DIGITS.get(character) for character in self.text[at:end]]
        if not digits or None in digits:
            return None
        text = f"{whole.low:f}.{''.join(map(str, digits))}"
        large, after = self._large(end)
        if self._padded[after] in ("点", "半") and large == 1:
            return None  # 一点一点, 三点五点半
        value = Decimal(text) * large
        return Numeral(place, after, value, value, text + self.text[end:after])


def _last_place(value: int) -> int:
    """Return 100 for 1500, 10 for 30, 1 for 35 and for 0."""
    place = 1
    while value and value % (10 * place) == 0:
        place *= 10
    return place


def _three_digits(text: str, at: int) -> bool:
    group = text[at : at + 3]
    return len(group) == 3 and group.isascii() and group.isdigit() and text[at + 3 : at + 4] not in ASCII_DIGITS


def _run_ends(text: str, members: Collection[str]) -> list[int]:
    """Return for every place where the run of `members` that it is in ends, -1 where it is in none."""
    ends = [-1] * len(text)
    for place in range(len(text) - 1, -1, -1):
        if text[place] in members:
            ends[place] = ends[place + 1] if place + 1 < len(text) and ends[place + 1] > 0 else place + 1
    return ends

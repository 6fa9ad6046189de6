"""What numbers are made of numerals: percents, ranges, amounts of money, rows of digits and the rest.

    number     := percent | ordinal | negative | fraction | ratio | range | product | compound | address | row | numeral
    percent    := (百|千|万)分之 numeral [(到|至) [(百|千|万)分之] numeral] | 百分百
    ordinal    := 第 numeral
    negative   := 负 numeral
    fraction   := numeral 分之 numeral
    ratio      := numeral 比 numeral
    range      := numeral [unit] (到|至|-) numeral
    product    := numeral [unit] 乘[以] numeral [unit] [乘[以] numeral [unit]], at least one unit of length or a decimal
    compound   := numeral (块|元) digit [(毛|角) [digit 分]] | numeral (米|度) digit [digit] | 负 compound
    address and row: see mandarin.numbers.rows

`numeral` is what mandarin.numbers.numerals reads. Which of the readings of a place are meant, and whether a word stands
there instead, is decided over the whole text (mandarin.numbers.lattice).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from mandarin.numbers.number import Kind, Number, Part
from mandarin.numbers.numerals import ASCII_DIGITS, DIGITS, LARGE_UNITS, NUMERALS, SMALL_UNITS, Numeral, Numerals
from mandarin.numbers.rows import RowGrammar
from mandarin.numbers.units import LENGTHS, MONEY, unit_at
from mandarin.numbers.words import begins_word

_PERCENTS = {
    "百": (Kind.PERCENT, "%"),
    "千": (Kind.PERMILLE, "‰"),
    "万": (Kind.PER_TEN_THOUSAND, ""),
}
_JOINTS = ("到", "至", "-", "~")
_TIMES = ("乘以", "乘", "×", "x", "*")
_COMPARED = frozenset("大小多少高低好强快慢较长短重轻贵")  # 五比三大 compares
_BEFORE_MARKS = ("点", "得", "打", "考", "扣", "加", "减", "过", "差", "了", "第")
_SYSTOLIC, _DIASTOLIC = range(60, 261), range(30, 161)  # mmHg
_LARGEST_RATIO = 1000


class NumberGrammar:
    """Reads the numbers that begin at a place of one text."""

    def __init__(self, numerals: Numerals) -> None:
        """Read from the numerals of a text."""
        self._numerals = numerals
        self._text = numerals.text
        self._rows = RowGrammar(numerals)

    def at(self, place: int) -> Iterator[Number]:
        """Yield all readings of what begins at a place."""
        character = self._text[place]
        if character in _PERCENTS and self._text.startswith("分", place + 1):
            yield from self._percent(place, 1)
        elif character == "第":
            yield from self._ordinal(place)
        elif character == "负":
            yield from self._negative(place)
        elif character == "双":
            yield from self._rows.row(place)
        elif character == "零" and self._text.startswith("下", place + 1):
            yield from self._below_zero(place)
        if character in NUMERALS or character in "几数俩仨":
            yield from self._rows.row(place)
            yield from self._rows.address(place)
            yield from self._pressure(place)
            first = self._numerals.number(place)
            if first is not None and not self._is_adverb(first):
                yield from self._with_one(first)

    def _with_one(self, first: Numeral) -> Iterator[Number]:
        yield from self._joined(first)
        yield from self._product(first)
        yield from self._compound(first)
        yield from self._alone(first)

    def _alone(self, found: Numeral) -> Iterator[Number]:
        unit = unit_at(self._text, found.end)
        parts = self._parts(found)
        if found.shortened and unit and unit not in MONEY and len(unit) == 1 and unit not in "米吨里斤克升亩度":
            parts = ()  # 三百五个 is no way to count, 两百一位 is two hundred for each
        kind = Kind.APPROXIMATE if not found.exact else Kind.DECIMAL if found.text else Kind.CARDINAL
        values = (found.low,) if found.exact else (found.low, found.high)
        yield Number(found.start, found.end, kind, values, parts, unit=unit)
        if self._text[found.end - 1] in DIGITS and found.exact and begins_word(self._text, found.end - 1):
            shorter = Numerals(self._text[found.start : found.end - 1]).cardinal(0)  # 五十一起: 五十, 一起
            if shorter is not None and shorter.end == found.end - found.start - 1:
                moved = replace(shorter, start=found.start, end=found.end - 1)
                kind = Kind.CARDINAL if moved.exact else Kind.APPROXIMATE
                values = (moved.low,) if moved.exact else (moved.low, moved.high)
                yield Number(moved.start, moved.end, kind, values, self._parts(moved))

    def _percent(self, place: int, sign: int) -> Iterator[Number]:
        kind, mark = _PERCENTS[self._text[place]]
        if self._text.startswith("百分百", place):
            yield Number(place, place + 3, kind, (Decimal(100),), (Part(place, place + 3, "100%"),))
        if not self._text.startswith("分之", place + 1):
            return
        start = place + 3
        found = self._numerals.number(start)
        if found is None:
            if self._text.startswith("百", start) and kind is Kind.PERCENT:
                yield Number(place, start + 1, kind, (Decimal(100 * sign),), (Part(place, start + 1, "100%"),))
            return
        low, high = sorted((sign * found.low, sign * found.high))
        if not found.exact:
            yield Number(place, found.end, Kind.APPROXIMATE, (low, high), unit=mark)
            return
        minus = "-" if sign < 0 else ""
        parts: tuple[Part, ...] = ()
        if mark:
            parts = (Part(place, found.end, f"{minus}{self._plain(found)}{mark}"),)
        yield Number(place, found.end, kind, (low,), parts, unit=mark)
        joint = self._joint(found.end)
        second_start = found.end + len(joint)
        if joint and self._text.startswith(self._text[place:start], second_start):
            second_start += 3
        second = self._numerals.number(second_start) if joint else None
        if second is None or not second.exact:
            return
        again = second_start > found.end + len(joint)
        if again or (second.low > found.low and not unit_at(self._text, second.end)):
            parts += (Part(found.end + len(joint), second.end, f"{minus}{self._plain(second)}{mark}"),) if mark else ()
            yield Number(place, second.end, Kind.RANGE, (low, sign * second.low), parts, unit=mark)

    def _ordinal(self, place: int) -> Iterator[Number]:
        found = self._numerals.cardinal(place + 1)
        row = self._numerals.row(place + 1)
        if row is not None and (found is None or row.end > found.end):
            found = row
        if found is not None and found.exact:
            yield Number(place, found.end, Kind.ORDINAL, (found.low,), self._parts(found))

    def _negative(self, place: int) -> Iterator[Number]:
        if self._text[place + 1 : place + 2] in _PERCENTS and self._text.startswith("分之", place + 2):
            for one in self._percent(place + 1, -1):
                moved = (replace(one.parts[0], start=place), *one.parts[1:]) if one.parts else ()
                yield replace(one, start=place, parts=moved)
            return
        found = self._numerals.number(place + 1)
        if found is None or not found.exact:
            return
        unit = unit_at(self._text, found.end)
        parts = (
            ()
            if unit in ("楼", "层") and not self._parts(found)
            else (Part(place, found.end, f"-{self._plain(found)}"),)
        )
        yield Number(place, found.end, Kind.DECIMAL if found.text else Kind.CARDINAL, (-found.low,), parts, unit=unit)

    def _below_zero(self, place: int) -> Iterator[Number]:
        found = self._numerals.number(place + 2)
        if found is not None and found.exact:
            unit = unit_at(self._text, found.end)
            yield Number(place, found.end, Kind.CARDINAL, (-found.low,), self._parts(found), unit=unit)

    def _is_adverb(self, found: Numeral) -> bool:
        """Whether 十 belongs to 十分, which is "very" unless minutes or marks are spoken of."""
        if self._text[found.start : found.end + 1] != "十分":
            return False
        behind = self._text[found.end + 1 : found.end + 2]
        return self._text[found.start - 1 : found.start] not in _BEFORE_MARKS and behind not in ("钟", "之", "满", "制")

    def _pressure(self, place: int) -> Iterator[Number]:
        """Read the two numbers of a blood pressure, which are said one right behind the other: 一百二八十."""
        context = self._text[max(0, place - 7) : place]
        if "血压" not in context or set(context[context.rindex("血压") :]) & NUMERALS:
            return
        for split in range(place + 2, min(place + 8, len(self._text))):
            first = self._exactly(place, split)
            start = split + (self._text[split] in "比到")
            second = self._numerals.row(start) if first is not None and first.text else self._numerals.cardinal(start)
            if first is None or second is None or not (first.exact and second.exact):
                continue
            if first.low in _SYSTOLIC and second.low in _DIASTOLIC and first.low > second.low:
                part = Part(place, second.end, f"{first.low:f}/{second.low:f}")
                yield Number(place, second.end, Kind.PRESSURE, (first.low, second.low), (part,))

    def _exactly(self, start: int, end: int) -> Numeral | None:
        """Read the characters `start` to `end` as one numeral, or as a row of three digits."""
        numerals = Numerals(self._text[start:end])
        for found in (numerals.cardinal(0), numerals.row(0)):
            if found is not None and found.end == end - start:
                return found
        return None

    def _joined(self, first: Numeral) -> Iterator[Number]:
        """Read fractions, ratios and ranges."""
        second_start = first.end
        unit = unit_at(self._text, first.end)
        if self._text.startswith("又", first.end):
            yield from self._mixed(first)
            return
        if self._text.startswith("分之", first.end):
            second = self._numerals.number(first.end + 2)
            if second is not None and first.exact and second.exact:
                text = f"{self._plain(second)}/{self._plain(first)}"
                parts = (Part(first.start, second.end, text),)
                yield Number(first.start, second.end, Kind.FRACTION, (second.low, first.low), parts)
            return
        if self._text.startswith("比", first.end):
            yield from self._ratio(first)
            return
        joint = self._joint(first.end)
        if not joint and unit and unit not in ("到", "点", "号", "月", "年", "日"):
            second_start += len(unit)
            joint = self._joint(second_start)
        if not joint or first.shortened:
            return
        second = self._numerals.number(second_start + len(joint))
        if second is None or ((first.text == "") != (second.text == "") and second_start > first.end):
            return
        if second_start > first.end and unit_at(self._text, second.end) != unit:
            return
        yield from self._range(first, second, unit_at(self._text, second.end))

    def _mixed(self, whole: Numeral) -> Iterator[Number]:
        """Read 一又三分之二, whose value is five thirds."""
        lower = self._numerals.cardinal(whole.end + 1)
        upper = None
        if lower is not None and self._text.startswith("分之", lower.end):
            upper = self._numerals.cardinal(lower.end + 2)
        if lower is None or upper is None or not (whole.exact and lower.exact and upper.exact):
            return
        part = Part(whole.start, upper.end, f"{self._plain(whole)}又{self._plain(upper)}/{self._plain(lower)}")
        values = (whole.low * lower.low + upper.low, lower.low)
        yield Number(whole.start, upper.end, Kind.FRACTION, values, (part,))

    def _range(self, first: Numeral, second: Numeral, unit: str) -> Iterator[Number]:
        low, high = first.low, second.high
        shared, last = Decimal(1), self._text[second.end - 1]
        if last in LARGE_UNITS and not set(self._text[first.start : first.end]) & set(LARGE_UNITS):
            shared = Decimal(LARGE_UNITS[last]) if low < second.high / LARGE_UNITS[last] else shared
        elif last in "百千" and second.end - second.start == 2 and 1 < low < second.low / SMALL_UNITS[last] < 10:
            shared = Decimal(SMALL_UNITS[last])
        if low * shared >= high:
            return
        values = (low * shared, high)
        if not (first.exact and second.exact):
            yield Number(first.start, second.end, Kind.RANGE, values, unit=unit)
            return
        parts = (*self._parts(first), *self._parts(second))
        if parts:
            left = f"{low * shared:f}" if last in "百千" else self._plain(first)
            if self._in_words(first):
                parts = (Part(first.start, first.end, left),)
            else:
                parts = ()
            if self._in_words(second):
                parts += (Part(second.start, second.end, self._plain(second)),)
        yield Number(first.start, second.end, Kind.RANGE, values, parts, unit=unit)

    def _ratio(self, first: Numeral) -> Iterator[Number]:
        second = self._numerals.number(first.end + 1)
        if second is None or not (first.exact and second.exact) or self._text[second.end : second.end + 1] in _COMPARED:
            return
        if max(first.low, second.low) > _LARGEST_RATIO or unit_at(self._text, second.end) not in ("", "分"):
            return
        text = f"{self._plain(first)}:{self._plain(second)}"
        yield Number(
            first.start, second.end, Kind.RATIO, (first.low, second.low), (Part(first.start, second.end, text),)
        )

    def _product(self, first: Numeral) -> Iterator[Number]:
        factors, joints, units = [first], [], []
        at = first.end
        while len(factors) <= 3:
            unit = unit_at(self._text, at)
            unit = unit if unit in LENGTHS else ""
            units.append(unit)
            joint = next((joint for joint in _TIMES if self._text.startswith(joint, at + len(unit))), "")
            second = self._numerals.number(at + len(unit) + len(joint)) if joint else None
            if second is None or not second.exact:
                break
            joints.append(Part(at + len(unit), second.start, "×"))
            factors.append(second)
            at = second.end
        if len(factors) < 2 or not (any(units) or all(one.text for one in factors)) or not first.exact:
            return
        parts: list[Part] = []
        for place, factor in enumerate(factors):
            parts += [Part(factor.start, factor.end, self._plain(factor))] if self._in_words(factor) else []
            parts += joints[place : place + 1]
        if all(self._text[joint.start : joint.end].isascii() for joint in joints):
            parts = [part for part in parts if part.text != "×"]
        values = tuple(one.low for one in factors)
        yield Number(first.start, at, Kind.PRODUCT, values, tuple(parts), unit=next((u for u in units if u), ""))

    def _compound(self, first: Numeral) -> Iterator[Number]:
        """Read amounts in two units: 三块五, 三块五毛, 一米七五, 三十七度二."""
        unit = self._text[first.end : first.end + 1]
        at = first.end + 1
        if unit not in ("块", "元", "米", "度") or not first.exact or not self._text[at : at + 1]:
            return
        end = min(self._numerals.row_end(at), at + 3)
        digits = "".join(str(DIGITS.get(c, c)) for c in self._text[at:end])
        behind = self._text[end : end + 1]
        most = 1 if unit in "块元度" else 2
        if (
            not 1 <= len(digits) <= most
            or behind in SMALL_UNITS
            or behind in LARGE_UNITS
            or behind == "点"
            or (self._text[at] in "两零〇" and unit != "米")
        ):
            return
        parts = [Part(at, end, digits)] if not self._text[at:end].isascii() else []
        value = first.low + Decimal(f"0.{digits}")
        if unit in "块元" and behind in ("毛", "角"):
            end += 1
            cents = DIGITS.get(self._text[end : end + 1])
            if cents is not None and self._text[end + 1 : end + 2] in ("分", "") and not first.text:
                parts.append(Part(end, end + 1, str(cents)))
                value += Decimal(cents) / 100
                end += 2 if self._text.startswith("分", end + 1) else 1
        elif unit_at(self._text, end) and unit != "米":
            return  # 三块五个 is three of them, five of those
        elif unit_at(self._text, end) in ("个", "位", "人", "张", "块"):
            return
        if self._in_words(first):
            parts.insert(0, Part(first.start, first.end, self._plain(first)))
        yield Number(first.start, end, Kind.COMPOUND, (value,), tuple(parts), unit=unit)

    def _joint(self, at: int) -> str:
        return next((joint for joint in _JOINTS if self._text.startswith(joint, at)), "")

    def _in_words(self, found: Numeral) -> bool:
        """Whether a numeral has a character that is not written so in digits."""
        text = self._text[found.start : found.end].rstrip("万亿")
        return not all(c in ASCII_DIGITS or c in ".," for c in text)

    def _parts(self, found: Numeral) -> tuple[Part, ...]:
        """Return how a numeral is written when it stands alone; below ten it stays in words."""
        if not self._in_words(found):
            return ()
        if not found.exact:
            end = next((i for i in range(found.start, found.end) if self._text[i] in "多余"), found.end)
            part = Numerals(self._text[found.start : end]).cardinal(0) if end < found.end else None
            return (Part(found.start, end, self._plain(replace(part, start=found.start, end=end))),) if part else ()
        if found.end - found.start == 1 and found.low < 10:
            return ()
        return (Part(found.start, found.end, self._plain(found)),)

    def _plain(self, found: Numeral) -> str:
        """Return an exact numeral as people write it: 100万, 1亿3000万, 12000, 0.30."""
        if found.text:
            return found.text
        if self._text[found.start : found.end].rstrip("万亿").replace(",", "").isdecimal() and not self._in_words(
            found
        ):
            return self._text[found.start : found.end]
        value = int(found.low)
        if value >= 10**12 and value % 10**12 == 0:
            return f"{value // 10**12}万亿"
        if value >= 10**8 and value % 10**4 == 0:
            rest = value % 10**8 // 10**4
            return f"{value // 10**8}亿" + (f"{rest}万" if rest else "")
        return f"{value // 10**4}万" if value >= 10**4 and value % 10**4 == 0 else str(value)

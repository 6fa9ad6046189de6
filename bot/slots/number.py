"""Whole numbers: 3, 三个, 两位, 十二, 一百零五, two to three (两三个), four grown-ups and two children (四大两小)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.slots.mention import How, Mention, spelled_confidence
from bot.slots.numerals import read_by_sound, whole_number
from bot.understanding.normalised import CleanText
from bot.understanding.sounds import Sounds, readings
from mandarin.numbers import NUMERALS, Kind, Number, Numerals, find_numbers

_USUAL_UNITS = ("个", "位", "人", "张", "份", "次", "天", "间", "件", "台", "名", "口")
_DIGIT_SOUNDS = {"yi": "一", "er": "二", "liang": "两", "san": "三", "si": "四", "wu": "五", "liu": "六", "qi": "七"}
_DIGIT_SOUNDS |= {"ba": "八", "jiu": "九", "shi": "十"}
_BY_SOUND = 0.7  # below SURE, so that it is asked about
_ABOUT = 0.75  # below SURE: two or three are not yet a number
_LONGEST_BY_SOUND = 3
_LONGEST = 9  # digits
_GROWN_UPS = ("大人", "个大人", "个成人", "成人", "大")
_CHILDREN = ("小孩儿", "小孩", "个小孩", "个孩子", "孩子", "儿童", "个儿童", "小", "个老人", "老人")
_JOINED = frozenset("和加带、，, ")


class NumberReader:
    """Finds a number with one of its units, or the bare one that was asked for; says when it is out of bounds.

    The value of a range (三到五枚) or an approximation (两三个) is its two ends: 3–5. An approximation is asked about.
    """

    def __init__(self, slot: str, units: Sequence[str], least: int | None, most: int | None) -> None:
        """Read for `slot` numbers from `least` to `most` (None: no bound) that are counted in `units`."""
        self._slot = slot
        self._least, self._most = least, most
        self._units = tuple(sorted(units, key=len, reverse=True))
        self._all_units = tuple(sorted({*units, *_USUAL_UNITS}, key=len, reverse=True))
        self._counts_people = any("人" in unit for unit in units)

    def read(self, heard: CleanText, sounds: Sounds | None, *, asked: bool, now: datetime) -> list[Mention]:
        """Return the numbers; see SlotReader. A number without its unit counts only when it was asked for."""
        if self._counts_people and (family := self._family(heard)):
            return [family]
        numbers = self._numbers(heard.text)
        mentions = self._counted(heard, heard.text, numbers)
        if not mentions and asked:
            mentions = self._bare(heard, numbers)
        if not mentions and sounds is not None and self._units:
            text = self._with_units_by_sound(heard.text, numbers)
            mentions = self._counted(heard, text, numbers)
        if not mentions and sounds is not None and self._units:
            text = read_by_sound(heard.text, near=False)
            sounded = _whole(find_numbers(text))
            text = self._with_units_by_sound(text, sounded)
            exact = [number for number in sounded if number.exact and number.end - number.start <= _LONGEST]
            mentions = self._counted(heard, text, exact, how="sound")
        if not mentions and asked and sounds is not None:
            return self._by_sound(heard)
        return mentions

    def _numbers(self, text: str) -> list[Number]:
        """Return the numbers of a text; those with a unit that may be meant also where they are a word with it."""
        numerals = Numerals(text)
        read = find_numbers(text)
        numbers = {number.start: number for number in _whole(read)}
        whole = (number for number in read if number.kind is not Kind.DECIMAL)  # 七点四个人 is no decimal
        within = {place for number in whole for place in range(number.start, number.end)}
        for place in range(len(text)):
            before = text[place - 1 : place]
            found = numerals.cardinal(place) if before not in NUMERALS and before != "." else None
            if place not in within and found is not None and self._is_counted(text, found.end):
                kind = Kind.CARDINAL if found.exact else Kind.APPROXIMATE
                numbers[place] = Number(place, found.end, kind, tuple(dict.fromkeys((found.low, found.high))))
        return [numbers[place] for place in sorted(numbers)]

    def _is_counted(self, text: str, at: int) -> bool:
        """Whether a unit stands at a place, or a character that sounds like one."""
        if text.startswith(self._all_units, at):
            return True
        sound = readings(text[at])[:1] if at < len(text) else ()
        return bool(sound) and any(readings(unit)[:1] == sound for unit in self._units if len(unit) == 1)

    def _counted(self, heard: CleanText, text: str, numbers: Sequence[Number], how: How = "spelled") -> list[Mention]:
        """Return the numbers that one of the slot's own units stands behind, or that hold it (俩)."""
        found = []
        for number in numbers:
            unit = next((unit for unit in self._units if text.startswith(unit, number.end)), "")
            if unit or (text[number.end - 1] in "俩仨" and self._counts_people):
                found.append(self._mention(heard, number, number.end + len(unit), how))
        return found

    def _bare(self, heard: CleanText, numbers: Sequence[Number]) -> list[Mention]:
        """Return the numbers that may be an answer: those with a usual unit, else those that count nothing else."""
        found: list[tuple[Number, int]] = []
        for number in numbers:
            end = number.end
            while unit := next((unit for unit in self._all_units if heard.text.startswith(unit, end)), ""):
                end += len(unit)
            found.append((number, end))
        counted = [(number, end) for number, end in found if end > number.end]
        free = [(number, end) for number, end in found if not number.unit]
        return [self._mention(heard, number, end) for number, end in counted or free or found]

    def _family(self, heard: CleanText) -> Mention | None:
        """Add up grown-ups and children, one right behind the other: 四大两小, 两个大人一个小孩."""
        total, start, end = 0, -1, -1
        kinds = set()
        numerals = Numerals(heard.text)
        for place in range(len(heard.text)):
            number = numerals.cardinal(place) if place >= end else None
            if number is None:
                continue
            words = [(word, True) for word in _GROWN_UPS] + [(word, False) for word in _CHILDREN]
            word, grown = next(((w, g) for w, g in words if heard.text.startswith(w, number.end)), ("", False))
            if not word or not number.exact or (end >= 0 and set(heard.text[end : number.start]) - _JOINED):
                continue
            start = number.start if start < 0 else start
            end, total = number.end + len(word), total + int(number.low)
            kinds.add(grown)
        if len(kinds) < 2:
            return None
        text = str(total)
        return self._said(heard, (start, end), text, total, total, spelled_confidence(heard, start, end), "spelled")

    def _with_units_by_sound(self, text: str, numbers: Sequence[Number]) -> str:
        """Return the text with what follows a numeral put right where it sounds like a unit: 两没 is 两枚."""
        units = {readings(unit)[:1]: unit for unit in reversed(self._units) if len(unit) == 1}
        for number in numbers:
            behind = text[number.end : number.end + 1]
            unit = units.get(readings(behind)[:1]) if behind else None
            text = text[: number.end] + unit + text[number.end + 1 :] if unit else text
        return text

    def _by_sound(self, heard: CleanText) -> list[Mention]:
        """Take a short answer for the numeral it sounds like: 武个人 is 五个人."""
        said = heard.text.rstrip("吧啊呀的")
        while unit := next((unit for unit in self._all_units if said.endswith(unit)), ""):
            said = said[: -len(unit)]
        if not 0 < len(said) <= _LONGEST_BY_SOUND:
            return []
        number = whole_number("".join(_DIGIT_SOUNDS.get((readings(c) or ("",))[0], "?") for c in said))
        if number is None:
            return []
        return [self._said(heard, (0, len(said)), str(number), number, number, _BY_SOUND, "sound")]

    def _mention(self, heard: CleanText, number: Number, end: int, how: How = "spelled") -> Mention:
        low, high = int(number.values[0]), int(number.values[-1])
        span = (number.start, end)
        sure = spelled_confidence(heard, *span) if how == "spelled" else _BY_SOUND
        if number.kind is Kind.APPROXIMATE:
            sure = min(sure, _ABOUT)
        return self._said(heard, span, str(low) if low == high else f"{low}–{high}", low, high, sure, how)

    def _said(
        self, heard: CleanText, span: tuple[int, int], number: str, low: int, high: int, confidence: float, how: How
    ) -> Mention:
        problem = ""
        if self._least is not None and low < self._least:
            problem = "number_small"
        elif self._most is not None and high > self._most:
            problem = "number_large"
        return Mention(
            slot=self._slot,
            value="" if problem else number,
            said=heard.shown[slice(*span)],
            start=span[0],
            end=span[1],
            confidence=confidence,
            how=how,
            gain=span[1] - span[0] - 0.2,  # a date or a phone number explains the same digits better
            problem=problem,
            details={"number": number, "least": str(self._least), "most": str(self._most)},
        )


def _whole(numbers: Sequence[Number]) -> list[Number]:
    """Return the whole numbers, rows of digits among them as long as they may count something."""
    kinds = (Kind.CARDINAL, Kind.RANGE, Kind.APPROXIMATE)
    found = []
    for number in numbers:
        if number.kind in kinds and not number.digits and all(value % 1 == 0 for value in number.values):
            found.append(number)
        elif number.kind is Kind.DIGITS and len(number.digits) <= _LONGEST:
            found.append(number.as_cardinal())
    return found

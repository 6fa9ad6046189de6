"""Times of day: 下午三点半, 三点差五分, 差一刻九点, 凌晨十二点半, 今晚零点, 14:30, 8点pm.

    time    := [period [的]] ([差 minutes] hour (点[钟] [rest] | 时 [minutes 分]) | digital) [am | pm]
    rest    := 整 | 半 | (一|三) 刻 | [过|零] minutes [分] | 差 (minutes 分 | 一刻)
    digital := hour : minutes [: seconds]
    range   := time (到|至) time | [period] hour (到|至) hour 点

Minutes count from the midnight with which the named day begins: 晚上十二点 is 1440, the end of that day.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from mandarin.numbers.number import Part
from mandarin.numbers.numerals import ASCII_DIGITS, DIGITS, NUMERALS, Numeral, Numerals

DAY = 24 * 60
_NOON = 12
PERIODS = {
    **dict.fromkeys(("凌晨", "拂晓", "黎明"), (0, 6)),
    **dict.fromkeys(("清晨", "清早", "大清早", "早上", "早晨", "早间", "一大早", "一早", "早"), (6, 9)),
    **dict.fromkeys(("上午", "午前", "am"), (8, 12)),
    **dict.fromkeys(("中午", "正午", "晌午"), (11, 13)),
    **dict.fromkeys(("下午", "午后", "后晌", "pm"), (12, 18)),
    **dict.fromkeys(("傍晚", "黄昏"), (17, 19)),
    **dict.fromkeys(("晚上", "晚间", "夜晚", "晚"), (18, 24)),
    **dict.fromkeys(("半夜", "深夜", "午夜", "夜里", "夜间", "大半夜", "后半夜"), (22, 29)),
}
"""The hours that a part of the day is understood to be, from and to."""
_LONGEST_PERIOD = max(map(len, PERIODS))
_DAY_WORDS = ("今", "明", "后", "昨", "当")
_NOT_A_CLOCK_BEFORE = frozenset("有差快慢早晚大小好高低多少半几这那哪")  # 有一点半, 早一点
_LITTLE = frozenset("都也儿就点")  # 一点都不热
_JOINTS = ("到", "至", "-")
_COUNTED_THINGS = frozenset("个位人张次块元件名")
_ROUND = ("整", "钟")


@dataclass(frozen=True, slots=True)
class ClockTime:
    """A time of day at the characters `start` to `end` (exclusive).

    `minutes` since the midnight that the day begins with, more than 1440 when it is of the night that follows; None
    when there is no such time (二十五点). `bare`: neither morning nor afternoon was said, and the hour may be of
    either. `until`: of a range, its end. `parts`: what is written in digits. `surely`: more than a bare hour (三点),
    which may as well be three points.
    """

    start: int
    end: int
    minutes: int | None
    bare: bool
    parts: tuple[Part, ...] = ()
    until: int | None = None
    surely: bool = True

    @property
    def text(self) -> str:
        """The time as HH:MM, "" when there is none."""
        return "" if self.minutes is None else f"{self.minutes // 60 % 24:02d}:{self.minutes % 60:02d}"

    @property
    def days_later(self) -> int:
        """How many days after the named one it is: 1 for 晚上十二点."""
        return 0 if self.minutes is None else self.minutes // DAY


def find_times(text: str) -> list[ClockTime]:
    """Find the times of day in a text, from left to right, the longest first; numbers that are no times are none."""
    clock, found, place = ClockTimes(Numerals(text)), [], 0
    while place < len(text):
        here = max(clock.at(place), key=lambda one: one.end, default=None)
        if here is None:
            place += 1
        else:
            found.append(here)
            place = here.end
    return found


class ClockTimes:
    """Reads the times of day that begin at a place of one text."""

    def __init__(self, numerals: Numerals) -> None:
        """Read from the numerals of a text."""
        self._numerals = numerals
        self._text = numerals.text

    def at(self, place: int) -> Iterator[ClockTime]:
        """Yield all readings of what begins at a place."""
        character = self._text[place]
        period = self._period(place)
        start = place + len(period) + (self._text[place + len(period) : place + len(period) + 1] == "的")
        if not period and character not in NUMERALS and character != "差":
            return
        if not period and self._text[place - 1 : place] in NUMERALS:
            return
        yield from self._joined(place, start if period else place, period)
        first = self._one(place, start if period else place, period)
        if first is None:
            return
        yield first
        joint = next((joint for joint in _JOINTS if self._text.startswith(joint, first.end)), "")
        if joint:
            second_start = first.end + len(joint)
            again = self._period(second_start)
            second = self._one(second_start, second_start + len(again), again or period)
            if second is not None and first.minutes is not None and second.minutes is not None:
                minutes = second.minutes
                if minutes < first.minutes and not again and minutes + 12 * 60 > first.minutes and minutes < 12 * 60:
                    minutes += 12 * 60  # 上午十点到两点
                parts = (*self._sure(first), *self._sure(second))
                yield replace(first, end=second.end, parts=parts, until=minutes, surely=True)

    def _period(self, place: int) -> str:
        for length in range(_LONGEST_PERIOD, 0, -1):
            if self._text[place : place + length] in PERIODS:
                return self._text[place : place + length]
        return ""

    def _joined(self, start: int, place: int, period: str) -> Iterator[ClockTime]:
        """Read 三到五点, whose first hour has no 点 of its own."""
        first = self._numerals.cardinal(place)
        joint = next((j for j in _JOINTS if first is not None and self._text.startswith(j, first.end)), "")
        if first is None or not joint or not first.exact or first.low > 24:
            return
        second = self._one(first.end + len(joint), first.end + len(joint), period)
        if second is None or second.minutes is None or not self._text.startswith("点", self._hour_end(second)):
            return
        minutes, _ = _of_period(int(first.low), 0, period)
        until = second.minutes + (12 * 60 if second.minutes < minutes and second.minutes < 12 * 60 else 0)
        parts = (*self._part(first), *self._sure(second))
        yield ClockTime(start, second.end, minutes, second.bare, parts, until)

    def _hour_end(self, time: ClockTime) -> int:
        hour = self._numerals.cardinal(time.start)
        return hour.end if hour is not None else -1

    def _one(self, start: int, place: int, period: str) -> ClockTime | None:
        if self._text.startswith("差", place):
            return self._before_the_hour(start, place, period)
        hour = self._numerals.cardinal(place)
        row = self._numerals.row(place)
        if hour is None or not hour.exact or hour.shortened or (row is not None and row.end > hour.end):
            written = row is not None and (row.text[0] == "0" or self._text[place : row.end].isascii())
            hour = row if row is not None and written and row.end - place == 2 and row.low <= 24 else None
        if hour is None:
            return None
        digital = self._digital(start, hour, period)
        if digital is not None:
            return digital
        mark = self._text[hour.end : hour.end + 1]
        if mark not in ("点", "时", "點"):
            return self._half_day(start, hour)
        if mark == "时" and self._text[hour.end + 1 : hour.end + 2] in ("间", "候", "刻", "常", "代", "段"):
            return None
        if not period and hour.end - place == 1 and self._text[start - 1 : start] in _NOT_A_CLOCK_BEFORE:
            return None
        if mark == "时" and not period and self._text[place : hour.end] == "一":
            return None  # 一时半会
        a_little = self._text[place : hour.end + 1] in ("一点", "1点")
        if a_little and (self._text[hour.end + 1 : hour.end + 2] in _LITTLE or self._is_comparison(start, period)):
            return None
        return self._spoken(start, hour, period)

    def _is_comparison(self, start: int, period: str) -> bool:
        """Whether 早 or 晚 before 一点 is earlier or later, not of a day: 早一点来."""
        return period in ("早", "晚") and self._text[start - 1 : start] not in _DAY_WORDS

    def _spoken(self, start: int, hour: Numeral, period: str) -> ClockTime:
        """Read what follows 点."""
        at, minutes, surely, parts = hour.end + 1, 0, bool(period), list(self._part(hour))
        if self._text.startswith(_ROUND, at):
            at, surely = at + 1, True
        following = self._text[at : at + 1]
        quarter = self._text[at : at + 2] in ("一刻", "三刻", "1刻", "3刻")
        if following == "半":
            at, minutes, surely = at + 1, 30, True
        elif quarter:
            minutes, surely = 15 * (1 if following in "一1" else 3), True
            at += 3 if self._text.startswith("钟", at + 2) else 2
        elif following == "差" and (less := self._minutes(at + 1, unit=True)) is not None:
            minutes, at, surely = -less[0], less[1], True
            parts += less[2]
        else:
            past = at + (following == "过")
            rest = self._minutes(past, unit=following == "过")
            if rest is not None:
                minutes, at, surely = rest[0], rest[1], True
                parts += rest[2]
        return self._timed(start, at, int(hour.low), minutes, period, tuple(parts), surely=surely)

    def _before_the_hour(self, start: int, place: int, period: str) -> ClockTime | None:
        """Read 差五分三点."""
        less = self._minutes(place + 1, unit=False)
        hour = self._numerals.cardinal(less[1]) if less is not None else None
        if less is None or hour is None or not hour.exact or not self._text.startswith("点", hour.end):
            return None
        end = hour.end + (2 if self._text.startswith("钟", hour.end + 1) else 1)
        parts = (*less[2], *self._part(hour))
        return self._timed(start, end, int(hour.low), -less[0], period, parts, surely=True)

    def _minutes(self, at: int, *, unit: bool) -> tuple[int, int, tuple[Part, ...]] | None:
        """Read minutes behind the hour; return them, where they end and how they are written."""
        if self._text[at : at + 2] in ("一刻", "三刻"):
            end = at + (3 if self._text.startswith("钟", at + 2) else 2)
            return 15 * (1 if self._text[at] == "一" else 3), end, ()
        zero = self._text[at : at + 1] in ("零", "〇") and self._text[at + 1 : at + 2] in DIGITS
        found = self._numerals.cardinal(at + zero)
        row = self._numerals.row(at)
        if row is not None and row.end - at == 2 and self._text[at : row.end].isascii():
            found, zero = row, False
        if found is None or not found.exact or not 0 <= found.low < 60 or found.shortened:
            return None
        marked = self._text.startswith("分", found.end) and not self._text.startswith("分之", found.end)
        end = found.end + (2 if self._text.startswith("分钟", found.end) else 1 if marked else 0)
        one_digit = found.end - found.start == 1 and found.low < 10 and not zero
        behind = self._text[found.end : found.end + 1]
        if not marked and (one_digit or unit or behind in NUMERALS or behind in _COUNTED_THINGS or behind == "点"):
            return None
        text = f"{int(found.low):02d}" if zero or found.text else str(int(found.low))
        written = self._text[at : found.end]
        return int(found.low), end, () if written.isascii() else (Part(at, found.end, text),)

    def _digital(self, start: int, hour: Numeral, period: str) -> ClockTime | None:
        """Read 14:30 and 8:05:00."""
        at = hour.end + 1
        minutes = self._text[at : at + 2]
        if self._text[hour.end : hour.end + 1] not in (":", "：") or not (minutes.isascii() and minutes.isdecimal()):
            return None
        if len(minutes) < 2 or self._text[at + 2 : at + 3] in ASCII_DIGITS or int(minutes) > 59:
            return None
        seconds = self._text[at + 3 : at + 5]
        end = at + 5 if self._text.startswith(":", at + 2) and seconds.isdecimal() and len(seconds) == 2 else at + 2
        found = self._timed(start, end, int(hour.low), int(minutes), period, (), surely=True)
        return replace(found, bare=found.bare and bool(self._suffix(end)))

    def _half_day(self, start: int, hour: Numeral) -> ClockTime | None:
        """Read 8pm."""
        if not self._suffix(hour.end) or hour.low > _NOON:
            return None
        return self._timed(start, hour.end, int(hour.low), 0, "", (), surely=True)

    def _suffix(self, at: int) -> str:
        spaced = at + (self._text[at : at + 1] == " ")
        suffix = self._text[spaced : spaced + 2].lower()
        return self._text[at:spaced] + suffix if suffix in ("am", "pm") else ""

    def _timed(
        self, start: int, end: int, hour: int, minutes: int, period: str, parts: tuple[Part, ...], *, surely: bool
    ) -> ClockTime:
        suffix = self._suffix(end)
        total, bare = _of_period(hour, minutes, suffix.strip() or period)
        impossible = hour > 24 or (hour == 24 and minutes > 0)
        return ClockTime(start, end + len(suffix), None if impossible else total, bare, parts, surely=surely)

    def _part(self, found: Numeral) -> tuple[Part, ...]:
        if self._text[found.start : found.end].isascii():
            return ()
        return (Part(found.start, found.end, str(int(found.low))),)

    def _sure(self, time: ClockTime) -> tuple[Part, ...]:
        return time.parts


def _of_period(hour: int, minutes: int, period: str) -> tuple[int, bool]:
    """Return the minutes since midnight of a time in a part of the day, and whether the hour may be of either half."""
    first, last = PERIODS.get(period, (0, 0))
    if not period:
        return (hour * 60 + minutes) % (2 * DAY), 0 < hour <= _NOON
    if last <= 6 and hour == _NOON:  # 凌晨十二点半
        hour = 0
    elif period in ("am", "上午") and hour == _NOON:
        hour = 0 if period == "am" else _NOON
    elif (
        (period == "pm" and hour < _NOON)
        or (first in (11, 12) and hour < 8 and period != "pm")
        or (first in (12, 17) and hour < _NOON)
    ):
        hour += _NOON
    elif first == 18:  # 晚上八点, 晚上十二点, 晚上一点
        hour += _NOON if 5 <= hour < _NOON else 24 if hour < 5 else 0 if hour > _NOON else _NOON
    elif first == 22:  # 夜里两点 is of the early morning, 夜里十一点 of the evening, 夜里十二点 between them
        hour += _NOON if 6 <= hour <= _NOON else 24 if hour == 0 else 0
    return hour * 60 + minutes, False

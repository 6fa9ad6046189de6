"""Lengths of time (半小时, 一个半小时, 两小时二十分钟, 半个月) and times that far from now (半小时后, 过三天)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from mandarin.numbers.numerals import NUMERALS, Numerals

_MINUTES = {
    **dict.fromkeys(("小时", "钟头"), Decimal(60)),
    **dict.fromkeys(("分钟", "分"), Decimal(1)),
    **dict.fromkeys(("秒钟", "秒"), Decimal(1) / 60),
    "刻钟": Decimal(15),
}
_DAYS = {**dict.fromkeys(("天", "日"), 1), **dict.fromkeys(("星期", "礼拜", "周"), 7)}
_MONTHS = {"月": 1, "年": 12, "季度": 3}
_UNITS = tuple(sorted({*_MINUTES, *_DAYS, *_MONTHS}, key=len, reverse=True))
_WITH_COUNTER = frozenset(("小时", "钟头", "星期", "礼拜", "月", "季度"))
_AFTER = ("以后", "之后", "过后", "后")
_BEFORE = ("再过", "过")
_HALF = Decimal("0.5")
_HALF_A_MONTH = 15  # days


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time at the characters `start` to `end` (exclusive): so many months, days and minutes together.

    `behind`: how many of its characters are the 后 behind it.
    """

    start: int
    end: int
    months: int = 0
    days: int = 0
    minutes: Decimal = Decimal(0)
    behind: int = 0

    @property
    def length_end(self) -> int:
        """Where the length of time itself ends, before 后."""
        return self.end - self.behind

    def after(self, moment: datetime) -> datetime:
        """Return the moment that comes this much later; the last day of a month stands for days it does not have."""
        index = moment.year * 12 + moment.month - 1 + self.months
        year, month = divmod(index, 12)
        day = moment.day
        while True:
            try:
                shifted = moment.replace(year=year, month=month + 1, day=day)
                break
            except ValueError:
                day -= 1
                if day < 1:  # beyond the calendar
                    raise
        return shifted + timedelta(days=self.days, seconds=float(self.minutes * 60))

    @property
    def of_days(self) -> bool:
        """Whether it is told in days, weeks, months or years: the time of day stays open."""
        return not self.minutes


def duration_at(numerals: Numerals, place: int) -> Duration | None:
    """Read the length of time that begins at a place: one quantity, and smaller ones right behind it."""
    found = _quantity(numerals, place)
    while found is not None:
        more = _quantity(numerals, found.end) if numerals.text[found.end : found.end + 1] in NUMERALS else None
        if more is None or not more.minutes or not found.minutes:
            return found
        found = Duration(place, more.end, found.months, found.days, found.minutes + more.minutes)
    return None


def find_later(text: str) -> list[Duration]:
    """Find times so far from now: 半小时后, 三天之后, 再过两个月. Their ranges hold 后 or 过."""
    numerals, found, place = Numerals(text), [], 0
    while place < len(text):
        here = later_at(numerals, place)
        if here is not None:
            found.append(here)
        place = here.end if here is not None else place + 1
    return found


def later_at(numerals: Numerals, place: int) -> Duration | None:
    """Read the time so far from now that begins at a place: 半小时后, 再过两天."""
    text = numerals.text
    before = next((word for word in _BEFORE if text.startswith(word, place)), "")
    start = place + len(before)
    inside = text[start - 1 : start] in NUMERALS or text[start : start + 1] not in NUMERALS | {"半"}
    duration = None if start >= len(text) or inside else duration_at(numerals, start)
    if duration is None:
        return None
    after = next((word for word in _AFTER if text.startswith(word, duration.end)), "")
    if not after and not before:
        return None
    if after == "后" and text[duration.end + 1 : duration.end + 2] in ("天", "日", "面", "来", "悔"):
        after = ""
        if not before:
            return None
    return replace(duration, start=place, end=duration.end + len(after), behind=len(after))


def _quantity(numerals: Numerals, place: int) -> Duration | None:
    text = numerals.text
    if text.startswith("半", place):
        at = place + 1 + text.startswith("个", place + 1)
        return _of(place, _HALF, *_unit(text, at))
    number = numerals.number(place)
    if number is None or not number.exact or number.shortened:
        return None
    amount, at = number.low, number.end
    counter = text.startswith("个", at)
    if counter and text.startswith("半", at + 1):
        return _of(place, amount + _HALF, *_unit(text, at + 2))
    unit, end = _unit(text, at + counter)
    if counter and unit not in _WITH_COUNTER:
        return None
    if unit == "月" and not counter:  # 三月 is March
        return None
    if text.startswith("半", end) and unit in ("天", "年"):
        return _of(place, amount + _HALF, unit, end + 1)
    return _of(place, amount, unit, end)


def _unit(text: str, at: int) -> tuple[str, int]:
    unit = next((unit for unit in _UNITS if text.startswith(unit, at)), "")
    return unit, at + len(unit)


def _of(start: int, amount: Decimal, unit: str, end: int) -> Duration | None:
    if unit in _MINUTES:
        return Duration(start, end, minutes=amount * _MINUTES[unit])
    if unit in _DAYS:
        whole, half = divmod(amount * _DAYS[unit], 1)
        return Duration(start, end, days=int(whole), minutes=half * 24 * 60)
    if unit in _MONTHS:
        whole, half = divmod(amount * _MONTHS[unit], 1)
        return Duration(start, end, months=int(whole), days=_HALF_A_MONTH if half else 0)
    return None

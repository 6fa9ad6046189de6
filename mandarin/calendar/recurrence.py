"""What comes again and again: 每天, 每周二周四, 每个工作日, 每月五号, 每隔两天, 从明天起每天.

The rules are those of RFC 5545, which calendars exchange; dateutil lists their days.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from mandarin.numbers.numerals import Numerals

_DAYS = dict(zip("一二三四五六日天", ("MO", "TU", "WE", "TH", "FR", "SA", "SU", "SU"), strict=True))
_WEEKS = ("星期", "礼拜", "周")
_EVERY = ("每隔", "每一个", "每个", "每一", "每")
_FREQUENCIES = {
    **dict.fromkeys(("天", "日"), "DAILY"),
    **dict.fromkeys(("周", "星期", "礼拜"), "WEEKLY"),
    **dict.fromkeys(("个月", "月"), "MONTHLY"),
    "年": "YEARLY",
    **dict.fromkeys(("个小时", "小时"), "HOURLY"),
    **dict.fromkeys(("个钟头", "钟头"), "HOURLY"),
    "分钟": "MINUTELY",
}
_UNITS = tuple(sorted(_FREQUENCIES, key=len, reverse=True))
_WORKDAYS = "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"
_PLAIN = {"天天": "FREQ=DAILY", "隔天": "FREQ=DAILY;INTERVAL=2", "逢周末": "FREQ=WEEKLY;BYDAY=SA,SU"}
_JOINED = frozenset("和、,，跟及 ")


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A rule of RFC 5545 (FREQ=WEEKLY;BYDAY=TU,TH) at the characters `start` to `end` (exclusive) of a text."""

    start: int
    end: int
    rule: str

    def days(self, start: datetime, count: int) -> list[datetime]:
        """Return the first `count` times from `start` on, by dateutil."""
        from dateutil.rrule import rrulestr

        found: list[datetime] = []
        for moment in rrulestr(self.rule, dtstart=start):
            found.append(moment)
            if len(found) >= count:
                break
        return found


def find_recurrences(text: str) -> list[Recurrence]:
    """Find the rules named in a text, from left to right."""
    numerals, found, place = Numerals(text), [], 0
    while place < len(text):
        here = max(_at(numerals, place), key=lambda one: one.end, default=None)
        if here is not None:
            found.append(here)
        place = here.end if here is not None else place + 1
    return found


def _at(numerals: Numerals, place: int) -> Iterator[Recurrence]:
    text = numerals.text
    for word, rule in _PLAIN.items():
        if text.startswith(word, place):
            yield Recurrence(place, place + len(word), rule)
    every = next((word for word in _EVERY if text.startswith(word, place)), "")
    if not every:
        return
    at = place + len(every)
    if text.startswith("工作日", at):
        yield Recurrence(place, at + 3, _WORKDAYS)
    if text.startswith("周末", at):
        yield Recurrence(place, at + 2, "FREQ=WEEKLY;BYDAY=SA,SU")
    yield from _weekdays(text, place, at)
    yield from _counted(numerals, place, at, skips=every == "每隔")
    yield from _numbered(numerals, place, at)


def _weekdays(text: str, start: int, at: int) -> Iterator[Recurrence]:
    """Read 每周二周四, 每周一到周五, 每个星期一、三、五."""
    week = next((week for week in _WEEKS if text.startswith(week, at)), "")
    if not week:
        return
    days: list[str] = []
    at += len(week)
    end = at
    names = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
    while text[at : at + 1] in _DAYS and text[at : at + 1]:
        day = _DAYS[text[at]]
        through = days and text[at - len(week) - 1 : at - len(week)] in ("到", "至")
        through = through or (days and text[at - 1 : at] in ("到", "至"))
        days += names[names.index(days[-1]) + 1 : names.index(day) + 1] if through else [day]
        end = at = at + 1
        while text[at : at + 1] in _JOINED | {"到", "至", "的"} and text[at : at + 1]:
            at += 1
        at += len(week) if text.startswith(week, at) else 0
    if days:
        yield Recurrence(start, end, f"FREQ=WEEKLY;BYDAY={','.join(dict.fromkeys(days))}")


def _counted(numerals: Numerals, start: int, at: int, *, skips: bool) -> Iterator[Recurrence]:
    """Read 每天, 每两天, 每隔两天 (every third day), 每小时, 每半小时."""
    text = numerals.text
    number = numerals.cardinal(at) if at < len(text) else None
    count = int(number.low) if number is not None and number.exact else 1
    end = number.end if number is not None and number.exact else at
    unit = next((unit for unit in _UNITS if text.startswith(unit, end)), "")
    if text.startswith("半小时", at) or text.startswith("半个小时", at):
        yield Recurrence(start, text.index("时", at) + 1, "FREQ=MINUTELY;INTERVAL=30")
    if not unit or count < 1:
        return
    interval = count + (skips and unit in ("天", "日"))
    rule = f"FREQ={_FREQUENCIES[unit]}" + (f";INTERVAL={interval}" if interval > 1 else "")
    yield Recurrence(start, end + len(unit), rule)


def _numbered(numerals: Numerals, start: int, at: int) -> Iterator[Recurrence]:
    """Read 每月五号, 每年三月八号."""
    text = numerals.text
    at += text.startswith("个", at)
    if text.startswith("月", at):
        day = numerals.cardinal(at + 1 + text.startswith("的", at + 1))
        if day is not None and day.exact and text[day.end : day.end + 1] in ("号", "日") and 1 <= day.low <= 31:
            yield Recurrence(start, day.end + 1, f"FREQ=MONTHLY;BYMONTHDAY={int(day.low)}")
        if text.startswith(("月底", "月末"), at) or text.startswith("月最后一天", at):
            end = at + (5 if text.startswith("月最后一天", at) else 2)
            yield Recurrence(start, end, "FREQ=MONTHLY;BYMONTHDAY=-1")
    elif text.startswith("年", at):
        month = numerals.cardinal(at + 1 + text.startswith("的", at + 1))
        day = numerals.cardinal(month.end + 1) if month is not None and text.startswith("月", month.end) else None
        if month is not None and day is not None and text[day.end : day.end + 1] in ("号", "日"):
            yield Recurrence(start, day.end + 1, f"FREQ=YEARLY;BYMONTH={int(month.low)};BYMONTHDAY={int(day.low)}")

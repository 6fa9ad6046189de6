"""Words for days, before and after it is known what day it is today."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

from mandarin.calendar.reckoning import Interval
from mandarin.numbers.number import Part


@dataclass(frozen=True)
class Days:
    """Days named at the characters `start` to `end` (exclusive): `first` to `last`, which are the same for one day.

    Both are None where the calendar has no such day. `lunar`: told by the lunar calendar.
    `any_day`: each of them is as good (下周随便哪天).
    """

    start: int
    end: int
    first: date | None
    last: date | None
    lunar: bool = False
    any_day: bool = False

    @property
    def day(self) -> date | None:
        """The day, None for an interval and for what the calendar does not have."""
        return self.first if self.first == self.last else None


@dataclass(frozen=True)
class DayPhrase:
    """Words for a day, before it is known what day it is today.

    `reckon` gives the days on a given day and raises ValueError for what the calendar does not have. `parts`: what is
    written in digits.
    """

    start: int
    end: int
    reckon: Callable[[date], Interval]
    parts: tuple[Part, ...] = ()
    lunar: bool = False
    any_day: bool = False
    festival: bool = False

    @property
    def fixed(self) -> bool:
        """Whether it is written in words always: festivals and days of the lunar calendar."""
        return self.lunar or self.festival

    def in_words(self) -> DayPhrase:
        """Return the same, written as it is said."""
        return replace(self, parts=())

    def on(self, today: date) -> Days:
        """Return the days that are meant when it is said on the day `today`."""
        try:
            first, last = self.reckon(today)
        except (ValueError, OverflowError):
            return Days(self.start, self.end, None, None, self.lunar)
        return Days(self.start, self.end, first, last, self.lunar, self.any_day)

"""Reckoning with days: weeks begin on Monday, a day without its year or month is the coming one."""

from __future__ import annotations

from datetime import date, timedelta

from mandarin.calendar import festivals

Interval = tuple[date, date]
"""The first and the last day."""

_FAR_PAST = 180  # days: a day longer past without its year is next year's


def one(day: date) -> Interval:
    """Return the interval of a single day."""
    return day, day


def plus(day: date, days: int) -> date:
    """Return the day so many days later."""
    return day + timedelta(days=days)


def of_year(month: int, day: int, today: date) -> date:
    """Return the day this year, or next year when it is so long past that only the coming one can be meant."""
    this = leap_safe(today.year, month, day)
    return leap_safe(today.year + 1, month, day) if this < plus(today, -_FAR_PAST) else this


def day_on(year: int | None, month: int, day: int, today: date) -> date:
    """Return a day of a year, of the coming one for None."""
    return of_year(month, day, today) if year is None else date(year, month, day)


def month_on(year: int | None, month: int, today: date) -> date:
    """Return the first day of a month of a year, of the coming one for None."""
    return date(today.year + (month < today.month) if year is None else year, month, 1)


def leap_safe(year: int, month: int, day: int) -> date:
    """Return a day of a year; the 29th of February of the next year that has it."""
    if (month, day) == (2, 29):
        while not (year % 4 == 0 and (year % 100 or year % 400 == 0)):
            year += 1
    return date(year, month, day)


def month_later(today: date, months: int) -> date:
    """Return the first day of the month so many months later."""
    index = today.year * 12 + today.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def same_day(today: date, months: int) -> date:
    """Return the same day so many months later, or the last of that month."""
    first = month_later(today, months)
    return min(plus(first, today.day - 1), plus(month_later(first, 1), -1))


def part_of(first: date, start: int, end: int) -> Interval:
    """Return days of the month that begins on `first`; negative ones count from its end."""
    last = plus(month_later(first, 1), -1)
    return tuple(plus(first, n - 1) if n > 0 else plus(last, n + 1) for n in (start, end))  # type: ignore[return-value]


def next_numbered(day: int, today: date) -> date:
    """Return the next day of this number, today included, in a month that has it."""
    if not 1 <= day <= 31:
        raise ValueError(day)
    for months in range(3):
        first = month_later(today, months)
        if month_later(first, 1) > plus(first, day - 1) >= today:
            return plus(first, day - 1)
    raise ValueError(day)


def of_week(shift: int | None, weekday: int, today: date) -> date:
    """Return the weekday of this or another week (weeks begin on Monday); unqualified, the next one to come."""
    if shift is None:
        return plus(today, (weekday - today.weekday()) % 7)
    return plus(today, weekday - today.weekday() + 7 * shift)


def weekend(shift: int | None, today: date) -> Interval:
    """Return Saturday and Sunday of this week or another."""
    saturday = of_week(shift or 0, 5, today)
    return saturday, plus(saturday, 1)


def whole_week(shift: int, today: date) -> Interval:
    """Return Monday to Sunday of this week or another."""
    monday = of_week(shift, 0, today)
    return monday, plus(monday, 6)


def next_workday(today: date) -> date:
    """Return the next day on which people work."""
    day = plus(today, 1)
    while not festivals.is_workday(day):
        day = plus(day, 1)
    return day


def festival_of(name: str, year: int) -> date:
    """Return the day of a festival in a year; raises ValueError where there is none."""
    found = festivals.festival(name, year)
    if found is None:
        raise ValueError(name)
    return found


def coming(name: str, today: date) -> date:
    """Return the next day of a festival, today included."""
    this = festival_of(name, today.year)
    return this if this >= today else festival_of(name, today.year + 1)


def before(today: date, day: date) -> Interval:
    """Return the days until the one before `day`."""
    return min(today, day), max(today, plus(day, -1)) if day > today else day


def after(day: date, name: str) -> Interval:
    """Return the week behind a festival and its holiday."""
    _, last = festivals.holiday(name, day)
    return plus(last, 1), plus(last, 7)


def around(day: date) -> Interval:
    """Return the days around one."""
    return plus(day, -3), plus(day, 3)


def lunar_on(month: int, day: int, today: date, shift: int | None) -> date:
    """Return the next such day of the lunar calendar, in any month for 0; with `shift`, of that year."""
    year = festivals.lunar_year(today)
    if shift is not None:
        return festivals.lunar_day(today.year + shift, month or 1, day)
    for candidate in (year, year + 1):
        for one in [month] if month else range(1, 13):
            try:
                found = festivals.lunar_day(candidate, one, day)
            except ValueError:
                if month:
                    raise
                continue
            if found >= today:
                return found
    raise ValueError(month, day)

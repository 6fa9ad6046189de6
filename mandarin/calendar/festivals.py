"""Festivals and the lunar calendar, by borax; public holidays, as far as they are announced, by chinese_calendar."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache

from borax.calendars.festivals2 import FestivalLibrary
from borax.calendars.lunardate import LunarDate

_OTHER_NAMES = {
    **dict.fromkeys(("国庆", "十一"), "国庆节"),
    **dict.fromkeys(("五一", "五一劳动节"), "劳动节"),
    **dict.fromkeys(("六一", "六一儿童节"), "儿童节"),
    **dict.fromkeys(("三八", "三八节", "三八妇女节"), "妇女节"),
    **dict.fromkeys(("五四", "五四青年节"), "青年节"),
    **dict.fromkeys(("八一", "八一建军节"), "建军节"),
    **dict.fromkeys(("大年初一", "农历新年", "过年"), "春节"),
    **dict.fromkeys(("年三十", "大年三十", "年三十晚上", "除夕夜"), "除夕"),
    **dict.fromkeys(("元宵", "正月十五"), "元宵节"),
    **dict.fromkeys(("端午",), "端午节"),
    **dict.fromkeys(("中秋",), "中秋节"),
    **dict.fromkeys(("重阳",), "重阳节"),
    **dict.fromkeys(("腊八",), "腊八节"),
    **dict.fromkeys(("七夕节",), "七夕"),
    **dict.fromkeys(("圣诞",), "圣诞节"),
    **dict.fromkeys(("清明节",), "清明"),
    **dict.fromkeys(("元旦节", "新年"), "元旦"),
}
_FIXED = {"双十一": (11, 11), "双十二": (12, 12), "七一": (7, 1)}
_BARE_NUMERALS = ("十一", "三八", "五四", "八一", "七一", "六一")
"""Names that are numbers, too: they are festivals only where something beside them says so."""
_HOLIDAYS = {"国庆节": "National Day", "劳动节": "Labour Day", "春节": "Spring Festival", "清明": "Tomb-sweeping Day"}
_HOLIDAYS |= {"端午节": "Dragon Boat Festival", "中秋节": "Mid-autumn Festival", "元旦": "New Year's Day"}


@cache
def _library() -> FestivalLibrary:
    return FestivalLibrary.load_builtin()


@cache
def names() -> Mapping[str, str]:
    """Return every way to call a festival, and its name in the library."""
    official = {festival.name: festival.name for festival in _library()}
    return {**official, **_OTHER_NAMES, **{name: name for name in _FIXED}}


@cache
def first_characters() -> frozenset[str]:
    """Return the characters that a festival's name may begin with."""
    return frozenset(name[0] for name in names())


@cache
def needs_a_sign(name: str) -> bool:
    """Whether a name is a number as well (十一), so that more must speak for the festival."""
    return name in _BARE_NUMERALS


@cache
def festival(name: str, year: int) -> date | None:
    """Return the day of a festival in a year of the solar calendar, None where the library has none."""
    if name in _FIXED:
        return date(year, *_FIXED[name])
    found = _library().get_festival(names()[name])
    days = found.list_days(date(year, 1, 1), date(year, 12, 31)) if found is not None else []
    return days[0].solar if days else None


def holiday(name: str, day: date) -> tuple[date, date]:
    """Return the first and last day of the public holiday around a festival; the day alone where none is announced."""
    import chinese_calendar

    wanted, first, last = _HOLIDAYS.get(names()[name]), day, day

    def belongs(one: date) -> bool:
        try:
            free, kind = chinese_calendar.get_holiday_detail(one)
        except NotImplementedError:  # not announced yet
            return False
        return bool(free) and (kind == wanted or kind is None)

    if wanted is None:
        return day, day
    while belongs(first - timedelta(days=1)):
        first -= timedelta(days=1)
    while belongs(last + timedelta(days=1)):
        last += timedelta(days=1)
    return first, last


def is_workday(day: date) -> bool:
    """Return whether people work on a day, by the announced calendar, else by the weekday."""
    import chinese_calendar

    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.weekday() < 5


def lunar_day(year: int, month: int, day: int) -> date:
    """Return the solar day of a lunar one; raises ValueError when the month has no such day."""
    return date.fromordinal(LunarDate(year, month, day).to_solar_date().toordinal())


def lunar_year(day: date) -> int:
    """Return the year of the lunar calendar that a solar day is in."""
    return int(LunarDate.from_solar_date(day.year, day.month, day.day).year)


def lunar_text(day: date) -> str:
    """Return a solar day as the lunar calendar has it: 腊月二十三, 八月十五, 闰六月初一."""
    found = LunarDate.from_solar_date(day.year, day.month, day.day)
    day_name = found.cn_day.replace("廿十", "二十").replace("廿", "二十").replace("卅", "三十")
    return f"{'闰' if found.leap else ''}{found.cn_month}月{day_name}"

"""Dates as people say them, against a clock that is handed in.

Why not jionlp's time parser: it wants correct spelling (the recogniser writes 二是八号 for 二十八号), it does not say
where in the text the time stood, and it takes 周五 and 二号 for days of the past, where someone who makes an
appointment means the next one. Numerals are left to cn2an.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache

import cn2an

from bot.slots.mention import Mention, believable, pick, sound_confidence, sound_gain, spelled_confidence
from bot.slots.numerals import whole_number
from bot.understanding.normalised import CleanText
from bot.understanding.sounds import SoundLexicon, Sounds

_NUMBER = r"(?:[二三两]?十[一二三四五六七八九]?|[一二两三四五六七八九]|\d{1,2})"
_BEFORE = r"(?<![零一二三四五六七八九十百\d])"
_WEEK = r"(?:周|星期|礼拜)"
_DAYS = {
    **{name: index for index, name in enumerate("一二三四五六日")},
    "天": 6,
    **{str(n): n - 1 for n in range(1, 8)},
}
_RELATIVE = {"大前天": -3, "前天": -2, "昨": -1, "今": 0, "明": 1, "后天": 2, "后儿": 2, "大后天": 3}
_WEEKS = {"下下": 2, "下个": 1, "下": 1, "这个": 0, "这": 0, "本": 0, "上个": -1, "上": -1, "": 0}

_GRAMMAR = re.compile(
    rf"""
      (?P<year>\d{{4}}|[二两][零〇][零〇一二三四五六七八九]{{2}})[年\-/.](?P<ymonth>{_NUMBER})[月\-/.](?P<yday>{_NUMBER})[号日]?
    | {_BEFORE}(?P<month>{_NUMBER})月份?的?(?P<day>{_NUMBER})[号日]?(?![个天\d])
    | (?P<which>这个?|本|下个?)月的?(?P<wday>{_NUMBER})[号日]
    | (?P<relative>大前天|前天|大后天|后天|后儿|昨(?=[天日晚])|今(?=[天日儿晚早])|明(?=[天日儿晚早]))[天日儿]?
    | {_BEFORE}(?P<after>{_NUMBER})天(?:之|以)?后 | 过(?P<past>{_NUMBER})天
    | {_BEFORE}(?P<weeks>{_NUMBER})个?{_WEEK}(?:之|以)?后
    | (?P<week>下下|下个?|这个?|本|上个?|){_WEEK}(?P<weekday>[一二三四五六日天1-7])(?!个|周|星期)
    | (?P<vague>(?:下下|下个?|这个?|本){_WEEK}末?|周末|下个?月|月底|过几天|改天)
    | {_BEFORE}(?P<only>{_NUMBER})[号日](?!楼|门|线|诊|院|窗|病)
    | (?<![\d\-/.])(?P<smonth>\d{{1,2}})[\-/.](?P<sday>\d{{1,2}})(?![\d\-/.])
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class DateFound:
    """A day named between two positions of a text; `day` is None when `problem` is impossible or vague."""

    start: int
    end: int
    day: date | None
    problem: str = ""


def find_dates(text: str, today: date) -> list[DateFound]:
    """Return every day named in `text`, read on the day `today`."""
    return [_resolve(match, today) for match in _GRAMMAR.finditer(text)]


def _resolve(match: re.Match[str], today: date) -> DateFound:
    try:
        day = _day(match.groupdict(), today)
    except (ValueError, OverflowError):
        return DateFound(match.start(), match.end(), None, "impossible")
    return DateFound(match.start(), match.end(), day, "" if day else "vague")


def _day(found: Mapping[str, str | None], today: date) -> date | None:
    """Return the day, None when it is left open; raises ValueError when there is no such day."""
    month, day = found["month"] or found["smonth"], found["day"] or found["sday"]
    if found["year"]:
        return date(_year(found["year"]), _number(found["ymonth"]), _number(found["yday"]))
    if month:
        return _of_year(_number(month), _number(day), today)
    if found["which"]:
        first = _month_later(today, 1 if found["which"].startswith("下") else 0)
        return first.replace(day=_number(found["wday"]))
    if found["only"]:
        return _next_numbered(_number(found["only"]), today)
    if found["relative"]:
        return today + timedelta(days=_RELATIVE[found["relative"]])
    if found["after"] or found["past"]:
        return today + timedelta(days=_number(found["after"] or found["past"]))
    if found["weeks"]:
        return today + timedelta(weeks=_number(found["weeks"]))
    if found["weekday"]:
        return _of_week(found["week"] or "", _DAYS[found["weekday"]], today)
    return None


def _number(text: str | None) -> int:
    number = whole_number(text or "")
    if number is None:
        raise ValueError(text)
    return number


def _year(text: str) -> int:
    return int(
        "".join(str("零一二三四五六七八九".index(c)) if c in "零一二三四五六七八九" else c for c in _plain(text))
    )


def _plain(text: str) -> str:
    return text.replace("〇", "零").replace("两", "二")


def _of_year(month: int, day: int, today: date) -> date:
    """Return the day this year, or next year when it is so long past that only the coming one can be meant."""
    this = _leap_safe(today.year, month, day)
    return _leap_safe(today.year + 1, month, day) if this < today - timedelta(days=180) else this


def _leap_safe(year: int, month: int, day: int) -> date:
    if (month, day) == (2, 29):
        while not (year % 4 == 0 and (year % 100 or year % 400 == 0)):
            year += 1
    return date(year, month, day)


def _month_later(today: date, months: int) -> date:
    index = today.year * 12 + today.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def _next_numbered(day: int, today: date) -> date:
    """Return the next day of this number, today included, in a month that has it."""
    if not 1 <= day <= 31:
        raise ValueError(day)
    for months in range(3):
        try:
            candidate = _month_later(today, months).replace(day=day)
        except ValueError:
            continue
        if candidate >= today:
            return candidate
    raise ValueError(day)


def _of_week(which: str, weekday: int, today: date) -> date:
    """Return the weekday of this or another week (weeks begin on Monday); unqualified, the next one to come."""
    if not which:
        return today + timedelta(days=(weekday - today.weekday()) % 7)
    return today + timedelta(days=weekday - today.weekday(), weeks=_WEEKS[which])


def _words() -> Iterator[str]:
    """Yield what the grammar accepts and people say, for finding it by sound."""
    numbers = [_spelled(number) for number in range(1, 32)]
    yield from ("今天", "明天", "后天", "大后天", "昨天", "前天", "三天后", "过两天", "过三天")
    for week in ("周", "星期", "礼拜"):
        for weekday in "一二三四五六日天"[: 7 if week == "周" else 8]:
            yield from (f"{which}{week}{weekday}" for which in ("", "这", "下", "下个", "下下"))
    yield from (f"{number}号" for number in numbers)
    yield from (f"{which}月{number}号" for which in ("这个", "下个") for number in numbers)
    yield from (f"{month}月{number}{unit}" for month in numbers[:12] for number in numbers for unit in "号日")


def _spelled(number: int) -> str:
    return str(cn2an.an2cn(number)).removeprefix("一" if 10 <= number < 20 else "")


@cache
def _lexicon() -> SoundLexicon:
    return SoundLexicon(tuple(_words()))


class DateReader:
    """Finds days; refuses those of the past and those too far ahead."""

    def __init__(self, slot: str, within_days: int | None) -> None:
        """Read for `slot`; a day more than `within_days` ahead is a problem (None: any day to come is fine)."""
        self._slot = slot
        self._within_days = within_days
        _lexicon()  # built now, not in somebody's first turn

    def read(self, heard: CleanText, sounds: Sounds | None, *, asked: bool, now: datetime) -> list[Mention]:
        """Return the days named; see SlotReader."""
        today = now.date()
        found = [
            self._mention(heard, day, today, gain=day.end - day.start, by_sound=None)
            for day in find_dates(heard.text, today)
        ]
        if sounds is not None:
            for match in _lexicon().find(sounds, min_score=0.7, most=20):
                day = find_dates(match.word, today)[0]
                if believable(match, asked=asked):
                    placed = DateFound(match.start, match.end, day.day, day.problem)
                    gain = sound_gain(match)
                    found.append(self._mention(heard, placed, today, gain=gain, by_sound=sound_confidence(match)))
        return pick(found)

    def _mention(
        self, heard: CleanText, found: DateFound, today: date, *, gain: float, by_sound: float | None
    ) -> Mention:
        problem = found.problem or (day_problem(found.day, today, self._within_days) if found.day else "")
        spelled = spelled_confidence(heard, found.start, found.end)
        said = heard.shown[found.start : found.end]
        return Mention(
            slot=self._slot,
            value="" if problem or found.day is None else found.day.isoformat(),
            said=said,
            start=found.start,
            end=found.end,
            confidence=spelled if by_sound is None else by_sound,
            how="spelled" if by_sound is None else "sound",
            gain=gain,
            problem=f"date_{problem}" if problem else "",
            details={"said": said, "day": found.day.isoformat() if found.day else "", "days": str(self._within_days)},
        )


def day_problem(day: date, today: date, within_days: int | None) -> str:
    """Return why a day cannot be taken ("past"; "far": more than `within_days` ahead), "" when it can."""
    if day < today:
        return "past"
    return "far" if within_days is not None and (day - today).days > within_days else ""

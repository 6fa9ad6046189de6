"""Days: 明天, 下下个礼拜三, 下个月五号, 本月底, 国庆前, 腊月二十三, 半个月后, 2026-12-01.

    day      := absolute | of_month | weekday | relative | later | festival | lunar
    absolute := [year 年 | 今年 | 明年 …] month 月 [day (号|日)] | year-month-day | month/day
    of_month := ((下|上)… [个] | 这 [个] | 本) 月 [的] (day (号|日) | 底 | 初 | 中旬 …) | day (号|日)
    weekday  := ((下|上)… [个] | 这 [个] | 本)? (周|星期|礼拜) (一 … 日 | 末) | … 的今天
    relative := 今天, 明日, 大后天, 明后天, 这两天
    later    := a length of time and 后: see mandarin.clock.durations
    festival := a name [节] [前 | 后 | 期间 | 假期]
    lunar    := [农历] month 月 (初 day | day) | 初 day

What is said without a day of its own (下周, 周末, 这几天) is an interval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, time

from mandarin.calendar import festivals
from mandarin.calendar.phrases import DayPhrase, Days
from mandarin.calendar.reckoning import (
    after,
    around,
    before,
    coming,
    day_on,
    festival_of,
    lunar_on,
    month_later,
    month_on,
    next_numbered,
    next_workday,
    of_week,
    of_year,
    one,
    part_of,
    plus,
    same_day,
    weekend,
    whole_week,
)
from mandarin.clock.durations import later_at
from mandarin.numbers.number import Part
from mandarin.numbers.numerals import ASCII_DIGITS, DIGITS, NUMERALS, Numeral, Numerals

_RELATIVE = {
    **{f"{word}{unit}": days for word, days in (("今", 0), ("明", 1), ("昨", -1)) for unit in ("天", "日", "儿")},
    **{f"{word}{unit}": d for word, d in (("后", 2), ("大后", 3), ("前", -2), ("大前", -3)) for unit in "天日儿"},
    **{f"{word}{part}": d for word, d in (("今", 0), ("明", 1), ("昨", -1), ("后", 2)) for part in ("早", "晚")},
    **dict.fromkeys(("当天", "现在", "马上", "立刻", "今夜"), 0),
    "次日": 1,
}
_SPANS = {
    **dict.fromkeys(("明后天", "明后两天"), (1, 2)),
    **dict.fromkeys(("今明两天", "今明天"), (0, 1)),
    **dict.fromkeys(("这两天", "这一两天", "这几天", "近几天", "最近几天", "最近两天", "近两天", "这两三天"), (0, 2)),
    **dict.fromkeys(("过几天", "改天", "过些天", "过一阵", "改日", "哪天"), (1, 14)),
}
_WORDS = tuple(sorted({*_RELATIVE, *_SPANS}, key=len, reverse=True))
_WEEKS = ("星期", "礼拜", "周")
_WEEKDAYS = {**{c: i for i, c in enumerate("一二三四五六日")}, "天": 6, **{str(n + 1): n for n in range(7)}}
_YEARS = {"今年": 0, "明年": 1, "后年": 2, "去年": -1, "前年": -2, "本年": 0, "当年": 0}
_OF_MONTH = {"月底": (-6, -1), "月末": (-6, -1), "月初": (1, 5), "上旬": (1, 10), "中旬": (11, 20), "下旬": (21, -1)}
_NUMBERED_THINGS = frozenset("楼门线诊院窗病房床桌机馆厅台车店位码")
_COUNTED_TIMES = frozenset(("个", "天", "月", "年", "点", "时"))
_COUNTED_BY_NUMBER = frozenset("点个月号班路床房楼栋室级组")
_BEFORE_MONTH = ("个", "本", "下", "上", "这", "每")
_ANY_DAY = ("随便哪天", "哪天都行", "任何一天", "哪天", "里")
_LUNAR = ("农历", "阴历", "旧历")
_LUNAR_MONTHS = {**{c: i for i, c in enumerate("正二三四五六七八九十冬腊", 1)}, "十一": 11, "十二": 12}
_FIRST_OF_WORDS = frozenset(word[0] for word in _WORDS)
_FIRST_OF_LUNAR = frozenset(["农", "阴", "旧", "大", "初", *(month[0] for month in _LUNAR_MONTHS)])
_FESTIVAL_ENDS = ("那天", "当天", "当日", "节", "期间", "假期", "黄金周", "长假", "小长假", "放假", "前后", "前", "后")
_LONGEST_FESTIVAL = 6


def find_days(text: str, today: date) -> list[Days]:
    """Find the days named in a text, the longest first, from left to right; what is told on the day `today`."""
    words, found, place = DayWords(Numerals(text)), [], 0
    while place < len(text):
        here = max(words.at(place), key=lambda one: one.end, default=None)
        if here is None:
            place += 1
        else:
            found.append(here.on(today))
            place = here.end
    return found


class DayWords:
    """Reads the days that begin at a place of one text."""

    def __init__(self, numerals: Numerals) -> None:
        """Read from the numerals of a text."""
        self._numerals = numerals
        self._text = numerals.text

    def at(self, place: int) -> Iterator[DayPhrase]:
        """Yield all readings of what begins at a place."""
        inside = self._text[place - 1 : place] in NUMERALS and place > 0
        character = self._text[place]
        if not inside:
            if character in _FIRST_OF_WORDS:
                yield from self._relative(place)
            if character in festivals.first_characters():
                yield from self._festival(place)
            if character in _FIRST_OF_LUNAR:
                yield from self._lunar(place)
            if character in NUMERALS or character in "半过再":
                yield from self._later(place)
            if character in NUMERALS:
                yield from self._numbered(place)
        if character in "上下这本周星礼":
            yield from self._of_week_or_month(place)
        if (
            character == "月"
            and not inside
            and self._text[place - 1 : place] not in ("个", "本", "下", "上", "这", "每")
        ):
            yield from self._part_of_this_month(place)
        if character in "今明后去前本当" and self._text[place : place + 2] in _YEARS:
            yield from self._of_year(place)

    def _relative(self, place: int) -> Iterator[DayPhrase]:
        word = next((word for word in _WORDS if self._text.startswith(word, place)), "")
        if not word:
            return
        first, last = _SPANS.get(word) or (_RELATIVE[word], _RELATIVE[word])
        end = place + (1 if word[-1] in "早晚夜" and word in _RELATIVE else len(word))
        yield DayPhrase(place, end, lambda today: (plus(today, first), plus(today, last)))

    def _later(self, place: int) -> Iterator[DayPhrase]:
        found = later_at(self._numerals, place)
        if found is not None and found.of_days:
            yield DayPhrase(place, found.end, lambda today: one(found.after(datetime.combine(today, time())).date()))

    def _numbered(self, place: int) -> Iterator[DayPhrase]:
        """Read what begins with the number of a year, a month or a day."""
        row, number = self._numerals.row(place), self._numerals.cardinal(place)
        if row is not None and row.end - place == 4:
            yield from self._with_year(row)
        elif number is not None and number.exact and 1900 < number.low < 2200:
            yield from self._with_year(number)
        if number is None or not number.exact or number.low > 99 or (row is not None and row.end > number.end):
            return
        mark = self._text[number.end : number.end + 1]
        if mark == "月":
            yield from self._month(place, number, lambda today: None)
        elif mark in ("号", "日") and mark and self._text[number.end + 1 : number.end + 2] not in _NUMBERED_THINGS:
            day = int(number.low)
            parts = self._parts(number)
            yield DayPhrase(place, number.end + 1, lambda today: one(next_numbered(day, today)), parts)
        elif mark in ("/", "-", ".") and self._text[place : number.end].isascii():
            yield from self._slashed(place, number)

    def _slashed(self, place: int, month: Numeral) -> Iterator[DayPhrase]:
        """Read 12/1 and 12-1."""
        day = self._numerals.cardinal(month.end + 1)
        edges = ("-", "/", ".", ":")
        if day is None or not self._text[place : day.end].isascii() or day.end - month.end > 3 or month.low > 12:
            return
        if (self._text[place - 1 : place] in edges and place) or self._text[day.end : day.end + 1] in edges:
            return
        if (
            not 1 <= month.low <= 12
            or not 1 <= day.low <= 31
            or self._text[day.end : day.end + 1] in ("个", "人", "位")
        ):
            return
        yield DayPhrase(place, day.end, lambda today: one(of_year(int(month.low), int(day.low), today)))

    def _with_year(self, year: Numeral) -> Iterator[DayPhrase]:
        mark = self._text[year.end : year.end + 1]
        month = self._numerals.cardinal(year.end + 1)
        if month is None or not month.exact:
            return
        separator = self._text[month.end : month.end + 1]
        value = int(year.low)
        if mark == "年" and separator == "月":
            for phrase in self._month(year.end + 1, month, lambda today: value):
                yield replace(phrase, start=year.start, parts=(*self._parts(year, digits=True), *phrase.parts))
        elif mark in ("-", "/", ".") and separator == mark and self._text[year.start : month.end].isascii():
            day = self._numerals.cardinal(month.end + 1)
            if day is not None and day.end - month.end <= 3:
                yield DayPhrase(year.start, day.end, lambda today: one(date(value, int(month.low), int(day.low))))

    def _of_year(self, place: int) -> Iterator[DayPhrase]:
        """Read 明年三月五号, 今年国庆."""
        shift, at = _YEARS[self._text[place : place + 2]], place + 2
        at += self._text.startswith("的", at)
        if at >= len(self._text):
            return
        number = self._numerals.cardinal(at)
        if number is not None and number.exact and self._text.startswith("月", number.end):
            for phrase in self._month(at, number, lambda today: today.year + shift):
                yield replace(phrase, start=place)
        for name, end in self._festival_names(at, signed=True):
            yield DayPhrase(place, end, lambda today, name=name: one(festival_of(name, today.year + shift)))  # type: ignore[misc]
        for phrase in self._lunar(at, shift):
            yield replace(phrase, start=place)

    def _month(self, start: int, month: Numeral, year_on: Callable[[date], int | None]) -> Iterator[DayPhrase]:
        """Read what follows a month: a day, a part of it, nothing."""
        number, parts = int(month.low), self._parts(month)
        at = month.end + 1
        for part, (first, last) in _OF_MONTH.items():
            name = part if part.endswith("旬") else part[1:]
            if self._text.startswith(name, at):
                yield DayPhrase(
                    start,
                    at + len(name),
                    lambda today, a=first, z=last: part_of(month_on(year_on(today), number, today), a, z),  # type: ignore[misc]
                    parts,
                )
        at += self._text.startswith("份", at)
        at += self._text.startswith("的", at)
        day = self._numerals.cardinal(at)
        marked = day is not None and self._text[day.end : day.end + 1] in ("号", "日")
        if day is not None and day.exact and day.low <= 99 and not day.shortened:
            ascii_tail = self._text[day.end : day.end + 1] in ASCII_DIGITS
            if marked or (
                self._text[day.end : day.end + 1] not in ("个", "天", "月", "年", "点", "时") and not ascii_tail
            ):
                value = int(day.low)
                yield DayPhrase(
                    start,
                    day.end + marked,
                    lambda today: one(day_on(year_on(today), number, value, today)),
                    (*parts, *self._parts(day)),
                )
        yield DayPhrase(start, at, lambda today: part_of(month_on(year_on(today), number, today), 1, -1), parts)

    def _of_week_or_month(self, place: int) -> Iterator[DayPhrase]:
        at, shift, named = place, 0, False
        while self._text[at : at + 1] in ("下", "上") and at - place < 4:
            shift += 1 if self._text[at] == "下" else -1
            at += 1
        if at == place and self._text[at : at + 1] in ("这", "本"):
            at, named = at + 1, True
        named = named or shift != 0
        counted = named and self._text.startswith("个", at)
        at += counted
        week = next((week for week in _WEEKS if self._text.startswith(week, at)), "")
        if week:
            yield from self._week(place, at + len(week), shift if named else None)
        elif named and self._text.startswith("月", at):
            yield from self._month_of(place, at, shift)
        elif shift == 1 and self._text.startswith("工作日", at):
            yield DayPhrase(place, at + 3, lambda today: one(next_workday(today)))

    def _week(self, start: int, at: int, shift: int | None) -> Iterator[DayPhrase]:
        character = self._text[at : at + 1]
        behind = self._text[at + 1 : at + 2]
        another = self._text.startswith(_WEEKS, at + 1) and self._text[at + 2 : at + 3] not in _WEEKDAYS
        if character in _WEEKDAYS and behind != "个" and not another and not self._is_counted(at):
            weekday = _WEEKDAYS[character]
            yield DayPhrase(start, at + 1, lambda today: one(of_week(shift, weekday, today)))
        elif character == "末":
            yield DayPhrase(start, at + 1, lambda today: weekend(shift, today))
        elif shift is not None:
            of = at + self._text.startswith("的", at)
            if self._text.startswith(("今天", "今日", "这个时候", "这时候"), of):
                end = of + (4 if self._text.startswith("这个时候", of) else 3 if self._text[of] == "这" else 2)
                yield DayPhrase(start, end, lambda today: one(plus(today, 7 * shift)))
            any_day = next(
                (w for w in ("随便哪天", "哪天都行", "任何一天", "哪天", "里") if self._text.startswith(w, at)), ""
            )
            chosen = any_day not in ("", "里", "哪天")
            yield DayPhrase(start, at + len(any_day), lambda today: whole_week(shift, today), any_day=chosen)

    def _is_counted(self, at: int) -> bool:
        """Whether a numeral behind 周 counts weeks or belongs to a larger number."""
        number = self._numerals.cardinal(at)
        if number is None or number.end == at + 1:
            return False
        return self._text[at] not in DIGITS or (number.low >= 20 and self._text[at + 1 : at + 2] in ("百", "千"))

    def _month_of(self, start: int, at: int, shift: int) -> Iterator[DayPhrase]:
        """Read 下个月五号, 本月底."""
        for part, (first, last) in _OF_MONTH.items():
            ends = [at + len(part)] if self._text.startswith(part, at) else []
            ends += [at + 1 + len(part)] if self._text.startswith(part, at + 1) else []
            for end in ends:
                yield DayPhrase(
                    start,
                    end,
                    lambda today, a=first, z=last: part_of(month_later(today, shift), a, z),  # type: ignore[misc]
                )
        at += 1
        day_at = at + self._text.startswith("的", at)
        number = self._numerals.cardinal(day_at)
        if number is not None and number.exact and self._text[number.end : number.end + 1] in ("号", "日"):
            day = int(number.low)
            yield DayPhrase(
                start,
                number.end + 1,
                lambda today: one(month_later(today, shift).replace(day=day)),
                self._parts(number),
            )
        if self._text.startswith(("今天", "今日"), day_at):
            yield DayPhrase(start, day_at + 2, lambda today: one(same_day(today, shift)))
        yield DayPhrase(start, at, lambda today: part_of(month_later(today, shift), 1, -1))

    def _part_of_this_month(self, place: int) -> Iterator[DayPhrase]:
        """Read 月底, 月初."""
        for part, (first, last) in _OF_MONTH.items():
            if part[0] == "月" and self._text.startswith(part, place):
                yield DayPhrase(place, place + 2, lambda today, a=first, z=last: part_of(month_later(today, 0), a, z))  # type: ignore[misc]

    def _festival_names(self, at: int, *, signed: bool) -> Iterator[tuple[str, int]]:
        for length in range(_LONGEST_FESTIVAL, 1, -1):
            name = self._text[at : at + length]
            if len(name) == length and name in festivals.names():
                end = at + length
                sign = signed or self._text.startswith(_FESTIVAL_ENDS, end) or not festivals.needs_a_sign(name)
                if sign and self._text[end : end + 1] not in NUMERALS | _COUNTED_BY_NUMBER:
                    yield name, end
                return

    def _festival(self, place: int) -> Iterator[DayPhrase]:
        for phrase in self._around_festival(place):
            yield replace(phrase, festival=True)

    def _around_festival(self, place: int) -> Iterator[DayPhrase]:
        for name, name_end in self._festival_names(place, signed=self._text[place - 2 : place] in ("国庆", "今年")):
            end = name_end + self._text.startswith("节", name_end)
            behind = next((word for word in _FESTIVAL_ENDS if self._text.startswith(word, end)), "")
            lunar = name in ("大年初一", "大年三十", "年三十", "正月十五")
            if behind == "前":
                yield DayPhrase(place, end + 1, lambda today, n=name: before(today, coming(n, today)))  # type: ignore[misc]
            elif behind == "后":
                yield DayPhrase(place, end + 1, lambda today, n=name: after(coming(n, today), n))  # type: ignore[misc]
            elif behind == "前后":
                yield DayPhrase(place, end + 2, lambda today, n=name: around(coming(n, today)))  # type: ignore[misc]
            elif behind in ("期间", "假期", "黄金周", "长假", "小长假", "放假"):
                yield DayPhrase(
                    place,
                    end + len(behind),
                    lambda today, n=name: festivals.holiday(n, coming(n, today)),  # type: ignore[misc]
                )
            else:
                yield DayPhrase(
                    place,
                    end + (len(behind) if behind != "节" else 0),
                    lambda today, n=name: one(coming(n, today)),  # type: ignore[misc]
                    lunar=lunar,
                )

    def _lunar(self, place: int, shift: int | None = None) -> Iterator[DayPhrase]:
        """Read 腊月二十三, 农历八月十五, 正月初一, 大年初三, 初五."""
        named = next((word for word in _LUNAR if self._text.startswith(word, place)), "")
        at = place + len(named)
        new_year = self._text.startswith("大年", at)
        at += 2 if new_year else 0
        month = 1 if new_year else 0
        for length in (2, 1):
            if not month and self._text[at : at + length] in _LUNAR_MONTHS and self._text.startswith("月", at + length):
                month = _LUNAR_MONTHS[self._text[at : at + length]]
                surely = self._text[at] in "正冬腊"
                at += length + 1
                break
        else:
            surely = new_year
        beginning = self._text.startswith("初", at)
        number = self._numerals.cardinal(at + beginning)
        if number is None or not number.exact or not 1 <= number.low <= (10 if beginning else 30):
            return
        if not (named or beginning or surely) or self._text[number.end : number.end + 1] in ("号", "月", "个", "点"):
            return
        if beginning and not month and self._text[number.end : number.end + 1] in ("中", "年", "级", "班", "步"):
            return
        day = int(number.low)
        yield DayPhrase(place, number.end, lambda today: one(lunar_on(month, day, today, shift)), lunar=True)

    def _parts(self, found: Numeral, *, digits: bool = False) -> tuple[Part, ...]:
        if self._text[found.start : found.end].isascii():
            return ()
        return (Part(found.start, found.end, found.text if digits and found.text else str(int(found.low))),)

"""All that a text has to be written in digits: numbers, times of day and dates, chosen together.

Each is written wholly or not at all. Times and days that are better left in words (正月十五, 五一期间) are found as
well, so that no number is taken out of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from mandarin.calendar.days import DayWords
from mandarin.calendar.phrases import DayPhrase
from mandarin.clock.times import ClockTime, ClockTimes
from mandarin.numbers.grammar import NumberGrammar
from mandarin.numbers.lattice import likeliest
from mandarin.numbers.number import Number
from mandarin.numbers.numerals import DIGITS, NUMERALS, Numerals
from mandarin.numbers.reading import number_weight

Expression = Number | ClockTime | DayPhrase
"""What was found; `parts` says what to write in digits, nothing where it stays as it was said."""

_MARKS = NUMERALS | frozenset("几数俩仨双负第")
_BEGIN_LENGTHS = NUMERALS | frozenset("半过再")  # 三十天后 is a number of days
_TIME, _CHARACTER = -8.0, -0.2  # log-probabilities of any time or day and of each of its characters
_BARE_HOUR = -9.5
_SURNAMES = frozenset(
    "王李张刘陈杨黄赵周吴徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆"
    "汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛阎段雷侯龙史陶黎贺顾毛郝龚邵钱严武戴莫孔向汤萧"
)
_BEFORE_NAME = ("叫", "姓名是", "名字是", "我是", "患者", "病人", "本人", "找", "联系人")
_AFTER_NAME = ("先生", "女士", "医生", "大夫", "护士", "老师", "师傅", "同学", "主任", "教授")


def find_written(text: str) -> list[Expression]:
    """Find what a text, as it was spoken, has to be written in digits, in order and without overlap."""
    if not _MARKS.intersection(text):
        return []
    return likeliest(text, _Grammars(text).at, _weight, names=_names(text), apart=_is_day)


def in_digits(text: str) -> str:
    """Return a text with its numbers, times and dates in digits."""
    for found in reversed(find_written(text)):
        for part in reversed(found.parts):
            text = text[: part.start] + part.text + text[part.end :]
    return text


class _Grammars:
    """The grammars of one text. `at` is called from left to right."""

    def __init__(self, text: str) -> None:
        numerals = Numerals(text)
        self._text = text
        self._numbers, self._clock, self._days = NumberGrammar(numerals), ClockTimes(numerals), DayWords(numerals)
        self._day_ends: set[int] = set()

    def at(self, place: int) -> Iterator[Expression]:
        for day in self._days.at(place):
            self._day_ends.add(day.end)
            if day.parts or day.fixed or self._text[place] not in _BEGIN_LENGTHS:
                yield self._without_small_day(day)
        for time in self._clock.at(place):
            if self._is_clock(time):
                yield time
        yield from self._numbers.at(place)

    def _without_small_day(self, day: DayPhrase) -> DayPhrase:
        """Leave 三号 and 三月 in words, where no more of a date is said: below ten as all numbers are."""
        if len(day.parts) == 1 and len(day.parts[0].text) == 1:
            return day.in_words()
        return day

    def _is_clock(self, time: ClockTime) -> bool:
        """Whether what may be a time is surely one: 五点零三 is 5.03 unless more speaks for the clock."""
        text = self._text[time.start : time.end]
        with_period = text[0] not in NUMERALS and text[0] != "差"
        if time.until is not None or with_period or time.start in self._day_ends or time.minutes is None:
            return time.minutes is not None
        if not time.surely:
            return False
        hour, _, rest = text.partition("点")
        return not (rest[:1] in ("零", "〇") and rest[-1:] in DIGITS) or not hour


def _is_day(found: Expression) -> bool:
    return isinstance(found, DayPhrase) and not found.parts


def _weight(found: Expression) -> float:
    """Return the log-probability of what was found."""
    if isinstance(found, Number):
        return number_weight(found)
    length = min(found.end - found.start, 20)
    if isinstance(found, ClockTime) and not found.surely:
        return _BARE_HOUR + _CHARACTER * length
    return _TIME + _CHARACTER * length


def _names(text: str) -> Iterator[tuple[int, int]]:
    """Yield the ranges of names with numerals in them, which the words around give away: 我叫王十一, 张百万先生."""
    for place, character in enumerate(text):
        if character not in _SURNAMES or text[place + 1 : place + 2] not in NUMERALS:
            continue
        end = place + 2 + (text[place + 2 : place + 3] in NUMERALS and place + 2 < len(text))
        if text[end : end + 1] in NUMERALS and end < len(text):
            continue
        introduced = text[:place].endswith(_BEFORE_NAME) and text[end : end + 1] not in ("岁", "块", "元", "点", "个")
        if introduced or text.startswith(_AFTER_NAME, end):
            yield place, end

"""Days as people say them, against a clock that is handed in: mandarin.calendar reads them, here they become values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache

from bot.slots.mention import How, Mention, believable, pick, sound_confidence, sound_gain, spelled_confidence
from bot.understanding.normalised import CleanText
from bot.understanding.sounds import SoundLexicon, Sounds
from mandarin.calendar import Days, Recurrence, find_days, find_recurrences
from mandarin.calendar.festivals import is_workday
from mandarin.clock import find_later, find_times
from mandarin.numbers.spoken import say_cardinal


class DateReader:
    """Finds days; refuses those of the past and those too far ahead, and says which words name no single day."""

    def __init__(self, slot: str, within_days: int | None) -> None:
        """Read for `slot`; a day more than `within_days` ahead is a problem (None: any day to come is fine)."""
        self._slot = slot
        self._within_days = within_days
        _lexicon()  # built now, not in somebody's first turn

    def read(self, heard: CleanText, sounds: Sounds | None, *, asked: bool, now: datetime) -> list[Mention]:
        """Return the days named; see SlotReader.

        An interval (下周, 这两天) is vague; its `details` have its `first` and `last` day. What comes again and again
        (每周二) is a problem with the rule of RFC 5545 in its details.
        """
        today = now.date()
        found = [self._repeated(heard, repeated) for repeated in find_recurrences(heard.text)]
        found += [self._spelled(heard, days, today) for days in spoken_days(heard.text, now)]
        if sounds is not None:
            for match in _lexicon().find(sounds, min_score=0.7, most=20):
                days = find_days(match.word, today)
                if days and believable(match, asked=asked):
                    placed = Days(match.start, match.end, days[0].first, days[0].last)
                    sure = sound_confidence(match)
                    found.append(self._mention(heard, placed, today, sound_gain(match), sure, "sound"))
        return pick(found)

    def _spelled(self, heard: CleanText, days: Days, today: date) -> Mention:
        sure = spelled_confidence(heard, days.start, days.end)
        return self._mention(heard, days, today, float(days.end - days.start), sure, "spelled")

    def _mention(self, heard: CleanText, found: Days, today: date, gain: float, confidence: float, how: How) -> Mention:
        if found.any_day and found.last is not None and found.last >= today:
            found = replace(found, first=first_workday(found, today), last=first_workday(found, today))
        problem = "impossible" if found.first is None else "vague" if found.day is None else ""
        problem = problem or (day_problem(found.day, today, self._within_days) if found.day else "")
        said = heard.shown[found.start : found.end]
        return Mention(
            slot=self._slot,
            value="" if problem or found.day is None else found.day.isoformat(),
            said=said,
            start=found.start,
            end=found.end,
            confidence=confidence,
            how=how,
            gain=gain,
            problem=f"date_{problem}" if problem else "",
            details={
                "said": said,
                "day": found.day.isoformat() if found.day else "",
                "days": str(self._within_days),
                "first": found.first.isoformat() if found.first else "",
                "last": found.last.isoformat() if found.last else "",
            },
        )

    def _repeated(self, heard: CleanText, found: Recurrence) -> Mention:
        start, end, rule = found.start, found.end, found.rule
        said = heard.shown[start:end]
        return Mention(
            slot=self._slot,
            value="",
            said=said,
            start=start,
            end=end,
            confidence=spelled_confidence(heard, start, end),
            how="spelled",
            gain=end - start + 0.5,  # 每周五 is no Friday
            problem="date_repeats",
            details={"said": said, "rule": rule},
        )


def spoken_days(text: str, now: datetime) -> list[Days]:
    """Return the days named in a text at the moment `now`, those of 半小时后 and 明天晚上十二点 among them."""
    found = []
    times = {time.start: time for time in find_times(text)}
    for days in find_days(text, now.date()):
        time = times.get(days.end)
        if time is not None and time.days_later and days.day is not None:
            later = date.fromordinal(days.day.toordinal() + time.days_later)
            days = Days(days.start, days.end, later, later, days.lunar)
        found.append(days)
    for later_on in find_later(text):
        if later_on.minutes:
            day = later_on.after(now).date()
            found.append(Days(later_on.start, later_on.length_end, day, day))
    return found


def first_workday(days: Days, today: date) -> date:
    """Return the first day of an interval, from today on, on which people work; its last day when there is none."""
    day, last = max(days.first or today, today), days.last or today
    while day < last and not is_workday(day):
        day += timedelta(days=1)
    return day


def day_problem(day: date, today: date, within_days: int | None) -> str:
    """Return why a day cannot be taken ("past"; "far": more than `within_days` ahead), "" when it can."""
    if day < today:
        return "past"
    return "far" if within_days is not None and (day - today).days > within_days else ""


def _words() -> Iterator[str]:
    """Yield what the grammar accepts and people say, for finding it by sound."""
    numbers = [say_cardinal(number) for number in range(1, 32)]
    yield from ("今天", "明天", "后天", "大后天", "昨天", "前天", "三天后", "过两天", "过三天")
    for week in ("周", "星期", "礼拜"):
        for weekday in "一二三四五六日天"[: 7 if week == "周" else 8]:
            yield from (f"{which}{week}{weekday}" for which in ("", "这", "下", "下个", "下下"))
    yield from (f"{number}号" for number in numbers)
    yield from (f"{which}月{number}号" for which in ("这个", "下个") for number in numbers)
    yield from (f"{month}月{number}{unit}" for month in numbers[:12] for number in numbers for unit in "号日")


@cache
def _lexicon() -> SoundLexicon:
    return SoundLexicon(tuple(_words()))

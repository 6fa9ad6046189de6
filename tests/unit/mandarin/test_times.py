"""Times of day, lengths of time, days and recurrences, each with its value against one clock."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest

from mandarin.calendar import find_days, find_recurrences, lunar_text
from mandarin.clock import find_later, find_times

NOW = datetime(2026, 9, 16, 9, 30)  # noqa: DTZ001 - a Wednesday; its zone says nothing here
PHRASES = [
    line.split("\t")
    for line in (Path(__file__).parents[2] / "data" / "times.tsv").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]


def values(kind: str, text: str) -> list[str]:
    """Return what is read in a phrase, in the notation of the file."""
    if kind == "time":
        return [
            f"+1 {time.text}" if time.days_later else time.text if time.until is None else span(time.text, time.until)
            for time in find_times(text)
        ]
    if kind == "later":
        return [later.after(NOW).isoformat(timespec="minutes") for later in find_later(text)]
    if kind == "rule":
        return [found.rule for found in find_recurrences(text)]
    return [f"{found.first}" + (f"/{found.last}" if found.day is None else "") for found in find_days(text, NOW.date())]


def span(start: str, until: int) -> str:
    return f"{start}-{until // 60:02d}:{until % 60:02d}"


@pytest.mark.parametrize("kind", ["time", "later", "rule", "day"])
def test_phrases_have_their_values(kind: str) -> None:
    of_kind = [(text, value) for name, text, value in PHRASES if name == kind]
    wrong = [(text, value, values(kind, text)) for text, value in of_kind if values(kind, text) != [value]]
    assert of_kind
    assert wrong == []


def test_there_are_hundreds_of_phrases() -> None:
    assert len(PHRASES) >= 300


@pytest.mark.parametrize(
    "text",
    [
        "三号楼",
        "一个星期",
        "我有两个孩子",
        "13800138000",
        "138-0013-8000",
        "二十一世纪",
        "一号线",
        "十一个人",
        "五一班",
    ],
)
def test_what_is_no_day_is_none(text: str) -> None:
    assert find_days(text, NOW.date()) == []


@pytest.mark.parametrize("text", ["有一点半懂", "那时", "三点五公里以外的时候", "小时候", "一时间"])
def test_what_is_no_time_is_none(text: str) -> None:
    assert [time for time in find_times(text) if time.surely] == []


@pytest.mark.parametrize("text", ["二月三十号", "十三月一号", "三十五号", "二十五点"])
def test_what_the_calendar_does_not_have_is_told(text: str) -> None:
    days, times = find_days(text, NOW.date()), find_times(text)
    assert [one.first for one in days] == [None] or [one.minutes for one in times] == [None]


def test_a_rule_lists_its_days() -> None:
    (found,) = find_recurrences("每周二周四")
    assert [f"{day:%m-%d}" for day in found.days(NOW, 3)] == ["09-17", "09-22", "09-24"]


@pytest.mark.parametrize(
    ("day", "lunar"),
    [(date(2027, 1, 30), "腊月二十三"), (date(2026, 9, 25), "八月十五"), (date(2025, 7, 25), "闰六月初一")],
)
def test_a_solar_day_is_said_by_the_lunar_calendar(day: date, lunar: str) -> None:
    assert lunar_text(day) == lunar

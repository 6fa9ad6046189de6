"""Each kind of slot, from words to normalised value."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pytest

from bot import Utterance, load_domain
from bot.slots import Choice, ChoiceReader, DateReader, Mention, PersonReader, PhoneReader, SlotReader
from bot.understanding.nlu import Nlu
from bot.understanding.normalised import normalise
from bot.understanding.sounds import sounds_of
from mandarin.calendar import find_days

SATURDAY = date(2026, 11, 21)
WORDS = load_domain("clinic").words
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=timezone(timedelta(hours=8)))


def read(reader: SlotReader, text: str, *, spoken: bool = False, asked: bool = True) -> list[Mention]:
    heard = normalise(Utterance(text, "spoken" if spoken else "typed"))
    return reader.read(heard, sounds_of(heard) if spoken else None, asked=asked, now=NOW)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("今天", "2026-11-21"),
        ("明天早上", "2026-11-22"),
        ("明早", "2026-11-22"),
        ("后天吧", "2026-11-23"),
        ("大后天", "2026-11-24"),
        ("昨天", "2026-11-20"),
        ("大前天", "2026-11-18"),
        ("周日", "2026-11-22"),
        ("周六", "2026-11-21"),
        ("周五", "2026-11-27"),
        ("这周五", "2026-11-20"),
        ("本周日", "2026-11-22"),
        ("下周二", "2026-11-24"),
        ("下个星期天", "2026-11-29"),
        ("下下礼拜一", "2026-11-30"),
        ("三天后", "2026-11-24"),
        ("过两天", "2026-11-23"),
        ("两周以后", "2026-12-05"),
        ("十一月二十八号", "2026-11-28"),
        ("11月28日", "2026-11-28"),
        ("二零二六年十二月一日", "2026-12-01"),
        ("2026-12-01", "2026-12-01"),
        ("12/1", "2026-12-01"),
        ("28号", "2026-11-28"),
        ("二号", "2026-12-02"),
        ("三十一号", "2026-12-31"),
        ("这个月三十号", "2026-11-30"),
        ("下个月三号", "2026-12-03"),
        ("1月5号", "2027-01-05"),
        ("10月5号", "2026-10-05"),
        ("2月29号", "2028-02-29"),
    ],
)
def test_a_day_is_read_against_the_clock(text: str, day: str) -> None:
    assert [str(found.day) for found in find_days(text, SATURDAY)] == [day]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("二月三十号", "impossible"),
        ("13月1号", "impossible"),
        ("下周", "vague"),
        ("周末", "vague"),
        ("三十五号", "impossible"),
    ],
)
def test_a_day_that_cannot_be_one_says_why(text: str, problem: str) -> None:
    assert [mention.problem for mention in read(DateReader("date", None), text)] == [f"date_{problem}"]


@pytest.mark.parametrize("text", ["13800138000", "138-0013-8000", "三号楼", "一个星期", "我有两个孩子", "消化内科"])
def test_what_is_no_day_is_not_taken_for_one(text: str) -> None:
    assert find_days(text, SATURDAY) == []


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("名天上午", "2026-11-22"),
        ("后填吧", "2026-11-23"),
        ("侠周二", "2026-11-24"),
        ("十一月二是八号", "2026-11-28"),
        ("下周尔上午", "2026-11-24"),
        ("二是八号", "2026-11-28"),
        ("我想相下周三来", "2026-11-25"),
    ],
)
def test_a_spoken_day_is_found_by_its_sound(text: str, day: str) -> None:
    assert [mention.value for mention in read(DateReader("date", 60), text, spoken=True)] == [day]


def test_a_typed_day_is_taken_only_as_it_is_spelled() -> None:
    assert read(DateReader("date", 60), "名天") == []


def test_a_denied_day_is_marked() -> None:
    mentions = Nlu(load_domain("clinic")).understand(Utterance("不是明天，是后天"), "date", NOW).mentions
    assert [(mention.value, mention.negated) for mention in mentions] == [("2026-11-22", True), ("2026-11-23", False)]


@pytest.mark.parametrize(("text", "problem"), [("昨天", "date_past"), ("明年", ""), ("3月1号", "date_far")])
def test_a_day_outside_of_the_calendar_is_a_problem(text: str, problem: str) -> None:
    assert [mention.problem for mention in read(DateReader("date", 60), text)] == ([problem] if problem else [])


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("13800138000", False),
        ("138 0013 8000", False),
        ("+86 138-0013-8000", False),
        ("幺三八零零幺三八零零零", True),
        ("一三八，零零一三，八零零零", True),
        ("138零零一三8000", True),
        ("我的电话是幺三八零零幺三八零零零谢谢", True),
        ("要三吧零零医三八零零零", True),
        ("是要三吧零零医三八零零零", True),
        ("１３８００１３８０００", False),
    ],
)
def test_a_phone_number_is_eleven_digits_however_said(text: str, spoken: bool) -> None:
    assert [mention.value for mention in read(PhoneReader("phone"), text, spoken=spoken)] == ["13800138000"]


@pytest.mark.parametrize(
    ("text", "problem", "count"),
    [
        ("1380013800", "phone_length", "10"),
        ("138001380000", "phone_length", "12"),
        ("23800138000", "phone_prefix", "11"),
    ],
)
def test_a_wrong_phone_number_says_what_is_wrong(text: str, problem: str, count: str) -> None:
    (mention,) = read(PhoneReader("phone"), text)
    assert (mention.value, mention.problem, mention.details["count"]) == ("", problem, count)


def test_a_digit_heard_twice_is_left_out_but_doubted() -> None:
    (heard,) = read(PhoneReader("phone"), "幺五五九六二三四七八零幺", spoken=True)
    (typed,) = read(PhoneReader("phone"), "155962347801")
    assert (heard.value, heard.confidence < 0.85) == ("15962347801", True)
    assert typed.problem == "phone_length"


def test_a_misheard_character_does_not_break_a_number_in_two() -> None:
    (mention,) = read(PhoneReader("phone"), "幺五七零六四桩三零四四", spoken=True)
    assert mention.details["count"] == "10"


def test_few_digits_are_no_phone_number_unless_one_was_asked_for() -> None:
    assert read(PhoneReader("phone"), "一三八零零", asked=False) == []
    assert read(PhoneReader("phone"), "一三八零零")[0].problem == "phone_length"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("我叫王小明", "王小明"),
        ("我叫王小明想挂号", "王小明"),
        ("病人是李娜，电话13800138000", "李娜"),
        ("姓名：欧阳娜娜", "欧阳娜娜"),
        ("姓张名伟", "张伟"),
        ("我姓王叫王小明", "王小明"),
        ("我叫John Smith", "John Smith"),
    ],
)
def test_a_name_that_is_introduced_is_found_at_any_time(text: str, name: str) -> None:
    assert [mention.value for mention in read(PersonReader("patient", WORDS), text, asked=False)] == [name]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("王小明", "王小明"),
        ("是张伟", "张伟"),
        ("就是李娜吧", "李娜"),
        ("张伟，弓长张", "张伟"),
        ("John Smith", "John Smith"),
        ("阿依古丽·买买提", "阿依古丽·买买提"),
    ],
)
def test_a_bare_name_is_found_when_it_was_asked_for(text: str, name: str) -> None:
    assert [mention.value for mention in read(PersonReader("patient", WORDS), text)] == [name]
    assert read(PersonReader("patient", WORDS), text, asked=False) == []


@pytest.mark.parametrize(("text", "name"), [("我较望小明", "王小明"), ("立娜", "李娜"), ("是章伟", "章伟")])
def test_a_misheard_surname_gets_its_usual_spelling(text: str, name: str) -> None:
    assert [mention.value for mention in read(PersonReader("patient", WORDS), text, spoken=True)] == [name]


def test_what_has_no_surname_is_less_sure() -> None:
    (known,) = read(PersonReader("patient", WORDS), "王小明")
    (unknown,) = read(PersonReader("patient", WORDS), "豆豆")
    assert known.confidence > 0.85 > unknown.confidence


@pytest.mark.parametrize(("text", "problem"), [("我姓张", "name_incomplete"), ("我自己", "name_needed")])
def test_half_a_name_is_a_problem(text: str, problem: str) -> None:
    assert [mention.problem for mention in read(PersonReader("patient", WORDS), text)] == [problem]


DEPARTMENTS = ChoiceReader(
    "department",
    [
        Choice("消化内科", synonyms=["消化科"], hints=["肚子疼"]),
        Choice("内科"),
        Choice("骨科", patterns=[r"骨头?\w?断"]),
        Choice("夜间门诊", refuse="没有夜间门诊。"),
    ],
)


@pytest.mark.parametrize(
    ("text", "value", "how"),
    [
        ("看消化内科", "消化内科", "spelled"),
        ("看内科", "内科", "spelled"),
        ("消化科", "消化内科", "spelled"),
        ("肚子疼", "消化内科", "hint"),
        ("骨头断了", "骨科", "spelled"),
        ("肚子疼看内科", "内科", "spelled"),
    ],
)
def test_a_choice_is_found_by_name_synonym_hint_or_pattern(text: str, value: str, how: str) -> None:
    assert [(mention.value, mention.how) for mention in read(DEPARTMENTS, text)] == [(value, how)]


@pytest.mark.parametrize("text", ["小华内科", "笑话内科", "挂消化呢科", "消化那内科"])
def test_a_spoken_choice_is_found_by_its_sound(text: str) -> None:
    assert [mention.value for mention in read(DEPARTMENTS, text, spoken=True, asked=False)] == ["消化内科"]


@pytest.mark.parametrize("text", ["挂内科", "花内科"])
def test_a_word_spelled_right_wins_over_one_that_nearly_sounds_right(text: str) -> None:
    assert [mention.value for mention in read(DEPARTMENTS, text, spoken=True)] == ["内科"]


def test_a_short_word_inside_what_may_be_a_longer_one_is_doubted() -> None:
    reader = ChoiceReader("department", [Choice("皮肤科"), Choice("妇科")])
    assert read(reader, "看妇科", spoken=True)[0].confidence >= 0.85
    assert read(reader, "看提附科", spoken=True)[0].confidence < 0.85


def test_a_choice_that_cannot_be_had_says_why() -> None:
    (mention,) = read(DEPARTMENTS, "夜间门诊")
    assert (mention.value, mention.problem, mention.details["reason"]) == ("", "choice_refused", "没有夜间门诊。")

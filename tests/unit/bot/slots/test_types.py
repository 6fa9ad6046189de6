"""Numbers, times, places, yes or no, texts, patterns, readers of one's own; slots that are optional or conditional."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlmodel import create_engine
from typer.testing import CliRunner

from bot import Dialogue, Domain, Reply, Utterance, load_domain
from bot.__main__ import app
from bot.domains.domain import json_schema
from bot.domains.reading import DOMAINS
from bot.errors import DomainInvalid
from bot.slots import (
    SURE,
    Choice,
    Mention,
    NumberReader,
    PatternReader,
    PlaceReader,
    SlotReader,
    TextReader,
    TimeReader,
    YesNoReader,
)
from bot.understanding.normalised import CleanText, normalise
from bot.understanding.sounds import Sounds, sounds_of

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=timezone(timedelta(hours=8)))
GUESTS = NumberReader("guests", ["位", "个人"], 1, 20)
CITIES = PlaceReader("to", [Choice("北京"), Choice("上海"), Choice("南京")])


def read(reader: SlotReader, text: str, *, spoken: bool = False, asked: bool = True) -> list[Mention]:
    heard = normalise(Utterance(text, "spoken" if spoken else "typed"))
    return reader.read(heard, sounds_of(heard) if spoken else None, asked=asked, now=NOW)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("两位", "2"),
        ("我们一共十二个人", "12"),
        ("3", "3"),
        ("三个", "3"),
        ("俩", "2"),
        ("二十", "20"),
        ("就8位吧", "8"),
    ],
)
def test_a_number_is_read_in_digits_and_characters(text: str, number: str) -> None:
    assert [mention.value for mention in read(GUESTS, text)] == [number]


def test_a_number_without_its_unit_counts_only_when_it_was_asked_for() -> None:
    assert read(GUESTS, "三点", asked=False) == []
    assert [mention.value for mention in read(GUESTS, "订三位", asked=False)] == ["3"]


def test_a_number_that_was_heard_as_another_word_is_doubted() -> None:
    (mention,) = read(GUESTS, "武个人", spoken=True)
    assert (mention.value, mention.confidence < SURE) == ("5", True)


@pytest.mark.parametrize("text", ["零十一位", "零十零位", "零十个人"])
def test_numerals_that_make_no_number_are_passed_over(text: str) -> None:
    assert read(GUESTS, text) == []


@pytest.mark.parametrize(("text", "problem"), [("零位", "number_small"), ("三十位", "number_large")])
def test_a_number_out_of_bounds_is_a_problem(text: str, problem: str) -> None:
    assert [(mention.value, mention.problem) for mention in read(GUESTS, text)] == [("", problem)]


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("下午三点半", "15:30"),
        ("三点", "15:00"),
        ("八点一刻", "08:15"),
        ("晚上七点四十五", "19:45"),
        ("14:30", "14:30"),
        ("早上六点", "06:00"),
        ("中午十二点", "12:00"),
        ("中午一点", "13:00"),
        ("十点零五分", "10:05"),
        ("上午差一刻九点", "08:45"),
        ("晚上的八点三刻", "20:45"),
        ("晚上七点四个人", "19:00"),
        ("晚上七点十二个人", "19:00"),
        ("七点四分", "07:04"),
    ],
)
def test_a_time_is_read_as_it_is_said(text: str, time: str) -> None:
    assert [mention.value for mention in read(TimeReader("time"), text)] == [time]


@pytest.mark.parametrize("text", ["三个人", "有一点咸", "13800138000", "明天下午"])
def test_what_is_no_time_is_not_taken_for_one(text: str) -> None:
    assert read(TimeReader("time"), text) == []


def test_a_spoken_time_is_found_by_its_sound() -> None:
    assert [mention.value for mention in read(TimeReader("time"), "瞎午三点半", spoken=True)] == ["15:30"]


@pytest.mark.parametrize(
    ("text", "spoken", "place"),
    [("去上海", False, "上海"), ("去尚海", True, "上海"), ("送到中山路", False, "中山路"), ("就是铁岭", False, "铁岭")],
)
def test_a_place_is_one_of_the_list_or_any_other(text: str, spoken: bool, place: str) -> None:
    assert [mention.value for mention in read(CITIES, text, spoken=spoken)] == [place]


@pytest.mark.parametrize(
    ("text", "answer"), [("要", "是"), ("好的", "是"), ("不要", "否"), ("没有", "否"), ("不用了", "否")]
)
def test_yes_or_no_is_read_when_it_was_asked_for(text: str, answer: str) -> None:
    assert [mention.value for mention in read(YesNoReader("invoice", []), text)] == [answer]
    assert read(YesNoReader("invoice", []), text, asked=False) == []


def test_yes_or_no_may_have_words_of_its_own() -> None:
    reader = YesNoReader("invoice", [Choice("是", ["开发票", "要发票"]), Choice("否", ["不开发票", "不要发票"])])
    assert [mention.value for mention in read(reader, "不要发票", asked=False)] == ["否"]
    assert [mention.value for mention in read(reader, "还要发票", asked=False)] == ["是"]


def test_a_text_is_the_whole_answer_and_may_be_too_long() -> None:
    assert [mention.value for mention in read(TextReader("note", 10), "嗯，靠窗，不要辣。")] == ["靠窗，不要辣"]
    assert [mention.problem for mention in read(TextReader("note", 3), "靠窗不要辣")] == ["text_long"]
    assert read(TextReader("note", 10), "靠窗", asked=False) == []


@pytest.mark.parametrize("text", ["g1234次", "G 1 2 3 4", "G一二三四"])
def test_a_pattern_is_found_although_its_digits_are_spoken(text: str) -> None:
    assert [mention.value for mention in read(PatternReader("train", r"[gdcktz]\d{1,4}"), text)] == ["G1234"]


class ColourReader:
    """A reader as an operator might write one: it knows one colour."""

    def __init__(self, slot: str) -> None:
        self._slot = slot

    def read(self, heard: CleanText, sounds: Sounds | None, *, asked: bool, now: datetime) -> list[Mention]:
        """Find 红."""
        start = heard.text.find("红")
        return [Mention(self._slot, "红", "红", start, start + 1, 1.0, "spelled", 1.0)] if start >= 0 else []


SALON = """\
name: salon
title: 美发
language: zh
extends: common
slots:
  service: {type: choice, label: 项目, ask: 剪发还是染发？, help: 二选一。, values: [{value: 剪发}, {value: 染发}]}
  colour: {type: custom, reader: "READER", label: 颜色, ask: 染什么颜色？, help: 比如红。}
  time: {type: time, label: 时间, ask: 几点来？, help: 比如三点半。}
  wash: {type: yesno, label: 洗头, ask: 要不要洗头？, help: 请说要或者不要。}
  note: {type: text, label: 备注, ask: 有什么要求吗？, help: 随便说。, longest: 20}
  phone: {type: phone, label: 电话, ask: 电话是多少？, help: 十一位。}
tasks:
  book:
    title: 预约
    intent: book
    slots:
      - service
      - {slot: colour, when: {service: 染发}}
      - time
      - wash
      - {slot: note, need: offered}
      - {slot: phone, need: optional}
    summary: |-
      {service}
      颜色：{colour}
      {time}，洗头：{wash}
      备注：{note}
      电话：{phone}
    action: book_visit
    done: [好了。, "好了，{note}记下了。"]
records:
  visit: {slots: [service, time, note], show: "{service}"}
actions:
  book_visit: {do: add, record: visit}
intents:
  book: {keywords: [预约]}
phrases:
  greeting: 您好。
  help: 我可以帮您预约。
"""


def salon(folder: Path, old: str = "", new: str = "") -> Domain:
    assert old in SALON
    path = folder / "salon.yaml"
    path.write_text(SALON.replace(old, new, 1).replace("READER", f"{__name__}:ColourReader"), encoding="utf-8")
    return load_domain(path)


@pytest.fixture
def dialogue(tmp_path: Path) -> Dialogue:
    return Dialogue(salon(tmp_path), create_engine("sqlite://"), clock=lambda: NOW, new_key=lambda: "key")


def say(dialogue: Dialogue, *texts: str) -> Reply:
    reply = dialogue.start()
    for text in texts:
        reply = dialogue.respond(Utterance(text), reply.state)
    return reply


def asks(reply: Reply) -> str:
    question = reply.state.question
    return "" if question is None else question.slot or question.kind


def test_a_slot_is_asked_for_only_when_its_condition_holds(dialogue: Dialogue) -> None:
    assert asks(say(dialogue, "预约", "剪发")) == "time"
    assert asks(say(dialogue, "预约", "染发")) == "colour"
    assert asks(say(dialogue, "预约", "染发", "红色")) == "time"


def test_a_value_whose_condition_no_longer_holds_is_not_used(dialogue: Dialogue) -> None:
    reply = say(dialogue, "预约", "染发", "红色", "三点", "要", "跳过", "不对，剪发")
    assert asks(reply) == "summary"
    assert reply.texts[-2].splitlines() == ["剪发", "15:00，洗头：是"]


def test_an_offered_slot_is_asked_for_once_and_may_be_passed_over(dialogue: Dialogue) -> None:
    assert asks(say(dialogue, "预约", "剪发", "三点", "不要")) == "note"
    assert asks(say(dialogue, "预约", "剪发", "三点", "不要", "没有")) == "summary"
    reply = say(dialogue, "预约", "剪发", "三点", "不要", "两边剪短一点")
    assert asks(reply) == "summary"
    assert "备注：两边剪短一点" in reply.texts[-2].splitlines()


def test_an_optional_slot_is_taken_when_it_is_said_and_never_asked_for(dialogue: Dialogue) -> None:
    reply = say(dialogue, "预约剪发，电话13800138000", "三点", "不要", "没有")
    assert reply.texts[-2].splitlines() == ["剪发", "15:00，洗头：否", "电话：138 0013 8000"]


@pytest.mark.parametrize(
    ("old", "new", "line", "remedy"),
    [
        ("type: time,", "type: time, least: 3,", 8, "belongs to slots of type number"),
        ('reader: "READER", ', "", 7, "needs `reader:`"),
        ('"READER"', "nowhere:Reader", 7, "cannot be imported"),
        ('"READER"', "json:dumps", 7, "no class with a method"),
        ("type: yesno,", "type: yesno, values: [{value: 也许}],", 9, "是 and 否"),
        ("type: text,", "type: pattern, pattern: '(',", 10, "regular expression"),
        ("type: yesno,", "type: number, least: 3, most: 2,", 9, "exchange them"),
        ("when: {service: 染发}", "when: {service: 烫发}", 18, "choose one of: 剪发, 染发"),
        ("when: {service: 染发}", "when: {note: 染发}", 18, "there is no 'note'"),
        ("      - time\n", "      - service\n", 19, "stands there twice"),
        ("action: book_visit", "action: fly", 29, "choose one of: book_visit"),
        ("record: visit}", "record: vist}", 34, "choose one of: visit"),
        ("do: add", "do: cancel", 16, "needs a slot of type record"),
        ('{service}"}', '{servce}"}', 32, "{service}"),
        ("[好了。, ", "[", 30, "without slots that may be empty"),
    ],
)
def test_a_mistake_is_named_with_line_and_remedy(tmp_path: Path, old: str, new: str, line: int, remedy: str) -> None:
    with pytest.raises(DomainInvalid) as caught:
        salon(tmp_path, old, new)
    assert f"salon.yaml, line {line}:" in str(caught.value)
    assert remedy in str(caught.value)


def test_the_schema_that_editors_read_is_that_of_the_program() -> None:
    kept = json.loads((DOMAINS / "domain.schema.json").read_text("utf-8"))
    assert kept == json_schema() == json.loads(CliRunner().invoke(app, ["schema"]).output)
    assert "phrases" not in kept["required"]
    assert {"type": "string"} in kept["$defs"]["Slot"]["properties"]["ask"]["anyOf"]


def test_the_picture_shows_steps_conditions_and_records(tmp_path: Path) -> None:
    salon(tmp_path)
    result = CliRunner().invoke(app, ["graph", str(tmp_path / "salon.yaml")])
    lines = [line.strip() for line in result.output.splitlines()]
    assert lines[0] == "flowchart LR"
    assert "book_service -->|项目=染发| book_colour" in lines
    assert "book_wash -.->|可跳过| book_note" in lines
    assert "book_action --> record_visit" in lines

"""A task that fills a list, entry by entry, until it is done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy import text as sql
from sqlmodel import create_engine

from bot import Dialogue, DialogueState, Reply, Table, Utterance, load_domain
from bot.errors import DomainInvalid
from bot.evaluation.rehearsal import Script, play, read_scripts

ENDOSCOPY = load_domain("endoscopy")
SCRIPTS = read_scripts(Path(__file__).parents[3] / "data/dialogues/endoscopy")

SHOPPING = """\
name: shopping
title: 采购
language: zh
extends: common
slots:
  shop: {type: place, label: 超市, ask: 去哪家超市？, help: 比如“永辉”。, values: [{value: 永辉}, {value: 盒马}]}
  thing:
    {type: choice, label: 东西, ask: 买什么？, help: 苹果。, values: [{value: 苹果}, {value: 牛奶}, {value: 鸡蛋}]}
  amount: {type: number, label: 多少, ask: 要几个？, help: 比如“三个”。, units: [个, 斤, 盒]}
records:
  trip: {slots: [shop], show: "{shop}"}
  purchase: {slots: [thing, amount], show: "{thing}", part_of: trip}
actions:
  write_down: {do: add, record: trip, items: purchase}
tasks:
  shop:
    title: 采购单
    intent: shop
    slots: [shop]
    items:
      label: 东西
      slots: [thing, amount]
      ask: 要买什么？
      more: 还要什么？
      help: 比如“三个苹果”。
      show: ["{amount}个", "{thing}"]
      least: 1
      most: 3
    summary: "{shop}：\\n{items}"
    action: write_down
    done: "一共{entries}样：\\n{items}"
intents:
  shop: {keywords: [采购, 买东西], examples: [我要买东西, "买{amount}{thing}"]}
phrases:
  greeting: 您好。
  help: 我可以记采购单。
"""

TEXT = "type: text, label: 多少, ask: 多少？, help: 写下来。"


@pytest.fixture
def engine() -> Engine:
    return create_engine("sqlite://")


@pytest.fixture
def shopping(tmp_path: Path, engine: Engine) -> Dialogue:
    return Dialogue(load_domain(written(tmp_path, SHOPPING)), engine, new_key=lambda: "key")


def written(folder: Path, text: str) -> Path:
    path = folder / "shopping.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def say(dialogue: Dialogue, *texts: str, reply: Reply | None = None) -> Reply:
    reply = reply or dialogue.start()
    for text in texts:
        state = DialogueState.from_dict(json.loads(json.dumps(reply.state.to_dict())))
        reply = dialogue.respond(Utterance(text), state)
    return reply


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_rehearsed(script: Script) -> None:
    assert play(script, ENDOSCOPY).failures == ()


def test_a_list_of_another_field_needs_no_more_than_yaml(shopping: Dialogue, engine: Engine) -> None:
    done = say(shopping, "我要买东西", "永辉", "三个苹果", "牛奶", "两个", "没有了", "确认")
    assert done.actions == ("write_down",)
    assert done.texts == ("一共2样：\n1. 3个苹果\n2. 2个牛奶",)
    with engine.connect() as connection:
        rows = connection.execute(sql("SELECT thing, amount, trip FROM purchase ORDER BY id")).all()
    assert [tuple(row) for row in rows] == [("苹果", 3, 1), ("牛奶", 2, 1)]


def test_the_finished_list_comes_as_a_table(shopping: Dialogue) -> None:
    done = say(shopping, "我要买东西", "永辉", "三个苹果", "两个牛奶", "没有了", "确认")
    assert done.cards == (Table("东西", ("东西", "多少"), (("苹果", "3"), ("牛奶", "2"))),)


def test_confirming_twice_writes_one_list(shopping: Dialogue, engine: Engine) -> None:
    summary = say(shopping, "我要买东西", "永辉", "三个苹果", "没有了")
    for _ in range(2):
        say(shopping, "确认", reply=summary)
    with engine.connect() as connection:
        assert connection.execute(sql("SELECT count(*) FROM purchase")).scalar_one() == 1


def test_a_list_that_is_full_is_closed_aloud(shopping: Dialogue) -> None:
    full = say(shopping, "我要买东西", "永辉", "三个苹果", "两个牛奶", "五个鸡蛋")
    assert "最多3条" in full.texts[0]
    assert full.state.question is not None
    assert full.state.question.kind == "summary"


def test_the_buttons_of_a_refused_summary_name_the_entries(shopping: Dialogue) -> None:
    refused = say(shopping, "我要买东西", "永辉", "三个苹果", "两个牛奶", "没有了", "修改")
    assert [button.text for button in refused.quick_replies] == ["改超市", "改第1条", "改第2条"]
    opened = say(shopping, "改第2条", reply=refused)
    assert [button.text for button in opened.quick_replies] == ["改东西", "改多少"]
    changed = say(shopping, "改多少", "六个", reply=opened)
    assert "第2条改为：6个牛奶" in changed.texts[0]


@pytest.mark.parametrize(
    ("old", "new", "remedy"),
    [
        ("slots: [thing, amount]\n      ask", "slots: [thing, shop]\n      ask", "leave it out in one place"),
        ("      least: 1", "      carry: [shop]", "there is no 'shop'"),
        ('show: ["{amount}个", "{thing}"]', 'show: ["{shop}"]', "cannot be filled in here"),
        (", part_of: trip", "", "write `part_of: trip`"),
        ("part_of: trip", "part_of: journey", "there is no 'journey'"),
        (
            "type: number, label: 多少, ask: 要几个？, help: 比如“三个”。, units: [个, 斤, 盒]",
            TEXT,
            "cannot stand in a list",
        ),
    ],
)
def test_a_list_that_is_wrong_is_refused_with_its_remedy(tmp_path: Path, old: str, new: str, remedy: str) -> None:
    assert old in SHOPPING
    with pytest.raises(DomainInvalid, match=remedy):
        load_domain(written(tmp_path, SHOPPING.replace(old, new)))

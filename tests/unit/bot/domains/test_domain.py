"""Domains: what is wrong with them is said with file, line and remedy; and the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot import domain_names, load_domain
from bot.__main__ import app
from bot.errors import DomainInvalid, DomainMissing
from bot.evaluation.rehearsal import read_scripts

SMALL = """\
name: barber
title: 理发
language: zh
extends: common
slots:
  day:
    type: date
    label: 日期
    ask: 哪天来？
    help: 比如“明天”。
tasks:
  cut:
    title: 理发
    intent: cut
    slots: [day]
    summary: "{day}理发"
    action: book
    done: 好了。
records:
  haircut: {slots: [day], show: "{day}"}
actions:
  book: {do: add, record: haircut}
intents:
  cut:
    keywords: [理发]
phrases:
  greeting: "您好，我是{title}。"
  help: 我可以帮您约理发。
"""


def load(folder: Path, text: str) -> object:
    path = folder / "barber.yaml"
    path.write_text(text, encoding="utf-8")
    return load_domain(path)


def test_a_small_domain_is_enough(tmp_path: Path) -> None:
    domain = load_domain(tmp_path / "barber.yaml") if load(tmp_path, SMALL) else None
    assert domain is not None
    assert domain.slots["day"].ask == ["哪天来？"]
    assert "deny" in domain.intents


@pytest.mark.parametrize(
    ("old", "new", "line", "remedy"),
    [
        ("type: date", "type: colour", 7, "'choice', 'date'"),
        ("type: date", "type: choice", 6, "list at least one"),
        ("    help: 比如“明天”。\n", "", 6, "`help:` is missing"),
        ("label: 日期", "lable: 日期", 8, "correct its spelling"),
        ("intent: cut", "intent: shave", 14, "choose one of"),
        ("slots: [day]", "slots: [hour]", 15, "there is no 'hour'"),
        ('"{day}理发"', '"{dya}理发"', 16, "{day}"),
        ('"您好，我是{title}。"', '"您好，我是{name}。"', 27, "{title}"),
        ('"您好，我是{title}。"', '"您好，我是{title。"', 27, "unbalanced"),
        ('  greeting: "您好，我是{title}。"\n', "", 26, "missing: greeting"),
        ("keywords: [理发]", "reply: help", 24, "examples"),
        ("language: zh", "language: zh\ntimezone: Mars/Base", 4, "Asia/Shanghai"),
        ("title: 理发\nlanguage", "title: [理发\nlanguage", 3, "correct the YAML"),
        ('"{day}理发"', "{day}理发", 16, "in quotes"),
        ("type: date", "type: phone\n    within_days: 3", 6, "belongs to slots of type date"),
        ("help: 比如“明天”。", "help: 比如“明天”。\n    opens: shave", 11, "shave"),
        ("help: 比如“明天”。", "help: 比如“明天”。\n    day: noon", 11, "noon"),
        ("help: 比如“明天”。", "help: 比如“明天”。\n    values: [{value: 一}]", 6, "takes no `values:`"),
        ("keywords: [理发]", "keywords: [理发]\n    reply: nothing", 26, "nothing"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_remedy(
    tmp_path: Path, old: str, new: str, line: int, remedy: str
) -> None:
    assert old in SMALL
    with pytest.raises(DomainInvalid) as caught:
        load(tmp_path, SMALL.replace(old, new))
    assert f"barber.yaml, line {line}:" in str(caught.value)
    assert remedy in str(caught.value)


CHOICE = "type: choice\n    values:\n      - {{value: 一, patterns: ['{pattern}']}}\n      - {{value: {second}}}"


@pytest.mark.parametrize(
    ("pattern", "second", "remedy"), [("(", "二", "regular expression"), ("x", "一", "listed twice")]
)
def test_a_wrong_choice_is_named(tmp_path: Path, pattern: str, second: str, remedy: str) -> None:
    with pytest.raises(DomainInvalid, match=remedy):
        load(tmp_path, SMALL.replace("type: date", CHOICE.format(pattern=pattern, second=second)))


@pytest.mark.parametrize("text", ["", "- a\n", "just text"])
def test_what_is_no_mapping_is_no_domain(tmp_path: Path, text: str) -> None:
    with pytest.raises(DomainInvalid, match="mapping"):
        load(tmp_path, text)


def test_a_file_must_be_utf8(tmp_path: Path) -> None:
    (tmp_path / "barber.yaml").write_bytes(SMALL.encode("gb18030"))
    with pytest.raises(DomainInvalid, match="UTF-8"):
        load_domain(tmp_path / "barber.yaml")


def test_a_missing_domain_lists_those_there_are(tmp_path: Path) -> None:
    assert domain_names() == ["clinic", "daily", "endoscopy"]
    with pytest.raises(DomainMissing, match="clinic"):
        load_domain("klinik")
    with pytest.raises(DomainMissing, match="cannot be read"):
        load_domain(tmp_path / "none.yaml")


def run(*arguments: str, lines: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments), input=lines)
    return result.exit_code, result.output


def test_check_says_what_a_domain_holds(tmp_path: Path) -> None:
    code, output = run("check", "clinic")
    assert (code, "clinic is fine" in output) == (0, True)
    (tmp_path / "bad.yaml").write_text("name: bad\n", encoding="utf-8")
    code, output = run("check", str(tmp_path / "bad.yaml"))
    assert (code, "`slots:` is missing" in output) == (1, True)


def test_chat_books_in_a_terminal(tmp_path: Path) -> None:
    lines = "名天上舞看小华内科\n王小明\n13800138000\n确认\n"
    code, output = run("chat", "clinic", "--spoken", "--database", str(tmp_path / "b.db"), lines=lines)
    assert code == 0
    assert "挂好了" in output
    assert "[确认]" in output


def test_chat_shows_what_was_listed_in_rows(tmp_path: Path) -> None:
    lines = "开始报告\n肠道准备良好\n进镜到回盲部\n升结肠见三枚息肉，大小五毫米\n完成\n没有\n确认\n"
    _, output = run("chat", "endoscopy", "--database", str(tmp_path / "b.db"), lines=lines)
    assert "部位 | 所见 | 数量 | 大小\n  升结肠 | 息肉 | 3 | 0.5厘米" in output


def test_test_plays_dialogues_and_fails_when_one_does(tmp_path: Path) -> None:
    path = tmp_path / "one.yaml"
    path.write_text("- name: one\n  turns:\n    - {say: 你好, reply: 您好}\n", encoding="utf-8")
    assert run("test", "clinic", str(path)) == (0, "1 of 1 dialogues passed\n")
    unmet = "{say: 挂骨科, asks: phone, reply: 再见, actions: [fly], slots: {department: 眼科}}"
    path.write_text(f"- name: one\n  turns:\n    - {unmet}\n", encoding="utf-8")
    code, output = run("test", "clinic", str(path))
    assert code == 1
    for what in (
        "asks date, expected phone",
        "expected '再见'",
        "expected ['fly']",
        "department is 骨科, expected 眼科",
    ):
        assert what in output


@pytest.mark.parametrize("text", ["- name: one\n  turns: []\n", "- name: one\n  turns: [{reply: 1}]\n", ": ["])
def test_a_wrong_dialogue_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "one.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DomainInvalid, match=r"one\.yaml"):
        read_scripts(path)
    assert run("test", "clinic", str(path))[0] == 1


def test_no_dialogues_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DomainMissing):
        read_scripts(tmp_path)

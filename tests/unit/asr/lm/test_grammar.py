"""Templates: slots, patterns, and how many sentences they mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.lm.grammar import Grammar, Line, TemplateWrong, join_slots, parse_line


def expand(text: str, most: int = 1000) -> list[str]:
    lines = [line for number, row in enumerate(text.splitlines(), 1) if (line := parse_line(number, row))]
    grammar = Grammar(join_slots(lines))
    return [sentence for line in lines if not line.slot for sentence in grammar.sentences(line.choice, most)]


def test_a_pattern_takes_every_value_of_its_slots() -> None:
    found = expand("科室 = 骨科 | 眼科\n号别 = 专家号\n号别 = 普通号\n我想挂{科室}的{号别}")
    assert sorted(found) == sorted(
        ["我想挂骨科的专家号", "我想挂眼科的专家号", "我想挂骨科的普通号", "我想挂眼科的普通号"]
    )


def test_brackets_may_be_left_out_and_parentheses_choose() -> None:
    assert sorted(expand("[请问](哪天|几点)开门")) == sorted(["哪天开门", "几点开门", "请问哪天开门", "请问几点开门"])


def test_slots_may_be_made_of_slots() -> None:
    assert sorted(expand("段 = 升 | 降\n部位 = {段}结肠 | 直肠\n看{部位}")) == ["看升结肠", "看直肠", "看降结肠"]


def test_comments_and_empty_lines_say_nothing() -> None:
    assert expand("# 标题\n\n开门  # 早上") == ["开门"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("看{科室", "not closed"),
        ("看(科室", "not closed"),
        ("看科室)", "closes nothing"),
        ("看}科室", "closes nothing"),
        ("看{}", "names no slot"),
        ("看{科室}", "no slot is called"),
        ("科室 = ", "no value"),
        ("甲 = {乙}\n乙 = {甲}\n看{甲}", "itself"),
        ("(" * 30 + "看" + ")" * 30, "too deep"),
    ],
)
def test_what_cannot_be_read_says_why(text: str, reason: str) -> None:
    with pytest.raises(TemplateWrong, match=reason):
        expand(text)


def test_of_too_many_sentences_the_same_ones_are_drawn_each_time() -> None:
    digits = " | ".join("零一二三四五六七八九")
    text = f"位 = {digits}\n" + "{位}" * 30
    found = expand(text, most=50)
    assert len(set(found)) == 50
    assert found == expand(text, most=50)


PATTERNS = st.recursive(
    st.sampled_from(["甲", "乙丙", "{槽}"]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"({'|'.join(parts)})"),
        inner.map(lambda part: f"[{part}]"),
    ),
    max_leaves=6,
)


@given(PATTERNS)
def test_the_sentences_are_as_many_as_counted_and_each_has_its_number(pattern: str) -> None:
    lines = [line for number, row in enumerate(["槽 = 一 | 二", pattern], 1) if (line := parse_line(number, row))]
    grammar = Grammar(join_slots(lines))
    last: Line = lines[-1]
    count = grammar.count(last.choice)
    sentences = list(grammar.sentences(last.choice, count))
    assert len(sentences) == count
    assert set("".join(sentences)) <= set("甲乙丙一二")
    with pytest.raises(IndexError):
        grammar.sentence(last.choice, count)

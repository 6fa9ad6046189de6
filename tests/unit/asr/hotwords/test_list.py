"""One list of hotwords: every shape it comes in, every mistake named, and nothing lost on the way to text and back."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asr.errors import HotwordsInvalid
from asr.hotwords.list import EMPTY, MAX_WORDS, Hotword, HotwordList, merge, parse, parse_strictly
from asr.hotwords.problems import Reason

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=12,
)
SCRAPS = st.lists(
    st.sampled_from(
        ["阿里", "巴巴", "20", "101", " ", "\t", "|", "~~~", "#", ",", "，", "\n", "\r", "{", "}", '"', ":", "-1"]
    )
).map("".join)


PRINTABLE = st.characters(exclude_categories=["C", "Z"], exclude_characters='|~,，、;；:："“”{}[]#')
# A leading letter keeps most of these from being numbers; the rest breaks no rule by chance.
TEXTS = st.builds(
    lambda head, tail: head + tail,
    st.sampled_from("阿里巴通义实验室Ab"),
    st.text(PRINTABLE | st.sampled_from("阿里巴A#.-'"), max_size=19).filter(lambda tail: not tail[-1:].isdecimal()),
)
HOTWORDS = st.builds(
    Hotword, TEXTS, st.integers(1, 100), st.lists(TEXTS, max_size=3).map(tuple), st.lists(TEXTS, max_size=2).map(tuple)
)
LISTS = st.lists(HOTWORDS, max_size=8).map(lambda words: HotwordList(tuple(words)))


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(LISTS)
def test_text_and_back_is_the_same_list(hotwords: HotwordList) -> None:
    parsed = parse(hotwords.serialize())
    assert parsed.problems == ()
    assert parsed.hotwords == hotwords
    assert parsed.hotwords.digest == hotwords.digest


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.text() | SCRAPS | SCRAPS.map(lambda text: "{" + text) | ANYTHING)
def test_no_input_crashes_the_parser(value: object) -> None:
    parsed = parse(value, vocabulary={"阿"})
    assert all(problem.line >= 1 and problem.column >= 1 for problem in parsed.problems)
    assert parse_strictly(parsed.hotwords.serialize()) == parsed.hotwords


@pytest.mark.parametrize(
    "value",
    [
        '{"阿里巴巴":20,"通义实验室":30}',
        {"阿里巴巴": 20, "通义实验室": 30},
        [{"阿里巴巴": 20}, {"通义实验室": "30"}],
        "阿里巴巴\n通义实验室 30",
        "阿里巴巴 20 通义实验室 30",
        "阿里巴巴, 通义实验室 30",
        "\ufeff# 公司\n阿里巴巴 20 # 杭州\n\n通义实验室\t30.0\r\n",
    ],
)
def test_every_shape_on_the_wire_is_read(value: object) -> None:
    assert parse_strictly(value) == HotwordList((Hotword("阿里巴巴"), Hotword("通义实验室", 30)))


@pytest.mark.parametrize(
    "value", ["阿里巴巴 通义实验室", "阿里巴巴,通义实验室", "阿里巴巴，通义实验室", ["阿里巴巴", "通义实验室"]]
)
def test_words_without_weights_get_the_usual_one(value: object) -> None:
    assert [(hotword.word, hotword.weight) for hotword in parse_strictly(value)] == [
        ("阿里巴巴", 20),
        ("通义实验室", 20),
    ]


@pytest.mark.parametrize("value", [None, "", "  \n", "# nothing", {}, [], "{}"])
def test_nothing_is_an_empty_list(value: object) -> None:
    assert parse_strictly(value) == EMPTY


def test_aliases_and_contexts_are_read() -> None:
    (hotword,) = parse_strictly("进境 40 | 进镜 | 近境 ~~~ 进京 | 入境  # 肠镜")
    assert hotword == Hotword("进境", 40, ("进镜", "近境"), ("进京", "入境"))
    assert hotword.line() == "进境 40 | 进镜 | 近境 ~~~ 进京 | 入境"


@pytest.mark.parametrize(
    ("text", "line", "column", "reason"),
    [
        ("寻腔\n阿里巴巴20", 2, 5, Reason.DIGITS_GLUED),
        ("寻腔 0", 1, 4, Reason.WEIGHT_OUT_OF_RANGE),
        ("寻腔  101", 1, 5, Reason.WEIGHT_OUT_OF_RANGE),
        ("寻腔 1.5", 1, 4, Reason.WEIGHT_OUT_OF_RANGE),
        ("寻腔 -3", 1, 4, Reason.WEIGHT_OUT_OF_RANGE),
        ("\n" + "长" * 21, 2, 1, Reason.TOO_LONG),
        (" | 进镜", 1, 1, Reason.EMPTY_WORD),
        ("进境 | | 近境", 1, 1, Reason.EMPTY_WORD),
        ("20", 1, 1, Reason.NUMBER_ONLY),
        ("寻~腔", 1, 2, Reason.RESERVED_CHARACTER),
        ('{"寻腔": }', 1, 8, Reason.UNREADABLE),
        ('{"寻腔": true}', 1, 1, Reason.WEIGHT_OUT_OF_RANGE),
        ('{"寻 腔": 20}', 1, 2, Reason.RESERVED_CHARACTER),
        ("[1]", 1, 1, Reason.UNREADABLE),
    ],
)
def test_a_mistake_is_named_with_line_column_and_reason(text: str, line: int, column: int, reason: Reason) -> None:
    problem = parse(text).problems[0]
    assert (problem.line, problem.column, problem.reason) == (line, column, reason)
    assert not problem.warning
    with pytest.raises(HotwordsInvalid, match=f"Line {line}, column {column}: ") as caught:
        parse_strictly(text)
    assert caught.value.details == {"line": line, "column": column, "reason": str(reason)}


def test_one_wrong_line_does_not_lose_the_others() -> None:
    parsed = parse("寻腔\n阿里巴巴20\n进境 30")
    assert [hotword.word for hotword in parsed.hotwords] == ["寻腔", "进境"]
    assert len(parsed.errors) == 1


@pytest.mark.parametrize("text", ["寻腔 30\n进境\n寻腔 10", '{"寻腔": 30, "进境": 20, "寻腔": 10}'])
def test_a_word_that_is_there_twice_keeps_the_higher_weight(text: str) -> None:
    parsed = parse(text)
    assert parsed.hotwords == HotwordList((Hotword("寻腔", 30), Hotword("进境")))
    assert [(problem.line, problem.reason) for problem in parsed.problems] == [(3, Reason.DUPLICATE)]
    assert parsed.errors == ()


def test_characters_the_model_cannot_write_are_named_and_kept() -> None:
    parsed = parse("崂山 30", vocabulary={"山"})
    assert [(problem.column, problem.reason) for problem in parsed.problems] == [(1, Reason.UNKNOWN_CHARACTER)]
    assert parsed.hotwords == HotwordList((Hotword("崂山", 30),))


def test_more_words_than_the_most_are_left_out_and_said() -> None:
    words = [f"{chr(0x4E00 + number // 100)}{chr(0x4E00 + number % 100)}" for number in range(MAX_WORDS + 2)]
    parsed = parse("\n".join(words))
    assert len(parsed.hotwords) == MAX_WORDS
    assert [(problem.line, problem.reason) for problem in parsed.problems] == [(MAX_WORDS + 1, Reason.TOO_MANY)]
    with pytest.raises(ValueError, match="at most"):
        HotwordList(tuple(Hotword(word) for word in words))


def test_the_later_list_wins_whole_entries() -> None:
    everywhere = parse_strictly("寻腔 90 | 寻枪\n进境 50")
    conversation = parse_strictly("寻腔 10")
    request = parse_strictly("溃疡")
    merged = merge(everywhere, conversation, request)
    assert merged == parse_strictly("寻腔 10\n进境 50\n溃疡")
    assert merge(everywhere, EMPTY) is everywhere
    assert merge() == EMPTY


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(LISTS, LISTS, LISTS)
def test_merging_in_steps_is_merging_at_once(one: HotwordList, two: HotwordList, three: HotwordList) -> None:
    assert merge(merge(one, two), three) == merge(one, two, three)
    assert merge(one, one) == one


def test_weights_come_as_json_numbers_too() -> None:
    assert parse_strictly(json.dumps({"寻腔": 30.0})) == HotwordList((Hotword("寻腔", 30),))

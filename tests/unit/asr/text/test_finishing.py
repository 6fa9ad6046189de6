"""From what was said to how it is written, with the tokens underneath."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.hotwords.list import EMPTY, HotwordList, parse_strictly
from asr.recognizer import EMBEDDED
from asr.text.finishing import Finisher, open_finisher
from asr.text.itn import InverseTextNormalizer
from asr.transcript import FORMATTED, PLAIN, Change, Formatting, Segment, Token

SENTENCE = "富士康在印度工厂出现大规模感染目前工厂产量已下降超百分之五十"


class MarksBehind:
    """Sets the marks that a test wants, behind the words at given places."""

    def __init__(self, **marks: str) -> None:
        self.places = {int(place.removeprefix("at")): mark for place, mark in marks.items()}

    def marks(self, words: Sequence[str], *, pauses: Sequence[float] = (), ends: bool = True) -> tuple[str, ...]:
        assert len(pauses) == len(words)
        return tuple(self.places.get(index, "") for index in range(len(words)))


def segment(*texts: str, changes: tuple[Change, ...] = ()) -> Segment:
    tokens = tuple(Token(text, index * 0.2, index * 0.2 + 0.15, 0.9) for index, text in enumerate(texts))
    return Segment(0.0, len(texts) * 0.2, tokens, changes)


def finish(spoken: str, formatting: Formatting = FORMATTED, hotwords: HotwordList = EMPTY, **marks: str) -> Segment:
    finisher = Finisher(MarksBehind(**marks), InverseTextNormalizer())  # type: ignore[arg-type]
    return finisher.finish(segment(*spoken), formatting, hotwords=hotwords)


def test_a_sentence_gets_marks_and_digits_and_keeps_its_times() -> None:
    finished = finish(SENTENCE, at14="，", at29="。")
    assert finished.text == "富士康在印度工厂出现大规模感染，目前工厂产量已下降超50%。"
    assert finished.spoken == SENTENCE
    percent = finished.words[-1]
    assert (percent.text, percent.punctuation, percent.first, percent.last) == ("50%", "。", 25, 30)
    assert (percent.start, percent.end) == (pytest.approx(5.0), pytest.approx(5.95))
    assert finished.tokens == segment(*SENTENCE).tokens


def test_the_embedded_model_finds_the_marks_by_words_and_pauses() -> None:
    tokens: list[Token] = []
    for character in SENTENCE:
        start = tokens[-1].end + (0.43 if tokens[-1].text == "染" else 0.13) if tokens else 0.0
        tokens.append(Token(character, start, start + 0.1, 0.9))
    finished = open_finisher(EMBEDDED / "punctuation").finish(Segment(0.0, tokens[-1].end, tuple(tokens)))
    assert finished.text == "富士康在印度工厂出现大规模感染，目前工厂产量已下降超50%。"


@pytest.mark.parametrize(
    ("formatting", "written"),
    [
        (PLAIN, "百分之五十对"),
        (Formatting(punctuation=False), "50%对"),
        (Formatting(itn=False), "百分之五十，对"),
        (FORMATTED, "50%，对"),
    ],
)
def test_each_step_can_be_left_out(formatting: Formatting, written: str) -> None:
    assert finish("百分之五十对", formatting, at4="，").text == written


def test_a_mark_parts_numbers() -> None:
    assert finish("二十八十", at2="，").text == "28，10"


def test_a_telephone_number_has_no_marks_inside() -> None:
    assert (
        finish("电话幺三八零零一三八零零零对吗", at4="，", at8="，", at12="，", at14="？").text
        == "电话13800138000，对吗？"
    )


def test_a_short_number_and_the_next_are_two() -> None:
    assert finish("五零二三零八", at2="，").text == "502，308"


def test_a_hotword_keeps_its_characters_together() -> None:
    hotwords = parse_strictly("二十四桥\n百分之五十")
    assert finish("去二十四桥", hotwords=hotwords, at2="，", at4="。").text == "去二十四桥。"
    assert finish("去二十四楼", hotwords=hotwords).text == "去24楼"
    assert finish("百分之五十一", hotwords=hotwords).text == "百分之五十一"


def test_what_a_hotword_changed_keeps_its_characters_together() -> None:
    changed = segment(*"去三百六饭店", changes=(Change("三百六", 1, 4, "三百流", "lattice"),))
    finisher = Finisher(MarksBehind(at2="，"), InverseTextNormalizer())  # type: ignore[arg-type]
    assert finisher.finish(changed).text == "去三百六饭店"
    assert finisher.finish(segment(*"去三百六饭店")).text == "去300，六饭店"


def test_latin_words_stay_whole_and_part_numbers() -> None:
    finisher = Finisher(MarksBehind(at1="，"), InverseTextNormalizer())  # type: ignore[arg-type]
    hotwords = parse_strictly("wifi six")
    finished = finisher.finish(segment("用", "wi@@", "fi", "six", "二", "十", "个"), hotwords=hotwords)
    assert [word.text for word in finished.words] == ["用", "wifi", "six", "20", "个"]


def test_without_parts_nothing_changes() -> None:
    plain = segment(*SENTENCE)
    assert Finisher(None, None).finish(plain) == plain


@given(
    st.lists(st.sampled_from([*"零一二三五十百千万点分之年月号块我要挂幺", "wi@@", "fi"]), max_size=30),
    st.lists(st.sampled_from(["", "", "，", "。", "？", "、"]), min_size=30, max_size=30),
    st.lists(st.sampled_from(["二十", "一百五", "挂号", "三点"]), max_size=2),
    st.booleans(),
)
def test_words_always_cover_the_tokens_in_order(
    texts: list[str], marks: list[str], hotwords: list[str], itn: bool
) -> None:
    finisher = Finisher(
        MarksBehind(**{f"at{index}": mark for index, mark in enumerate(marks)}),  # type: ignore[arg-type]
        InverseTextNormalizer(),
    )
    said = segment(*texts)
    finished = finisher.finish(said, Formatting(itn=itn), hotwords=parse_strictly("\n".join(hotwords)))
    assert (finished.tokens, finished.spoken) == (said.tokens, said.spoken)
    assert [index for word in finished.words for index in range(word.first, word.last)] == list(range(len(texts)))
    for word in finished.words:
        assert word.start == said.tokens[word.first].start
        assert word.end == said.tokens[word.last - 1].end
        assert word.text

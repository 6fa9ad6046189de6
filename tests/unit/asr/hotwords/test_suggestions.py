"""What a correction teaches: whole words, the form that was heard, and what was really said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.hotwords.suggestions import Suggestion, corrected_speech, suggest
from asr.transcript import Segment, Token, Transcript, Word
from mandarin.words import segment


@pytest.mark.parametrize(
    ("heard", "corrected", "word", "alias"),
    [
        ("今天寻枪很顺利", "今天寻腔很顺利。", "寻腔", "寻枪"),
        ("医生说今静的时候有点疼", "医生说，进境的时候有点疼。", "进境", "今静"),
        ("奥美拉错一天一次", "奥美拉唑一天一次", "奥美拉唑", "奥美拉错"),
        ("请帮我找一下朱葛名宣", "请帮我找一下诸葛明轩", "诸葛明轩", "朱葛名宣"),
        ("我要去吴源旅游", "我要去婺源旅游", "婺源", "吴源"),
        ("幽门螺干菌", "幽门螺杆菌", "幽门螺杆菌", "幽门螺干菌"),
        ("他叫翟小", "他叫翟晓彤", "翟晓彤", "翟小"),
    ],
)
def test_a_changed_character_is_widened_to_its_word(heard: str, corrected: str, word: str, alias: str) -> None:
    assert suggest(heard, corrected) == (Suggestion(word, alias),)


def test_a_common_word_is_marked_for_it_is_really_said_elsewhere() -> None:
    assert suggest("这里看上去很清洗", "这里看上去很清晰") == (Suggestion("清晰", "清洗", alias_is_word=True),)


def test_two_words_are_two_suggestions_and_punctuation_keeps_them_apart() -> None:
    found = suggest("寻枪，今静完成", "寻腔，进境完成")
    assert [(one.word, one.alias) for one in found] == [("寻腔", "寻枪"), ("进境", "今静")]


def test_a_form_of_another_length_is_no_alias() -> None:
    (found,) = suggest("去吴", "去泸沽湖")
    assert found == Suggestion("泸沽湖")


@pytest.mark.parametrize(
    ("heard", "corrected"),
    [
        ("我爱吃苹果", "我爱吃苹果。"),
        ("买了三个", "买了五个"),
        ("说的完全是别的事情", "明天下午三点我要去医院看病"),
        ("买了3个", "买了5个"),
        ("我要挂号谢谢", "我要挂号"),
    ],
)
def test_what_is_no_word_is_not_suggested(heard: str, corrected: str) -> None:
    assert suggest(heard, corrected) == ()


@given(st.text("寻腔枪进境静的很，。50%今天ab ", max_size=12), st.text("寻腔枪进境静的很，。50%今天ab ", max_size=12))
def test_any_two_texts_can_be_compared(heard: str, corrected: str) -> None:
    for one in suggest(heard, corrected):
        assert 2 <= len(one.word) <= 8
        assert one.word != one.alias


@given(st.text("今天寻腔很顺利的我们中国", max_size=12))
def test_words_of_a_text_are_the_text(text: str) -> None:
    assert "".join(segment(text)) == text


def _transcript() -> Transcript:
    tokens = tuple(Token(character, 0.0, 0.0, 1.0) for character in "百分之五十寻枪")
    words = (Word("50%", 0, 0, 0, 5, "，"), Word("寻", 0, 0, 5, 6), Word("枪", 0, 0, 6, 7, "。"))
    return Transcript((Segment(0.0, 1.0, tokens, (), words),), 1.0)


@pytest.mark.parametrize(
    ("corrected", "said"),
    [
        ("50%，寻腔。", "百分之五十寻腔"),
        ("一共50%寻腔吧", "一共百分之五十寻腔吧"),
        ("60%，寻腔。", "百分之六十寻腔"),
        ("电话13800138000", "电话幺三八零零幺三八零零零"),
        ("12345元，寻腔", "一万二千三百四十五元寻腔"),
        ("2026-11-24寻腔", "二零二六年十一月二十四日寻腔"),
        ("150%寻腔", "百分之一百五十寻腔"),
    ],
)
def test_what_was_said_has_no_digits_and_no_punctuation(corrected: str, said: str) -> None:
    assert corrected_speech(_transcript(), corrected) == said

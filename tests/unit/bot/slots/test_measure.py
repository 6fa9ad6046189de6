"""Sizes as they are said and as they are misheard."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.slots import SURE, MeasureReader, Mention
from bot.turn import Utterance
from bot.understanding.normalised import normalise
from bot.understanding.sounds import sounds_of

READER = MeasureReader("size", ["厘米", "公分", "cm"], {"毫米": 0.1, "mm": 0.1})


def read(text: str, *, spoken: bool = False, asked: bool = False) -> list[Mention]:
    heard = normalise(Utterance(text, "spoken" if spoken else "typed", 0.9))
    sounds = sounds_of(heard) if spoken else None
    return READER.read(heard, sounds, asked=asked, now=datetime.now(UTC))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("大小约零点五厘米", "0.5厘米"),
        ("五毫米", "0.5厘米"),
        ("十二毫米", "1.2厘米"),
        ("一公分", "1厘米"),
        ("一厘米半", "1.5厘米"),
        ("半厘米", "0.5厘米"),
        ("两厘米", "2厘米"),
        ("0.5cm", "0.5厘米"),
        ("0.5x0.4cm", "0.5×0.4厘米"),
        ("三乘四厘米", "3×4厘米"),
        ("三厘米乘四厘米", "3×4厘米"),
        ("三到五毫米", "0.3–0.5厘米"),
        ("一点二五厘米", "1.25厘米"),
    ],
)
def test_a_size_is_kept_in_the_first_unit(text: str, value: str) -> None:
    assert [mention.value for mention in read(text)] == [value]


def test_a_number_without_a_unit_counts_only_when_it_was_asked_for() -> None:
    assert read("零点五") == []
    assert [mention.value for mention in read("零点五", asked=True)] == ["0.5厘米"]


@pytest.mark.parametrize("text", ["零点五里米", "林点五厘米", "零点武厘米"])
def test_a_misheard_size_is_found_by_its_sound(text: str) -> None:
    (mention,) = read(text, spoken=True)
    assert mention.value == "0.5厘米"
    assert mention.how == "sound"
    assert read(text) == [] or read(text)[0].value != "0.5厘米"


def test_a_size_that_only_sounds_near_is_asked_about() -> None:
    (mention,) = read("林点五里米", spoken=True)
    assert (mention.value, mention.confidence < SURE) == ("0.5厘米", True)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("三死厘米", "30厘米"),
        ("三点师厘米", "3.4厘米"),
        ("十似厘米", "14厘米"),
        ("试五例米", "15厘米"),
        ("零点时厘米", "0.4厘米"),
    ],
)
def test_four_and_ten_are_told_by_where_they_stand(text: str, value: str) -> None:
    assert [mention.value for mention in read(text, spoken=True)] == [value]


@pytest.mark.parametrize("text", ["三十厘", "三十厘时米", "三十里米", "三十蛙厘米"])
def test_a_size_with_a_lost_or_a_stray_character_is_asked_about(text: str) -> None:
    (mention,) = read(text, spoken=True)
    assert (mention.value, mention.how) == ("30厘米", "sound")


def test_a_sentence_with_numerals_is_no_size() -> None:
    assert read("不对，建议是好", spoken=True) == []
    assert read("第二条是个息肉", spoken=True) == []


def test_what_is_no_number_is_no_size() -> None:
    assert read("千万厘米") == []

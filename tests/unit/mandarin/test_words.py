"""Cutting texts into words."""

from __future__ import annotations

from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from mandarin.words import WordCutter, common_words, segment

KNOWN = {"消化": -8.0, "内科": -8.5, "消化内科": -14.0, "化内": -20.0, "科": -9.0, "消": -10.0}


def test_the_likeliest_words_are_taken() -> None:
    assert WordCutter(KNOWN, longest=4).cut("看消化内科") == ["看", "消化内科"]
    assert WordCutter(KNOWN, longest=2).cut("看消化内科") == ["看", "消化", "内科"]


def test_a_latin_word_stays_whole() -> None:
    assert WordCutter(KNOWN, longest=4).cut("做ct去消化内科b超") == ["做", "ct", "去", "消化内科", "b", "超"]


def test_words_that_are_known_beside_the_common_ones_keep_their_ends() -> None:
    assert segment("去寻腔镜室") != ["去", "寻腔镜", "室"]
    assert segment("去寻腔镜室", ["寻腔镜"]) == ["去", "寻腔镜", "室"]


@given(st.text(alphabet="我想挂号明天上午看医生多少钱的了", max_size=12))
def test_no_other_cut_is_likelier(text: str) -> None:
    known = common_words()

    @cache
    def best(rest: str) -> float:
        lengths = [length for length in range(1, min(4, len(rest)) + 1) if length == 1 or rest[:length] in known]
        return max((known.get(rest[:length], -12.0) + best(rest[length:]) for length in lengths), default=0.0)

    found = WordCutter(known, longest=4).cut(text)
    assert "".join(found) == text
    assert abs(sum(known.get(word, -12.0) for word in found) - best(text)) < 1e-6

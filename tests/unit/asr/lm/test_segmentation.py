"""Cutting sentences into a model's words."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from asr.lm.segmentation import WordCutter
from mandarin.words import common_words, cut

KNOWN = {"消化": -8.0, "内科": -8.5, "消化内科": -14.0, "化内": -20.0, "科": -9.0, "消": -10.0}


def test_the_likeliest_words_are_taken() -> None:
    assert WordCutter(KNOWN, longest=4).cut("看消化内科") == ["看", "消化内科"]
    assert WordCutter(KNOWN, longest=2).cut("看消化内科") == ["看", "消化", "内科"]


def test_a_latin_word_stays_whole() -> None:
    assert WordCutter(KNOWN, longest=4).cut("做ct去消化内科b超") == ["做", "ct", "去", "消化内科", "b", "超"]


@given(st.text(alphabet="我想挂号明天上午看医生多少钱的了", max_size=24))
def test_it_cuts_as_well_as_the_slower_way(text: str) -> None:
    known = common_words()
    found = WordCutter(known, longest=4).cut(text)
    assert "".join(found) == text
    assert sum(known.get(word, -12.0) for word in found) == sum(
        known.get(word, -12.0) for word in cut(text, known, longest=4)
    )

"""Counting what a list of hotwords gains and costs."""

from __future__ import annotations

import pytest

from asr.evaluation.hotwords import HotwordResult, _count, table
from asr.transcript import Change, Segment, Token, Transcript


def transcript(text: str, *changes: Change) -> Transcript:
    tokens = tuple(Token(character, 0.0, 1.0, 0.9) for character in text)
    return Transcript((Segment(0.0, 1.0, tokens, changes),), 1.0)


CHANGE = Change("寻腔", 0, 2, "寻枪", "lattice")


def test_words_are_counted_without_and_with_the_list() -> None:
    result = HotwordResult("some", 2)
    words = ["寻腔", "溃疡"]
    _count(result, words, "寻腔，溃疡。", transcript("寻枪溃疡"), transcript("寻腔溃疡", CHANGE))
    _count(result, words, "溃疡", transcript("溃疡"), transcript("寻腔", CHANGE))
    _count(result, words, "今天", transcript("今天"), transcript("寻腔", CHANGE))
    _count(result, words, "明天", transcript("明天"), transcript("明天"))
    assert (result.expected, result.found, result.wrong) == (3, 2, 2)
    assert (result.missed, result.rescued, result.lost) == (1, 1, 1)
    assert (result.quiet, result.triggered) == (2, 1)
    assert result.recall == pytest.approx(2 / 3)
    assert result.recall_without == pytest.approx(2 / 3)
    assert result.precision == pytest.approx(1 / 2)
    assert result.f1 == pytest.approx(4 / 7)
    assert (result.rescue_rate, result.false_trigger_rate) == (1.0, 0.5)
    assert result.to_dict()["cer_without"] == pytest.approx(1 / 10)


def test_nothing_counted_has_rates_all_the_same() -> None:
    empty = HotwordResult("empty", 0)
    assert (empty.recall, empty.precision, empty.rescue_rate, empty.false_trigger_rate) == (1.0, 1.0, 0.0, 0.0)
    assert table([empty]).splitlines()[-1].startswith("| empty | 0 | 0.0% |")

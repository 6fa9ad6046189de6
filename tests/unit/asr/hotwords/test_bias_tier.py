"""Hotwords that a model is told of: how they are spelled, that a list is read once, and what is said of the effect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from asr.audio.frontend import Samples
from asr.decoding import HotwordDecoder, Tier
from asr.decoding.posteriors import Posteriors
from asr.engines import EngineOutput
from asr.engines.bias import HotwordEncoder, HotwordUnits
from asr.hotwords.list import EMPTY, HotwordList, parse_strictly
from asr.recognizer import EMBEDDED, Recognizer
from asr.vad.fsmn import open_vad

UNITS = ("<blank>", "<s>", "</s>", *"寻腔进境静心", "hello", "wo@@", "rld", "<unk>")


def said(text: Sequence[str], probability: float = 0.9) -> Posteriors:
    rows = np.full((len(text), len(UNITS)), (1 - probability) / (len(UNITS) - 1), np.float32)
    rows[range(len(text)), [UNITS.index(unit) for unit in text]] = probability
    times = np.array([[index, index + 1] for index in range(len(text))], np.float32).reshape(-1, 2)
    return Posteriors(np.log(rows), times)


class Alone:
    """What a model hears by itself; counts how often it is asked."""

    def __init__(self, text: Sequence[str]) -> None:
        self.text, self.asked = text, 0

    def __call__(self) -> Posteriors:
        self.asked += 1
        return said(self.text)


def test_a_word_that_the_bias_put_is_reported_with_what_stood_there() -> None:
    tokens, (change,) = HotwordDecoder(UNITS).decode(said("心进境心"), parse_strictly("进境"), alone=Alone("心进静心"))
    assert (change.word, change.start, change.end, change.heard, change.tier) == ("进境", 1, 3, "进静", "bias")
    assert "".join(token.text for token in tokens) == "心进境心"


def test_a_word_of_the_least_weight_in_a_long_list_is_reported_too() -> None:
    others = "\n".join(f"静{chr(0x5000 + number)}" for number in range(2000))
    words = parse_strictly(f"进境 1\n{others}")
    _, (change,) = HotwordDecoder(UNITS).decode(said("进境"), words, alone=Alone("进静"), tiers=frozenset({Tier.BIAS}))
    assert change.word == "进境"


def test_a_word_where_the_model_heard_nothing_has_replaced_nothing() -> None:
    _, (change,) = HotwordDecoder(UNITS).decode(said("进境"), parse_strictly("进境"), alone=Alone(("</s>", "<blank>")))
    assert change.heard == ""


def test_a_word_that_was_heard_anyway_is_no_change() -> None:
    alone = Alone("进境")
    _, changes = HotwordDecoder(UNITS).decode(said("进境"), parse_strictly("进境"), alone=alone)
    assert changes == ()
    assert alone.asked == 1


def test_where_no_hotword_stands_the_model_is_not_asked_again() -> None:
    alone = Alone("进静")
    HotwordDecoder(UNITS).decode(said("进静"), parse_strictly("寻腔"), alone=alone)
    assert alone.asked == 0


def test_what_the_bias_put_is_left_alone_by_the_other_tiers() -> None:
    words = parse_strictly("进境\n境心 100\n静心 100")
    _, changes = HotwordDecoder(UNITS).decode(said("进境静", 0.3), words, alone=Alone("进静静"))
    assert [(change.word, change.tier) for change in changes] == [("进境", "bias")]


class Told:
    """An engine that hears one thing with hotwords and another without."""

    name, units, max_seconds, batch_seconds = "told", UNITS, 30.0, 0.0

    def __init__(self, biased: Posteriors, alone: Posteriors) -> None:
        self.biased, self.alone = biased, alone

    def listen(self, segments: Sequence[Samples], hotwords: HotwordList = EMPTY) -> list[EngineOutput]:
        if not hotwords:
            return [EngineOutput(self.alone)] * len(segments)
        return [EngineOutput(self.biased, lambda: self.alone)] * len(segments)


def test_the_bias_brings_no_noise_to_life() -> None:
    second = np.zeros(16000, np.float32)
    vad, words = open_vad(EMBEDDED / "vad"), parse_strictly("进境")
    assert Recognizer(vad, Told(said("进境"), said("心心", 0.1))).recognise(second, hotwords=words) is None
    spoken = Recognizer(vad, Told(said("进境"), said("进静")))
    segment = spoken.recognise(second, hotwords=words)
    assert segment is not None
    assert segment.changes[0].tier == "bias"
    other = spoken.recognise(second, hotwords=words, tiers=frozenset())
    assert other is not None
    assert other.spoken == "进静"


def spelled(words: str) -> list[list[str]]:
    return [[UNITS[unit] for unit in word] for word in HotwordUnits(UNITS).encode(parse_strictly(words))]


def test_words_are_spelled_as_the_vocabulary_says_and_none_comes_last() -> None:
    assert spelled("进境 helloworld寻腔 进龘境") == [
        ["进", "境"],
        ["<unk>", "寻", "腔"],
        ["进", "<unk>", "境"],
        ["<s>"],
    ]
    assert spelled("world hello") == [["wo@@", "rld"], ["hello"], ["<s>"]]


def test_a_word_without_any_known_character_is_left_to_the_other_tiers() -> None:
    assert spelled("龘龘 寻腔") == [["寻", "腔"], ["<s>"]]


def test_a_vocabulary_without_a_unit_for_no_hotword_is_refused() -> None:
    with pytest.raises(ValueError, match="<s>"):
        HotwordUnits(["<blank>", "一"])


class CountingGraph:
    """Stands for model_eb.onnx: an embedding is the sum of a word's units so far."""

    def __init__(self) -> None:
        self.runs = 0

    def run(self, values: dict[str, Any]) -> dict[str, Any]:
        self.runs += 1
        return {"hw_embed": np.cumsum(values["hotword"], axis=1).T[:, :, None].astype(np.float32)}


def test_a_list_is_read_once_and_each_word_up_to_its_own_end() -> None:
    graph = CountingGraph()
    encoder = HotwordEncoder(graph, HotwordUnits(UNITS))  # type: ignore[arg-type]
    words = parse_strictly("寻腔进境静心寻腔进境静心 寻 进境")
    embedded = encoder.embed(words)
    assert embedded[:, 0].tolist() == [2 * sum(range(3, 9)), 3, 5 + 6, 1]
    assert encoder.embed(parse_strictly("寻腔进境静心寻腔进境静心 寻 进境")) is embedded
    assert graph.runs == 1
    encoder.embed(EMPTY)
    assert graph.runs == 2


def test_only_so_many_lists_are_kept() -> None:
    graph = CountingGraph()
    encoder = HotwordEncoder(graph, HotwordUnits(UNITS))  # type: ignore[arg-type]
    for weight in range(1, 40):
        encoder.embed(parse_strictly(f"寻腔 {weight}"))
    encoder.embed(parse_strictly("寻腔 1"))
    assert graph.runs == 40

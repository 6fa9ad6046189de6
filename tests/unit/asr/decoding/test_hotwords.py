"""Decoding with hotwords, on posteriors made by hand, so that every choice can be told beforehand."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asr.decoding import HotwordDecoder, HotwordSettings, Tier, decode_greedily
from asr.decoding.automaton import HotwordScorer, Match, Pattern
from asr.decoding.beam import BeamSettings, search
from asr.decoding.greedy import rank
from asr.decoding.hotwords import spell
from asr.decoding.phonetic import crowding
from asr.decoding.posteriors import Posteriors
from asr.hotwords.list import EMPTY, HotwordList, parse_strictly
from mandarin.near_sounds import near_class
from mandarin.pinyin import syllables

TEXT = "寻腔进境静京镜洗清晰干净我们去北的了在肿物中午新心星杭狼"
ENDS = ("<blank>", "<s>", "</s>")
UNITS = (*ENDS, *dict.fromkeys(TEXT), "hello", "wo@@", "rld", "<unk>")
LATTICE = frozenset({Tier.LATTICE})
PHONETIC = frozenset({Tier.PHONETIC})


def heard(*positions: dict[str, float]) -> Posteriors:
    """One distribution a position; what is left over is no text."""
    rows = []
    for position in positions:
        row = np.full(len(UNITS), 1e-4, np.float64)
        for unit, probability in position.items():
            row[UNITS.index(unit)] += probability
        row[UNITS.index("<s>")] += 1.0 - sum(position.values())
        rows.append(np.log(row / row.sum()))
    times = [[0.2 * index, 0.2 * index + 0.1] for index in range(len(positions))]
    return Posteriors(np.array(rows, np.float32).reshape(-1, len(UNITS)), np.array(times, np.float32).reshape(-1, 2))


def text_of(posteriors: Posteriors, hotwords: str, tiers: frozenset[Tier] = LATTICE | PHONETIC) -> str:
    tokens, _ = HotwordDecoder(UNITS).decode(posteriors, parse_strictly(hotwords), tiers=tiers)
    return "".join(token.text for token in tokens)


MISHEARD = heard({"寻": 0.8}, {"腔": 0.8}, {"进": 0.9}, {"静": 0.6, "境": 0.3}, {"了": 0.9})

ROWS = st.lists(
    st.lists(st.sampled_from([-9.0, -3.0, -1.0, 0.0, 0.5]), min_size=len(UNITS), max_size=len(UNITS)), max_size=6
)


def normalised(rows: list[list[float]]) -> Posteriors:
    scores = np.array(rows, np.float32).reshape(-1, len(UNITS))
    log_probs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return Posteriors(log_probs, np.zeros((len(rows), 2), np.float32))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ROWS)
def test_without_hotwords_the_result_is_that_of_greedy_decoding(rows: list[list[float]]) -> None:
    posteriors = normalised(rows)
    greedy = decode_greedily(posteriors, UNITS)
    decoder = HotwordDecoder(UNITS)
    assert decoder.decode(posteriors, EMPTY) == (greedy, ())
    assert decoder.decode(posteriors, parse_strictly("寻腔"), tiers=frozenset()) == (greedy, ())
    ranked = rank(posteriors, UNITS)
    # A scorer that never says anything: the search itself changes nothing either.
    found = search(ranked, posteriors.log_probs, [HotwordScorer([])], BeamSettings())
    assert found == tuple(candidates.units[0] for candidates in ranked)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ROWS)
def test_every_change_is_reported_where_it_is(rows: list[list[float]]) -> None:
    posteriors = normalised(rows)
    greedy = decode_greedily(posteriors, UNITS)
    tokens, changes = HotwordDecoder(UNITS).decode(posteriors, parse_strictly("寻腔 进境 寻腔进境 50\n清晰|清洗"))
    same = list(tokens)
    for change in reversed(changes):
        assert "".join(token.text for token in tokens[change.start : change.end]) == change.word
        assert change.heard != change.word
        same[change.start : change.end] = [None] * len(change.heard)
    assert len(same) == len(greedy)
    assert all(kept is None or kept == token for kept, token in zip(same, greedy, strict=True))


SCORER = HotwordScorer(
    [
        Pattern(word, tuple(map(UNITS.index, word)), bonus)
        for word, bonus in (("寻腔", 2.0), ("进境", 3.0), ("寻腔进境", 6.0), ("清晰", 4.0))
    ]
)


def score_of(text: tuple[int, ...], posteriors: Posteriors, best: tuple[int, ...]) -> float:
    """What a text costs against the best one, and what its words earn."""
    state, score = SCORER.start(), 0.0
    for row, unit, first in zip(posteriors.log_probs, text, best, strict=True):
        state, added = SCORER.advance(state, unit)
        score += float(row[unit] - row[first]) + added
    return score + SCORER.finish(state)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ROWS)
def test_no_text_that_was_left_out_of_the_search_is_better(rows: list[list[float]]) -> None:
    posteriors = normalised([[-30.0] * len(ENDS) + row[len(ENDS) :] for row in rows[:4]])  # every position has text
    ranked = rank(posteriors, UNITS)
    best = tuple(candidates.units[0] for candidates in ranked)
    found = search(ranked, posteriors.log_probs, [SCORER], BeamSettings(margin=100.0))
    texts = itertools.product(*({unit, *map(UNITS.index, "寻腔进境清晰")} for unit in best))
    most = max(score_of(text, posteriors, best) for text in texts)
    assert score_of(found, posteriors, best) == pytest.approx(most, abs=1e-4)


def test_where_the_model_is_sure_of_nothing_few_units_are_looked_at() -> None:
    """Noise gives such posteriors: every unit of every hotword is nearly as likely as the best one."""
    patterns = [Pattern(str(number), (number, number + 1), 4.0) for number in range(100)]
    costs = np.full((40, 200), -3.5, np.float32)
    costs[:, 199] = 0.0
    costs[7, 20:22] = costs[8, 20:22] = -1.0
    assert [place for place, units in enumerate(HotwordScorer(patterns).wanted(costs)) if units] == [7, 8]


def test_a_word_that_is_nearly_as_likely_is_chosen_and_reported() -> None:
    tokens, (change,) = HotwordDecoder(UNITS).decode(MISHEARD, parse_strictly("进境"), offset=10.0, tiers=LATTICE)
    assert "".join(token.text for token in tokens) == "寻腔进境了"
    assert (change.word, change.start, change.end, change.heard, change.tier) == ("进境", 2, 4, "进静", "lattice")
    assert tokens[3].start == pytest.approx(10.6)
    assert 0.3 < tokens[3].confidence < 1.0
    assert [alternative.text for alternative in tokens[3].alternatives][:2] == ["境", "静"]
    assert sum(alternative.probability for alternative in tokens[3].alternatives) <= 1.0 + 1e-6


def test_a_heavier_word_needs_less_of_the_model() -> None:
    doubtful = heard({"进": 0.9}, {"静": 0.97, "境": 0.003})
    assert text_of(doubtful, "进境 1", LATTICE) == "进静"
    assert text_of(doubtful, "进境 100", LATTICE) == "进境"


def test_a_word_of_a_long_list_has_to_be_heard_better() -> None:
    posteriors = heard({"进": 0.9}, {"静": 0.9, "境": 0.05})
    others = "\n".join(f"{chr(0x4E00 + number)}{chr(0x6200 + number)}" for number in range(4900))
    assert text_of(posteriors, "进境") == "进境"
    assert text_of(posteriors, f"进境\n{others}") == "进静"
    assert crowding(100, 2) == 0.0 < crowding(1000, 2) < crowding(5000, 2)
    assert crowding(5000, 4) < crowding(5000, 3) < crowding(5000, 2)


@pytest.mark.parametrize("tiers", [LATTICE, PHONETIC])
def test_a_usual_word_is_left_alone_where_a_chance_row_of_characters_is_not(tiers: frozenset[Tier]) -> None:
    # 中心 is a word of everybody's, 中新 is none; 中星 sounds like both.
    usual = heard({"中": 0.8}, {"心": 0.8, "星": 0.06})
    by_chance = heard({"中": 0.8}, {"新": 0.8, "星": 0.06})
    assert text_of(usual, "中星", tiers) == "中心"
    assert text_of(by_chance, "中星", tiers) == "中星"
    assert text_of(usual, "中星 60", tiers) == "中星"


def test_half_a_word_earns_nothing() -> None:
    posteriors = heard({"进": 0.5, "寻": 0.4}, {"了": 1.0})
    assert text_of(posteriors, "寻腔 100", LATTICE) == "进了"


def test_a_word_that_breaks_off_gives_way_to_one_inside_it() -> None:
    posteriors = heard({"寻": 0.9}, {"洗": 0.5, "清": 0.4}, {"晰": 0.9}, {"的": 0.9})
    assert text_of(posteriors, "寻清晰我 清晰", LATTICE) == "寻清晰的"


def test_the_bonus_of_a_text_is_that_of_its_words() -> None:
    scorer = HotwordScorer([Pattern("ab", (1, 2), 4.0), Pattern("abcd", (1, 2, 3, 4), 6.0), Pattern("cd", (3, 4), 4.0)])

    def total(*units: int) -> float:
        state, score = scorer.start(), 0.0
        for unit in units:
            state, added = scorer.advance(state, unit)
            score += added
        return score + scorer.finish(state)

    assert total(1, 2) == pytest.approx(4.0)
    assert total(1) == total(1, 3) == total(1, 1, 5) == pytest.approx(0.0)
    assert total(1, 2, 3) == pytest.approx(4.0)
    assert total(1, 2, 3, 4) == pytest.approx(8.0)
    assert total(1, 2, 5, 1, 2) == pytest.approx(8.0)
    assert scorer.find((5, 1, 2, 3, 4)) == (Match("ab", 1, 3), Match("cd", 3, 5))


def test_a_word_is_found_by_its_sound_alone() -> None:
    posteriors = heard({"我": 0.9}, {"中": 0.6}, {"午": 0.6})
    tokens, (change,) = HotwordDecoder(UNITS).decode(posteriors, parse_strictly("肿物 80"), tiers=PHONETIC)
    assert "".join(token.text for token in tokens) == "我肿物"
    assert (change.heard, change.tier) == ("中午", "phonetic")
    assert [token.start for token in tokens] == pytest.approx([0.0, 0.2, 0.4])


def test_characters_outside_the_vocabulary_can_be_written() -> None:
    assert "忻" not in UNITS
    assert text_of(heard({"杭": 0.7}, {"新": 0.6}), "杭忻") == "杭忻"


def test_what_the_model_is_sure_of_stays() -> None:
    assert text_of(heard({"中": 0.999}, {"午": 0.999}), "肿物") == "中午"


def test_near_sounds_count_and_others_do_not() -> None:
    assert text_of(heard({"心": 0.5, "新": 0.4}, {"静": 0.6, "境": 0.3}), "星京 40", PHONETIC) == "星京"
    assert text_of(heard({"我": 0.6}, {"们": 0.6}), "星京 40") == "我们"


def test_an_alias_becomes_its_word() -> None:
    sure = heard({"我": 0.99}, {"清": 0.999}, {"洗": 0.999})
    assert text_of(sure, "清晰 | 清洗") == "我清晰"
    assert text_of(sure, "杭京北 | 清洗") == "我杭京北"
    _, (change,) = HotwordDecoder(UNITS).decode(sure, parse_strictly("杭京北 | 清洗"))
    assert (change.start, change.end, change.heard) == (1, 4, "清洗")


@pytest.mark.parametrize("tiers", [LATTICE, PHONETIC])
def test_in_a_context_that_is_named_nothing_is_changed(tiers: frozenset[Tier]) -> None:
    posteriors = heard({"清": 0.8}, {"洗": 0.5, "晰": 0.3}, {"干": 0.9}, {"净": 0.9})
    assert text_of(posteriors, "清晰 50", tiers) == "清晰干净"
    assert text_of(posteriors, "清晰 50 ~~~ 清洗干净", tiers) == "清洗干净"
    assert text_of(posteriors, "清晰 50 ~~~ 北京", tiers) == "清晰干净"


def test_a_hotword_that_was_heard_right_is_not_taken_apart() -> None:
    posteriors = heard({"中": 0.6}, {"午": 0.6}, {"我": 0.6})
    assert text_of(posteriors, "中午 1\n肿物 100", PHONETIC) == "中午我"


def test_latin_words_are_written_in_the_models_pieces() -> None:
    index = {unit: place for place, unit in enumerate(UNITS)}
    assert spell("World", index) == (UNITS.index("wo@@"), UNITS.index("rld"))
    assert spell("hello我", index) == (UNITS.index("hello"), UNITS.index("我"))
    assert spell("worry", index) is None
    assert spell("崂山", index) is None
    assert spell("<unk>", index) is None


def test_letters_with_the_mark_of_a_piece_spell_what_is_spoken_letter_by_letter() -> None:
    index = {"b@@": 0, "超": 1, "c@@": 2, "t@@": 3}
    assert spell("B超", index) == (0, 1)
    assert spell("CT", index) == (2, 3)


def test_threads_share_a_decoder() -> None:
    decoder = HotwordDecoder(UNITS, HotwordSettings())
    lists = [parse_strictly(text) for text in ("进境", "寻京", "杭狼")] * 20
    expected = [HotwordDecoder(UNITS).decode(MISHEARD, hotwords) for hotwords in lists[:3]] * 20
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda hotwords: decoder.decode(MISHEARD, hotwords), lists)) == expected


def test_more_lists_than_are_kept_are_made_anew() -> None:
    decoder = HotwordDecoder(UNITS)
    for number in range(1, 41):
        decoder.decode(MISHEARD, parse_strictly(f"进境 {number}"))
    assert [change.word for change in decoder.decode(MISHEARD, parse_strictly("进境 20"))[1]] == ["进境"]


def test_nothing_heard_and_a_list_nobody_can_write_are_fine() -> None:
    assert HotwordDecoder(UNITS).decode(heard(), parse_strictly("进境")) == ((), ())
    assert HotwordDecoder(UNITS).decode(MISHEARD, parse_strictly("ABC αβγ"))[1] == ()
    assert HotwordDecoder(("<blank>", "a")).decode(
        Posteriors(np.log(np.array([[0.1, 0.9]], np.float32)), np.zeros((1, 2), np.float32)), HotwordList()
    )[0]


@pytest.mark.parametrize(
    ("one", "other"), [("zhang", "zan"), ("li", "ni"), ("xin", "xing"), ("shen", "seng"), ("fu", "hu"), ("ran", "lang")]
)
def test_sounds_that_accents_merge_are_near(one: str, other: str) -> None:
    assert near_class(one) == near_class(other)


def test_syllables_are_read_in_context() -> None:
    assert syllables("银行") == ("yin", "hang")
    assert syllables("行走") == ("xing", "zou")
    assert syllables("A股") is None

"""Words found by their sound."""

from __future__ import annotations

import pytest

from bot import Utterance
from bot.understanding.normalised import MAX_CHARACTERS, normalise
from bot.understanding.sounds import SoundLexicon, near_class, readings, sounds_of, syllable_distance, syllables


def find(words: list[str], text: str, min_score: float = 0.7, **spoken: object) -> list[tuple[str, int, int]]:
    sounds = sounds_of(normalise(Utterance(text, "spoken", **spoken)))  # type: ignore[arg-type]
    return [(match.word, match.start, match.end) for match in SoundLexicon(words).find(sounds, min_score=min_score)]


@pytest.mark.parametrize(
    ("one", "other"), [("zhang", "zang"), ("shi", "si"), ("nan", "lan"), ("jin", "jing"), ("hu", "fu")]
)
def test_sounds_that_accents_merge_are_near(one: str, other: str) -> None:
    assert 0 < syllable_distance(one, other) <= 0.15
    assert near_class(one) == near_class(other)


@pytest.mark.parametrize(("one", "other"), [("shang", "xia"), ("gu", "er"), ("ming", "zuo"), ("a", "x1")])
def test_sounds_of_different_words_are_far(one: str, other: str) -> None:
    assert syllable_distance(one, other) >= 0.6


def test_the_same_syllable_is_at_no_distance_and_distance_is_symmetric() -> None:
    assert syllable_distance("hua", "hua") == 0
    assert syllable_distance("hua", "wa") == syllable_distance("wa", "hua")


def test_characters_are_read_in_context_and_digits_as_numbers() -> None:
    assert syllables("银行") == ("yin", "hang")
    assert syllables("a1三") == ("a", "yi", "san")
    assert readings("行") == ("xing", "hang")
    assert readings("，") == ()


def test_a_word_is_found_where_it_stands() -> None:
    assert find(["消化内科"], "我要看小华内科谢谢") == [("消化内科", 3, 7)]


def test_a_word_is_found_across_what_does_not_belong_there() -> None:
    assert find(["消化内科"], "消化，嗯内科") == [("消化内科", 0, 6)]


def test_a_word_is_found_with_a_syllable_missing() -> None:
    assert find(["耳鼻喉科"], "挂耳鼻科") == [("耳鼻喉科", 1, 4)]


def test_the_score_falls_with_the_distance() -> None:
    lexicon = SoundLexicon(["消化内科"])
    scores = [
        lexicon.find(sounds_of(normalise(Utterance(text, "spoken"))), min_score=0.0)[0].score
        for text in ("消化内科", "笑话内科", "小瓦内科", "小瓦来个")
    ]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == 1.0


def test_the_recognisers_second_choice_counts() -> None:
    likely = ((("谷", 0.5), ("卷", 0.01)), (("歌", 0.4), ("科", 0.35)))
    unlikely = ((("谷", 0.5), ("卷", 0.01)), (("歌", 0.9), ("科", 0.02)))
    assert find(["眼科", "骨科"], "谷歌", 0.9) == []
    assert find(["眼科", "骨科"], "谷歌", 0.9, confidence=0.5, alternatives=likely) == [("骨科", 0, 2)]
    assert find(["眼科", "骨科"], "谷歌", 0.9, confidence=0.5, alternatives=unlikely) == []


@pytest.mark.parametrize("text", ["", "，。", "hello", "🙂"])
def test_nothing_is_found_in_what_has_no_such_sound(text: str) -> None:
    assert find(["消化内科"], text) == []


def test_an_empty_lexicon_finds_nothing() -> None:
    assert find([], "消化内科") == []


def test_an_utterance_is_cleaned_and_bounded() -> None:
    heard = normalise(Utterance("Ａ\u0000b\u200b \n　c" + "长" * 10_000))
    assert heard.shown.startswith("Ab c长")
    assert heard.text.startswith("ab c长")
    assert len(heard.text) == MAX_CHARACTERS


def test_alternatives_that_do_not_fit_the_text_are_left_out() -> None:
    heard = normalise(Utterance("骨科", "spoken", 0.4, alternatives=((("骨", 0.9),),)))
    assert heard.certainty == (0.4, 0.4)
    assert heard.candidates == ((), ())


def test_only_sound_is_silence() -> None:
    assert normalise(Utterance("。， ")).silent
    assert not normalise(Utterance("嗯")).silent

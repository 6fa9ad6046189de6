"""Transcripts: text, confidence, and the way to JSON and back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.transcript import Alternative, Change, Segment, Token, Transcript, Word, join_texts


def transcript() -> Transcript:
    tokens = (
        Token("你", 0.1, 0.3, 0.9, (Alternative("你", 0.9), Alternative("泥", 0.05))),
        Token("好", 0.3, 0.5, 0.7),
    )
    changes = (Change("你好", 0, 2, "泥好", "lattice"),)
    return Transcript((Segment(0.0, 0.6, tokens, changes), Segment(1.0, 1.2, (Token("吗", 1.0, 1.1, 0.5),))), 2.0)


def test_text_and_tokens_are_those_of_all_segments() -> None:
    assert transcript().text == transcript().spoken == "你好吗"
    assert [token.text for token in transcript().tokens] == ["你", "好", "吗"]


def test_confidence_is_the_mean_of_the_tokens() -> None:
    assert transcript().confidence == pytest.approx(0.7)


def test_nothing_heard_has_no_text_and_no_confidence() -> None:
    assert Transcript((), 3.0).text == ""
    assert Transcript((), 3.0).confidence == 0.0


def test_json_and_back() -> None:
    assert Transcript.from_dict(json.loads(json.dumps(transcript().to_dict()))) == transcript()


def test_a_missing_field_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        Transcript.from_dict({"seconds": 1.0})


@pytest.mark.parametrize(
    ("texts", "joined"),
    [
        (["你", "好"], "你好"),
        (["hello", "world"], "hello world"),
        (["he@@", "llo", "world"], "hello world"),
        (["用", "wi@@", "fi", "吗"], "用wifi吗"),
        (["第", "3", "4"], "第3 4"),
        ([], ""),
    ],
)
def test_latin_words_are_spaced_and_characters_are_not(texts: list[str], joined: str) -> None:
    assert join_texts(texts) == joined


def test_transcripts_stored_before_there_were_hotwords_are_read() -> None:
    data = transcript().to_dict()
    for segment in data["segments"]:
        del segment["changes"]
    assert Transcript.from_dict(data).changes == ()
    assert len(transcript().changes) == 1


def test_transcripts_stored_before_there_were_words_are_read() -> None:
    data = transcript().to_dict()
    for segment in data["segments"]:
        del segment["words"]
    assert Transcript.from_dict(data) == transcript()


def tokens_of(*texts: str) -> tuple[Token, ...]:
    return tuple(Token(text, number * 0.2, number * 0.2 + 0.2, 0.9) for number, text in enumerate(texts))


def test_the_written_form_has_its_own_words_and_the_spoken_one_stays() -> None:
    words = (Word("超", 0.0, 0.2, 0, 1), Word("50%", 0.2, 1.2, 1, 6, "，"), Word("对", 1.2, 1.4, 6, 7, "。"))
    segment = Segment(0.0, 1.4, tokens_of(*"超百分之五十对"), words=words)
    assert (segment.text, segment.spoken) == ("超50%，对。", "超百分之五十对")
    found = Transcript.from_dict(json.loads(json.dumps(Transcript((segment,), 2.0).to_dict())))
    assert found.words == words
    assert (found.text, found.spoken) == ("超50%，对。", "超百分之五十对")


def test_the_pieces_of_a_latin_word_are_one_word() -> None:
    segment = Segment(0.0, 1.0, tokens_of("用", "wi@@", "fi", "hot", "spot"))
    assert [(word.text, word.first, word.last) for word in segment.words] == [
        ("用", 0, 1),
        ("wifi", 1, 3),
        ("hot", 3, 4),
        ("spot", 4, 5),
    ]
    assert (segment.words[1].start, segment.words[1].end) == (0.2, pytest.approx(0.6))
    assert segment.text == segment.spoken == "用wifi hot spot"


def test_letters_that_chinese_follows_are_a_word_of_their_own() -> None:
    segment = Segment(0.0, 1.0, tokens_of("去", "C@@", "T@@", "室", "B@@", "超"))
    assert [word.text for word in segment.words] == ["去", "CT", "室", "B", "超"]
    assert segment.text == segment.spoken == "去CT室B超"


@pytest.mark.parametrize("ranges", [[(0, 1)], [(0, 1), (1, 3), (2, 3)], [(0, 1), (2, 3)], [(0, 0), (0, 3)], [(0, 4)]])
def test_words_that_do_not_stand_for_every_token_once_are_refused(ranges: list[tuple[int, int]]) -> None:
    words = tuple(Word("字", 0.0, 1.0, first, last) for first, last in ranges)
    with pytest.raises(ValueError, match="3 tokens"):
        Segment(0.0, 1.0, tokens_of(*"一二三"), words=words)


@given(st.lists(st.sampled_from(["你", "好", "he@@", "llo", "w", "三"]), max_size=12))
def test_words_left_out_are_the_tokens_themselves(texts: list[str]) -> None:
    segment = Segment(0.0, 9.0, tokens_of(*texts))
    assert segment.text == segment.spoken
    assert [index for word in segment.words for index in range(word.first, word.last)] == list(range(len(texts)))


def test_a_piece_of_a_long_recording_is_put_at_its_place_in_the_whole() -> None:
    token = Token("好", 1.0, 1.5, 0.9)
    moved = Segment(1.0, 1.5, (token,), channel=1).shifted(60.0)
    assert (moved.start, moved.end, moved.channel) == (61.0, 61.5, 1)
    assert (moved.tokens[0].start, moved.words[0].end) == (61.0, 61.5)


def test_the_end_of_a_call_is_kept() -> None:
    transcript = Transcript((Segment(0.0, 1.0, (Token("好", 0.0, 1.0, 0.9),), channel=1),), 1.0)
    assert Transcript.from_dict(transcript.to_dict()) == transcript

"""Transcripts: text, confidence, and the way to JSON and back."""

from __future__ import annotations

import json

import pytest

from asr.transcript import Alternative, Change, Segment, Token, Transcript, join_texts


def transcript() -> Transcript:
    tokens = (
        Token("你", 0.1, 0.3, 0.9, (Alternative("你", 0.9), Alternative("泥", 0.05))),
        Token("好", 0.3, 0.5, 0.7),
    )
    changes = (Change("你好", 0, 2, "泥好", "lattice"),)
    return Transcript(
        (Segment("你好", 0.0, 0.6, tokens, changes), Segment("吗", 1.0, 1.2, (Token("吗", 1.0, 1.1, 0.5),))), 2.0
    )


def test_text_and_tokens_are_those_of_all_segments() -> None:
    assert transcript().text == "你好吗"
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

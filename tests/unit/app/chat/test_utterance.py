"""What the bot gets to know of a transcript."""

from __future__ import annotations

from app.chat.utterance import spoken
from asr import Alternative, Segment, Token, Transcript, Word


def _transcript(*tokens: Token, words: tuple[Word, ...] = ()) -> Transcript:
    return Transcript((Segment(0.0, 1.0, tokens, words=words),), 1.0)


def test_an_utterance_has_the_candidates_of_every_character() -> None:
    candidates = (Alternative("号", 0.6), Alternative("浩", 0.3))
    utterance = spoken(_transcript(Token("挂", 0, 0.5, 0.9), Token("号", 0.5, 1, 0.6, candidates)))
    assert (utterance.text, utterance.source) == ("挂号", "spoken")
    assert utterance.confidence == 0.75
    assert utterance.alternatives == ((("挂", 0.9),), (("号", 0.6), ("浩", 0.3)))


def test_a_token_of_several_letters_stands_for_each_of_them() -> None:
    utterance = spoken(_transcript(Token("CT", 0, 1, 0.8, (Alternative("CT", 0.8), Alternative("西", 0.1)))))
    assert utterance.alternatives == ((("C", 0.8),), (("T", 0.8),))


def test_candidates_that_do_not_line_up_with_the_text_are_left_out() -> None:
    utterance = spoken(_transcript(Token("a", 0, 0.5, 0.8), Token("b", 0.5, 1, 0.8)))
    assert utterance.text == "a b"
    assert utterance.alternatives == ()


def test_the_bot_gets_what_was_said_and_not_how_it_is_written() -> None:
    tokens = (Token("三", 0, 0.4, 0.9), Token("点", 0.4, 0.8, 0.9))
    utterance = spoken(_transcript(*tokens, words=(Word("3:00", 0, 0.8, 0, 2, "。"),)))
    assert utterance.text == "三点"
    assert len(utterance.alternatives) == 2

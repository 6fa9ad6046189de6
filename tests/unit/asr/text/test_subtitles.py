"""Transcripts as files that other programs read."""

from __future__ import annotations

import itertools
import json
import re

from hypothesis import given
from hypothesis import strategies as st

from asr.text.subtitles import MAX_CHARACTERS, cues, to_json, to_srt, to_text, to_vtt
from asr.transcript import Segment, Token, Transcript, Word

WORDS = st.lists(
    st.tuples(st.text("你好世界", min_size=1, max_size=4), st.sampled_from(["", "", "，", "。"])), max_size=40
)


def segment(words: list[tuple[str, str]], start: float = 0.0, channel: int | None = None) -> Segment:
    """A segment that gives each character 0.2 s."""
    tokens: list[Token] = []
    written = []
    for text, mark in words:
        first = len(tokens)
        tokens += [Token(one, start + 0.2 * i, start + 0.2 * (i + 1), 0.9) for i, one in enumerate(text, first)]
        written.append(Word(text, tokens[first].start, tokens[-1].end, first, len(tokens), mark))
    return Segment(start, start + 0.2 * len(tokens), tuple(tokens), (), tuple(written), channel)


def transcript(*segments: Segment, seconds: float = 4000.0) -> Transcript:
    return Transcript(segments, seconds)


@given(WORDS)
def test_no_character_is_lost_no_line_is_long_and_times_go_forward(words: list[tuple[str, str]]) -> None:
    whole = transcript(segment(words))
    found = cues(whole)
    assert "".join(cue.text for cue in found) == whole.text
    assert all(len(cue.text) <= MAX_CHARACTERS for cue in found)
    assert all(cue.start < cue.end for cue in found)
    times = [time for cue in found for time in (cue.start, cue.end)]
    assert all(earlier <= later + 1e-9 for earlier, later in itertools.pairwise(times))


def test_lines_end_where_clauses_do() -> None:
    whole = transcript(
        segment([("今天的天气真的很好", "，"), ("我们", "，"), ("一起去公园散步吧", "。"), ("好", "。")])
    )
    assert [cue.text for cue in cues(whole)] == ["今天的天气真的很好，", "我们，一起去公园散步吧。", "好。"]


def test_srt_numbers_its_lines_and_writes_hours() -> None:
    whole = transcript(segment([("你好", "。")]), segment([("世界", "。")], start=3661.25))
    assert to_srt(whole) == ("1\n00:00:00,000 --> 00:00:00,500\n你好。\n\n2\n01:01:01,250 --> 01:01:01,750\n世界。\n\n")


def test_vtt_begins_with_its_name_and_holds_no_tags() -> None:
    shown = to_vtt(transcript(segment([("<b>&", ""), ("-->", "")])))
    assert shown.startswith("WEBVTT\n\n00:00:00.000 --> ")
    assert "&lt;b&gt;&amp;--&gt;" in shown


def test_a_text_cannot_pretend_to_be_a_line_of_times() -> None:
    assert len(re.findall("-->", to_srt(transcript(segment([("-->", "")]))))) == 1


def test_the_ends_of_a_call_are_named() -> None:
    whole = transcript(segment([("你好", "。")], channel=0), segment([("请讲", "。")], start=1.0, channel=1))
    assert to_text(whole) == "[1] 你好。\n[2] 请讲。\n"
    assert "\n[2] 请讲。\n" in to_srt(whole)


def test_json_holds_everything() -> None:
    whole = transcript(segment([("你好", "。")], channel=1))
    data = json.loads(to_json(whole))
    assert data["text"] == "你好。"
    assert Transcript.from_dict(data) == whole


def test_nothing_said_is_an_empty_file() -> None:
    assert (to_srt(transcript()), to_vtt(transcript()), to_text(transcript())) == ("", "WEBVTT\n\n", "")

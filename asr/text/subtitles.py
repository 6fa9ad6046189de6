"""A transcript as files that other programs read: plain text, SRT, WebVTT, JSON.

Sources: SubRip's text format as VLC and FFmpeg read it; https://www.w3.org/TR/webvtt1/. A cue is what is read at a
glance: a clause of at most MAX_CHARACTERS, cut at punctuation where there is some.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from asr.transcript import Segment, Transcript, Word, join_texts

MAX_CHARACTERS = 22  # one line of Chinese subtitles, as broadcasters have it, and a little
_ENOUGH = 8  # a clause of fewer characters is shown together with the next
_SENTENCE_ENDS = frozenset("。！？；!?;")
_SHORTEST = 0.5  # seconds a cue is shown, where the next one leaves room


@dataclass(frozen=True)
class Cue:
    """A line of subtitles and when it is shown, in seconds."""

    start: float
    end: float
    text: str


def cues(transcript: Transcript) -> tuple[Cue, ...]:
    """Cut a transcript into lines that can be read at a glance; their texts, joined, are the transcript's.

    Where the two ends of a call were kept apart, each line begins with its end: `[1]` or `[2]`.
    """
    lines = [
        (words, f"[{segment.channel + 1}] " if segment.channel is not None else "")
        for segment in transcript.segments
        for words in _lines(segment)
    ]
    found = []
    for number, (words, prefix) in enumerate(lines):
        start, end = words[0].start, words[-1].end
        following = lines[number + 1][0][0].start if number + 1 < len(lines) else transcript.seconds
        end = max(end, min(start + _SHORTEST, following))
        found.append(Cue(start, end, prefix + join_texts(word.text + word.punctuation for word in words)))
    return tuple(found)


def to_text(transcript: Transcript) -> str:
    """Return the text alone, one segment a line; each with its end of the call where those were kept apart."""
    lines = (
        segment.text if segment.channel is None else f"[{segment.channel + 1}] {segment.text}"
        for segment in transcript.segments
    )
    return "".join(f"{line}\n" for line in lines)


def to_srt(transcript: Transcript) -> str:
    """Return SubRip subtitles."""
    return "".join(
        f"{number}\n{_time(cue.start, ',')} --> {_time(cue.end, ',')}\n{cue.text.replace('-->', '->')}\n\n"
        for number, cue in enumerate(cues(transcript), 1)
    )


def to_vtt(transcript: Transcript) -> str:
    """Return WebVTT subtitles."""
    shown = (f"{_time(cue.start, '.')} --> {_time(cue.end, '.')}\n{_escaped(cue.text)}\n\n" for cue in cues(transcript))
    return "WEBVTT\n\n" + "".join(shown)


def to_json(transcript: Transcript) -> str:
    """Return everything there is, as `Transcript.from_dict` takes it, with the whole text at the front."""
    return json.dumps({"text": transcript.text, **transcript.to_dict()}, ensure_ascii=False)


def _lines(segment: Segment) -> Iterator[list[Word]]:
    line: list[Word] = []
    length = 0
    for word in segment.words:
        size = len(word.text) + len(word.punctuation)
        if line and length + size > MAX_CHARACTERS:
            yield line
            line, length = [], 0
        line.append(word)
        length += size
        if word.punctuation and (length >= _ENOUGH or word.punctuation in _SENTENCE_ENDS):
            yield line
            line, length = [], 0
    if line:
        yield line


def _time(seconds: float, point: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}{point}{milliseconds % 1000:03}"


def _escaped(text: str) -> str:
    # A sign that opens a tag or ends the line of times would be taken for one.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

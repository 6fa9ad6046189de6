"""The messages of FunASR's WebSocket protocol.

Source: FunASR, runtime/docs/websocket_protocol.md, and what its clients in Python, html5, Java, C++ and C# send.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from app.errors import AppError, FieldInvalid, RequestInvalid
from asr import FORMATTED, PLAIN, Formatting, Segment
from asr.engines.onnx.streaming import ChunkSize
from asr.errors import AsrError
from asr.hotwords.list import EMPTY, HotwordList, parse
from asr.hotwords.problems import HotwordProblem
from asr.streaming import HIGHEST_RATE, LOWEST_RATE
from asr.transcript import join_texts

MODES = ("offline", "online", "2pass")
LARGEST_CHUNK = 50  # 3 s
FURTHEST_BACK = 20  # chunks
MAX_TEXT = 2**19  # characters of a text message: 5,000 hotwords have room
_PCM = ("pcm", "")


@dataclass(frozen=True)
class Asked:
    """What a client wants to have recognised, and how."""

    mode: str = "2pass"
    wav_name: str = ""
    wav_format: str = "pcm"
    sample_rate: int = 16_000
    hotwords: HotwordList = EMPTY
    hotword_problems: tuple[HotwordProblem, ...] = field(default=(), compare=False)
    itn: bool = True
    chunk: ChunkSize = field(default_factory=ChunkSize)

    @property
    def is_file(self) -> bool:
        """True when the bytes of a file come instead of samples."""
        return self.wav_format.lower() not in _PCM

    @property
    def formatting(self) -> Formatting:
        """The form of the texts; the streaming models that `online` stands for never had punctuation."""
        return PLAIN if self.mode == "online" else replace(FORMATTED, itn=self.itn)


@dataclass(frozen=True)
class Command:
    """A text message: `asked` (the settings with it), and whether it ends the utterance, with `is_end` or without."""

    asked: Asked
    ends: bool
    is_end: bool


def read_command(text: str, before: Asked | None) -> Command:
    """Read a text message; settings that it does not name stay as they were `before`.

    It may take a while, for a message may hold thousands of hotwords.

    Raises:
        RequestInvalid, FieldInvalid: the message says what is wrong, and where.
    """
    if len(text) > MAX_TEXT:
        raise RequestInvalid(f"A text message has at most {MAX_TEXT} characters.", field="message")
    try:
        return _command(text, before or Asked())
    except RecursionError as error:
        raise RequestInvalid("The message is nested too deeply.", field="message") from error


def _command(text: str, before: Asked) -> Command:
    try:
        message = json.loads(text)
    except ValueError as error:
        raise RequestInvalid(f"The message is not JSON: {error}", field="message") from error
    if not isinstance(message, dict):
        raise RequestInvalid("The message must be a JSON object.", field="message")
    is_end = message.get("is_end") is True
    ends = message.get("is_speaking") is False or is_end
    return Command(_settings(message, before), ends=ends, is_end=is_end)


def _settings(message: dict[str, Any], before: Asked) -> Asked:
    found: dict[str, Any] = {}
    if (mode := message.get("mode")) is not None:
        if mode not in MODES:
            raise _invalid("mode", mode, f"one of {', '.join(MODES)}")
        found["mode"] = mode
    for name in ("wav_name", "wav_format"):
        if (text := message.get(name)) is not None:
            found[name] = str(text)[:200]
    if (rate := message.get("audio_fs")) is not None:
        # JavaScript and shells send numbers as text.
        number = int(rate) if str(rate).isdecimal() and len(str(rate)) < 7 else 0
        if not LOWEST_RATE <= number <= HIGHEST_RATE:
            raise _invalid("audio_fs", rate, f"a number of Hz from {LOWEST_RATE} to {HIGHEST_RATE}")
        found["sample_rate"] = number
    if (sizes := message.get("chunk_size")) is not None:
        found["chunk"] = replace(_chunk(sizes), decoder_back=before.chunk.decoder_back)
    if (back := message.get("decoder_chunk_look_back")) is not None:
        found["chunk"] = replace(found.get("chunk", before.chunk), decoder_back=_look_back(back))
    if (itn := message.get("itn")) is not None:
        found["itn"] = itn not in (False, 0, "false", "False", "0")
    for name in ("hotwords", "hotword"):
        if name in message:
            parsed = parse(message[name] or None)
            found |= {"hotwords": parsed.hotwords, "hotword_problems": parsed.errors}
    return replace(before, **{"hotword_problems": (), **found})


def _chunk(sizes: object) -> ChunkSize:
    parts = sizes.split(",") if isinstance(sizes, str) else sizes
    try:
        back, new, ahead = (int(part) for part in parts)  # type: ignore[attr-defined]
        if max(back, new, ahead) > LARGEST_CHUNK:
            raise ValueError("too large")
        return ChunkSize(back, new, ahead)
    except (TypeError, ValueError, OverflowError) as error:  # infinity is a number of JSON to Python
        raise _invalid("chunk_size", sizes, f"three numbers of 60 ms up to {LARGEST_CHUNK}, as [5, 10, 5]") from error


def _look_back(chunks: object) -> int:
    try:
        number: int = int(chunks)  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError) as error:  # infinity is a number of JSON to Python
        raise _invalid("decoder_chunk_look_back", chunks, f"a number of chunks up to {FURTHEST_BACK}") from error
    if number > FURTHEST_BACK:
        raise _invalid("decoder_chunk_look_back", chunks, f"a number of chunks up to {FURTHEST_BACK}")
    return max(0, number)  # -1 is nothing to FunASR's decoder too


def _invalid(field: str, value: object, expected: str) -> FieldInvalid:
    shown = str(value)[:40]
    return FieldInvalid(f"{field} must be {expected}, not {shown!r}.", field=field, value=shown)


def text_message(asked: Asked, mode: str, text: str, *, is_final: bool = False) -> dict[str, Any]:
    """Return a message with text and nothing else."""
    return {"mode": mode, "wav_name": asked.wav_name, "text": text, "is_final": is_final}


def result_message(asked: Asked, mode: str, segments: Iterable[Segment], *, is_final: bool) -> dict[str, Any]:
    """Return a message with the text of `segments`, and its times in milliseconds from the start of the stream."""
    segments = list(segments)
    times = [[_ms(token.start), _ms(token.end)] for segment in segments for token in segment.tokens]
    return {
        **text_message(asked, mode, join_texts(segment.text for segment in segments), is_final=is_final),
        "timestamp": json.dumps(times, separators=(",", ":")),
        "stamp_sents": [sentence for segment in segments for sentence in _sentences(segment)],
    }


def acknowledgement(asked: Asked, mode: str, error: str = "") -> dict[str, Any]:
    """Return the answer to `is_end`: everything is said, or `error` kept it from being."""
    told = {"is_final": not error, "is_end": True} | ({"error": error} if error else {})
    return {"mode": mode, "wav_name": asked.wav_name, "text": "", **told}


def error_message(asked: Asked | None, error: AppError | AsrError, *, is_final: bool = False) -> dict[str, Any]:
    """Return the message that tells of an error; `text` is there for clients that read it of every message.

    Clients wait for `is_final`: the error that ends an utterance has it.
    """
    asked = asked or Asked()
    told = {"error": str(error), "code": error.code, **error.details}
    return {**text_message(asked, asked.mode, "", is_final=is_final), **told}


def _sentences(segment: Segment) -> Iterable[dict[str, Any]]:
    first = 0
    for number, word in enumerate(segment.words, start=1):
        if not word.punctuation and number < len(segment.words):
            continue
        tokens = segment.tokens[first : word.last]
        yield {
            "text_seg": " ".join(token.text for token in tokens),
            "punc": word.punctuation,
            "start": _ms(tokens[0].start),
            "end": _ms(tokens[-1].end),
            "ts_list": [[_ms(token.start), _ms(token.end)] for token in tokens],
        }
        first = word.last


def _ms(seconds: float) -> int:
    return round(seconds * 1000)

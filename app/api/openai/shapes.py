"""What OpenAI's API shows of a transcript beyond its text."""

from __future__ import annotations

import math
import zlib
from collections.abc import Collection, Iterable
from typing import Any

from pydantic import BaseModel

from asr import Segment, Token, Transcript

LANGUAGE = "chinese"
FORMATS = ("json", "text", "srt", "verbose_json", "vtt")
STREAMED_FORMATS = ("json", "text")
GRANULARITIES = ("word", "segment")
_LEAST_PROBABILITY = 1e-10  # a posterior may be zero, its logarithm may not


class OpenAIError(BaseModel):
    """What went wrong; `param` is the field that it went wrong with."""

    message: str
    type: str
    param: str | None
    code: str


class Refusal(BaseModel):
    """The body of every answer that is not a success."""

    error: OpenAIError


_TEXT = {"type": "string"}
FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "model": _TEXT,
                        "prompt": _TEXT | {"description": "Hotwords: words, or lines of a word and its weight."},
                        "keywords": {"type": "array", "items": _TEXT, "description": "Hotwords, one each."},
                        "response_format": {"enum": FORMATS},
                        "timestamp_granularities": {"type": "array", "items": {"enum": GRANULARITIES}},
                        "include": {"type": "array", "items": {"enum": ["logprobs"]}},
                        "stream": {"type": "boolean"},
                    },
                }
            }
        },
    }
}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": {kind: {} for kind in ("application/json", "text/plain", "text/vtt", "text/event-stream")}},
    **{code: {"model": Refusal} for code in (400, 404, 408, 413, 415, 503)},
}


def verbose(transcript: Transcript, granularities: Collection[str]) -> dict[str, Any]:
    """Return the body of `verbose_json`, with the `granularities` ("word", "segment") of times asked for."""
    content: dict[str, Any] = {
        "task": "transcribe",
        "language": LANGUAGE,
        "duration": round(transcript.seconds, 3),
        "text": transcript.text,
        "usage": duration(transcript.seconds),
    }
    if "segment" in granularities:
        content["segments"] = [_segment(number, segment) for number, segment in enumerate(transcript.segments)]
    if "word" in granularities:
        content["words"] = [
            {"word": word.text, "start": round(word.start, 3), "end": round(word.end, 3)} for word in transcript.words
        ]
    return content


def duration(seconds: float) -> dict[str, Any]:
    """Return what was used, as for models that are paid by the second."""
    return {"type": "duration", "seconds": math.ceil(seconds)}


def logprobs(tokens: Iterable[Token]) -> list[dict[str, Any]]:
    """Return how sure the model was of each token."""
    return [
        {"token": token.text, "logprob": _log(token.confidence), "bytes": list(token.text.encode())} for token in tokens
    ]


def _segment(number: int, segment: Segment) -> dict[str, Any]:
    """Return a segment as Whisper has it; what only Whisper knows (its token ids, its seek window) is left neutral."""
    text = segment.text.encode()
    logs = [_log(token.confidence) for token in segment.tokens]
    return {
        "id": number,
        "seek": 0,
        "start": round(segment.start, 3),
        "end": round(segment.end, 3),
        "text": segment.text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": sum(logs) / len(logs),
        "compression_ratio": len(text) / len(zlib.compress(text)),
        "no_speech_prob": 0.0,
    }


def _log(probability: float) -> float:
    return math.log(max(probability, _LEAST_PROBABILITY))

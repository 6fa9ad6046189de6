"""OpenAI's speech to text: POST /v1/audio/transcriptions and GET /v1/models, for clients that already speak it.

Source: https://platform.openai.com/docs/api-reference/audio/createTranscription, and the openai Python package,
which the tests drive. Hotwords come in `prompt` (words, or lines of `词 权重`) or in `keywords`. `language`,
`temperature` and what else OpenAI's models know are taken and change nothing: a Paraformer has neither.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from fastapi.sse import EventSourceResponse, format_sse_event
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from app.api import errors
from app.api.dependencies import PersonDependency, ServicesDependency
from app.api.openai.shapes import (
    ANSWERS,
    FORM,
    FORMATS,
    GRANULARITIES,
    STREAMED_FORMATS,
    Refusal,
    duration,
    logprobs,
    verbose,
)
from app.api.sse import HEADERS, KEEP_ALIVE, STILL_WORKING
from app.api.uploads import save, sent_file
from app.errors import INTERNAL_ERROR, AppError, FieldInvalid, ModelUnknown
from app.monitoring.logs import origin
from app.recognition.files import FileProgress, Options
from app.services import Services
from app.transcriptions.pauses import with_pauses
from asr import HotwordList, Segment, Transcript
from asr.errors import AsrError
from asr.hotwords.list import merge, parse
from asr.text.subtitles import to_srt, to_vtt
from asr.transcript import join_texts

# Clients that cannot be told another name ask for these; the model that runs answers.
ALIASES = ("whisper-1", "gpt-transcribe", "gpt-4o-transcribe", "gpt-4o-mini-transcribe")
_SENTENCE_MARKS = frozenset("。！？!?")

log = structlog.get_logger(__name__)

router = APIRouter(
    prefix="/v1", tags=["openai"], responses={"default": {"model": Refusal, "description": "Why it was not done."}}
)


class ModelCard(BaseModel):
    """A model as OpenAI lists it."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "tingshuo"


class ModelCards(BaseModel):
    """The models there are."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


@dataclass(frozen=True)
class _Asked:
    """What a form asks for, checked."""

    format: str
    stream: bool
    granularities: frozenset[str]
    logprobs: bool
    options: Options


@router.get("/models")
def list_models(request: Request, person: PersonDependency) -> ModelCards:
    """List the model that runs, under its own name and under those of OpenAI's that stand for it."""
    return ModelCards(data=[_card(name) for name in _names(request)])


@router.get("/models/{model:path}", responses={404: {"model": Refusal}})
def show_model(model: str, request: Request, person: PersonDependency) -> ModelCard:
    """Return one model; 404 when there is none of that name."""
    return _card(_known(request, model))


@router.post("/audio/transcriptions", response_class=Response, responses=ANSWERS, openapi_extra=FORM)
async def transcribe(request: Request, person: PersonDependency, services: ServicesDependency) -> Response:
    """Write down what is said in a file: OpenAI's form, answered in the format that it asks for."""
    transcriber = services.transcriber
    async with AsyncExitStack() as held:
        # Before the body is read, so that nobody uploads a recording only to be sent away.
        held.enter_context(transcriber.place())
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="tingshuo-")))
        async with sent_file(request, "file", services.settings) as (upload, form):
            asked = await run_in_threadpool(_asked, request, form)
            words = await run_in_threadpool(_all_hotwords, request, person.id, asked.options.hotwords)
            asked = replace(asked, options=replace(asked.options, hotwords=words))
            await run_in_threadpool(save, upload.file, folder / "upload")
        recording = await transcriber.decode(folder / "upload", folder / "decoded.wav", asked.options)
        heard = await held.enter_async_context(aclosing(transcriber.hear(recording, asked.options)))
        if asked.stream:
            return _Stream(_events(request, heard, asked), held.pop_all())
        segments: list[Segment] = []
        async for progress in heard:
            segments += progress.segments
            if await request.is_disconnected():
                raise ClientDisconnect
        return _answer(asked, Transcript(tuple(segments), recording.seconds))


def _answer(asked: _Asked, transcript: Transcript) -> Response:
    if asked.format == "text":
        return PlainTextResponse(transcript.text + "\n")
    if asked.format == "srt":
        return PlainTextResponse(to_srt(transcript))
    if asked.format == "vtt":
        return PlainTextResponse(to_vtt(transcript), media_type="text/vtt")
    if asked.format == "verbose_json":
        return JSONResponse(verbose(transcript, asked.granularities))
    content: dict[str, Any] = {"text": transcript.text, "usage": duration(transcript.seconds)}
    if asked.logprobs:
        content["logprobs"] = logprobs(transcript.tokens)
    return JSONResponse(content)


class _Stream(EventSourceResponse):
    """A stream that lets go of what it holds even when the client is gone before it begins."""

    def __init__(self, events: AsyncIterator[bytes], held: AsyncExitStack) -> None:
        super().__init__(events, headers=HEADERS)
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._held:
            await super().__call__(scope, receive, send)


async def _events(request: Request, heard: AsyncIterator[FileProgress], asked: _Asked) -> AsyncIterator[bytes]:
    segments: list[Segment] = []
    text = ""
    try:
        async with aclosing(with_pauses(heard, KEEP_ALIVE)) as progresses:
            async for progress in progresses:
                if progress is None:
                    yield STILL_WORKING
                    continue
                for segment in progress.segments:
                    segments.append(segment)
                    delta = join_texts([text, segment.text])[len(text) :]
                    text += delta
                    event: dict[str, Any] = {"type": "transcript.text.delta", "delta": delta}
                    yield _event(event | ({"logprobs": logprobs(segment.tokens)} if asked.logprobs else {}))
    except (AppError, AsrError) as error:
        yield _event(errors.openai_error(request, errors.status(error), error.code, error.details))
    except Exception as error:  # noqa: BLE001 -- the answer has begun: this is how the client can still be told
        log.error("transcription failed", error=origin(error))
        yield _event(errors.openai_error(request, 500, INTERNAL_ERROR, {}))
    else:
        done: dict[str, Any] = {"type": "transcript.text.done", "text": text}
        tokens = [token for segment in segments for token in segment.tokens]
        yield _event(done | ({"logprobs": logprobs(tokens)} if asked.logprobs else {}))


def _event(data: dict[str, Any]) -> bytes:
    return format_sse_event(data_str=json.dumps(data, ensure_ascii=False))


def _asked(request: Request, form: FormData) -> _Asked:
    _known(request, _text(form, "model") or ALIASES[0])
    stream = _text(form, "stream").lower() in ("true", "1")
    chosen = _one_of(
        "response_format", _text(form, "response_format") or "json", STREAMED_FORMATS if stream else FORMATS
    )
    granularities = _several(form, "timestamp_granularities")
    for granularity in granularities:
        _one_of("timestamp_granularities", granularity, GRANULARITIES)
    if granularities and chosen != "verbose_json":
        _one_of("response_format", chosen, ("verbose_json",))
    return _Asked(
        format=chosen,
        stream=stream,
        granularities=frozenset(granularities or ("segment",)),
        logprobs="logprobs" in _several(form, "include"),
        options=Options(hotwords=_hotwords(form)),
    )


def _hotwords(form: FormData) -> HotwordList:
    """Read `prompt` and `keywords`; sentences, which Whisper takes as a prompt for its style, are no hotwords."""
    lists = [parse(source).hotwords for source in (_text(form, "prompt"), *_several(form, "keywords"))]
    words = tuple(hotword for hotword in merge(*lists) if not _SENTENCE_MARKS & set(hotword.word))
    return HotwordList(words)


def _all_hotwords(request: Request, owner: str, asked: HotwordList) -> HotwordList:
    """Put what the request asks for on top of the global list, which holds wherever its owner is heard."""
    return Services.of(request.app).conversations.hotwords(owner, request=asked)


def _text(form: FormData, field: str) -> str:
    value = form.get(field)
    return value.strip() if isinstance(value, str) else ""


def _several(form: FormData, field: str) -> list[str]:
    # The openai package writes name[], other clients the bare name.
    values = [*form.getlist(f"{field}[]"), *form.getlist(field)]
    return [value for value in values if isinstance(value, str) and value]


def _one_of(field: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        listed = ", ".join(allowed)
        raise FieldInvalid(f"{field} must be one of: {listed}.", field=field, allowed=listed)
    return value


def _names(request: Request) -> tuple[str, ...]:
    return (str(Services.of(request.app).model.name), *ALIASES)


def _known(request: Request, model: str) -> str:
    names = _names(request)
    if model not in names:
        listed = ", ".join(names)
        raise ModelUnknown(
            f"There is no model called {model[:80]} here.", field="model", model=model[:80], models=listed
        )
    return model


def _card(name: str) -> ModelCard:
    return ModelCard(id=name, created=_STARTED)


_STARTED = int(time.time())  # OpenAI's cards tell when a model was made; here, since when it is there to be asked

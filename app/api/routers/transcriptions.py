"""Transcription jobs over HTTP: hand in a file of any length, follow it, take the result in the form wanted."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import PurePath
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.sse import EventSourceResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import StreamingResponse

from app.api import errors
from app.api.dependencies import (
    ConversationsDependency,
    LanguageDependency,
    PersonDependency,
    SettingsDependency,
    TranscriptionsDependency,
)
from app.api.playback import playback
from app.api.sse import described, event, event_stream, preceded
from app.api.uploads import require_room, sent_file
from app.errors import FieldInvalid
from app.recognition.files import Options
from app.storage.store import UNKNOWN_FORMAT, WAV
from app.storage.tables import TranscriptionJob
from app.transcriptions.service import Update
from asr import Formatting, Segment
from asr.hotwords.list import parse_strictly
from asr.text.subtitles import to_json, to_srt, to_text, to_vtt

WRITERS = {"txt": to_text, "srt": to_srt, "vtt": to_vtt, "json": to_json}
MEDIA_TYPES = {"txt": "text/plain", "srt": "application/x-subrip", "vtt": "text/vtt", "json": "application/json"}

router = APIRouter(prefix="/api/transcribe", tags=["transcribe"])


class Transcription(BaseModel):
    """A file on its way to a transcript: `heard` of its `seconds` are done."""

    id: str
    name: str
    status: Literal["queued", "running", "done", "failed", "cancelled"]
    seconds: float | None
    heard: float
    channels: int
    error: errors.ErrorBody | None
    audio_url: str
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, job: TranscriptionJob, language: str) -> Transcription:
        """Return what a client that reads `language` gets to see of a stored job."""
        error = None
        if job.error_code is not None:
            error = errors.body(job.error_code, job.error_details, language).error
        shown = job.model_dump(include=set(cls.model_fields) - {"error", "audio_url"})
        # Relative to the root of the app, which may be served below a path.
        return cls(**shown, error=error, audio_url=f"api/transcribe/{job.id}/audio")


class Word(BaseModel):
    """A word of the written text, the mark behind it, and when it was said."""

    text: str
    punctuation: str
    start: float
    end: float


class HeardSegment(BaseModel):
    """A stretch of speech; `number` counts from 0, `channel` is the end of a call where they were kept apart."""

    number: int
    text: str
    start: float
    end: float
    channel: int | None
    words: list[Word]

    @classmethod
    def of(cls, number: int, segment: Segment) -> HeardSegment:
        """Return what a client gets to see of a segment."""
        words = [
            Word(text=word.text, punctuation=word.punctuation, start=round(word.start, 3), end=round(word.end, 3))
            for word in segment.words
        ]
        return cls(
            number=number,
            text=segment.text,
            start=round(segment.start, 3),
            end=round(segment.end, 3),
            channel=segment.channel,
            words=words,
        )


_UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"model": errors.ErrorAnswer}}
_REFUSALS: dict[int | str, dict[str, Any]] = {
    code: {"model": errors.ErrorAnswer} for code in (400, 408, 413, 415, 422, 503)
}
_FORM = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {"type": "string", "format": "binary"},
                    "hotwords": {"type": "string", "description": "Words, or lines of `词 权重`."},
                    "punctuation": {"type": "boolean", "default": True},
                    "itn": {"type": "boolean", "default": True, "description": "Write 百分之五十 as 50%."},
                    "channels": {"type": "string", "enum": ["mix", "split"], "default": "mix"},
                },
            }
        }
    },
}


@router.post(
    "",
    status_code=202,
    responses=_REFUSALS,
    openapi_extra={"requestBody": _FORM},
    dependencies=[Depends(require_room)],
)
async def submit(
    request: Request,
    response: Response,
    transcriptions: TranscriptionsDependency,
    conversations: ConversationsDependency,
    settings: SettingsDependency,
    person: PersonDependency,
    language: LanguageDependency,
) -> Transcription:
    """Hand in a file; the answer comes at once, the transcript is followed under the id in it."""
    # Before the body is read: an upload must not be refused only after its last byte.
    transcriptions.check_admission()
    async with sent_file(request, "file", settings) as (upload, form):
        options = await run_in_threadpool(_options, form)
        # As everywhere else: the owner's global list, and what comes with the request on top of it.
        hotwords = await run_in_threadpool(conversations.hotwords, person.id, request=options.hotwords)
        options = replace(options, hotwords=hotwords)
        job = await transcriptions.submit(person.id, upload.filename or "", upload.file, options)
    response.headers["Location"] = f"{request.url.path.rstrip('/')}/{job.id}"
    return Transcription.of(job, language)


@router.get("/{job_id}", responses=_UNKNOWN)
def show(
    job_id: str, transcriptions: TranscriptionsDependency, person: PersonDependency, language: LanguageDependency
) -> Transcription:
    """Say how a transcription stands."""
    return Transcription.of(transcriptions.jobs.get(person.id, job_id), language)


@router.get(
    "/{job_id}/events",
    response_class=StreamingResponse,
    responses={
        **described("Server-sent events: `segment` for each one heard, `job` as it changes, at last `done`."),
        **_UNKNOWN,
    },
)
async def follow(
    job_id: str,
    transcriptions: TranscriptionsDependency,
    person: PersonDependency,
    language: LanguageDependency,
    after: Annotated[int, Query(ge=-1)] = -1,
    last_event_id: Annotated[int, Header(ge=-1)] = -1,
) -> EventSourceResponse:
    """Follow a transcription: first what there is already, behind the segment `after`; then what comes."""
    updates = transcriptions.follow(person.id, job_id, max(after, last_event_id) + 1)
    first = await anext(updates)  # here, so that an unknown id is answered with a status of its own
    return event_stream(preceded(first, updates), lambda update: _events(update, language))


@router.get(
    "/{job_id}/result",
    response_class=Response,
    responses={200: {"content": {kind: {} for kind in MEDIA_TYPES.values()}}, **_UNKNOWN, 409: {}},
)
def result(
    job_id: str,
    transcriptions: TranscriptionsDependency,
    person: PersonDependency,
    form: Annotated[Literal["txt", "srt", "vtt", "json"], Query(alias="format")] = "json",
    partial: bool = False,
) -> Response:
    """Return the transcript; 409 before the job is done, unless `partial` results are wanted."""
    transcript = transcriptions.jobs.transcript(person.id, job_id, partial=partial)
    name = PurePath(transcriptions.jobs.get(person.id, job_id).name).stem or "transcript"
    headers = {"Content-Disposition": f"attachment; filename*=utf-8''{quote(name, safe='')}.{form}"}
    return Response(WRITERS[form](transcript), media_type=f"{MEDIA_TYPES[form]}; charset=utf-8", headers=headers)


@router.get("/{job_id}/audio", response_class=StreamingResponse, responses=_UNKNOWN)
def play(request: Request, job_id: str, transcriptions: TranscriptionsDependency, person: PersonDependency) -> Response:
    """Return the recording: WAV, any part of it by Range; or what was uploaded while that is not decoded."""
    job = transcriptions.jobs.get(person.id, job_id)
    playable = job.audio_type == WAV
    return playback(
        request,
        transcriptions.jobs.recording(job),
        media_type=WAV if playable else UNKNOWN_FORMAT,
        filename=f"{job.id}.wav" if playable else f"{job.id}.bin",
        headers={"Cache-Control": "private, no-cache"},
    )


@router.post("/{job_id}/cancel", responses=_UNKNOWN)
async def cancel(
    job_id: str, transcriptions: TranscriptionsDependency, person: PersonDependency, language: LanguageDependency
) -> Transcription:
    """Stop a transcription; what was heard by then stays."""
    return Transcription.of(await transcriptions.cancel(person.id, job_id), language)


@router.post("/{job_id}/retry", status_code=202, responses={**_UNKNOWN, 409: {}, 503: {}})
async def retry(
    job_id: str, transcriptions: TranscriptionsDependency, person: PersonDependency, language: LanguageDependency
) -> Transcription:
    """Begin a transcription that failed or was cancelled anew."""
    return Transcription.of(await transcriptions.retry(person.id, job_id), language)


@router.delete("/{job_id}", status_code=204, responses=_UNKNOWN)
async def remove(job_id: str, transcriptions: TranscriptionsDependency, person: PersonDependency) -> None:
    """Delete a transcription and its recording."""
    await transcriptions.remove(person.id, job_id)


def _events(update: Update, language: str) -> list[bytes]:
    segments = [HeardSegment.of(number, one) for number, one in enumerate(update.segments, update.position)]
    return [
        *(event("segment", segment, id=str(segment.number)) for segment in segments),
        event("job", Transcription.of(update.job, language)),
    ]


def _options(form: FormData) -> Options:
    return Options(
        hotwords=parse_strictly(_choice(form, "hotwords")),
        formatting=Formatting(
            punctuation=_choice(form, "punctuation", "true", "false") == "true",
            itn=_choice(form, "itn", "true", "false") == "true",
        ),
        keep_channels=_choice(form, "channels", "mix", "split") == "split",
    )


def _choice(form: FormData, field: str, *allowed: str) -> str:
    """Return the field's value, by default the first of those `allowed`, or any where none are named."""
    value = form.get(field)
    text = value.strip() if isinstance(value, str) else ""
    if not allowed:
        return text
    if (text or allowed[0]) not in allowed:
        listed = ", ".join(allowed)
        raise FieldInvalid(f"{field} must be one of: {listed}.", field=field, allowed=listed)
    return text or allowed[0]

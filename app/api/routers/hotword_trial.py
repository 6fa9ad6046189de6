"""Trying a list of hotwords: one recording, recognised without it and with it."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from app.access.person import Person
from app.access.rights import require
from app.api.dependencies import ConversationsDependency, LimitsDependency, PersonDependency, SettingsDependency
from app.api.routers.chat import REFUSALS
from app.api.uploads import sent_form
from app.chat.conversation import Conversations
from app.errors import RequestInvalid, UploadTooLarge
from app.hotwords.trial import RECOGNISED, Trial, try_out
from app.recognition.decoding import decode
from app.settings import Settings
from app.storage.database import guarded
from asr.hotwords.list import HotwordList, parse_strictly

MAX_SECONDS = 60.0  # of a recording: it is recognised several times over
MAX_FIELD_BYTES = 4 * 2**20  # a list of 5,000 words with aliases

router = APIRouter(prefix="/api", tags=["hotwords"])


class TimedText(BaseModel):
    """One of the two transcripts, and how long its recognition took, in milliseconds."""

    text: str
    took_ms: float


class HotwordDifference(BaseModel):
    """Characters `before` to `before_end` became `after` to `after_end`; which hotword did it, and by which tier."""

    before: int
    before_end: int
    after: int
    after_end: int
    word: str
    tier: str


class HotwordComparison(BaseModel):
    """What a list does to a recording of `seconds` length."""

    before: TimedText
    after: TimedText
    marks: list[HotwordDifference]
    words: int
    seconds: float

    @classmethod
    def of(cls, trial: Trial, words: int) -> HotwordComparison:
        """Return what a client gets to see of a trial."""
        return cls(
            before=TimedText(text=trial.before.text, took_ms=round(1000 * trial.before_seconds, 1)),
            after=TimedText(text=trial.after.text, took_ms=round(1000 * trial.after_seconds, 1)),
            marks=[HotwordDifference(**asdict(mark)) for mark in trial.marks],
            words=words,
            seconds=trial.after.seconds,
        )


_TEXT = {"type": "string"}
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "audio": {"type": "string", "format": "binary", "description": "A recording,"},
                        "message_id": _TEXT | {"description": "or a voice message of the conversation."},
                        "conversation_id": _TEXT,
                        "hotwords": _TEXT | {"description": "The list's text; left out, the list `list` is tried,"},
                        "list": _TEXT | {"description": "and without that, what the conversation uses."},
                    },
                }
            }
        },
    }
}


@router.post("/hotwords/try", responses=REFUSALS, openapi_extra=_FORM)
async def try_list(
    request: Request,
    person: PersonDependency,
    conversations: ConversationsDependency,
    settings: SettingsDependency,
    allowance: LimitsDependency,
) -> HotwordComparison:
    """Recognise a recording or a voice message without a list and with it; nothing is kept."""
    conversations.queue.check_admission()
    async with sent_form(request, settings, MAX_FIELD_BYTES) as form:
        hotwords = await run_in_threadpool(_hotwords, conversations, person.id, form)
        data = await run_in_threadpool(recording_sent, conversations, person, form, settings)

    limits = replace(conversations.limits, max_seconds=min(MAX_SECONDS, conversations.limits.max_seconds))

    charge = allowance.account()

    def recognise() -> Trial:
        return try_out(conversations.recognizer, decode(data, charge, limits=limits, times=RECOGNISED), hotwords)

    return HotwordComparison.of(await conversations.queue.run(recognise), len(hotwords))


def _hotwords(conversations: Conversations, owner: str, form: FormData) -> HotwordList:
    text, conversation_id, list_id = form.get("hotwords"), _field(form, "conversation_id"), _field(form, "list")
    if isinstance(text, str):
        return parse_strictly(text)
    if list_id:
        return conversations.hotword_lists.get(owner, list_id).hotwords
    if conversation_id:
        conversations.store.require_conversation(owner, conversation_id)
    return conversations.hotwords(owner, conversation_id)


def recording_sent(conversations: Conversations, person: Person, form: FormData, settings: Settings) -> bytes:
    """Return the recording that a form has in `audio`, or that of the voice message that it names.

    Raises ScopeMissing for a voice message where the person may not read those; RequestInvalid, UploadTooLarge.
    """
    upload = form.get("audio")
    if isinstance(upload, UploadFile):
        data = upload.file.read(settings.max_upload_bytes + 1)
        if len(data) > settings.max_upload_bytes:
            raise UploadTooLarge("The recording is too large.", max_bytes=settings.max_upload_bytes)
        return data
    conversation_id, message_id = _field(form, "conversation_id"), _field(form, "message_id")
    if not conversation_id or not message_id:
        raise RequestInvalid("Send a file `audio`, or conversation_id and message_id.", field="audio")
    require(person, "chat")
    message = conversations.store.message(person.id, conversation_id, message_id)
    with guarded(), conversations.store.recording(message) as recording:
        return recording.read()


def _field(form: FormData, name: str) -> str | None:
    value = form.get(name)
    return value if isinstance(value, str) and value else None

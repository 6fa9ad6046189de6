"""Conversations over HTTP: begin one, speak and write in it, hear a recording again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.sse import EventSourceResponse
from pydantic import BaseModel
from starlette.responses import Response, StreamingResponse

from app.api import errors
from app.api.dependencies import (
    ConversationsDependency,
    IdempotencyKey,
    LanguageDependency,
    PersonDependency,
    SettingsDependency,
)
from app.api.playback import playback
from app.api.sse import described, event, event_stream
from app.api.unchanged import UNCHANGED, unless_known
from app.api.uploads import TypedMessage, require_room, sent_message
from app.storage import store, tables

router = APIRouter(prefix="/api", tags=["chat"])


class QuickReply(BaseModel):
    """A button under the bot's message: it shows `title`, and pressing it sends `text`."""

    title: str
    text: str


class Table(BaseModel):
    """A table that the bot shows: its title, the names of its columns, and rows of as many texts."""

    title: str
    columns: list[str]
    rows: list[list[str]]


class ChatMessage(BaseModel):
    """One bubble of the chat.

    `heard` is what was recognised before the user corrected the text. A `withdrawn` message of the bot's is to be taken
    out of the chat: the message that it answered was corrected and is answered again.
    """

    id: str
    conversation_id: str
    role: Literal["user", "bot"]
    kind: Literal["voice", "text", "table", "image"]
    text: str
    status: Literal["recognizing", "answering", "done", "failed", "withdrawn"]
    heard: str | None
    seconds: float | None
    error: errors.ErrorBody | None
    quick_replies: list[QuickReply]
    audio_url: str | None
    image_url: str | None
    table: Table | None
    created_at: datetime

    @classmethod
    def of(cls, message: tables.Message, language: str) -> ChatMessage:
        """Return what a client that reads `language` gets to see of a stored message."""
        error = None
        if message.error_code is not None:
            error = errors.body(message.error_code, message.error_details, language).error
        # Relative to the root of the app, which may be served below a path.
        path = f"api/conversations/{message.conversation_id}/messages/{message.id}"
        shown = message.model_dump(
            exclude={"number", "error_code", "error_details", "audio_name", "audio_type", "card", "client_id"}
        )
        return cls(
            **shown,
            error=error,
            audio_url=f"{path}/audio" if message.audio_name else None,
            image_url=f"{path}/image" if message.kind == "image" else None,
            table=Table.model_validate(message.card) if message.card and message.kind == "table" else None,
        )


class Conversation(BaseModel):
    """A conversation that has just begun."""

    id: str
    domain: str
    messages: list[ChatMessage]


class Messages(BaseModel):
    """The messages of a conversation, oldest first, and which bot it is with."""

    domain: str
    messages: list[ChatMessage]


REFUSALS: dict[int | str, dict[str, Any]] = {
    code: {"model": errors.ErrorAnswer} for code in (400, 403, 404, 408, 409, 413, 415, 422, 503)
}
STREAM: dict[int | str, dict[str, Any]] = {
    **described("Server-sent events: `message` each time a message appears or changes, at last `done`."),
    **REFUSALS,
}
_SENT_BODY = {
    "required": True,
    "content": {
        "application/json": {"schema": TypedMessage.model_json_schema()},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["audio"],
                "properties": {"audio": {"type": "string", "format": "binary"}},
            }
        },
    },
}


@router.post("/conversations", status_code=201, responses={code: {"model": errors.ErrorAnswer} for code in (404, 503)})
async def start_conversation(
    person: PersonDependency,
    conversations: ConversationsDependency,
    language: LanguageDependency,
    domain: Annotated[str, Query(max_length=64)] = "",
) -> Conversation:
    """Begin a conversation with the bot of a `domain`; the bot greets."""
    conversation_id, greeting = await conversations.start(person.id, domain)
    chosen = domain or conversations.domains[0].name
    return Conversation(
        id=conversation_id, domain=chosen, messages=[ChatMessage.of(message, language) for message in greeting]
    )


@router.get(
    "/conversations/{conversation_id}/messages",
    response_model=Messages,
    responses={404: {"model": errors.ErrorAnswer}, **UNCHANGED},
)
def list_messages(
    request: Request,
    conversation_id: str,
    person: PersonDependency,
    conversations: ConversationsDependency,
    language: LanguageDependency,
    limit: Annotated[int, Query(ge=1, le=store.MAX_LISTED)] = store.MAX_LISTED,
) -> Response:
    """Return the last messages of a conversation; a client that asks again sends the ETag that it has."""
    found = conversations.store.messages(person.id, conversation_id, limit)
    domain = str(conversations.store.state(conversation_id).get("domain", ""))
    shown = Messages(domain=domain, messages=[ChatMessage.of(message, language) for message in found])
    return unless_known(request, shown)


@router.post(
    "/conversations/{conversation_id}/messages",
    response_class=StreamingResponse,
    responses=STREAM,
    openapi_extra={"requestBody": _SENT_BODY},
    dependencies=[Depends(require_room)],
)
async def send_message(
    conversation_id: str,
    request: Request,
    person: PersonDependency,
    conversations: ConversationsDependency,
    language: LanguageDependency,
    settings: SettingsDependency,
    client_id: IdempotencyKey = None,
) -> StreamingResponse:
    """Say something: a recording as the form's file `audio`, or JSON with a `text`.

    With an `Idempotency-Key`, what is sent again after a broken connection is not said twice.
    """
    conversation = await conversations.open(person.id, conversation_id)
    # Before the body is read: an upload must not be refused only after its last byte.
    conversations.queue.check_admission()
    async with sent_message(request, settings) as sent:
        say = (
            conversation.send_text(sent, client_id=client_id)
            if isinstance(sent, str)
            else conversation.send_recording(sent, client_id=client_id)
        )
        updates = await say
    return message_stream(updates, language)


@router.post(
    "/conversations/{conversation_id}/messages/{message_id}/retry",
    response_class=StreamingResponse,
    responses=STREAM,
)
async def retry_message(
    conversation_id: str,
    message_id: str,
    person: PersonDependency,
    conversations: ConversationsDependency,
    language: LanguageDependency,
) -> StreamingResponse:
    """Try a message that failed again."""
    conversation = await conversations.open(person.id, conversation_id)
    return message_stream(await conversation.retry(message_id), language)


@router.get(
    "/conversations/{conversation_id}/messages/{message_id}/audio",
    response_class=StreamingResponse,
    responses={200: {"content": {"audio/wav": {}, store.UNKNOWN_FORMAT: {}}}, 404: {"model": errors.ErrorAnswer}},
)
def play_message(
    request: Request,
    conversation_id: str,
    message_id: str,
    person: PersonDependency,
    conversations: ConversationsDependency,
) -> Response:
    """Return the recording of a voice message: WAV, or what was uploaded when that could not be read."""
    message = conversations.store.message(person.id, conversation_id, message_id)
    playable = message.audio_type == store.WAV
    return playback(
        request,
        conversations.store.recording(message),
        media_type=store.WAV if playable else store.UNKNOWN_FORMAT,
        filename=f"{message.id}.wav" if playable else f"{message.id}.bin",
        headers={"Cache-Control": "private, no-cache"},
    )


@router.get(
    "/conversations/{conversation_id}/messages/{message_id}/image",
    response_class=StreamingResponse,
    responses={404: {"model": errors.ErrorAnswer}},
)
def show_picture(
    request: Request,
    conversation_id: str,
    message_id: str,
    conversations: ConversationsDependency,
    person: PersonDependency,
) -> Response:
    """Return the picture that a message of the bot's is."""
    message = conversations.store.message(person.id, conversation_id, message_id)
    picture, media_type = conversations.store.picture(message)
    headers = {"Cache-Control": "private, max-age=86400, immutable"}
    return playback(request, picture, media_type=media_type, headers=headers)


def message_stream(updates: AsyncIterator[tables.Message], language: str) -> EventSourceResponse:
    """Return the answer that shows messages as they appear and change."""
    return event_stream(updates, lambda message: (event("message", ChatMessage.of(message, language)),))

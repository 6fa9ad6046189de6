"""What was said before, over HTTP: list and search conversations, name, pin, export and delete them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response, StreamingResponse

from app.api import errors
from app.api.dependencies import ConversationsDependency, HistoryDependency, PersonDependency
from app.api.unchanged import UNCHANGED, unless_known
from app.chat.history import EXPORTS, Change, export
from app.chat.history.export import file_name
from app.chat.history.listing import LONGEST_TITLE
from app.storage.archive import begun

MOST_LISTED = 200
UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"model": errors.ErrorAnswer}}


router = APIRouter(prefix="/api/conversations", tags=["chat"])


class LastMessage(BaseModel):
    """What a line of the list shows of the newest message."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    role: Literal["user", "bot"]
    kind: Literal["voice", "text", "table", "image"]
    text: str
    status: str
    created_at: datetime


class SearchHit(BaseModel):
    """A message in which the words that were searched for stand: at `marks`, (start, end) in characters of `text`."""

    model_config = ConfigDict(from_attributes=True)

    message_id: str
    text: str
    marks: list[tuple[int, int]]


class ListedConversation(BaseModel):
    """One line of the list; `unread` counts the bot's messages since the conversation was last read."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    domain: str
    title: str
    pinned: bool
    unread: int
    last: LastMessage
    created_at: datetime
    hits: list[SearchHit]


class ConversationList(BaseModel):
    """Conversations, those that are pinned first, then the newest."""

    conversations: list[ListedConversation]


class ChangedConversation(BaseModel):
    """What is to become of a conversation; what is left out stays as it is.

    A `title` of "" goes back to the first words; `read` marks everything as read; `deleted` false undoes a deletion.
    """

    model_config = ConfigDict(extra="forbid")

    title: Annotated[str | None, Field(max_length=LONGEST_TITLE)] = None
    pinned: bool | None = None
    read: Literal[True] | None = None
    deleted: Literal[False] | None = None


@router.get("", response_model=ConversationList, responses=UNCHANGED)
def list_conversations(
    request: Request,
    person: PersonDependency,
    history: HistoryDependency,
    q: Annotated[str, Query(max_length=100)] = "",
    domain: Annotated[str, Query(max_length=64)] = "",
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 100,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> Response:
    """List your conversations in which you said something; `q` are words to find in their messages or titles."""
    found = history.list(person.id, query=q, domain=domain, limit=limit, offset=offset)
    shown = ConversationList(conversations=[ListedConversation.model_validate(one) for one in found])
    return unless_known(request, shown)


@router.patch("/{conversation_id}", status_code=204, responses=UNKNOWN)
def change_conversation(
    conversation_id: str, changed: ChangedConversation, person: PersonDependency, history: HistoryDependency
) -> None:
    """Name or pin a conversation, mark it as read, or have it back a short while after it was deleted."""
    history.change(person.id, conversation_id, Change(**changed.model_dump()))


@router.delete("/{conversation_id}", status_code=204, responses=UNKNOWN)
def delete_conversation(conversation_id: str, person: PersonDependency, history: HistoryDependency) -> None:
    """Delete a conversation with its recordings. For ten minutes a PATCH with `deleted` false brings it back."""
    history.change(person.id, conversation_id, Change(deleted=True))
    history.purge()


@router.delete(
    "/{conversation_id}/messages/{message_id}",
    status_code=204,
    responses={code: {"model": errors.ErrorAnswer} for code in (404, 409)},
)
def delete_message(
    conversation_id: str,
    message_id: str,
    person: PersonDependency,
    conversations: ConversationsDependency,
    history: HistoryDependency,
) -> None:
    """Delete one message with its recording; what the bot has learnt from it stays."""
    history.delete_message(conversations.store.message(person.id, conversation_id, message_id))


@router.get("/{conversation_id}/export", response_class=StreamingResponse, responses=UNKNOWN)
def export_conversation(
    conversation_id: str,
    person: PersonDependency,
    conversations: ConversationsDependency,
    history: HistoryDependency,
    format: Annotated[Literal["zip", "md", "json"], Query()] = "zip",
) -> StreamingResponse:
    """Return a conversation as Markdown, as JSON, or as a zip archive of both and the recordings."""
    summary = history.summary(person.id, conversation_id)
    messages = conversations.store.messages(person.id, conversation_id, limit=None)
    return StreamingResponse(
        begun(export(format, summary.title, messages, conversations.store.recordings)),
        media_type=EXPORTS[format],
        headers={"Content-Disposition": f"attachment; filename*=UTF-8''{quote(file_name(summary.title, format))}"},
    )

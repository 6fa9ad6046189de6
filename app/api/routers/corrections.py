"""Correcting transcripts over HTTP, the hotwords that corrections suggest, and corrections as training data."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel
from starlette.responses import StreamingResponse

from app.api.dependencies import ConversationsDependency, LanguageDependency, PersonDependency
from app.api.routers.chat import REFUSALS, STREAM, message_stream
from app.api.routers.hotwords import Entry, HotwordList, shown
from app.api.uploads import TypedMessage
from app.hotwords.corrections import ACCEPTED, DISMISSED, Manifest
from app.hotwords.lists import GLOBAL
from app.storage.archive import begun
from app.storage.tables import CandidateRecord
from asr.hotwords.list import DEFAULT_WEIGHT

router = APIRouter(prefix="/api", tags=["corrections"], responses=REFUSALS)
# To put right what one has said oneself is part of chatting; what becomes of the list of hotwords is not.
message_router = APIRouter(prefix="/api", tags=["corrections"], responses=REFUSALS)


class Candidate(BaseModel):
    """A word that a correction suggests, and the form that was heard in its place (empty when it is none to look for).

    `alias_is_word` says that the form is a common word: taken as an alias, it would be replaced wherever it is said.
    """

    id: str
    word: str
    alias: str
    alias_is_word: bool
    message_id: str

    @classmethod
    def of(cls, record: CandidateRecord) -> Candidate:
        """Return what a client gets to see of a candidate."""
        return cls(**record.model_dump(include=set(cls.model_fields)))


class Candidates(BaseModel):
    """The words waiting for a decision, the newest first, and how many messages were corrected."""

    candidates: list[Candidate]
    corrections: int


class Acceptance(BaseModel):
    """Into which list a word goes, and as what; what is left out is as it was suggested."""

    list: str = GLOBAL
    entry: Entry | None = None


@message_router.post("/conversations/{conversation_id}/messages/{message_id}/correction", responses=STREAM)
async def correct_message(
    conversation_id: str,
    message_id: str,
    correction: TypedMessage,
    person: PersonDependency,
    conversations: ConversationsDependency,
    language: LanguageDependency,
) -> StreamingResponse:
    """Put the user's words in the place of what was recognised; the last message is answered again."""
    conversation = await conversations.open(person.id, conversation_id)
    return message_stream(await conversation.correct(message_id, correction.text), language)


@router.get("/hotwords/candidates")
def list_candidates(person: PersonDependency, conversations: ConversationsDependency) -> Candidates:
    """List the words that corrections suggest."""
    corrections = conversations.corrections
    found = [Candidate.of(record) for record in corrections.candidates(person.id)]
    return Candidates(candidates=found, corrections=corrections.count(person.id))


@router.post("/hotwords/candidates/{candidate_id}/accept")
def accept_candidate(
    candidate_id: str, acceptance: Acceptance, person: PersonDependency, conversations: ConversationsDependency
) -> HotwordList:
    """Put a suggested word into a list."""
    candidate = conversations.corrections.candidate(person.id, candidate_id)
    aliases = [candidate.alias] if candidate.alias and not candidate.alias_is_word else []
    entry = acceptance.entry or Entry(word=candidate.word, weight=DEFAULT_WEIGHT, aliases=aliases)
    kept = conversations.hotword_lists.add(person.id, acceptance.list, entry.hotword())
    conversations.corrections.settle(person.id, candidate_id, ACCEPTED)
    return shown(conversations, kept)


@router.delete("/hotwords/candidates/{candidate_id}", status_code=204)
def dismiss_candidate(candidate_id: str, person: PersonDependency, conversations: ConversationsDependency) -> None:
    """Take a suggestion off the list; it is not made again."""
    conversations.corrections.settle(person.id, candidate_id, DISMISSED)


@router.get(
    "/corrections/export",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/zip": {}}}},
)
def export_corrections(
    person: PersonDependency,
    conversations: ConversationsDependency,
    form: Annotated[Manifest, Query(alias="format")] = Manifest.FUNASR,
) -> StreamingResponse:
    """Return all corrected messages as a zip of recordings and a manifest, to train a recogniser on."""
    headers = {"Content-Disposition": f'attachment; filename="corrections-{form}.zip"', "Cache-Control": "no-store"}
    chunks = begun(conversations.corrections.export(person.id, form))
    return StreamingResponse(chunks, media_type="application/zip", headers=headers)

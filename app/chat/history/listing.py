"""The list of a person's conversations, newest first: what each is called, its last line, what is unread in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, func, or_, select

from app.chat.history.search import Hit, find, terms_of
from app.errors import ConversationUnknown, MessageInWork
from app.storage.database import Database, utc_now
from app.storage.personal_data import PersonalData
from app.storage.recordings import Recordings
from app.storage.tables import ConversationRecord, Message

UNDO = timedelta(minutes=10)
"""For how long a deleted conversation can be had back."""

LONGEST_TITLE = 60  # characters
FIRST_WORDS = 30  # characters of what was said first, where nobody gave a title
MOST_FOUND = 500  # messages that a search looks at
HITS = 3  # of one conversation

UNFINISHED = ("recognizing", "answering")


@dataclass(frozen=True)
class Summary:
    """One line of the list. `last` is the newest message, `hits` are empty unless it was searched for."""

    id: str
    domain: str
    title: str
    pinned: bool
    unread: int
    last: Message
    created_at: datetime
    hits: tuple[Hit, ...] = ()


@dataclass(frozen=True)
class Change:
    """What is to become of a conversation; None leaves as it is.

    `title` "" goes back to the first words; `read` marks all messages as read; `deleted` False undoes a deletion.
    """

    title: str | None = None
    pinned: bool | None = None
    read: bool | None = None
    deleted: bool | None = None


class History:
    """The conversations of all persons; every method blocks and raises StoreUnavailable when the database refuses."""

    def __init__(self, database: Database, recordings: Recordings, clock: Callable[[], datetime] = utc_now) -> None:
        """Look into `database`; `recordings` go with the messages that are deleted."""
        self._database = database
        self._personal = PersonalData(database, recordings)
        self._clock = clock

    def list(
        self, owner: str, *, query: str = "", domain: str = "", limit: int = 100, offset: int = 0
    ) -> Sequence[Summary]:
        """Return the conversations in which `owner` said something: those that are pinned first, then the newest.

        Args:
            owner: whose they are.
            query: words that must stand in one message, or in the title; empty for all conversations.
            domain: the bot that they are with; empty for any.
            limit: how many at most.
            offset: how many to leave out at the beginning.
        """
        terms = terms_of(query)
        with self._database.session() as session:
            hits = self._hits(session, owner, terms) if terms else {}
            wanted = self._listed(owner, domain)
            if terms:
                titled = [col(ConversationRecord.title).icontains(term, autoescape=True) for term in terms]
                wanted = wanted.where(or_(col(ConversationRecord.id).in_(hits), *titled))
            return self._summaries(session, wanted.limit(limit).offset(offset), hits)

    def summary(self, owner: str, conversation_id: str) -> Summary:
        """Return the line of one conversation; raises ConversationUnknown, also where nothing was said in it."""
        with self._database.session() as session:
            found = self._summaries(
                session, self._listed(owner).where(col(ConversationRecord.id) == conversation_id), {}
            )
        if not found:
            raise ConversationUnknown("There is no conversation of this id.")
        return found[0]

    def change(self, owner: str, conversation_id: str, change: Change) -> None:
        """Change a conversation; raises ConversationUnknown, also where a deletion can no longer be undone."""
        with self._database.session() as session:
            record = session.get(ConversationRecord, conversation_id)
            if record is None or record.owner != owner or (record.deleted_at and change.deleted is not False):
                raise ConversationUnknown("There is no conversation of this id.")
            if change.title is not None:
                record.title = " ".join(change.title.split())[:LONGEST_TITLE]
            if change.pinned is not None:
                record.pinned = change.pinned
            if change.read:
                newest = select(func.max(Message.number)).where(Message.conversation_id == conversation_id)
                record.read_number = session.exec(newest).one() or 0
            if change.deleted is not None:
                record.deleted_at = self._now() if change.deleted else None
            session.add(record)

    def purge(self) -> int:
        """Delete for good what was deleted longer ago than it can be had back; return how many records went."""
        with self._database.session() as session:
            gone = session.exec(
                select(ConversationRecord.id).where(col(ConversationRecord.deleted_at) < self._now() - UNDO)
            ).all()
        return sum(self._personal.forget_conversation(conversation_id) for conversation_id in gone)

    def delete_message(self, message: Message) -> None:
        """Delete a message with its recording and transcript; raises MessageInWork while it is being answered."""
        if message.status in UNFINISHED:
            raise MessageInWork("The message is still being recognised or answered.")
        self._personal.forget_message(message.id)

    def _now(self) -> datetime:
        return self._clock().astimezone(UTC)

    def _listed(self, owner: str, domain: str = "") -> Select[Any]:
        """Select (record's columns, number of the last message) of the conversations in which something was said."""
        last = (
            select(
                Message.conversation_id,
                func.max(Message.number).label("number"),
                func.min(Message.number).filter(col(Message.role) == "user").label("first"),
            )
            .where(Message.status != "withdrawn")
            .group_by(Message.conversation_id)
            .subquery()
        )
        wanted: Select[Any] = (
            select_columns(ConversationRecord, last.c.number, last.c.first, _domain().label("domain"))
            .join(last, last.c.conversation_id == ConversationRecord.id)
            .where(
                col(ConversationRecord.owner) == owner,
                col(ConversationRecord.deleted_at).is_(None),
                last.c.first.is_not(None),
            )
            .order_by(col(ConversationRecord.pinned).desc(), last.c.number.desc())
        )
        return wanted.where(_domain() == domain) if domain else wanted

    def _summaries(self, session: Session, wanted: Select[Any], hits: dict[str, tuple[Hit, ...]]) -> Sequence[Summary]:
        rows = session.execute(wanted).all()
        shown = {row.number for row in rows} | {row.first for row in rows}
        messages = {one.number: one for one in session.exec(select(Message).where(col(Message.number).in_(shown)))}
        unread: dict[str, int] = dict(
            session.execute(
                select(Message.conversation_id, func.count())
                .join(ConversationRecord, col(ConversationRecord.id) == Message.conversation_id)
                .where(
                    col(ConversationRecord.id).in_([row.ConversationRecord.id for row in rows]),
                    Message.role == "bot",
                    Message.status != "withdrawn",
                    col(Message.number) > ConversationRecord.read_number,
                )
                .group_by(Message.conversation_id)
            ).all()
        )
        return [
            Summary(
                id=row.ConversationRecord.id,
                domain=row.domain or "",
                title=row.ConversationRecord.title or _first_words(messages[row.first].text),
                pinned=row.ConversationRecord.pinned,
                unread=unread.get(row.ConversationRecord.id, 0),
                last=messages[row.number],
                created_at=row.ConversationRecord.created_at,
                hits=hits.get(row.ConversationRecord.id, ()),
            )
            for row in rows
        ]

    def _hits(self, session: Session, owner: str, terms: Sequence[str]) -> dict[str, tuple[Hit, ...]]:
        """Return the newest messages with all `terms`, by conversation."""
        mine = select(ConversationRecord.id).where(
            ConversationRecord.owner == owner, col(ConversationRecord.deleted_at).is_(None)
        )
        found = session.exec(
            select(Message)
            .where(
                col(Message.conversation_id).in_(mine),
                Message.status != "withdrawn",
                *(col(Message.text).icontains(term, autoescape=True) for term in terms),
            )
            .order_by(col(Message.number).desc())
            .limit(MOST_FOUND)
        )
        return _by_conversation(found, terms)


def _by_conversation(found: Iterable[Message], terms: Sequence[str]) -> dict[str, tuple[Hit, ...]]:
    hits: dict[str, tuple[Hit, ...]] = {}
    for message in found:
        known = hits.get(message.conversation_id, ())
        if len(known) < HITS:
            hits[message.conversation_id] = (*known, find(message.id, message.text, terms))
    return hits


def _domain() -> ColumnElement[str]:
    domain: ColumnElement[str] = col(ConversationRecord.state)["domain"].as_string()
    return domain


def _first_words(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= FIRST_WORDS else f"{line[:FIRST_WORDS]}…"

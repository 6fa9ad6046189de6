"""The store of conversations: the bot's state, messages, transcripts, recordings.

A recording is on the disk before its message is committed, and a message is committed before it is sent to a client: so
everything that the page has shown is still there after a crash. Every method blocks; call it in a thread.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import update
from sqlmodel import Session, col, func, select

from app.errors import (
    ConversationUnknown,
    Detail,
    Interrupted,
    MessageUnknown,
    NotRetryable,
    RecordingMissing,
)
from app.storage.cards import in_words, stored
from app.storage.database import Clock, Database, guarded, open_database, utc_now
from app.storage.recordings import Recordings, open_recordings
from app.storage.tables import ConversationRecord, Message, TranscriptRecord
from asr import Transcript
from bot import Reply

WAV = "audio/wav"
UNKNOWN_FORMAT = "application/octet-stream"
MAX_LISTED = 500
NO_CONVERSATION = "There is no conversation of this id."


@dataclass(frozen=True)
class Wav:
    """A decoded recording: a WAV file, open, and its length in seconds."""

    file: BinaryIO
    seconds: float


@contextmanager
def found(what: str) -> Iterator[None]:
    """Turn FileNotFoundError into RecordingMissing, which names `what` is gone."""
    try:
        yield
    except FileNotFoundError as error:
        raise RecordingMissing(f"The {what} is not kept any more.") from error


class Store:
    """The database and the recordings of one app; safe to share between threads.

    Every method raises StoreUnavailable when the database or the disk refuses.
    """

    def __init__(self, database: Database, recordings: Recordings, clock: Clock = utc_now) -> None:
        """Keep what is said in `database` and `recordings`."""
        self.database = database
        self.recordings = recordings
        self._clock = clock

    @classmethod
    def open(cls, data_dir: Path, database_url: str = "", clock: Clock = utc_now, audio_url: str = "") -> Store:
        """Open the database and the recordings; where no URL is given, both lie in `data_dir`."""
        database = open_database(data_dir, database_url)
        with guarded():
            return cls(database, open_recordings(data_dir, audio_url), clock)

    def close(self) -> None:
        """Close all connections."""
        self.database.close()

    def check(self) -> None:
        """Raise StoreUnavailable unless the database can be written to and recordings can be had."""
        self.recordings.check()
        with self.database.session() as session:
            session.execute(update(Message).where(col(Message.id) == "").values(text=""))

    # Conversations

    def start_conversation(self, owner: str, greeting: Reply) -> tuple[str, list[Message]]:
        """Begin a conversation of `owner`'s with the bot's `greeting`; return its id and the first messages."""
        conversation_id = secrets.token_urlsafe(16)
        with self.database.session() as session:
            session.add(
                ConversationRecord(
                    id=conversation_id, owner=owner, state=greeting.state.to_dict(), created_at=self._now()
                )
            )
            session.flush()
            return conversation_id, self._add_reply(session, conversation_id, greeting)

    def require_conversation(self, owner: str, conversation_id: str) -> None:
        """Raise ConversationUnknown when `owner` has no such conversation."""
        with self.database.session() as session:
            self._owned(session, owner, conversation_id)

    def owner(self, conversation_id: str) -> str:
        """Return whose a conversation is."""
        with self.database.session() as session:
            return self._conversation(session, conversation_id).owner

    def state(self, conversation_id: str) -> dict[str, Any]:
        """Return the bot's state in a conversation."""
        with self.database.session() as session:
            return self._conversation(session, conversation_id).state

    def messages(self, owner: str, conversation_id: str, limit: int | None = MAX_LISTED) -> list[Message]:
        """Return the last `limit` messages of a conversation of `owner`'s, or all, oldest first."""
        with self.database.session() as session:
            self._owned(session, owner, conversation_id)
            newest_first = (
                select(Message)
                .where(Message.conversation_id == conversation_id, Message.status != "withdrawn")
                .order_by(col(Message.number).desc())
                .limit(limit)
            )
            return list(reversed(session.exec(newest_first).all()))

    def message(self, owner: str, conversation_id: str, message_id: str) -> Message:
        """Return one message; raises MessageUnknown when it is not in that conversation of `owner`'s."""
        with self.database.session() as session:
            self._owned(session, owner, conversation_id)
            return self._message(session, conversation_id, message_id)

    # The way of one message

    def add_typed(self, conversation_id: str, text: str, client_id: str | None = None) -> Message:
        """Keep a typed message that is about to be answered."""
        return self._add_message(conversation_id, kind="text", status="answering", text=text, client_id=client_id)

    def add_spoken(self, conversation_id: str, recording: BinaryIO, client_id: str | None = None) -> Message:
        """Keep a recording, as it came, that is about to be recognised."""
        with guarded():
            name = self.recordings.add(recording, suffix="")
        fields = {"status": "recognizing", "audio_name": name, "audio_type": UNKNOWN_FORMAT, "client_id": client_id}
        return self._add_message(conversation_id, kind="voice", **fields)

    def add_recognised(
        self, conversation_id: str, wav: BinaryIO, transcript: Transcript, client_id: str | None = None
    ) -> Message:
        """Keep a recording that was recognised while it was spoken and is about to be answered.

        One in which nothing was understood is about to be recognised once more.
        """
        with guarded():
            name = self.recordings.add(wav, suffix=".wav")
        fields = {"audio_name": name, "audio_type": WAV, "seconds": transcript.seconds, "client_id": client_id}
        if not transcript.text.strip():
            return self._add_message(conversation_id, kind="voice", status="recognizing", **fields)
        with self.database.session() as session:
            message = self._add_message(
                conversation_id, kind="voice", status="answering", text=transcript.text, **fields
            )
            session.flush()  # the transcript refers to it
            session.add(TranscriptRecord(message_id=message.id, data=transcript.to_dict()))
        return message

    def sent_as(self, conversation_id: str, client_id: str) -> Message | None:
        """Return the message that the client sent under this name of its own; None when there is none."""
        with self.database.session() as session:
            return session.exec(
                select(Message).where(Message.conversation_id == conversation_id, Message.client_id == client_id)
            ).one_or_none()

    def became(self, message: Message) -> tuple[Message, list[Message]]:
        """Return what became of a message that was sent again, and the bot's messages that answered it.

        One that failed is taken up again.
        """
        with self.database.session() as session:
            current = self._message(session, message.conversation_id, message.id)
            session.refresh(current)
            after = (
                select(Message)
                .where(
                    Message.conversation_id == message.conversation_id,
                    col(Message.number) > (message.number or 0),
                )
                .order_by(col(Message.number))
            )
            replies = list(itertools.takewhile(lambda one: one.role == "bot", session.exec(after)))
        if current.status == "failed":
            return self.reopen(message.conversation_id, message.id), []
        return current, [one for one in replies if one.status != "withdrawn"]

    def recording(self, message: Message) -> BinaryIO:
        """Return the recording of a voice message, open; raises RecordingMissing when there is none."""
        with guarded(), found("recording of this message"):
            if message.audio_name is None:
                raise FileNotFoundError
            return self.recordings.open(message.audio_name)

    def picture(self, message: Message) -> tuple[BinaryIO, str]:
        """Return a picture, open, and its type; raises MessageUnknown when the message is none."""
        if message.card is None or message.kind != "image":
            raise MessageUnknown("This message is no picture.")
        with guarded(), found("picture of this message"):
            return self.recordings.open(message.card["file"]), str(message.card["media_type"])

    def recognised(self, message: Message, transcript: Transcript, wav: Wav | None = None) -> Message:
        """Keep what was recognised, and `wav` in the place of the recording as it came; it is about to be answered."""
        with self._replaced(message, wav) as audio, self.database.session() as session:
            session.add(TranscriptRecord(message_id=message.id, data=transcript.to_dict()))
            return self._update(session, message, text=transcript.text, status="answering", **audio)

    def transcript(self, message: Message) -> Transcript | None:
        """Return what was recognised in a voice message; None before that."""
        with self.database.session() as session:
            record = session.get(TranscriptRecord, message.id)
            return None if record is None else Transcript.from_dict(record.data)

    def answered(self, message: Message, reply: Reply) -> list[Message]:
        """Keep the bot's reply and its new state, and end the message; all of it or nothing.

        Returns the message and the bot's messages after it.
        """
        with self.database.session() as session:
            conversation = self._conversation(session, message.conversation_id)
            conversation.last_turn = {
                "message_id": message.id,
                "state": conversation.state,
                "acted": bool(reply.actions),
            }
            conversation.state = reply.state.to_dict()
            done = self._update(session, message, status="done", error_code=None, error_details={})
            return [done, *self._add_reply(session, message.conversation_id, reply)]

    def failed(self, message: Message, code: str, details: Mapping[str, Detail], wav: Wav | None = None) -> Message:
        """End a message that could not be answered; `wav`, where it was decoded, takes the place of its recording."""
        with self._replaced(message, wav) as audio, self.database.session() as session:
            return self._update(
                session, message, status="failed", error_code=code, error_details=dict(details), **audio
            )

    def reopen(self, conversation_id: str, message_id: str) -> Message:
        """Take a failed message up again where it failed; raises NotRetryable when it is not a failed one."""
        with self.database.session() as session:
            message = self._message(session, conversation_id, message_id)
            recognised = message.kind == "text" or session.get(TranscriptRecord, message.id) is not None
            corrected = message.heard is not None
            status = "answering" if (recognised or corrected) and message.text else "recognizing"
            # The condition lets only one of two retries at the same moment through.
            taken = session.execute(
                update(Message)
                .where(
                    col(Message.id) == message.id,
                    col(Message.role) == "user",
                    col(Message.status) == "failed",
                )
                .values(status=status, error_code=None, error_details={})
            )
            if taken.rowcount != 1:  # type: ignore[attr-defined]
                raise NotRetryable("Only a message that failed can be tried again.")
            session.refresh(message)
            return message

    def fail_interrupted(self) -> int:
        """End the messages that an earlier process left half way; return how many there were."""
        with self.database.session() as session:
            left = session.execute(
                update(Message)
                .where(col(Message.status).in_(["recognizing", "answering"]))
                .values(status="failed", error_code=Interrupted.code, error_details={})
            )
            return int(left.rowcount)  # type: ignore[attr-defined]

    def count_conversations(self) -> int:
        """Return how many conversations there are."""
        with self.database.session() as session:
            return session.exec(select(func.count()).select_from(ConversationRecord)).one()

    # Inside

    def _now(self) -> datetime:
        return self._clock().astimezone(UTC)

    def _conversation(self, session: Session, conversation_id: str) -> ConversationRecord:
        record = session.get(ConversationRecord, conversation_id)
        if record is None:
            raise ConversationUnknown(NO_CONVERSATION)
        return record

    def _owned(self, session: Session, owner: str, conversation_id: str) -> ConversationRecord:
        record = self._conversation(session, conversation_id)
        if record.owner != owner or record.deleted_at is not None:
            # The words for one that is not there: an id that was guessed must not be confirmed.
            raise ConversationUnknown(NO_CONVERSATION)
        return record

    def _message(self, session: Session, conversation_id: str, message_id: str) -> Message:
        self._conversation(session, conversation_id)
        message = session.exec(
            select(Message).where(Message.id == message_id, Message.conversation_id == conversation_id)
        ).one_or_none()
        if message is None:
            raise MessageUnknown("There is no message of this id in the conversation.")
        return message

    def _new_message(self, conversation_id: str, **fields: Any) -> Message:
        return Message(id=secrets.token_urlsafe(12), conversation_id=conversation_id, created_at=self._now(), **fields)

    def _add_message(self, conversation_id: str, **fields: Any) -> Message:
        message = self._new_message(conversation_id, role="user", **fields)
        with self.database.session() as session:
            session.add(message)
        return message

    def _add_reply(self, session: Session, conversation_id: str, reply: Reply) -> list[Message]:
        messages = [
            self._new_message(conversation_id, role="bot", kind="text", status="done", text=text)
            for text in reply.texts
        ]
        for card in reply.cards:
            shown = stored(card, partial(self.recordings.add, suffix=""))
            fields = {"kind": shown["type"], "text": in_words(card), "card": shown}
            messages.append(self._new_message(conversation_id, role="bot", status="done", **fields))
        if messages:
            buttons = [{"title": button.title, "text": button.text} for button in reply.quick_replies]
            messages[-1].quick_replies = buttons
        session.add_all(messages)
        return messages

    @contextmanager
    def _replaced(self, message: Message, wav: Wav | None) -> Iterator[dict[str, Any]]:
        """Give the columns that make `wav` the recording of a message, and delete the one it had once that is done."""
        if wav is None:
            yield {}
            return
        with guarded():
            name = self.recordings.add(wav.file, suffix=".wav")
        yield {"audio_name": name, "audio_type": WAV, "seconds": wav.seconds}
        if message.audio_name and message.audio_name != name:
            with guarded():
                self.recordings.remove(message.audio_name)

    def _update(self, session: Session, message: Message, **fields: Any) -> Message:
        """Change a message without reading it again; raises MessageUnknown when it was deleted meanwhile."""
        updated = session.execute(update(Message).where(col(Message.id) == message.id).values(**fields))
        if updated.rowcount != 1:  # type: ignore[attr-defined]
            raise MessageUnknown("There is no message of this id in the conversation.")
        return message.changed(**fields)

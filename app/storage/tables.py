"""All tables of the database, so that an export and a deletion cannot miss one.

Whoever changes a table adds a step to app/storage/migrations/versions; a test compares the two.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Column, DateTime, ForeignKey, Index, Integer, Text, TypeDecorator, UniqueConstraint, false
from sqlmodel import Field, SQLModel

from app.errors import Detail

metadata = SQLModel.metadata

UNFINISHED = ("queued", "running")
"""The statuses of a transcription or training job that is not over."""


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC; SQLite forgets the zone, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: object) -> datetime | None:
        """Return the same moment in UTC, for SQLite would keep the digits of any other zone."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: object) -> datetime | None:
        """Return the moment with its zone."""
        return None if value is None else value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC)


class ConversationRecord(SQLModel, table=True):
    """One conversation and the bot's state in it.

    `title` is "" while nobody gave one, `read_number` the number of the last message that was read. One that was
    deleted is kept for a few minutes, in which it can be had back.
    """

    __tablename__ = "conversation"

    id: str = Field(primary_key=True)
    owner: str = Field(index=True)
    title: str = Field(default="", sa_column_kwargs={"server_default": ""})
    pinned: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    read_number: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    deleted_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    state: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    # What the last answer began from: message_id, state, and whether it did anything (acted).
    last_turn: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class Message(SQLModel, table=True):
    """One bubble. `number` gives the order, `id` is what clients see, `heard` what was recognised before a user
    corrected the text. A bot's message is `withdrawn` when the message that it answered was corrected.
    """

    __tablename__ = "message"
    __table_args__ = (Index("ix_message_client_id", "conversation_id", "client_id", unique=True),)

    number: int | None = Field(default=None, primary_key=True)
    id: str = Field(unique=True)
    conversation_id: str = Field(foreign_key="conversation.id", index=True)
    role: str  # user, bot
    kind: str  # voice, text, table, image
    client_id: str | None = None  # what the client calls it: sent again under this name, it is not taken again
    status: str = Field(index=True)  # recognizing, answering, done, failed, withdrawn
    text: str = ""
    heard: str | None = None
    seconds: float | None = None
    audio_name: str | None = None
    audio_type: str | None = None
    error_code: str | None = None
    error_details: dict[str, Detail] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    quick_replies: list[dict[str, str]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    card: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))

    def changed(self, **fields: Any) -> Message:
        """Return a copy with other `fields`, for what is shown; the database does not know of it."""
        return Message(**(self.model_dump() | fields))


class TranscriptRecord(SQLModel, table=True):
    """What the recogniser made of one voice message; beside the message, for it is large and seldom asked for."""

    __tablename__ = "transcript"

    message_id: str = Field(primary_key=True, foreign_key="message.id")
    data: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))


class HotwordListRecord(SQLModel, table=True):
    """A list: `name` is empty for the owner's global one, `version_id` is the version that holds now."""

    __tablename__ = "hotword_list"
    __table_args__ = (UniqueConstraint("owner", "name"),)

    id: str = Field(primary_key=True)
    owner: str = Field(index=True)
    name: str
    version_id: str
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class HotwordVersionRecord(SQLModel, table=True):
    """One text that a list had; `number` gives the order, `id` is never used twice."""

    __tablename__ = "hotword_version"

    id: str = Field(primary_key=True)
    list_id: str = Field(foreign_key="hotword_list.id", index=True)
    number: int
    text: str
    saved_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class ConversationHotwordsRecord(SQLModel, table=True):
    """Which lists a conversation uses beside the global one, in order."""

    __tablename__ = "conversation_hotwords"

    conversation_id: str = Field(sa_column=Column(ForeignKey("conversation.id", ondelete="CASCADE"), primary_key=True))
    list_ids: list[str] = Field(sa_column=Column(JSON, nullable=False))


class CandidateRecord(SQLModel, table=True):
    """A word that a correction suggests; `alias` is empty when what was heard is no form to look for."""

    __tablename__ = "hotword_candidate"

    id: str = Field(primary_key=True)
    owner: str = Field(index=True)
    message_id: str = Field(sa_column=Column(ForeignKey("message.id", ondelete="CASCADE"), nullable=False, index=True))
    word: str
    alias: str = ""
    alias_is_word: bool = False
    status: str = "open"
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class TranscriptionJob(SQLModel, table=True):
    """One file on its way to a transcript; `heard` of its `seconds` are done."""

    __tablename__ = "transcription_job"

    id: str = Field(primary_key=True)
    owner: str = Field(index=True)
    name: str
    status: str = Field(index=True)  # queued, running, done, failed, cancelled
    options: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    audio_name: str
    audio_type: str
    seconds: float | None = None
    heard: float = 0.0
    channels: int = 1
    error_code: str | None = None
    error_details: dict[str, Detail] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    finished_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime, nullable=True))

    @property
    def finished(self) -> bool:
        """Whether nothing more will come, unless it is tried again."""
        return self.status not in UNFINISHED


class TranscriptionSegment(SQLModel, table=True):
    """One segment of a job's transcript; `position` counts from 0."""

    __tablename__ = "transcription_segment"

    job_id: str = Field(primary_key=True, foreign_key="transcription_job.id")
    position: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    data: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))


class TrainingJob(SQLModel, table=True):
    """One language model on its way; `progress` (0 to 1) is that of the step."""

    __tablename__ = "lm_job"
    __table_args__ = (UniqueConstraint("owner", "submission_key", name="uq_lm_job_submission"),)

    id: str = Field(primary_key=True)
    owner: str = Field(index=True)
    submission_key: str | None = None
    fingerprint: str = ""
    name: str
    request: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))  # without the texts
    status: str = Field(index=True)
    step: str = "prepare"
    progress: float = 0.0
    log: str = Field(default="", sa_column=Column(Text, nullable=False))
    report: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True), nullable=True))
    version: int | None = None
    error_code: str | None = None
    error_details: dict[str, Detail] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    slot: int | None = Field(default=None, unique=True, index=True)
    worker: str | None = None
    lease_until: datetime | None = Field(default=None, sa_column=Column(UtcDateTime, nullable=True))
    attempts: int = 0
    cancel_asked: bool = False
    callback_url: str | None = None
    callback_status: str | None = None  # waiting, sent, failed
    callback_attempts: int = 0
    callback_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime, nullable=True))
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    started_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime, nullable=True))
    finished_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime, nullable=True))

    @property
    def finished(self) -> bool:
        """Whether nothing more will come."""
        return self.status not in UNFINISHED


class LanguageVersion(SQLModel, table=True):
    """One published model; it belongs to the app, not to who trained it."""

    __tablename__ = "lm_version"

    number: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    name: str
    file: str
    sha256: str
    size: int
    report: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True), nullable=True))
    job_id: str | None = None
    published_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class Publication(SQLModel, table=True):
    """One time that a version began to run; `previous` is the publication that a rollback goes back to."""

    __tablename__ = "lm_publication"

    id: int | None = Field(default=None, primary_key=True)
    version: int
    previous: int | None = None
    at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class CheckSetRecord(SQLModel, table=True):
    """A check set that a person sent; its files lie in a folder of its id."""

    __tablename__ = "lm_check_set"

    id: str = Field(primary_key=True)
    owner: str = Field(index=True)
    name: str
    clips: int
    seconds: float
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class ApiKey(SQLModel, table=True):
    """A key of a program: what it may do, and whose records it works on."""

    __tablename__ = "api_key"

    id: str = Field(primary_key=True)
    name: str
    person: str = Field(index=True)
    scopes: list[str] = Field(sa_column=Column(JSON, nullable=False))
    hash: str
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    used_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    revoked_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))


class LoginSession(SQLModel, table=True):
    """A login: one browser of one person."""

    __tablename__ = "login_session"

    hash: str = Field(primary_key=True)
    person: str = Field(index=True)
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    expires_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))

"""How long conversations and transcriptions are kept, and how much room they may take together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func
from sqlmodel import col, select

from app.errors import ClockDoubtful
from app.storage.database import Database
from app.storage.personal_data import PersonalData
from app.storage.recordings import Recordings
from app.storage.tables import UNFINISHED, ConversationRecord, Message, TranscriptionJob

# Between its file and its record a recording is on its way; a sweep must not take it for an orphan.
SWEEP_AFTER = timedelta(hours=1)


@dataclass(frozen=True)
class Pruned:
    """What was deleted."""

    conversations: int
    transcriptions: int
    recordings: int  # that no record named any more


@dataclass(frozen=True)
class _Kept:
    kind: str  # conversation, job
    id: str
    last: datetime
    size: int


class Retention:
    """Deletes what is too old, and the oldest of what is too much."""

    def __init__(self, database: Database, recordings: Recordings, *, keep_days: float, keep_bytes: int) -> None:
        """Keep what was last used within `keep_days`, and at most `keep_bytes` of recordings; 0 is no bound."""
        self._database = database
        self._recordings = recordings
        self._personal = PersonalData(database, recordings)
        self._keep_days = keep_days
        self._keep_bytes = keep_bytes

    def prune(self, now: datetime, *, all_of_it: bool = False) -> Pruned:
        """Delete what is not to be kept any longer; raises StoreUnavailable, ClockDoubtful.

        Each conversation goes whole and in a transaction of its own. One in which a message is being worked on stays.
        Where all that there is would be too old, either nobody came for long or the clock has leapt: nothing goes then,
        unless `all_of_it` says that it may.
        """
        kept = sorted(self._conversations() + self._jobs(), key=lambda one: one.last)
        oldest = now - timedelta(days=self._keep_days) if self._keep_days else None
        if kept and oldest is not None and kept[-1].last < oldest and not all_of_it:
            raise ClockDoubtful(
                f"The newest record is of {kept[-1].last:%Y-%m-%d}, and all would be deleted. If the clock is right, "
                "`python -m app prune` deletes them."
            )
        excess = sum(one.size for one in kept) - self._keep_bytes if self._keep_bytes else 0
        gone = {"conversation": 0, "job": 0}
        for one in kept:
            too_old = oldest is not None and one.last < oldest
            if not too_old and excess <= 0:
                break
            forget = self._personal.forget_conversation if one.kind == "conversation" else self._personal.forget_job
            forget(one.id)
            excess -= one.size
            gone[one.kind] += 1
        swept = self._personal.sweep(now - SWEEP_AFTER)
        return Pruned(gone["conversation"], gone["job"], swept)

    def _conversations(self) -> list[_Kept]:
        with self._database.session() as session:
            rows = session.exec(
                select(
                    ConversationRecord.id,
                    func.coalesce(func.max(col(Message.created_at)), ConversationRecord.created_at),
                )
                .outerjoin(Message, col(Message.conversation_id) == ConversationRecord.id)
                .group_by(col(ConversationRecord.id), col(ConversationRecord.created_at))
            ).all()
            busy = set(
                session.exec(
                    select(Message.conversation_id).where(col(Message.status).in_(["recognizing", "answering"]))
                ).all()
            )
            sizes: dict[str, int] = {}
            for conversation_id, name in session.exec(
                select(Message.conversation_id, Message.audio_name).where(col(Message.audio_name).is_not(None))
            ):
                sizes[conversation_id] = sizes.get(conversation_id, 0) + self._recordings.size(name or "")
        return [_Kept("conversation", key, last, sizes.get(key, 0)) for key, last in rows if key not in busy]

    def _jobs(self) -> list[_Kept]:
        with self._database.session() as session:
            jobs = session.exec(select(TranscriptionJob).where(col(TranscriptionJob.status).not_in(UNFINISHED))).all()
            return [
                _Kept("job", job.id, job.finished_at or job.created_at, self._recordings.size(job.audio_name))
                for job in jobs
            ]

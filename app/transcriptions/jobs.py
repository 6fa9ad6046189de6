"""Transcription jobs that are kept: the file, how far it has got, and every segment as soon as it is heard.

    queued ─► running ─► done
      └─────────┴──────► failed, cancelled      (and back to queued by a retry)

What was heard before a job failed, was cancelled or lost its server stays readable. Everything here blocks; the event
loop calls it through a thread.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import JSON, Column, Integer, update
from sqlmodel import Field, Session, SQLModel, col, delete, select

from app.errors import Detail, Interrupted, JobNotRetryable, JobUnfinished, JobUnknown
from app.recognition.files import Options
from app.storage.database import Database, UtcDateTime, guarded, utc_now
from app.storage.recordings import Recordings
from app.storage.store import UNKNOWN_FORMAT, WAV, Clock, found
from asr import Formatting, Segment, Transcript
from asr.hotwords.list import parse

UNFINISHED = ("queued", "running")
_RECORDING = "recording of this transcription"
MAX_NAME = 200  # characters of a file's name that are kept


class Job(SQLModel, table=True):
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


class SegmentRecord(SQLModel, table=True):
    """One segment of a job's transcript; `position` counts from 0."""

    __tablename__ = "transcription_segment"

    job_id: str = Field(primary_key=True, foreign_key="transcription_job.id")
    position: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    data: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))


class Jobs:
    """The jobs of one app; safe to share between threads. Every method raises StoreUnavailable.

    A job of somebody else's is as unknown as one that never was: JobUnknown.
    """

    def __init__(self, database: Database, recordings: Recordings, clock: Clock = utc_now) -> None:
        """Keep jobs in `database` and their files in `recordings`."""
        self._database = database
        self._recordings = recordings
        self._clock = clock

    def add(self, owner: str, name: str, upload: BinaryIO, options: Options) -> Job:
        """Keep a file, as it came, that is about to be recognised."""
        with guarded():
            audio_name = self._recordings.add(upload, suffix="")
        job = Job(
            id=secrets.token_urlsafe(16),
            owner=owner,
            name=_printable(name)[-MAX_NAME:],
            status="queued",
            options=_options_to_dict(options),
            audio_name=audio_name,
            audio_type=UNKNOWN_FORMAT,
            created_at=self._clock(),
        )
        with self._database.session() as session:
            session.add(job)
        return job

    def get(self, owner: str, job_id: str) -> Job:
        """Return a job of `owner`'s."""
        with self._database.session() as session:
            return _owned(session, owner, job_id)

    def options(self, job: Job) -> Options:
        """Return how the file is to be recognised."""
        return _options_from_dict(job.options)

    def recording(self, job: Job) -> BinaryIO:
        """Return the recording of a job, open; raises RecordingMissing when it is gone."""
        with guarded(), found(_RECORDING):
            return self._recordings.open(job.audio_name)

    @contextmanager
    def local(self, job: Job) -> Iterator[Path]:
        """Have the recording of a job as a file for a while; raises RecordingMissing when it is gone."""
        with ExitStack() as held:
            with guarded(), found(_RECORDING):
                path = held.enter_context(self._recordings.local(job.audio_name))
            yield path

    def draft(self) -> Path:
        """Return a path to decode a recording to; `decoded` takes it over, a crash sweeps it away."""
        return self._recordings.draft(".wav")

    def decoded(self, job: Job, wav: Path, seconds: float, channels: int) -> Job:
        """Keep the decoded recording in the place of the file as it came; the job is running now."""
        with guarded():
            name = self._recordings.complete(wav)
        changed = self._set(
            job.id, audio_name=name, audio_type=WAV, seconds=seconds, channels=channels, status="running"
        )
        with guarded():
            self._recordings.remove(job.audio_name)
        return changed

    def hear(self, job_id: str, seconds: float, segments: Sequence[Segment], position: int) -> None:
        """Keep new segments, the first of them at `position`; `seconds` of the recording are done."""
        rows = Transcript(tuple(segments), 0.0).to_dict()["segments"]
        with self._database.session() as session:
            session.add_all(
                SegmentRecord(job_id=job_id, position=number, data=row) for number, row in enumerate(rows, position)
            )
            session.execute(update(Job).where(col(Job.id) == job_id).values(heard=seconds))

    def finish(self, job_id: str, status: str, code: str | None = None, details: Mapping[str, Detail] = {}) -> Job:
        """End a job as done, failed (then `code` and `details` say why) or cancelled."""
        return self._set(job_id, status=status, error_code=code, error_details=dict(details), finished_at=self._clock())

    def since(self, owner: str, job_id: str, position: int) -> tuple[Job, list[Segment]]:
        """Return a job, and its segments from `position` on."""
        with self._database.session() as session:
            job = _owned(session, owner, job_id)
            return job, _segments(session, job_id, position)

    def transcript(self, owner: str, job_id: str, *, partial: bool = False) -> Transcript:
        """Return all that was heard; raises JobUnfinished unless the job is done, or `partial` results are wanted."""
        job, segments = self.since(owner, job_id, 0)
        if job.status != "done" and not partial:
            raise JobUnfinished(f"This transcription is {job.status}, not done.", status=job.status)
        return Transcript(tuple(segments), job.seconds or 0.0)

    def reopen(self, owner: str, job_id: str) -> Job:
        """Take a failed or cancelled job up again, from the beginning; raises JobNotRetryable for any other."""
        with self._database.session() as session:
            job = _owned(session, owner, job_id)
            # The condition lets only one of two retries at the same moment through.
            taken = session.execute(
                update(Job)
                .where(col(Job.id) == job_id, col(Job.status).in_(["failed", "cancelled"]))
                .values(status="queued", heard=0.0, error_code=None, error_details={}, finished_at=None)
            )
            if taken.rowcount != 1:  # type: ignore[attr-defined]
                raise JobNotRetryable("Only a transcription that failed or was cancelled can be tried again.")
            session.execute(delete(SegmentRecord).where(col(SegmentRecord.job_id) == job_id))
            session.refresh(job)
            return job

    def remove(self, owner: str, job_id: str) -> None:
        """Delete a job, what was heard, and its recording."""
        with self._database.session() as session:
            job = _owned(session, owner, job_id)
            session.execute(delete(SegmentRecord).where(col(SegmentRecord.job_id) == job_id))
            session.flush()
            session.delete(job)
        with guarded():
            self._recordings.remove(job.audio_name)

    def fail_interrupted(self) -> int:
        """End the jobs that an earlier process left unfinished; return how many there were."""
        with self._database.session() as session:
            left = session.execute(
                update(Job)
                .where(col(Job.status).in_(UNFINISHED))
                .values(status="failed", error_code=Interrupted.code, error_details={}, finished_at=self._clock())
            )
            return int(left.rowcount)  # type: ignore[attr-defined]

    def _set(self, job_id: str, **values: Any) -> Job:
        with self._database.session() as session:
            job = session.get(Job, job_id)
            if job is None:
                raise _unknown()
            for name, value in values.items():
                setattr(job, name, value)
            session.add(job)
            return job


def _owned(session: Session, owner: str, job_id: str) -> Job:
    job = session.get(Job, job_id)
    if job is None or job.owner != owner:
        raise _unknown()
    return job


def _unknown() -> JobUnknown:
    return JobUnknown("There is no transcription of this id.")


def _segments(session: Session, job_id: str, position: int) -> list[Segment]:
    rows = session.exec(
        select(SegmentRecord)
        .where(SegmentRecord.job_id == job_id, SegmentRecord.position >= position)
        .order_by(col(SegmentRecord.position))
    )
    return list(Transcript.from_dict({"segments": [row.data for row in rows], "seconds": 0.0}).segments)


def _printable(name: str) -> str:
    return "".join(character if character.isprintable() else " " for character in name).strip()


def _options_to_dict(options: Options) -> dict[str, Any]:
    return {
        "hotwords": options.hotwords.serialize(),
        "punctuation": options.formatting.punctuation,
        "itn": options.formatting.itn,
        "keep_channels": options.keep_channels,
    }


def _options_from_dict(data: Mapping[str, Any]) -> Options:
    return Options(
        hotwords=parse(data["hotwords"]).hotwords,
        formatting=Formatting(punctuation=data["punctuation"], itn=data["itn"]),
        keep_channels=data["keep_channels"],
    )

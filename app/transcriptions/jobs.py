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
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import update
from sqlmodel import Session, col, delete, select

from app.errors import Detail, Interrupted, JobNotRetryable, JobUnfinished, JobUnknown
from app.recognition.files import Options
from app.storage.database import Clock, Database, guarded, utc_now
from app.storage.recordings import Recordings
from app.storage.store import UNKNOWN_FORMAT, WAV, found
from app.storage.tables import UNFINISHED, TranscriptionJob, TranscriptionSegment
from asr import Formatting, Segment, Transcript
from asr.hotwords.list import parse

_RECORDING = "recording of this transcription"
MAX_NAME = 200  # characters of a file's name that are kept


class TranscriptionJobs:
    """The jobs of one app; safe to share between threads. Every method raises StoreUnavailable.

    A job of another owner is unknown: JobUnknown.
    """

    def __init__(self, database: Database, recordings: Recordings, clock: Clock = utc_now) -> None:
        """Keep jobs in `database` and their files in `recordings`."""
        self._database = database
        self._recordings = recordings
        self._clock = clock

    def add(self, owner: str, name: str, upload: BinaryIO, options: Options) -> TranscriptionJob:
        """Keep a file, as it came, that is about to be recognised."""
        with guarded():
            audio_name = self._recordings.add(upload, suffix="")
        job = TranscriptionJob(
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

    def get(self, owner: str, job_id: str) -> TranscriptionJob:
        """Return a job of `owner`'s."""
        with self._database.session() as session:
            return _owned(session, owner, job_id)

    def options(self, job: TranscriptionJob) -> Options:
        """Return how the file is to be recognised."""
        return _options_from_dict(job.options)

    def recording(self, job: TranscriptionJob) -> BinaryIO:
        """Return the recording of a job, open; raises RecordingMissing when it is gone."""
        with guarded(), found(_RECORDING):
            return self._recordings.open(job.audio_name)

    @contextmanager
    def local(self, job: TranscriptionJob) -> Iterator[Path]:
        """Have the recording of a job as a file for a while; raises RecordingMissing when it is gone."""
        with ExitStack() as held:
            with guarded(), found(_RECORDING):
                path = held.enter_context(self._recordings.local(job.audio_name))
            yield path

    def temporary(self) -> Path:
        """Return a path to decode a recording to; `decoded` takes it over, a crash sweeps it away."""
        return self._recordings.temporary(".wav")

    def decoded(self, job: TranscriptionJob, wav: Path, seconds: float, channels: int) -> TranscriptionJob:
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
                TranscriptionSegment(job_id=job_id, position=number, data=row)
                for number, row in enumerate(rows, position)
            )
            session.execute(update(TranscriptionJob).where(col(TranscriptionJob.id) == job_id).values(heard=seconds))

    def finish(
        self, job_id: str, status: str, code: str | None = None, details: Mapping[str, Detail] = {}
    ) -> TranscriptionJob:
        """End a job as done, failed (then `code` and `details` say why) or cancelled."""
        return self._set(job_id, status=status, error_code=code, error_details=dict(details), finished_at=self._clock())

    def since(self, owner: str, job_id: str, position: int) -> tuple[TranscriptionJob, list[Segment]]:
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

    def reopen(self, owner: str, job_id: str) -> TranscriptionJob:
        """Take a failed or cancelled job up again, from the beginning; raises JobNotRetryable for any other."""
        with self._database.session() as session:
            job = _owned(session, owner, job_id)
            # The condition lets only one of two retries at the same moment through.
            taken = session.execute(
                update(TranscriptionJob)
                .where(col(TranscriptionJob.id) == job_id, col(TranscriptionJob.status).in_(["failed", "cancelled"]))
                .values(status="queued", heard=0.0, error_code=None, error_details={}, finished_at=None)
            )
            if taken.rowcount != 1:  # type: ignore[attr-defined]
                raise JobNotRetryable("Only a transcription that failed or was cancelled can be tried again.")
            session.execute(delete(TranscriptionSegment).where(col(TranscriptionSegment.job_id) == job_id))
            session.refresh(job)
            return job

    def remove(self, owner: str, job_id: str) -> None:
        """Delete a job, what was heard, and its recording."""
        with self._database.session() as session:
            job = _owned(session, owner, job_id)
            session.execute(delete(TranscriptionSegment).where(col(TranscriptionSegment.job_id) == job_id))
            session.flush()
            session.delete(job)
        with guarded():
            self._recordings.remove(job.audio_name)

    def fail_interrupted(self) -> int:
        """End the jobs that an earlier process left unfinished; return how many there were."""
        with self._database.session() as session:
            left = session.execute(
                update(TranscriptionJob)
                .where(col(TranscriptionJob.status).in_(UNFINISHED))
                .values(status="failed", error_code=Interrupted.code, error_details={}, finished_at=self._clock())
            )
            return int(left.rowcount)  # type: ignore[attr-defined]

    def _set(self, job_id: str, **values: Any) -> TranscriptionJob:
        with self._database.session() as session:
            job = session.get(TranscriptionJob, job_id)
            if job is None:
                raise _unknown()
            for name, value in values.items():
                setattr(job, name, value)
            session.add(job)
            return job


def _owned(session: Session, owner: str, job_id: str) -> TranscriptionJob:
    job = session.get(TranscriptionJob, job_id)
    if job is None or job.owner != owner:
        raise _unknown()
    return job


def _unknown() -> JobUnknown:
    return JobUnknown("There is no transcription of this id.")


def _segments(session: Session, job_id: str, position: int) -> list[Segment]:
    rows = session.exec(
        select(TranscriptionSegment)
        .where(TranscriptionSegment.job_id == job_id, TranscriptionSegment.position >= position)
        .order_by(col(TranscriptionSegment.position))
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

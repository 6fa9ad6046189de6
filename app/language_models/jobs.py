"""Training jobs and how they go on: every change of one is a single transaction, guarded by what it must find.

    queued ─► running ─► published
      │         ├──────► refused      the corpus cannot be used, or the model is worse than what runs
      │         ├──────► failed       something broke
      └─────────┴──────► cancelled

A running job has a slot, of which there are as many as jobs may run at once, and a lease: the worker that holds it
renews it again and again. A worker that has not done so in time is taken for dead, and the next worker
takes the job over at the step that it was at. What a worker writes is written only while it holds the job, so a job
ends once, whatever becomes of those who worked on it. Everything here blocks.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import case, or_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import Session, col, delete, func, select

from app.errors import Detail, StoreUnavailable
from app.language_models.errors import LanguageJobsFull, LanguageJobUnknown, SubmissionKeyReused, WorkerLost
from app.storage.database import Clock, Database, utc_now
from app.storage.tables import UNFINISHED, TrainingJob

STEPS = ("prepare", "train", "check", "publish")
MAX_LISTED = 100
MAX_LOG = 16 * 2**10  # characters of a job's log that are kept: its end
MAX_ATTEMPTS = 8  # at one step: a job whose workers die again and again is what kills them

End = Literal["published", "refused", "failed", "cancelled"]


@dataclass(frozen=True)
class Submission:
    """A training that is asked for: `request` is shown with the job, under one `key` it is taken once."""

    owner: str
    name: str
    request: Mapping[str, Any]
    fingerprint: str
    key: str | None = None
    callback_url: str | None = None


class _Lost(Exception):
    """Another worker took the job between the query and the update; there may be another job."""


class TrainingJobs:
    """The jobs of one database; safe to share between threads and processes. Every method raises StoreUnavailable.

    A job of another owner is unknown: LanguageJobUnknown.
    """

    def __init__(
        self, database: Database, *, at_once: int = 1, most: int = 100, lease: float = 30.0, clock: Clock = utc_now
    ) -> None:
        """Let `at_once` jobs run and `most` be unfinished; a worker is dead after `lease` seconds of silence."""
        self._database = database
        self._at_once = at_once
        self._most = most
        self._lease = timedelta(seconds=lease)
        self._clock = clock
        self.lease_seconds = lease

    # --- those who ask ---------------------------------------------------------------------------

    def new_id(self) -> str:
        """Return an id for a job that is about to be submitted."""
        return secrets.token_urlsafe(16)

    def submitted(self, owner: str, key: str, fingerprint: str) -> TrainingJob | None:
        """Return the job that was submitted under this key; raises SubmissionKeyReused when it asked for another."""
        with self._database.session() as session:
            found = session.exec(
                select(TrainingJob).where(TrainingJob.owner == owner, TrainingJob.submission_key == key)
            ).one_or_none()
        if found is not None and found.fingerprint != fingerprint:
            raise SubmissionKeyReused("This key was used for another request.")
        return found

    def check_room(self) -> None:
        """Raise LanguageJobsFull when as many jobs are unfinished as may be."""
        with self._database.session() as session:
            waiting = session.exec(
                select(func.count()).select_from(TrainingJob).where(col(TrainingJob.status).in_(UNFINISHED))
            ).one()
        if waiting >= self._most:
            raise LanguageJobsFull(f"{waiting} trainings wait already.", retry_after=60)

    def add(self, job_id: str, submission: Submission) -> tuple[TrainingJob, bool]:
        """Queue a job, and say whether it is new: one with the same key may have come in the same moment."""
        job = TrainingJob(
            id=job_id,
            owner=submission.owner,
            submission_key=submission.key,
            fingerprint=submission.fingerprint,
            name=submission.name,
            request=dict(submission.request),
            status="queued",
            callback_url=submission.callback_url,
            created_at=self._clock(),
        )
        try:
            with self._database.session() as session:
                session.add(job)
            return job, True
        except StoreUnavailable as error:
            if submission.key is None or not isinstance(error.__cause__, IntegrityError):
                raise
            found = self.submitted(submission.owner, submission.key, submission.fingerprint)
            if found is None:
                raise
            return found, False

    def get(self, owner: str, job_id: str) -> TrainingJob:
        """Return a job of `owner`'s."""
        with self._database.session() as session:
            return _owned(session, owner, job_id)

    def list(self, owner: str) -> list[TrainingJob]:
        """Return the jobs of `owner`, the newest first."""
        with self._database.session() as session:
            newest = select(TrainingJob).where(TrainingJob.owner == owner).order_by(col(TrainingJob.created_at).desc())
            return list(session.exec(newest.limit(MAX_LISTED)).all())

    def cancel(self, owner: str, job_id: str) -> TrainingJob:
        """End a job that waits; ask the worker of one that runs to stop. One that has ended stays as it is."""
        with self._database.session() as session:
            _owned(session, owner, job_id)
            if not _changed(session, job_id, [TrainingJob.status == "queued"], self._ending("cancelled")):
                _changed(session, job_id, [TrainingJob.status == "running"], {"cancel_asked": True})
        return self.get(owner, job_id)

    def remove(self, owner: str, job_id: str) -> None:
        """Delete a job; its worker finds its lease gone and stops."""
        with self._database.session() as session:
            _owned(session, owner, job_id)
            session.execute(delete(TrainingJob).where(col(TrainingJob.id) == job_id))

    def ids(self) -> set[str]:
        """Return the ids of the jobs that are unfinished."""
        with self._database.session() as session:
            return set(session.exec(select(TrainingJob.id).where(col(TrainingJob.status).in_(UNFINISHED))).all())

    # --- those who work --------------------------------------------------------------------------

    def waiting(self) -> int:
        """Return how many jobs could be taken now: queued ones, and those whose worker is dead."""
        with self._database.session() as session:
            return session.exec(
                select(func.count())
                .select_from(TrainingJob)
                .where(or_(col(TrainingJob.status) == "queued", self._abandoned()))
            ).one()

    def claim(self, worker: str) -> TrainingJob | None:
        """Take the next job for `worker`, one whose worker died first; None when there is none, or no slot is free."""
        while True:
            try:
                with self._database.session() as session:
                    taken = self._take_over(session, worker) or self._take_queued(session, worker)
            except _Lost:
                continue
            except StoreUnavailable as error:
                if isinstance(error.__cause__, IntegrityError):
                    continue  # another worker took the slot in the same moment
                raise
            if taken is None or not self._is_over(taken):
                return taken

    def beat(self, job: TrainingJob, progress: float, log: str) -> bool:
        """Say that the worker of `job` lives, how far the step is and what it said last; return whether to stop.

        Raises WorkerLost when the job is not this worker's any more.
        """
        values = {"lease_until": self._clock() + self._lease, "progress": progress, "log": log[-MAX_LOG:]}
        with self._database.session() as session:
            if not _changed(session, job.id, _held(job), values):
                raise WorkerLost("The job has gone to another worker, or is gone.")
            return session.exec(select(TrainingJob.cancel_asked).where(TrainingJob.id == job.id)).one()

    def step_done(self, job: TrainingJob, report: Mapping[str, Any] | None = None) -> TrainingJob:
        """Go on to the next step; raises WorkerLost."""
        following = STEPS[STEPS.index(job.step) + 1]
        values: dict[str, Any] = {"step": following, "progress": 0.0, "attempts": 1}
        if report is not None:
            values["report"] = dict(report)
        with self._database.session() as session:
            if not _changed(session, job.id, _held(job), values):
                raise WorkerLost("The job has gone to another worker, or is gone.")
            return session.exec(select(TrainingJob).where(TrainingJob.id == job.id)).one()

    def finish(
        self,
        job: TrainingJob,
        status: End,
        code: str | None = None,
        details: Mapping[str, Detail] = {},
        report: Mapping[str, Any] | None = None,
        also: Callable[[Session], int] | None = None,
    ) -> None:
        """End a job that this worker holds; raises WorkerLost, and then nothing was changed.

        `also` is done in the same transaction and gives the version that was published; it is not done for a job
        that is to be cancelled.
        """
        values = self._ending(status) | {"error_code": code, "error_details": dict(details)}
        if report is not None:
            values["report"] = dict(report)
        held = _held(job)
        if also is not None:
            held.append(col(TrainingJob.cancel_asked).is_(False))
        with self._database.session() as session:
            if not _changed(session, job.id, held, values):
                raise WorkerLost("The job has gone to another worker, is gone, or is to be cancelled.")
            if also is not None:
                _changed(session, job.id, [], {"version": also(session)})

    def release(self, job: TrainingJob) -> None:
        """Give a job back unfinished, so that it goes on elsewhere at once, or here after the next start."""
        with self._database.session() as session:
            _changed(session, job.id, _held(job), {"lease_until": self._clock(), "attempts": 0})

    # --- callbacks -------------------------------------------------------------------------------

    def due_callback(self, patience: float) -> TrainingJob | None:
        """Take one callback that is due; who takes it has `patience` seconds before it is due again."""
        now = self._clock()
        due: list[ColumnElement[bool] | bool] = [
            TrainingJob.callback_status == "waiting",
            col(TrainingJob.callback_at) <= now,
        ]
        with self._database.session() as session:
            job = session.exec(select(TrainingJob).where(*due).order_by(col(TrainingJob.callback_at)).limit(1)).first()
            later = {"callback_at": now + timedelta(seconds=patience)}
            return job if job is not None and _changed(session, job.id, due, later) else None

    def called_back(self, job: TrainingJob, status: str, retry_after: float = 0.0) -> None:
        """Keep how a callback went: sent, failed for good, or waiting to be repeated after `retry_after` seconds."""
        values = {
            "callback_status": status,
            "callback_attempts": job.callback_attempts + 1,
            "callback_at": self._clock() + timedelta(seconds=retry_after) if status == "waiting" else None,
        }
        with self._database.session() as session:
            _changed(session, job.id, [TrainingJob.callback_status == "waiting"], values)

    # --- inside ----------------------------------------------------------------------------------

    def _is_over(self, job: TrainingJob) -> bool:
        """End a job that is to be cancelled or was tried too often; return whether it was ended."""
        if not job.cancel_asked and job.attempts <= MAX_ATTEMPTS:
            return False
        with suppress(WorkerLost):
            if job.cancel_asked:
                self.finish(job, "cancelled")
            else:
                self.finish(job, "failed", WorkerLost.code, {"attempts": MAX_ATTEMPTS})
        return True

    def _abandoned(self) -> ColumnElement[bool]:
        return (col(TrainingJob.status) == "running") & (col(TrainingJob.lease_until) <= self._clock())

    def _take_over(self, session: Session, worker: str) -> TrainingJob | None:
        oldest = select(TrainingJob).where(self._abandoned()).order_by(col(TrainingJob.lease_until)).limit(1)
        job = session.exec(oldest).first()
        if job is None:
            return None
        if not _changed(session, job.id, [self._abandoned()], self._lease_of(worker, job.attempts)):
            raise _Lost
        session.refresh(job)
        return job

    def _take_queued(self, session: Session, worker: str) -> TrainingJob | None:
        taken = set(session.exec(select(TrainingJob.slot).where(col(TrainingJob.slot).is_not(None))).all())
        free = next((slot for slot in range(self._at_once) if slot not in taken), None)
        if free is None:
            return None
        queued = TrainingJob.status == "queued"
        job = session.exec(select(TrainingJob).where(queued).order_by(col(TrainingJob.created_at)).limit(1)).first()
        values = {"status": "running", "slot": free, "started_at": self._clock()} | self._lease_of(worker, 0)
        if job is None:
            return None
        if not _changed(session, job.id, [queued], values):
            raise _Lost
        session.refresh(job)
        return job

    def _lease_of(self, worker: str, attempts: int) -> dict[str, Any]:
        # A new name for each lease: a worker that lost its lease must not pass for the one that holds it now.
        name = f"{worker}/{secrets.token_hex(4)}"
        return {"worker": name, "lease_until": self._clock() + self._lease, "attempts": attempts + 1}

    def _ending(self, status: End) -> dict[str, Any]:
        now = self._clock()
        called = col(TrainingJob.callback_url).is_not(None)
        return {
            "status": status,
            "finished_at": now,
            "slot": None,
            "worker": None,
            "lease_until": None,
            "callback_status": case((called, "waiting"), else_=None),
            "callback_at": now,
        }


def _held(job: TrainingJob) -> list[ColumnElement[bool] | bool]:
    return [TrainingJob.status == "running", TrainingJob.worker == job.worker]


def _changed(
    session: Session, job_id: str, conditions: list[ColumnElement[bool] | bool], values: Mapping[str, Any]
) -> bool:
    """Change a job where it is still as the conditions say; this is what makes every transition happen once."""
    done = session.execute(
        update(TrainingJob)
        .where(col(TrainingJob.id) == job_id, *conditions)  # type: ignore[arg-type]
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return bool(done.rowcount == 1)  # type: ignore[attr-defined]


def _owned(session: Session, owner: str, job_id: str) -> TrainingJob:
    job = session.get(TrainingJob, job_id)
    if job is None or job.owner != owner:
        raise LanguageJobUnknown("There is no training of this id.")
    return job

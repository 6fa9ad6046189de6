"""The training service of one app: takes jobs, has them worked on, and switches to what they come to.

    submit ── files in the job's folder ── a row in the database ── wake a worker
    worker (a thread here, or elsewhere: app.language_models.broker) ── steps ── publication
    keeper (a thread here) ── switches the recogniser, sends callbacks, wakes workers again, sweeps

The truth is in the database. Whatever wakes anybody may be lost: everybody looks by themselves now and then.
"""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog

from app.errors import AppError
from app.hotwords.corrections import Corrections
from app.language_models.callbacks import Callbacks, check_callback
from app.language_models.check_sets import CORRECTIONS, CheckSets
from app.language_models.errors import CheckSetUnknown, FollowsAnother
from app.language_models.following import Follower
from app.language_models.jobs import Submission, TrainingJobs
from app.language_models.sources import MAX_CLIPS, AnySource, expand, write_clips, write_files
from app.language_models.steps import StepLimits
from app.language_models.switch import LanguageSwitch, Use
from app.language_models.versions import LanguageVersions
from app.language_models.worker import Commands, Worker, Workplace
from app.settings import Settings
from app.storage.database import Database, guarded, utc_now
from app.storage.tables import TrainingJob
from asr.lm.job import Tolerance, step_command
from asr.recognizer import LANGUAGE_FILE

log = structlog.get_logger(__name__)

FOLDER = "language"  # in the data folder: jobs, versions, check_sets
_LOOK_EVERY = 0.3  # seconds between two looks at a job that is followed
_CANCEL_PATIENCE = 5.0  # seconds that a worker has to end what was cancelled
_SWEEP_EVERY = 600.0
_LEFT_AFTER = timedelta(hours=1)  # a file that nothing names for as long is left from a crash


@dataclass(frozen=True)
class TrainingOrder:
    """What is asked for: a model of `order` from `sources`, mixed with the `base`: general, or current."""

    name: str
    sources: Sequence[AnySource]
    order: int
    base: str
    check_set: str
    callback_url: str | None


def open_workplace(settings: Settings, database: Database, commands: Commands = step_command) -> Workplace:
    """Return what workers share; raises StoreUnavailable."""
    folder = settings.data_dir.resolve() / FOLDER
    with guarded():
        (folder / "jobs").mkdir(parents=True, exist_ok=True, mode=0o700)
    jobs = TrainingJobs(
        database, at_once=settings.lm_jobs_at_once, most=settings.lm_max_jobs, lease=settings.lm_lease_seconds
    )
    limits = StepLimits(
        settings.lm_memory_bytes, settings.lm_step_seconds, beat=min(1.0, settings.lm_lease_seconds / 5)
    )
    return Workplace(jobs, LanguageVersions(database, folder / "versions"), folder / "jobs", limits, commands)


class LanguageModels:
    """The language models of one app, and their trainings; safe to share between threads."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        corrections: Corrections,
        use: Use,
        acoustic: Callable[[], Path | None],
        *,
        wake: Callable[[int], None] | None = None,
        commands: Commands = step_command,
    ) -> None:
        """Train in the data folder.

        `use` switches the recogniser, `acoustic` gives the folder of its acoustic model (None for the embedded one),
        `wake` tells workers elsewhere of a job.
        """
        self._acoustic = acoustic
        self._settings = settings
        self._corrections = corrections
        self._place = open_workplace(settings, database, commands)
        self.jobs, self.versions = self._place.jobs, self._place.versions
        self.check_sets = CheckSets(database, settings.data_dir.resolve() / FOLDER / "check_sets")
        self.switch = LanguageSwitch(self.versions, use)
        self._callbacks = Callbacks(self.jobs, settings.lm_callback_origins, settings.lm_callback_secret)
        self._wake_others = wake
        self._follower = Follower(self.versions, settings.lm_source, settings.lm_source_key) if self.follows else None
        self._stop, self._work, self._keep = threading.Event(), threading.Event(), threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def follows(self) -> str:
        """The node that language models are taken from; empty where they are trained here."""
        return self._settings.lm_source

    def open(self) -> None:
        """Begin to recognise with the current version, and to work. Raises StoreUnavailable."""
        self.switch.follow()
        workers = 0 if self.follows else self._settings.lm_workers
        for number in range(workers):
            worker = Worker(self._place, self._stop, self._keep)
            self._begin(lambda worker=worker: worker.run(self._work), f"language-worker-{number}")  # type: ignore[misc]
        self._begin(self._keep_house, "language-keeper")

    def close(self) -> None:
        """Stop working; what is under way goes on elsewhere, or after the next start."""
        self._stop.set()
        self._work.set()
        self._keep.set()
        for thread in self._threads:
            thread.join(10.0)
        if self._follower is not None:
            self._follower.close()

    def submit(
        self, owner: str, training: TrainingOrder, request: dict[str, Any], fingerprint: str, key: str | None
    ) -> tuple[TrainingJob, bool]:
        """Take a training, and say whether it is new or was submitted before under the same key.

        Raises FollowsAnother, SubmissionKeyReused, LanguageJobsFull, CallbackForbidden, CheckSetUnknown, FieldInvalid,
        DomainUnknown, StoreUnavailable; then nothing was kept.
        """
        self._require_own()
        if key is not None and (earlier := self.jobs.submitted(owner, key, fingerprint)) is not None:
            return earlier, False
        self.jobs.check_room()
        if training.callback_url is not None:
            check_callback(training.callback_url, self._settings.lm_callback_origins)
        job_id = self.jobs.new_id()
        self._write(owner, job_id, training)
        submission = Submission(owner, training.name, request, fingerprint, key, training.callback_url)
        try:
            job, new = self.jobs.add(job_id, submission)
        except AppError:
            self._remove_folder(job_id)
            raise
        if not new:
            self._remove_folder(job_id)
        self._work.set()
        self._keep.set()
        return job, new

    async def cancel(self, owner: str, job_id: str) -> TrainingJob:
        """Stop a job, and return it as it ended, or as it is when its worker does not answer in time."""
        job = await asyncio.to_thread(self.jobs.cancel, owner, job_id)
        deadline = time.monotonic() + _CANCEL_PATIENCE
        while not job.finished and time.monotonic() < deadline:
            await asyncio.sleep(_LOOK_EVERY / 3)
            job = await asyncio.to_thread(self.jobs.get, owner, job_id)
        if job.status == "cancelled":
            await asyncio.to_thread(self._remove_folder, job_id)
        self._keep.set()
        return job

    async def remove(self, owner: str, job_id: str) -> None:
        """Stop a job and delete it; what it published stays."""
        await self.cancel(owner, job_id)
        await asyncio.to_thread(self.jobs.remove, owner, job_id)
        await asyncio.to_thread(self._remove_folder, job_id)

    async def follow(self, owner: str, job_id: str) -> AsyncGenerator[TrainingJob, None]:
        """Yield a job, now and whenever it changes, until it has ended; raises LanguageJobUnknown."""
        shown: dict[str, Any] | None = None
        while True:
            job = await asyncio.to_thread(self.jobs.get, owner, job_id)
            now = job.model_dump(exclude={"lease_until", "attempts", "worker"})
            if now != shown:
                shown = now
                yield job
            if job.finished:
                return
            await asyncio.sleep(_LOOK_EVERY)

    def corrected(self, owner: str) -> tuple[int, float]:
        """Return how many recordings `owner` has corrected that a model can be checked with, and their seconds."""
        clips = self._corrections.spoken(owner)[-MAX_CLIPS:]
        return len(clips), round(sum(clip.seconds for clip in clips), 1)

    def publish(self, number: int) -> None:
        """Let a version run; raises FollowsAnother, LanguageVersionUnknown, LanguageVersionBroken."""
        self._require_own()
        self.versions.publish(number)
        self.switch.follow()

    def roll_back(self) -> None:
        """Let what ran before run again; raises FollowsAnother, NothingBefore."""
        self._require_own()
        self.versions.roll_back()
        self.switch.follow()

    def _require_own(self) -> None:
        if self.follows:
            raise FollowsAnother("The language models of this node come from another one.")

    def _write(self, owner: str, job_id: str, training: TrainingOrder) -> None:
        """Write the folder of a job, which then needs nothing else that may change or go."""
        spoken = self._corrections.spoken(owner)
        files = expand(training.sources, spoken)
        folder = self._place.folder / job_id
        clips = self._place.folder / f"{job_id}.clips"
        with guarded():
            if training.check_set == CORRECTIONS:
                if not spoken:
                    raise CheckSetUnknown("Nothing was corrected yet.")
                manifest = write_clips(clips, self._corrections, spoken)
            else:
                manifest = self.check_sets.manifest(owner, training.check_set)
            write_files(
                folder,
                files,
                {
                    "order": training.order,
                    "base": self._base(training.base),
                    "recognizer": str(model) if (model := self._acoustic()) else None,
                    "check_set": str(manifest),
                    "tolerance": Tolerance(self._settings.lm_cer_tolerance, self._settings.lm_perplexity_tolerance),
                },
            )

    def _base(self, base: str) -> str | None:
        """Return the file of the model to mix with; None for the general one that is shipped."""
        _, version = self.versions.current()
        if base == "current" and version is not None:
            return str(self.versions.path(version))
        own = (self._acoustic() or Path()) / LANGUAGE_FILE
        return str(own) if self._acoustic() and own.is_file() else None

    def _remove_folder(self, job_id: str) -> None:
        for name in (job_id, f"{job_id}.clips", f"{job_id}.part"):
            shutil.rmtree(self._place.folder / name, ignore_errors=True)

    def _begin(self, run: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _keep_house(self) -> None:
        swept = -_SWEEP_EVERY
        while not self._stop.is_set():
            try:
                if self._follower is not None:
                    self._follower.follow()
                self.switch.follow()
                self._callbacks.send_due()
                if self._wake_others is not None and (waiting := self.jobs.waiting()):
                    self._wake_others(min(waiting, self._settings.lm_jobs_at_once))
                if time.monotonic() - swept >= _SWEEP_EVERY:
                    swept = time.monotonic()
                    self._sweep()
            except AppError as error:
                log.error("the language models cannot be looked after", code=error.code, reason=str(error))
            except OSError as error:
                log.error("the language models cannot be looked after", reason=str(error.strerror))
            self._keep.wait(self._settings.lm_poll_seconds)
            self._keep.clear()

    def _sweep(self) -> None:
        """Delete what crashes left behind."""
        before = utc_now() - _LEFT_AFTER
        self.versions.sweep(before)
        self.check_sets.sweep(before)
        unfinished = self.jobs.ids()
        for path in Path(self._place.folder).iterdir():
            if path.name.partition(".")[0] not in unfinished and path.stat().st_mtime < before.timestamp():
                shutil.rmtree(path, ignore_errors=True)

"""One who works on trainings: takes a job, runs its steps one after the other, and publishes what passes the check.

Any number of workers, in any number of processes on machines that share the database and the data folder, work side
by side; app.language_models.jobs sees to it that each job is in one hand at a time.
"""

from __future__ import annotations

import dataclasses
import os
import platform
import shutil
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import structlog

from app.errors import AppError, Detail, StoreUnavailable
from app.language_models.errors import LanguageModelWorse, StepFailed, WorkerLost
from app.language_models.jobs import End, TrainingJobs
from app.language_models.reports import read_results
from app.language_models.steps import StepLimits, run_step
from app.language_models.versions import LanguageVersions
from app.monitoring.logs import origin
from app.storage.tables import TrainingJob
from asr.errors import LanguageCorpusTooLarge, LanguageCorpusTooSmall
from asr.lm.job import model_file, read_job, step_command, write_job

log = structlog.get_logger(__name__)

T = TypeVar("T")
Commands = Callable[[Any, Path], Sequence[str]]
"""Gives the command that does a step in the folder of a job."""

IDLE = 2.0  # seconds after which a worker looks for a job by itself
MAX_REASON = 500  # characters
REFUSALS = frozenset({LanguageCorpusTooSmall.code, LanguageCorpusTooLarge.code})
"""What a step ends with when it is the corpus that cannot be used."""
DISK_FULL = "disk_full"
_DISK_FULL = "No space left on device"  # as programs say it that are not ours


@dataclass(frozen=True)
class Workplace:
    """What all workers share: the jobs, the versions, and the folder of the jobs' files."""

    jobs: TrainingJobs
    versions: LanguageVersions
    folder: Path
    limits: StepLimits
    commands: Commands = step_command


class Worker:
    """Works on one job at a time, in the thread that calls it."""

    def __init__(self, place: Workplace, stop: threading.Event, ended: threading.Event | None = None) -> None:
        """Work at `place` until `stop` is set; a job that is under way then goes on elsewhere, or later.

        `ended` is set whenever a job has ended.
        """
        self._place = place
        self._stop = stop
        self._ended = ended or threading.Event()
        self._name = f"{platform.node()}:{os.getpid()}"

    def run(self, wake: threading.Event) -> None:
        """Work on every job there is, and wait for more: until `wake` is set, or for a while."""
        while not self._stop.is_set():
            try:
                if self.work():
                    continue
            except AppError as error:
                log.error("the trainings cannot be read", code=error.code, reason=str(error))
            wake.wait(IDLE)
            wake.clear()

    def work(self) -> bool:
        """Take one job and work on it to its end; return False when there was none. Raises StoreUnavailable."""
        job = self._place.jobs.claim(self._name)
        if job is None:
            return False
        log.info("training taken", job=job.id, step=job.step, attempt=job.attempts)
        started = time.monotonic()
        try:
            end = self._work(job)
        except (WorkerLost, StoreUnavailable) as error:
            # Another worker has it, it was deleted, or the lease runs out: the next worker goes on from this step.
            log.warning("training let go", job=job.id, reason=str(error))
            return True
        if end:
            self._ended.set()
            shutil.rmtree(self._place.folder / job.id, ignore_errors=True)
            log.info("training ended", job=job.id, status=end, took=round(time.monotonic() - started, 1))
        return True

    def _work(self, job: TrainingJob) -> End | None:
        """Go through the steps that are left; return how the job ended, None when it was given back."""
        folder = self._place.folder / job.id
        try:
            while job.step != "publish":
                if not self._run(job, folder):
                    return self._stopped(job)
                results = read_results(folder) if job.step == "check" else None
                if results is not None and not results.accepted:
                    return self._end(job, "refused", LanguageModelWorse.code, results.figures, results.report)
                job = self._kept(partial(self._place.jobs.step_done, job, results.report if results else None))
            return self._publish(job, folder)
        except StepFailed as error:
            return self._broken(job, error)
        except (WorkerLost, StoreUnavailable):
            raise
        except AppError as error:
            return self._end(job, "failed", error.code, error.details)
        except Exception as error:  # noqa: BLE001 -- whatever it was, the job must not be taken up again and again
            log.error("training failed", job=job.id, error=origin(error))
            return self._end(job, "failed", StepFailed.code, {"step": job.step, "reason": type(error).__name__})

    def _run(self, job: TrainingJob, folder: Path) -> bool:
        """Run the step that the job is at; return False when it was stopped. Raises what run_step raises."""
        heard = time.monotonic()

        def beat(progress: float, said: str) -> bool:
            nonlocal heard
            try:
                asked = self._place.jobs.beat(job, progress, said)
                heard, job.log = time.monotonic(), said
                return asked or self._stop.is_set()
            except StoreUnavailable as error:
                if time.monotonic() - heard > self._place.jobs.lease_seconds:
                    raise WorkerLost("The database could not be reached for as long as the lease lasts.") from error
                return self._stop.is_set()

        if job.step == "check":
            self._compare_with_current(folder)
        command = self._place.commands(job.step, folder)
        return run_step(command, self._place.limits, f"{job.log}── {job.step}\n", beat)

    def _compare_with_current(self, folder: Path) -> None:
        """Have the model compared with what runs now, which may be another than when the job was submitted."""
        _, version = self._place.versions.current()
        running = str(self._place.versions.path(version)) if version else None
        write_job(folder, dataclasses.replace(read_job(folder), running=running))

    def _stopped(self, job: TrainingJob) -> End | None:
        """End a job that was cancelled; give back one whose worker is to stop."""
        if self._place.jobs.beat(job, job.progress, job.log):
            return self._end(job, "cancelled")
        self._place.jobs.release(job)
        return None

    def _publish(self, job: TrainingJob, folder: Path) -> End:
        versions = self._place.versions
        try:
            model = versions.store(model_file(folder))
        except StoreUnavailable as error:
            return self._end(job, "failed", error.code, error.details)
        try:
            publish = versions.add(model, job.name, job.report, job.id)
            self._kept(partial(self._place.jobs.finish, job, "published", also=publish))
        except (WorkerLost, StoreUnavailable):
            versions.discard(model)
            # Either another worker has it, and this raises again, or it was cancelled just now.
            self._place.jobs.beat(job, 1.0, job.log)
            return self._end(job, "cancelled")
        return "published"

    def _broken(self, job: TrainingJob, error: StepFailed) -> End:
        details = {"step": job.step, "reason": str(error)[:MAX_REASON], **error.given}
        if error.said in REFUSALS:
            return self._end(job, "refused", error.said, details)
        full = _DISK_FULL in str(error) or _DISK_FULL in job.log
        return self._end(job, "failed", DISK_FULL if full else error.said or error.code, details)

    def _end(
        self,
        job: TrainingJob,
        status: End,
        code: str | None = None,
        details: Mapping[str, Detail] = {},
        report: Mapping[str, Any] | None = None,
    ) -> End:
        self._kept(partial(self._place.jobs.finish, job, status, code, details, report))
        return status

    def _kept(self, change: Callable[[], T]) -> T:
        """Make a change, again and again while the database refuses; raises StoreUnavailable after a lease of that."""
        deadline = time.monotonic() + self._place.jobs.lease_seconds
        while True:
            try:
                return change()
            except StoreUnavailable:
                if time.monotonic() > deadline or self._stop.is_set():
                    raise
                time.sleep(0.2)


def work_until_told(place: Workplace, workers: int) -> None:
    """Work with `workers` threads until a signal ends the process; jobs under way are given back."""
    stop, wake = threading.Event(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threads = [threading.Thread(target=Worker(place, stop).run, args=(wake,)) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

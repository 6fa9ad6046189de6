"""The way of one transcription job: its file is stored, decoded and recognised, while any number of clients follow.

    submit(file) ── kept ── decode ── recognise ── each segment kept ── done
                                          └── cancel, or the server stops: what was heard stays

The work does not depend on a follower. A follower reads what is stored, and is woken when there is more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import BinaryIO

import structlog

from app.errors import INTERNAL_ERROR, AppError, Detail, StoreUnavailable
from app.monitoring.logs import origin
from app.recognition.files import Options, Transcriber
from app.storage.readiness import until_stored
from app.storage.tables import TranscriptionJob
from app.transcriptions.jobs import TranscriptionJobs
from app.transcriptions.pauses import with_pauses
from asr import Segment
from asr.audio.recording import Recording
from asr.errors import AsrError

log = structlog.get_logger(__name__)

_WRITE_EVERY = 0.25  # seconds between two writes of what is heard: each one waits for the disk
_LOOK_EVERY = 2.0  # seconds after which a follower looks by itself: another process may be at work on the job


@dataclass(frozen=True)
class Update:
    """How a job stands, and the segments that are new, the first of them at `position`."""

    job: TranscriptionJob
    position: int
    segments: list[Segment]


class Transcriptions:
    """All jobs of one app that are on their way."""

    def __init__(self, jobs: TranscriptionJobs, transcriber: Transcriber) -> None:
        """Keep jobs in `jobs`, recognise them with `transcriber`."""
        self.jobs = jobs
        self._transcriber = transcriber
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._changes: dict[str, asyncio.Event] = {}  # only of jobs that are followed
        self._closing = False

    def check_admission(self) -> None:
        """Raise Busy, or ShuttingDown, when a file that came now would not be taken."""
        self._transcriber.check_admission()

    async def submit(self, owner: str, name: str, upload: BinaryIO, options: Options) -> TranscriptionJob:
        """Take a file; raises Busy, ShuttingDown, StoreUnavailable, and then nothing was kept."""
        with ExitStack() as held:
            held.enter_context(self._transcriber.place())
            job = await asyncio.to_thread(self.jobs.add, owner, name, upload, options)
            self._start(job, held.pop_all())
        return job

    async def retry(self, owner: str, job_id: str) -> TranscriptionJob:
        """Take a failed or cancelled job up again; raises JobUnknown, JobNotRetryable, Busy, ShuttingDown."""
        with ExitStack() as held:
            held.enter_context(self._transcriber.place())
            job = await asyncio.to_thread(self.jobs.reopen, owner, job_id)
            self._start(job, held.pop_all())
        return job

    async def cancel(self, owner: str, job_id: str) -> TranscriptionJob:
        """Stop a job, and return it as it ended; one that has ended stays as it is. Raises JobUnknown."""
        await asyncio.to_thread(self.jobs.get, owner, job_id)
        if (task := self._tasks.get(job_id)) is not None:
            task.cancel()
            await asyncio.wait([task])
        return await asyncio.to_thread(self.jobs.get, owner, job_id)

    async def remove(self, owner: str, job_id: str) -> None:
        """Stop a job and delete all of it; raises JobUnknown."""
        await self.cancel(owner, job_id)
        await asyncio.to_thread(self.jobs.remove, owner, job_id)

    async def follow(self, owner: str, job_id: str, position: int = 0) -> AsyncGenerator[Update, None]:
        """Yield how a job stands, now and whenever it changes, until it has ended; raises JobUnknown."""
        while True:
            changed = self._changes.setdefault(job_id, asyncio.Event())
            try:
                job, segments = await asyncio.to_thread(self.jobs.since, owner, job_id, position)
            except AppError:
                self._changes.pop(job_id, None)
                raise
            yield Update(job, position, segments)
            position += len(segments)
            if job.finished:
                self._changes.pop(job_id, None)
                return
            try:
                async with asyncio.timeout(_LOOK_EVERY):
                    await changed.wait()
            except TimeoutError:
                continue

    async def close(self) -> None:
        """Stop all jobs; the next start finds them interrupted."""
        self._closing = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _start(self, job: TranscriptionJob, held: ExitStack) -> None:
        # Not awaited by the request: the task goes on when the client that sent the file is gone.
        task = asyncio.get_running_loop().create_task(self._work(job))
        self._tasks[job.id] = task

        def leave(task: asyncio.Task[None]) -> None:
            held.close()
            self._tasks.pop(job.id, None)
            self._wake(job.id)

        task.add_done_callback(leave)

    async def _work(self, job: TranscriptionJob) -> None:
        started = time.perf_counter()
        status = "failed"
        code: str | None = INTERNAL_ERROR
        details: dict[str, Detail] = {}
        try:
            await self._recognise(job)
            status, code = "done", None
        except asyncio.CancelledError:
            if self._closing:
                return
            status, code = "cancelled", None
        except (AppError, AsrError) as error:
            code, details = error.code, error.details
            log.info("transcription failed", code=code, reason=str(error))
        except Exception as error:  # noqa: BLE001 -- whatever it was, the job must not stay running for ever
            log.error("transcription failed", code=code, error=origin(error))
        try:
            ended = await asyncio.to_thread(self.jobs.finish, job.id, status, code, details)
        except StoreUnavailable as error:
            # The store itself is what failed: the job holds its place until its end can be stored.
            log.error("end of transcription not stored yet", code=error.code, reason=str(error))
            await until_stored(partial(asyncio.to_thread, self.jobs.finish, job.id, status, code, details))
            return
        took = round(time.perf_counter() - started, 2)
        log.info("transcription ended", status=status, seconds=ended.seconds, took=took)

    async def _recognise(self, job: TranscriptionJob) -> None:
        options = self.jobs.options(job)
        with ExitStack() as held:
            source = await asyncio.to_thread(held.enter_context, self.jobs.local(job))
            target = self.jobs.temporary()
            held.callback(target.unlink, missing_ok=True)
            recording = await self._transcriber.decode(source, target, options)
            job = await asyncio.to_thread(self.jobs.decoded, job, target, recording.seconds, recording.channels)
        self._wake(job.id)
        with ExitStack() as held:
            path = await asyncio.to_thread(held.enter_context, self.jobs.local(job))
            await self._hear(job, replace(recording, path=path), options)

    async def _hear(self, job: TranscriptionJob, recording: Recording, options: Options) -> None:
        position, heard, written = 0, 0.0, time.monotonic()
        fresh: list[Segment] = []
        async with (
            aclosing(self._transcriber.hear(recording, options)) as hearing,
            aclosing(with_pauses(hearing, _WRITE_EVERY)) as progresses,
        ):
            async for progress in progresses:
                if progress is not None:
                    heard = progress.seconds
                    fresh += progress.segments
                if time.monotonic() - written >= _WRITE_EVERY:
                    await asyncio.to_thread(self.jobs.hear, job.id, heard, fresh, position)
                    position, fresh, written = position + len(fresh), [], time.monotonic()
                    self._wake(job.id)
        await asyncio.to_thread(self.jobs.hear, job.id, heard, fresh, position)

    def _wake(self, job_id: str) -> None:
        if (changed := self._changes.pop(job_id, None)) is not None:
            changed.set()

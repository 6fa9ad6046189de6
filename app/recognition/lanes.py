"""The threads that recognise speech, one pool with lanes, the most urgent first.

    LISTEN   where live audio has speech in it: a millisecond each, and everything else about a speaker waits for it
    FINAL    a stretch of live speech that has ended: its speaker waits for the text
    UPLOAD   a recording that came whole
    PARTIAL    a guess at what is being said: worth something only while it is being said

`workers` threads take any of them; one more takes LISTEN and FINAL only, so that these never wait for a recording
of ten minutes. Within a lane people take turns, however much each sends. Partials are the first to give way: their
queue is short, what does not fit is dropped, and so is what nobody wants any more when its turn comes.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeVar

from app.errors import ShuttingDown
from app.recognition.fair_threads import Whose, nobody

T = TypeVar("T")


class Lane(IntEnum):
    """What a call is for; the smaller, the sooner."""

    LISTEN = 0
    FINAL = 1
    UPLOAD = 2
    PARTIAL = 3


class Dropped(Exception):
    """A call was not made: its lane is full, or nobody wanted it any more."""


@dataclass(frozen=True)
class LaneState:
    """How a lane does: calls `waiting`, the longest of them for `oldest` seconds, and what became of all others."""

    waiting: int
    oldest: float
    running: int
    done: int
    dropped: int


@dataclass(order=True)
class _Call:
    lane: Lane
    turn: int
    number: int
    call: Callable[[], Any]
    wanted: Callable[[], bool] | None
    future: Future[Any]
    since: float


class Lanes:
    """A pool of threads with lanes. Safe to use from any thread."""

    def __init__(self, workers: int, whose: Whose = nobody) -> None:
        """Start `workers` threads, and the one for what is urgent; `whose` says who hands in a call."""
        self._whose = whose
        self.workers = workers
        self._partials = 2 * workers  # that may wait
        self._numbers = itertools.count()
        self._jobs: list[_Call] = []
        self._changed = threading.Condition()
        self._running = dict.fromkeys(Lane, 0)
        self._done = dict.fromkeys(Lane, 0)
        self._dropped = dict.fromkeys(Lane, 0)
        # The round that each lane is at, and in it the last round in which each person has a call waiting.
        self._round = dict.fromkeys(Lane, 0)
        self._rounds: dict[Lane, dict[str, int]] = {lane: {} for lane in Lane}
        self._closed = False
        for index in range(workers):
            self._start(f"inference-{index}", Lane.PARTIAL)
        self._start("inference-urgent", Lane.FINAL)

    async def run(self, lane: Lane, call: Callable[[], T], *, wanted: Callable[[], bool] | None = None) -> T:
        """Run `call` in a thread when its turn comes; return what it returns, raise what it raises.

        Args:
            lane: what it is for.
            call: the work; when the task that waits for it is cancelled before its turn, it is never done.
            wanted: asked when the turn has come; when it says no, the work is dropped.

        Raises:
            Dropped: too many partials wait already, or nobody wanted this one any more.
            ShuttingDown: the app is about to stop.
        """
        return await asyncio.wrap_future(self.submit(lane, call, wanted=wanted))

    def submit(self, lane: Lane, call: Callable[[], T], *, wanted: Callable[[], bool] | None = None) -> Future[T]:
        """Queue `call` as `run` does, for callers without an event loop; it is the future that tells of Dropped."""
        future: Future[T] = Future()
        with self._changed:
            if self._closed:
                raise ShuttingDown("The server is about to stop; try again in a moment.", retry_after=10)
            if lane is Lane.PARTIAL and sum(job.lane is lane for job in self._jobs) >= self._partials:
                self._dropped[lane] += 1
                future.set_exception(Dropped("Too many partials wait already."))
                return future
            turn = self._turn(lane, self._whose())
            heapq.heappush(self._jobs, _Call(lane, turn, next(self._numbers), call, wanted, future, time.monotonic()))
            self._changed.notify_all()
        return future

    def _turn(self, lane: Lane, whose: str) -> int:
        """Return the round of `lane` in which a call has its turn: one later than the last one of the same person."""
        if not any(job.lane is lane for job in self._jobs):
            self._rounds[lane].clear()
        now = self._round[lane]
        turn = max(now, self._rounds[lane].get(whose, now - 1) + 1)
        self._rounds[lane][whose] = turn
        return turn

    def states(self) -> dict[Lane, LaneState]:
        """Return how each lane does."""
        with self._changed:
            now = time.monotonic()
            waiting = {lane: [now - job.since for job in self._jobs if job.lane is lane] for lane in Lane}
            return {
                lane: LaneState(
                    len(waiting[lane]),
                    max(waiting[lane], default=0.0),
                    self._running[lane],
                    self._done[lane],
                    self._dropped[lane],
                )
                for lane in Lane
            }

    def close(self) -> None:
        """Take nothing more, drop what waits, and let the threads end with what they are at."""
        with self._changed:
            self._closed = True
            for job in self._jobs:
                job.future.cancel()
            self._jobs.clear()
            self._changed.notify_all()

    def _start(self, name: str, least_urgent: Lane) -> None:
        threading.Thread(target=self._work, args=[least_urgent], name=name, daemon=True).start()

    def _work(self, least_urgent: Lane) -> None:
        while (job := self._next(least_urgent)) is not None:
            try:
                job.future.set_result(job.call())
            except BaseException as error:  # noqa: BLE001 -- it is raised again, where the result is waited for
                job.future.set_exception(error)
            with self._changed:
                self._running[job.lane] -= 1
                self._done[job.lane] += 1
            del job  # or its audio would be kept until the next one comes

    def _next(self, least_urgent: Lane) -> _Call | None:
        """Wait for the most urgent job that this thread may take; None when the pool is closed."""
        with self._changed:
            while not self._closed:
                if not self._jobs or self._jobs[0].lane > least_urgent:
                    self._changed.wait()
                    continue
                job = heapq.heappop(self._jobs)
                self._round[job.lane] = job.turn
                if not job.future.set_running_or_notify_cancel():
                    continue
                if job.wanted is not None and not job.wanted():
                    self._dropped[job.lane] += 1
                    job.future.set_exception(Dropped("Nobody waits for it any more."))
                    continue
                self._running[job.lane] += 1
                return job
            return None

"""The queue of messages: admission, the order within a conversation, and what becomes of failures.

Three bounds hold: recognition has the threads of `app.recognition.lanes`, at most `workers + max_waiting` messages are
on their way (one more gets Busy), and the messages of one conversation are worked on one after the other, in the order
in which they came. The work on a message does not depend on its sender: it goes on when the connection is gone.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from functools import partial
from typing import TypeVar

import structlog

from app.chat.pipeline import Pipeline
from app.chat.turn import Turn
from app.errors import INTERNAL_ERROR, AppError, Busy, Detail, ShuttingDown
from app.monitoring.logs import origin
from app.monitoring.metrics import Metrics
from app.recognition.decoding import Charge, Hold, free
from app.recognition.lanes import Lane, Lanes
from app.storage.readiness import until_stored
from app.storage.tables import Message
from asr.errors import AsrError
from bot import BotError

log = structlog.get_logger(__name__)

T = TypeVar("T")

STORE_THREADS = 4
LONGEST_RETRY_AFTER = 60  # seconds that a client is told to wait at most


class MessageQueue:
    """The messages of all conversations that are on their way, and the threads that work on them."""

    def __init__(
        self,
        pipeline: Pipeline,
        lanes: Lanes,
        *,
        max_waiting: int,
        metrics: Metrics | None = None,
        account: Callable[[], Charge] = lambda: free,
        hold: Hold = nullcontext,
    ) -> None:
        """Take each message through the stages of `pipeline`.

        Args:
            pipeline: the stages.
            lanes: the threads of recognition.
            max_waiting: how many messages may wait beside those that are recognised.
            metrics: counts messages and times their stages.
            account: called when a message arrives; returns what charges its sender with its seconds of audio.
            hold: keeps one person from having all messages that are taken at a time.
        """
        self._hold = hold
        self._pipeline = pipeline
        self._lanes = lanes
        self._workers = lanes.workers
        self._capacity = lanes.workers + max_waiting
        self._storage = ThreadPoolExecutor(STORE_THREADS, thread_name_prefix="store")
        self._tasks: set[asyncio.Task[None]] = set()
        self._unstored: set[asyncio.Task[None]] = set()  # ends of messages that the store did not take yet
        self._admitted = 0
        self._usual_seconds = 1.0  # how long a message takes, on a moving average
        self._last_of: dict[str, asyncio.Future[None]] = {}  # of conversations with messages on their way
        self._closing = False
        self._metrics = metrics or Metrics()
        self._account = account

    @property
    def admitted(self) -> int:
        """How many messages are on their turn or waiting."""
        return self._admitted

    def check_admission(self) -> None:
        """Raise Busy, or ShuttingDown, when a message that came now would not be taken."""
        if self._closing:
            raise ShuttingDown("The server is about to stop; try again in a moment.", retry_after=10)
        if self._admitted >= self._capacity:
            expected = self._usual_seconds * (self._admitted - self._workers + 1) / self._workers
            seconds = min(LONGEST_RETRY_AFTER, max(1, math.ceil(expected)))
            raise Busy(f"Too many messages are being worked on; try again in {seconds} s.", retry_after=seconds)

    async def close(self, patience: float) -> None:
        """Take no new message, let those on their turn finish for `patience` seconds, and end the threads.

        What is not finished by then is found as interrupted at the next start.
        """
        self._closing = True
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=patience)
            for task in late:
                task.cancel()
        for unstored in self._unstored:
            unstored.cancel()
        self._storage.shutdown(wait=False, cancel_futures=True)

    async def submit(self, turn: Turn) -> AsyncIterator[Message]:
        """Store the message of `turn` and work on it; return its updates, the first one at once.

        A message that was stored under the same client id before is not taken again: its updates are what became of
        it. Raises Busy, TooManyStreams, ShuttingDown, and what `turn.store_message` raises: then nothing was stored.
        """
        self.check_admission()
        held = ExitStack()
        held.enter_context(self._hold())
        self._admitted += 1
        turn.charge = self._account()
        before = self._last_of.get(turn.conversation_id)
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._last_of[turn.conversation_id] = over
        task = asyncio.get_running_loop().create_task(self._work(turn, before))
        self._tasks.add(task)

        def leave(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            self._admitted -= 1
            held.close()
            over.set_result(None)
            if self._last_of.get(turn.conversation_id) is over:
                del self._last_of[turn.conversation_id]

        task.add_done_callback(leave)
        await asyncio.shield(turn.stored)
        return turn.follow()

    async def run(self, call: Callable[[], T]) -> T:
        """Recognise what is no message, within the same bounds; raises Busy, ShuttingDown, and what `call` raises."""
        self.check_admission()
        with self._hold():
            self._admitted += 1
            try:
                return await self._lanes.run(Lane.UPLOAD, call)
            finally:
                self._admitted -= 1

    async def in_storage(self, call: Callable[[], T]) -> T:
        """Run what waits for the store in a thread of its own kind; return what it returns, raise what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._storage, call)

    async def _work(self, turn: Turn, before: asyncio.Future[None] | None) -> None:
        kept: tuple[Message, bool] | None = None
        try:
            kept = await self.in_storage(lambda: turn.timed("store", lambda: self._pipeline.keep(turn)))
        except Exception as error:  # noqa: BLE001 -- it is raised again, where the sender waits for it
            turn.stored.set_exception(error)
        else:
            turn.publish(*turn.withdrawn, kept[0])
            turn.stored.set_result(None)
        if before is not None:
            await asyncio.wait([before])
        if kept is not None:
            await self._take_through(*kept, turn)

    async def _take_through(self, message: Message, known: bool, turn: Turn) -> None:
        began = time.perf_counter()
        try:
            if known:
                # By now its first sending has had its turn, if that is still at work here.
                sent = message
                message, replies = await self.in_storage(lambda: self._pipeline.store.became(sent))
                turn.publish(message, *replies)
            if message.status == "recognizing":
                recording = message
                message = await self._lanes.run(Lane.UPLOAD, lambda: self._pipeline.recognise(recording, turn))
                turn.publish(message)
            if message.status == "answering":  # a corrected message may have been answered for good
                said = message
                turn.publish(*await self.in_storage(lambda: self._pipeline.answer(said, turn)))
        except (AppError, AsrError, BotError) as error:
            turn.outcome = error.code
            log.info("message failed", code=error.code, reason=str(error), kind=message.kind)
            turn.publish(await self._failed(message, turn, error.code, error.details))
        except Exception as error:  # noqa: BLE001 -- whatever it was, the user gets the message back with a retry
            turn.outcome = INTERNAL_ERROR
            log.error("message failed", code=INTERNAL_ERROR, kind=message.kind, error=origin(error))
            turn.publish(await self._failed(message, turn, INTERNAL_ERROR, {}))
        finally:
            turn.end()
            self._usual_seconds += 0.2 * (time.perf_counter() - began - self._usual_seconds)
            self._measure(message, turn)

    async def _failed(self, message: Message, turn: Turn, code: str, details: dict[str, Detail]) -> Message:
        try:
            return await self.in_storage(lambda: self._pipeline.fail(message, turn, code, details))
        except AppError as error:
            # The store itself is what failed: the client is told at once, and the store when it is back.
            log.error("failure not stored yet", code=error.code, reason=str(error))
            self._later(partial(self._pipeline.fail, message, turn, code, details))
            return message.changed(status="failed", error_code=code, error_details=details)

    def _later(self, store: Callable[[], object]) -> None:
        task = asyncio.get_running_loop().create_task(until_stored(partial(self.in_storage, store)))
        self._unstored.add(task)
        task.add_done_callback(self._unstored.discard)

    def _measure(self, message: Message, turn: Turn) -> None:
        total = time.perf_counter() - turn.started
        self._metrics.message(message.kind, turn.outcome, turn.stages, total)
        stages = {stage: round(seconds, 4) for stage, seconds in turn.stages.items()}
        log.info("message done", kind=message.kind, total=round(total, 4), **stages)

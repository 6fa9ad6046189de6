"""How messages are carried from their sender to their answer, whoever follows them.

Three bounds hold: recognition has the threads of `app.recognition.lanes`, at most `workers + max_waiting` messages
are on their turn (one more is told to come later), and the messages of one conversation are worked on one after the
other, in the order in which they came.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import structlog

from app.chat.turn import Turn
from app.errors import INTERNAL_ERROR, AppError, Busy, Detail, ShuttingDown
from app.monitoring.logs import origin
from app.monitoring.metrics import Metrics
from app.recognition.lanes import Lane, Lanes
from app.storage.store import Store
from app.storage.tables import Message
from asr.errors import AsrError
from bot import BotError

log = structlog.get_logger(__name__)

T = TypeVar("T")

STORE_THREADS = 4
LONGEST_PROMISE = 60  # seconds: nobody waits longer for "try again in N s"


@dataclass(frozen=True)
class _Sent:
    """What a client sent, under a name of the client's own if it gave one."""

    conversation_id: str
    client_id: str | None
    take: Callable[[], Message]


class MessageQueue:
    """The messages of all conversations that are on their turn, and the threads that work on them."""

    def __init__(
        self,
        store: Store,
        lanes: Lanes,
        recognize: Callable[[Message, Turn], Message],
        answer: Callable[[Message, Turn], list[Message]],
        *,
        max_waiting: int,
        metrics: Metrics | None = None,
        account: Callable[[], Callable[[float], None]] | None = None,
    ) -> None:
        """Keep messages in `store`, and have each recognised and answered by the two stages, within the bounds.

        `account`, called when a message comes, returns what is to be told of the seconds of audio in it.
        """
        self._store = store
        self._lanes = lanes
        self._recognize = recognize
        self._answer = answer
        self._workers = lanes.workers
        self._capacity = lanes.workers + max_waiting
        self._storage = ThreadPoolExecutor(STORE_THREADS, thread_name_prefix="store")
        self._tasks: set[asyncio.Task[None]] = set()
        self._admitted = 0
        self._usual_seconds = 1.0  # how long a message takes, on a moving average
        self._last_turn: dict[str, asyncio.Future[None]] = {}  # only of conversations that are being worked on
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
            seconds = min(LONGEST_PROMISE, max(1, math.ceil(expected)))
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
        self._storage.shutdown(wait=False, cancel_futures=True)

    async def carry(
        self, conversation_id: str, take: Callable[[], Message], client_id: str | None = None
    ) -> AsyncIterator[Message]:
        """Keep a message with `take`, then carry it to its answer; return its updates, the first one at once.

        A message that was kept under `client_id` before is not taken again: what became of it is told.
        Raises Busy or ShuttingDown, and what `take` raises: then nothing was kept.
        """
        self.check_admission()
        self._admitted += 1
        before = self._last_turn.get(conversation_id)
        turn = Turn(self._account()) if self._account else Turn()
        # The task is nobody's child: it goes on when the client that sent the message is gone.
        task = asyncio.get_running_loop().create_task(self._work(_Sent(conversation_id, client_id, take), turn, before))
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._last_turn[conversation_id] = over
        self._tasks.add(task)

        def leave(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            self._admitted -= 1
            over.set_result(None)
            if self._last_turn.get(conversation_id) is over:
                del self._last_turn[conversation_id]

        task.add_done_callback(leave)
        await asyncio.shield(turn.kept)
        return turn.follow()

    async def run(self, call: Callable[[], T]) -> T:
        """Recognise what is no message, within the same bounds; raises Busy, ShuttingDown, and what `call` raises."""
        self.check_admission()
        self._admitted += 1
        try:
            return await self._lanes.run(Lane.UPLOAD, call)
        finally:
            self._admitted -= 1

    async def in_storage(self, call: Callable[[], T]) -> T:
        """Run what waits for the store in a thread of its own kind; return what it returns, raise what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._storage, call)

    async def _work(self, sent: _Sent, turn: Turn, before: asyncio.Future[None] | None) -> None:
        def keep() -> tuple[Message, bool]:
            known = self._store.sent_as(sent.conversation_id, sent.client_id) if sent.client_id else None
            return (known, True) if known else (sent.take(), False)

        kept: tuple[Message, bool] | None = None
        try:
            kept = await self.in_storage(lambda: turn.timed("store", keep))
        except Exception as error:  # noqa: BLE001 -- it is raised again, where the sender waits for it
            turn.kept.set_exception(error)
        else:
            turn.updates.put_nowait(kept[0])
            turn.kept.set_result(None)
        if before is not None:
            await asyncio.wait([before])
        if kept is None:
            return
        message, known = kept
        await self._carry_on(message, turn, known=known)

    async def _carry_on(self, message: Message, turn: Turn, *, known: bool) -> None:
        began = time.perf_counter()
        try:
            if known:
                # By now its first sending has had its turn, if that is still at work here.
                message, replies = await self.in_storage(partial(self._store.became, message))
                for update in (message, *replies):
                    turn.updates.put_nowait(update)
            if message.status == "recognizing":
                message = await self._lanes.run(Lane.UPLOAD, partial(self._recognize, message, turn))
                turn.updates.put_nowait(message)
            if message.status == "answering":  # a corrected message may have been answered for good
                for update in await self.in_storage(partial(self._answer, message, turn)):
                    turn.updates.put_nowait(update)
        except (AppError, AsrError, BotError) as error:
            turn.outcome = error.code
            log.info("message failed", code=error.code, reason=str(error), kind=message.kind)
            await self._fail(message, turn, error.code, error.details)
        except Exception as error:  # noqa: BLE001 -- whatever it was, the user gets the message back with a retry
            turn.outcome = INTERNAL_ERROR
            log.error("message failed", code=INTERNAL_ERROR, kind=message.kind, error=origin(error))
            await self._fail(message, turn, INTERNAL_ERROR, {})
        finally:
            turn.updates.put_nowait(None)
            self._usual_seconds += 0.2 * (time.perf_counter() - began - self._usual_seconds)
            total = time.perf_counter() - turn.started
            self._metrics.message(message.kind, turn.outcome, turn.stages, total)
            log.info(
                "message done",
                kind=message.kind,
                total=round(total, 4),
                **{stage: round(seconds, 4) for stage, seconds in turn.stages.items()},
            )

    async def _fail(self, message: Message, turn: Turn, code: str, details: dict[str, Detail]) -> None:
        def fail() -> Message:
            return self._store.failed(message, code, details)

        try:
            failed = await self.in_storage(fail)
        except AppError as error:
            # The store itself is what failed: the client is told at least, and the next start finds the message.
            log.error("failure not kept", code=error.code, reason=str(error))
            failed = message.model_copy(update={"status": "failed", "error_code": code, "error_details": details})
        turn.updates.put_nowait(failed)

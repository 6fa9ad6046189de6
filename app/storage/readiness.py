"""A store that does not answer: those who ask whether it works are told in time, and what it refused is kept for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor

import structlog

from app.errors import AppError, StoreUnavailable
from app.storage.store import Store

log = structlog.get_logger(__name__)


_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0  # seconds between two tries to store what could not be stored


async def until_stored(store: Callable[[], Awaitable[object]]) -> None:
    """Call `store` again and again until it does not raise StoreUnavailable any more; what it raises else is logged."""
    pause = _FIRST_PAUSE
    while True:
        await asyncio.sleep(pause)
        try:
            await store()
        except StoreUnavailable:
            pause = min(_LONGEST_PAUSE, 2 * pause)
        except AppError as error:  # it was deleted meanwhile
            log.info("nothing to store any more", code=error.code)
            return
        else:
            return


class StoreCheck:
    """Asks one question at a time, in a thread of its own: those of the requests may all wait for the store."""

    def __init__(self, store: Store) -> None:
        """Ask `store`."""
        self._store = store
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store-check")
        self._asked: Future[None] | None = None

    async def require(self, seconds: float) -> None:
        """Raise StoreUnavailable unless the store can be written to, and says so within so many `seconds`."""
        if self._asked is None or self._asked.done():
            self._asked = self._thread.submit(self._store.check)
        try:
            async with asyncio.timeout(seconds):
                await asyncio.shield(asyncio.wrap_future(self._asked))
        except TimeoutError as error:
            raise StoreUnavailable(f"The store did not answer within {seconds:g} s.") from error

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown(wait=False, cancel_futures=True)

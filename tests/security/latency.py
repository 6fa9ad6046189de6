"""How long single calls hold the event loop of a server that runs in this process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from fastapi import FastAPI

TICK = 0.01  # seconds


class Latency:
    """Measures the loop that an app runs in, from the app's start on.

    Only the processor time of the loop's thread counts: a machine that is busy with other things holds every loop.
    """

    def __init__(self, app: FastAPI) -> None:
        self.longest = 0.0  # seconds, since it was last set to 0
        lifespan = app.router.lifespan_context

        @asynccontextmanager
        async def watched(app: FastAPI) -> AsyncIterator[object]:
            async with lifespan(app) as state:
                ticking = asyncio.create_task(self._tick())
                yield state
                ticking.cancel()

        app.router.lifespan_context = watched

    @contextmanager
    def bounded(self, seconds: float) -> Iterator[None]:
        """Fail when the loop is held for more than `seconds` while the context lasts."""
        self.longest = 0.0
        yield
        time.sleep(2 * TICK)
        assert self.longest <= seconds, f"the event loop was held for {self.longest:.2f} s"

    async def _tick(self) -> None:
        before = time.thread_time()
        while True:
            await asyncio.sleep(TICK)
            now = time.thread_time()
            self.longest = max(self.longest, now - before)
            before = now

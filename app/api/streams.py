"""Server-sent events that outlive the patience of proxies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

T = TypeVar("T")

KEEP_ALIVE = 15.0  # seconds of silence after which proxies begin to think that a stream is dead
# nginx would keep the events back until its buffer is full.
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Vary": "Accept-Language"}


async def with_pauses(updates: AsyncIterator[T], seconds: float = KEEP_ALIVE) -> AsyncIterator[T | None]:
    """Yield what `updates` yields, and None whenever it has been silent for `seconds`."""
    following = asyncio.ensure_future(_next(updates))
    try:
        while True:
            ready, _ = await asyncio.wait([following], timeout=seconds)
            if not ready:
                yield None
                continue
            try:
                yield following.result()
            except StopAsyncIteration:
                return
            following = asyncio.ensure_future(_next(updates))
    finally:
        following.cancel()


async def _next(updates: AsyncIterator[T]) -> T:
    return await anext(updates)

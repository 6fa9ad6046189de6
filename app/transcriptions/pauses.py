"""Following what comes when it comes, without losing patience."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeVar

T = TypeVar("T")


async def with_pauses(updates: AsyncIterator[T], seconds: float) -> AsyncGenerator[T | None, None]:
    """Yield what `updates` yields, and None whenever it has been silent for `seconds`.

    To be closed (contextlib.aclosing) before `updates` is: a generator that is waited for cannot be closed.
    """
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
        await asyncio.wait([following])


async def _next(updates: AsyncIterator[T]) -> T:
    return await anext(updates)

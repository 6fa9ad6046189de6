"""Deleting by itself, while the app runs, what is not to be kept any longer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import structlog

from app.errors import ClockDoubtful, StoreUnavailable
from app.settings import Settings
from app.storage.database import utc_now
from app.storage.retention import Retention
from app.storage.store import Store

log = structlog.get_logger(__name__)

EVERY = 3600.0  # seconds


@asynccontextmanager
async def pruning(settings: Settings, store: Store, purge: Callable[[], int]) -> AsyncIterator[None]:
    """Now and every hour while the context lasts, `purge` what was deleted, and prune where the settings bound it."""
    retention = Retention(
        store.database, store.recordings, keep_days=settings.keep_days, keep_bytes=settings.keep_bytes
    )
    bounded = bool(settings.keep_days or settings.keep_bytes)
    task = asyncio.create_task(_prune(retention if bounded else None, purge))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _prune(retention: Retention | None, purge: Callable[[], int]) -> None:
    while True:
        try:
            await asyncio.to_thread(purge)
            pruned = await asyncio.to_thread(retention.prune, utc_now()) if retention else None
        except (StoreUnavailable, ClockDoubtful) as error:
            log.error("not pruned", reason=str(error))
        else:
            if pruned:
                log.info("pruned", **vars(pruned))
        await asyncio.sleep(EVERY)

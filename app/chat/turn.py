"""What goes with one message on its turn: who follows it, who pays for it, how long its stages took."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from app.monitoring.tracing import span
from app.storage.tables import Message

T = TypeVar("T")


def _nothing(seconds: float) -> None:
    """Charge nobody."""


@dataclass
class Turn:
    """One message on its turn. `spend` is told of the seconds of audio that were decoded."""

    spend: Callable[[float], None] = _nothing
    updates: asyncio.Queue[Message | None] = field(default_factory=asyncio.Queue)  # a handful of updates at most
    kept: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    stages: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)
    outcome: str = "done"  # or the code of the error that the message ended with

    def timed(self, stage: str, call: Callable[[], T]) -> T:
        """Return what `call` returns, and add the time it took to `stage`."""
        started = time.perf_counter()
        try:
            with span(stage):
                return call()
        finally:
            self.stages[stage] = self.stages.get(stage, 0.0) + time.perf_counter() - started

    async def follow(self) -> AsyncIterator[Message]:
        """Yield the updates of the message as they come, to the end."""
        while (message := await self.updates.get()) is not None:
            yield message

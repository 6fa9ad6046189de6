"""Answers that are streams of server-sent events: one way for all of them.

The bytes are FastAPI's. Its generator routes are not used: they begin the answer before the first event is known, and
what is refused here (an unknown id, a full queue) has a status of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing
from typing import Any, TypeVar

from fastapi.sse import EventSourceResponse, format_sse_event
from pydantic import BaseModel

from app.transcriptions.pauses import with_pauses

T = TypeVar("T")

KEEP_ALIVE = 15.0  # seconds of silence after which proxies begin to think that a stream is dead
# nginx would keep the events back until its buffer is full.
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Vary": "Accept-Language"}
STILL_WORKING = format_sse_event(comment="still working")


def described(description: str) -> dict[int | str, dict[str, Any]]:
    """Return what the OpenAPI schema says of a stream, each event of which has its name and JSON."""
    text = {"type": "string"}
    event = {"type": "object", "required": ["event", "data"], "properties": {"id": text, "event": text, "data": text}}
    return {200: {"description": description, "content": {"text/event-stream": {"itemSchema": event}}}}


def event(name: str, data: BaseModel, id: str | None = None) -> bytes:
    """Return one event in its wire format."""
    return format_sse_event(event=name, data_str=data.model_dump_json(), id=id)


def event_stream(updates: AsyncIterator[T], events: Callable[[T], Iterable[bytes]]) -> EventSourceResponse:
    """Return the answer that sends the `events` of each update, and `done` at the end."""
    return EventSourceResponse(_sent(updates, events), headers=HEADERS)


async def _sent(updates: AsyncIterator[T], events: Callable[[T], Iterable[bytes]]) -> AsyncIterator[bytes]:
    async with aclosing(with_pauses(updates, KEEP_ALIVE)) as patient:
        async for update in patient:
            for one in events(update) if update is not None else (STILL_WORKING,):
                yield one
    yield format_sse_event(event="done", data_str="{}")


async def preceded(first: T, updates: AsyncIterator[T]) -> AsyncIterator[T]:
    """Yield `first`, then what `updates` yields."""
    yield first
    async for update in updates:
        yield update

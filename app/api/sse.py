"""What all answers that are streams of server-sent events have in common."""

from __future__ import annotations

from typing import Any

KEEP_ALIVE = 15.0  # seconds of silence after which proxies begin to think that a stream is dead
# nginx would keep the events back until its buffer is full.
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Vary": "Accept-Language"}


def described(description: str) -> dict[int | str, dict[str, Any]]:
    """Return what the OpenAPI schema says of a stream, each event of which has its name and JSON."""
    text = {"type": "string"}
    event = {"type": "object", "required": ["event", "data"], "properties": {"id": text, "event": text, "data": text}}
    return {200: {"description": description, "content": {"text/event-stream": {"itemSchema": event}}}}

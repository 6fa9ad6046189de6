"""What all answers that are streams of server-sent events have in common."""

from __future__ import annotations

KEEP_ALIVE = 15.0  # seconds of silence after which proxies begin to think that a stream is dead
# nginx would keep the events back until its buffer is full.
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Vary": "Accept-Language"}

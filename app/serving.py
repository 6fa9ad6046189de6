"""How the app is served, on each of its ports: uvicorn's options, and the bounds on connections that uvicorn lacks.

A connection that does not send the headers of a request within HEADER_SECONDS is closed, and so is one beyond what the
process, or one address, may hold open: file descriptors are what everybody shares.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import Counter
from functools import partial
from typing import Any

import h11
import structlog
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.access.proxies import Proxies
from app.settings import Settings

log = structlog.get_logger(__name__)

HEADER_SECONDS = 10.0
MAX_HEADER_BYTES = 32 * 2**10
MAX_CONNECTIONS = 4096  # that are not WebSockets; those are counted as streams
MAX_CONNECTIONS_OF_ADDRESS = 512  # people behind one address share it; proxies that are trusted have no such bound
MAX_SOCKET_MESSAGE = 4 * 2**20  # bytes: two minutes of 16 kHz audio in one message
WAITING_SOCKET_MESSAGES = 4  # of one client
_WANTED_DESCRIPTORS = 65_536
_OTHER_DESCRIPTORS = 256  # for the database, recordings, decoders and WebSockets, where few are to be had


def server_options(settings: Settings) -> dict[str, Any]:
    """Return the arguments of uvicorn.Config for a port of the app, but for the host and the port."""
    connections = Connections(_most_connections(), Proxies(settings.trusted_proxies))
    return {
        "http": partial(Connection, connections),
        "h11_max_incomplete_event_size": MAX_HEADER_BYTES,
        # Packed messages would be a thousand times as large unpacked: audio does not get smaller by it anyway.
        "ws_per_message_deflate": False,
        "ws_max_size": MAX_SOCKET_MESSAGE,
        "ws_max_queue": WAITING_SOCKET_MESSAGES,
        "log_config": None,
        "access_log": False,  # its lines hold the ids that open conversations
        "proxy_headers": False,  # app.access.proxies reads them, from proxies that are trusted
        # Open pages hold a stream for as long as they are open; they must not hold up the end.
        "timeout_graceful_shutdown": int(settings.shutdown_timeout),
    }


class Connections:
    """How many connections are open, in all and of each address; for the event loop only."""

    def __init__(self, most: int, proxies: Proxies, most_of_address: int = MAX_CONNECTIONS_OF_ADDRESS) -> None:
        """Allow `most` at a time, and of each address that is not one of `proxies`, `most_of_address`."""
        self._most = most
        self._most_of_address = min(most_of_address, max(1, most // 2))
        self._proxies = proxies
        self._open: Counter[str] = Counter()

    def take(self, address: str) -> bool:
        """Count one more connection of `address`; False when that is too many."""
        if self._open.total() >= self._most:
            return False
        if self._open[address] >= self._most_of_address and not self._proxies.trusts(address):
            return False
        self._open[address] += 1
        return True

    def leave(self, address: str) -> None:
        """Count one less."""
        self._open[address] -= 1
        if self._open[address] <= 0:
            del self._open[address]


class Connection(H11Protocol):
    """An HTTP connection whose requests begin in time."""

    def __init__(self, connections: Connections, *args: Any, **kwargs: Any) -> None:
        """Count among `connections`; the rest is uvicorn's."""
        super().__init__(*args, **kwargs)
        self._among = connections
        self._address: str | None = None  # while it is counted
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request, or close what is one connection too many."""
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        if not self._among.take(address):
            log.warning("connection refused: too many are open", address=address)
            transport.abort()
            return
        self._address = address
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count one less."""
        self._stop_waiting()
        self._leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; a request that has begun has to come to the end of its headers in time."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._deadline is None and not self.transport.is_closing():
            self._await_headers()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection over; from here on it counts as a stream."""
        self._stop_waiting()
        self._leave()
        super().handle_websocket_upgrade(event)

    def _await_headers(self) -> None:
        self._deadline = self.loop.call_later(HEADER_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        self.transport.abort()

    def _leave(self) -> None:
        if self._address is not None:
            self._among.leave(self._address)
            self._address = None


def _most_connections() -> int:
    """Raise the limit of file descriptors as far as may be; return how many connections they are enough for."""
    if sys.platform == "win32":
        return MAX_CONNECTIONS
    import resource  # there is none on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(_WANTED_DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):  # macOS allows fewer than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    few = soft != resource.RLIM_INFINITY and soft < MAX_CONNECTIONS + _OTHER_DESCRIPTORS
    return max(1, soft - _OTHER_DESCRIPTORS) if few else MAX_CONNECTIONS

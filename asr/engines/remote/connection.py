"""Connections to a FunASR server, kept for the next utterance."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal

from asr.engines.optional import import_optional

RemoteMode = Literal["offline", "2pass"]

_LARGEST_MESSAGE = 2**20


@dataclass(frozen=True)
class RemoteOptions:
    """How a server is spoken to.

    Attributes:
        url: ws://host:port or wss://host:port.
        mode: `offline`, or `2pass` for a server that does not offer that.
        verify: whether a wss server's certificate is checked; FunASR's servers come with self-signed ones.
        connections: at most, at the same time.
        connect_timeout: seconds to reach it.
        reply_timeout: seconds to wait for a reply, beside the length of the audio itself.
        attempts: how often an utterance is sent when the connection fails.
        back_off: seconds before the second attempt; each further one waits four times as long.
        quiet: seconds after a sentence in mode `2pass` without another one that end the utterance.
    """

    url: str
    mode: RemoteMode = "offline"
    verify: bool = True
    connections: int = 4
    connect_timeout: float = 5.0
    reply_timeout: float = 20.0
    attempts: int = 3
    back_off: float = 0.25
    quiet: float = 1.0

    def __post_init__(self) -> None:
        """Check the address; raises ValueError."""
        if not self.url.startswith(("ws://", "wss://")):
            raise ValueError(f"{self.url!r} is no address of a FunASR server: those begin with ws:// or wss://")


class ConnectionPool:
    """At most so many connections at a time; one that was used is kept, as long as the server takes a second utterance.

    `reusable` and `acknowledges` are what was learned about the server: whether it does that, and whether it says that
    an utterance has ended (None: not known yet).
    """

    def __init__(self, options: RemoteOptions) -> None:
        """Open none yet."""
        self.reusable = True
        self.acknowledges: bool | None = None
        self._options = options
        self._free = threading.BoundedSemaphore(options.connections)
        self._idle: list[Connection] = []
        self._lock = threading.Lock()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection, waiting for one if need be; it is closed when the block fails."""
        with self._free:
            with self._lock:
                connection = self._idle.pop() if self._idle else Connection(self._options)
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
            if not self.reusable:
                connection.close()
                return
            connection.used = True
            with self._lock:
                self._idle.append(connection)


class Connection:
    """One WebSocket, opened with the first message. Not to be shared between threads."""

    def __init__(self, options: RemoteOptions) -> None:
        """Open nothing yet."""
        self.used = False
        self._options = options
        self._socket: Any = None

    def send(self, content: str | bytes) -> None:
        """Send a message; raises one of `connection_failures`."""
        if self._socket is None:
            self._socket = self._open()
        self._socket.send(content)

    def receive(self, timeout: float) -> str | bytes:
        """Wait `timeout` seconds for a message; raises TimeoutError, or another of `connection_failures`."""
        content: str | bytes = self._socket.recv(timeout=max(0.0, timeout))
        return content

    def close(self) -> None:
        """Close it; the next message opens another."""
        if self._socket is not None:
            with suppress(*connection_failures()):
                self._socket.close()
        self._socket = None
        self.used = False

    def _open(self) -> Any:
        context = None
        if self._options.url.startswith("wss://"):
            context = ssl.create_default_context()
            if not self._options.verify:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
        opening = import_optional("websockets.sync.client").reconnect(
            self._options.url,
            subprotocols=["binary"],
            ssl=context,
            compression=None,
            open_timeout=self._options.connect_timeout,
            close_timeout=1.0,
            ping_interval=None,  # FunASR's servers do not answer while they recognise
            max_size=_LARGEST_MESSAGE,
            proxy=None,
        )
        # What people said goes to the host that the operator named, and not to where that one points. `connect` could
        # not be told: it returns when the connection is open.
        opening.process_redirect = lambda refusal: refusal
        return opening.__enter__()  # it outlives this block, and is closed by `close`


def connection_failures() -> tuple[type[Exception], ...]:
    """What may be raised when a connection cannot be made, breaks, or stays silent."""
    return (OSError, TimeoutError, import_optional("websockets.exceptions").WebSocketException)

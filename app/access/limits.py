"""How much one person, and one address, may ask of the app.

Requests and seconds of audio are allowances that fill up again with time (token buckets); streams are counted while
they are open. Each limit holds twice, for the person and for the address: one person cannot escape it over many
addresses, nor one address behind many persons. A limit of 0 is none. Counts are of this process and not kept.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from threading import Lock

from app.errors import TooManyRequests, TooManyStreams, TooMuchAudio

MAX_REMEMBERED = 20_000  # spenders; above that, who has not been seen for longest is forgotten


# Who is asking, for what is charged after the request: a recording's length is known when it is decoded.
_asking: ContextVar[tuple[str, str]] = ContextVar("asking", default=("", ""))


def note_asking(person: str, address: str) -> None:
    """Remember who asks, and from where, for as long as this request is worked on."""
    _asking.set((person, address))


def asking() -> tuple[str, str]:
    """Return who asks, and from where; ("", "") outside of a request."""
    return _asking.get()


def whose_turn() -> str:
    """Return whose turn the work of whoever is asking takes: the person's, or the address's where nobody is known."""
    person, address = asking()
    return person or address


class Allowance:
    """So much in so many seconds for each spender; safe to share between threads."""

    def __init__(self, amount: float, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Allow `amount` at once, and as much again within `seconds`."""
        self.amount = amount
        self._rate = amount / seconds
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def spend(self, spender: str, amount: float) -> None:
        """Take `amount` from what `spender` has left, below nothing too: a cost may be known only afterwards."""
        if not self.amount:
            return
        with self._lock:
            self._left[spender] = (self._remaining(spender) - amount, self._clock())
            self._left.move_to_end(spender)
            while len(self._left) > MAX_REMEMBERED:
                self._left.popitem(last=False)

    def wait(self, spender: str, amount: float = 0.0) -> float:
        """Return in how many seconds `spender` will have `amount`, or anything at all; 0 is now."""
        if not self.amount:
            return 0.0
        with self._lock:
            missing = amount - self._remaining(spender)
        return missing / self._rate if missing > 0 else 0.0

    def _remaining(self, spender: str) -> float:
        left, then = self._left.get(spender, (self.amount, 0.0))
        return min(self.amount, left + (self._clock() - then) * self._rate)


class Shares:
    """Places that people share: nobody holds all of them. Called on the event loop only."""

    def __init__(self, places: int) -> None:
        """Let one person hold a quarter of the `places`, and one address half of them; 0 is any number."""
        self._places = places
        self._held: Counter[str] = Counter()

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold a place for whoever is asking; raises TooManyStreams beyond a share."""
        person, address = asking()
        spenders = _spenders(person, address)
        for spender in spenders if self._places else ():
            share = math.ceil(self._places / (4 if spender.startswith("person") else 2))
            if self._held[spender] >= share:
                raise TooManyStreams(
                    f"{share} places are taken by you already; try again in 5 s.", limit=share, retry_after=5
                )
        self._held.update(spenders)
        try:
            yield
        finally:
            self._held.subtract(spenders)
            self._held += Counter()  # forgets those who hold none


class Limits:
    """All limits of one app."""

    def __init__(
        self,
        *,
        requests_per_minute: int = 0,
        audio_seconds_per_hour: float = 0.0,
        max_streams: int = 0,
        shared: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Allow so many requests, seconds of audio and streams at a time; 0 allows any number.

        `shared` says that several people use the app, none of whom may hold all places for speech or files.
        """
        self.shared = shared
        self._requests = Allowance(requests_per_minute, 60.0, clock)
        self._audio = Allowance(audio_seconds_per_hour, 3600.0, clock)
        self._max_streams = max_streams
        self._streams: Counter[str] = Counter()
        self._spending = Lock()

    def take_request(self, person: str, address: str) -> None:
        """Count a request; raises TooManyRequests."""
        spenders = _spenders(person, address)
        if seconds := _whole(max((self._requests.wait(spender, 1.0) for spender in spenders), default=0.0)):
            raise TooManyRequests(
                f"More than {self._requests.amount} requests in a minute; try again in {seconds} s.",
                limit=self._requests.amount,
                retry_after=seconds,
            )
        for spender in spenders:
            self._requests.spend(spender, 1.0)

    def check_audio(self, person: str, address: str) -> None:
        """Raise TooMuchAudio when all the audio of this hour is spent."""
        # A tenth of a second of credit is no recording: whoever has spent all is told to wait for some more.
        waits = (self._audio.wait(spender, min(1.0, self._audio.amount)) for spender in _spenders(person, address))
        if seconds := _whole(max(waits, default=0.0)):
            raise TooMuchAudio(
                f"More than {self._audio.amount:g} s of audio in an hour; try again in {seconds} s.",
                limit=self._audio.amount,
                retry_after=seconds,
            )

    def spend_audio(self, person: str, address: str, seconds: float) -> None:
        """Count `seconds` of audio that are about to be recognised; raises TooMuchAudio when all is spent.

        Whoever has anything left may spend more than that, once: a recording is not cut where the hour's audio ends.
        """
        with self._spending:
            self.check_audio(person, address)
            for spender in _spenders(person, address):
                self._audio.spend(spender, seconds)

    def account(self) -> Callable[[float], None]:
        """Return what charges whoever is asking now with seconds of audio, from any thread and at any time.

        It raises TooMuchAudio as `spend_audio` does.
        """
        return partial(self.spend_audio, *asking())

    def shares(self, places: int) -> Shares:
        """Return how `places` of a kind are shared; nobody is kept from using their own machine."""
        return Shares(places if self.shared else 0)

    @contextmanager
    def stream(self, person: str, address: str) -> Iterator[None]:
        """Hold a stream open; raises TooManyStreams. Called on the event loop only."""
        spenders = _spenders(person, address)
        if self._max_streams and any(self._streams[spender] >= self._max_streams for spender in spenders):
            raise TooManyStreams(
                f"More than {self._max_streams} streams at the same time; close one and try again.",
                limit=self._max_streams,
                retry_after=5,
            )
        self._streams.update(spenders)
        try:
            yield
        finally:
            for spender in spenders:
                self._streams[spender] -= 1
                if not self._streams[spender]:
                    del self._streams[spender]


def _spenders(person: str, address: str) -> tuple[str, ...]:
    return tuple(
        spender
        for spender in (f"person {person}" if person else "", f"address {network_of(address)}" if address else "")
        if spender
    )


def network_of(address: str) -> str:
    """The part of an address that one customer has: all of IPv4, the first half of IPv6."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else str(parsed)


def _whole(seconds: float) -> int:
    return math.ceil(seconds)

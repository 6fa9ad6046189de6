"""Rate limits and quotas, for each person and for each network address.

Requests and seconds of audio are allowances that fill up again with time (token buckets); streams are counted while
they are open. Each limit is applied twice, to the person and to the address: neither many addresses of one person nor
many identities at one address escape it. A limit of 0 is none. The counts live in this process and are not stored.
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

MAX_REMEMBERED = 20_000  # persons and addresses; beyond that the least recently seen is dropped


# (person, address) of the request, for charges made later: a recording's length is known only when it is decoded.
_asking: ContextVar[tuple[str, str]] = ContextVar("asking", default=("", ""))


def note_asking(person: str, address: str) -> None:
    """Set the person and the address of the request that the current context serves."""
    _asking.set((person, address))


def asking() -> tuple[str, str]:
    """Return (person, address) of the current request; ("", "") outside of a request."""
    return _asking.get()


def whose_turn() -> str:
    """Return the key for round-robin scheduling: the current request's person, or its address without a login."""
    person, address = asking()
    return person or address


class Allowance:
    """A token bucket for each spender (a person or an address). Thread-safe."""

    def __init__(self, amount: float, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Let each bucket hold `amount` tokens and fill up within `seconds`; an `amount` of 0 is no limit."""
        self.amount = amount
        self._rate = amount / seconds
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def spend(self, spender: str, amount: float) -> None:
        """Take `amount` tokens; the bucket may go below zero, since a cost can be known only afterwards."""
        if not self.amount:
            return
        with self._lock:
            self._left[spender] = (self._remaining(spender) - amount, self._clock())
            self._left.move_to_end(spender)
            while len(self._left) > MAX_REMEMBERED:
                self._left.popitem(last=False)

    def wait(self, spender: str, amount: float = 0.0) -> float:
        """Return the seconds until `spender` has `amount` tokens (0: at least none owed); 0.0 when it has them now."""
        if not self.amount:
            return 0.0
        with self._lock:
            missing = amount - self._remaining(spender)
        return missing / self._rate if missing > 0 else 0.0

    def _remaining(self, spender: str) -> float:
        left, then = self._left.get(spender, (self.amount, 0.0))
        return min(self.amount, left + (self._clock() - then) * self._rate)


class Shares:
    """Places shared fairly: a person or an address holds only a part of them. Used on the event loop only."""

    def __init__(self, places: int) -> None:
        """Limit a person to a quarter of `places` and an address to half of them; 0 places means no limit."""
        self._places = places
        self._held: Counter[str] = Counter()

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold a place for the current request; raises TooManyStreams when its person or address holds its share."""
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
        """Set the limits for each person and each address; 0 is no limit.

        `shared`: several people use the app, so that `shares` limits how many places one of them holds.
        """
        self.shared = shared
        self._requests = Allowance(requests_per_minute, 60.0, clock)
        self._audio = Allowance(audio_seconds_per_hour, 3600.0, clock)
        self._max_streams = max_streams
        self._streams: Counter[str] = Counter()
        self._spending = Lock()

    def take_request(self, person: str, address: str) -> None:
        """Count one request; raises TooManyRequests when the minute's allowance is used up."""
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
        """Raise TooMuchAudio when the hour's allowance of audio is used up."""
        # A fraction of a second is no recording, so the client is told to wait for a whole one.
        waits = (self._audio.wait(spender, min(1.0, self._audio.amount)) for spender in _spenders(person, address))
        if seconds := _whole(max(waits, default=0.0)):
            raise TooMuchAudio(
                f"More than {self._audio.amount:g} s of audio in an hour; try again in {seconds} s.",
                limit=self._audio.amount,
                retry_after=seconds,
            )

    def spend_audio(self, person: str, address: str, seconds: float) -> None:
        """Charge `seconds` of audio before it is recognised; raises TooMuchAudio when the allowance is used up.

        The last recording may exceed what is left of the allowance: recordings are never cut.
        """
        with self._spending:
            self.check_audio(person, address)
            for spender in _spenders(person, address):
                self._audio.spend(spender, seconds)

    def account(self) -> Callable[[float], None]:
        """Return a function that charges seconds of audio to the current request's person and address.

        It can be called later and from any thread, and raises TooMuchAudio as `spend_audio` does.
        """
        return partial(self.spend_audio, *asking())

    def shares(self, places: int) -> Shares:
        """Return `Shares` of `places`, without limit unless the app is shared."""
        return Shares(places if self.shared else 0)

    @contextmanager
    def stream(self, person: str, address: str) -> Iterator[None]:
        """Count one open stream; raises TooManyStreams. Used on the event loop only."""
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
    """Return the network that counts as one client: the IPv4 address, or the /64 of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else str(parsed)


def _whole(seconds: float) -> int:
    return math.ceil(seconds)

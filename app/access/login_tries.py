"""Limits on password attempts: for each (name, address) pair, and for each address over all names.

An attempt counts as failed when it begins and is taken back when the password is right, so that concurrent attempts
cannot pass the limit. After the free attempts the wait doubles with each further one. Attempts from another address
never lock out the owner of a name; only the thread that computes hashes is shared, first come, first served.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from app.access.limits import MAX_REMEMBERED, network_of
from app.errors import TooManyRequests

FREE_TRIES = 5  # with a wrong password, for one name from one address
FREE_TRIES_OF_ADDRESS = 30  # for any names
LONGEST_WAIT = 900.0  # seconds; after as long without a try all is forgotten


class LoginTries:
    """The tries of one process; safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Measure time with `clock`, in seconds."""
        self._clock = clock
        self._tries: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()  # how many, and when the last
        self._lock = Lock()

    def begin(self, name: str, address: str) -> None:
        """Count a try; raises TooManyRequests, with the seconds to wait, when it comes too soon."""
        now = self._clock()
        network = network_of(address)
        keys = {(name, network): FREE_TRIES, ("", network): FREE_TRIES_OF_ADDRESS}
        with self._lock:
            wait = max(self._wait(key, free, now) for key, free in keys.items())
            if wait > 0:
                seconds = math.ceil(wait)
                raise TooManyRequests(
                    f"Too many wrong passwords; try again in {seconds} s.", limit=FREE_TRIES, retry_after=seconds
                )
            for key in keys:
                self._set(key, self._count(key, now) + 1, now)

    def right(self, name: str, address: str) -> None:
        """Take back a try whose password was right, and forget the wrong ones for that name from there."""
        network = network_of(address)
        with self._lock:
            self._tries.pop((name, network), None)
            count, last = self._tries.get(("", network), (0, 0.0))
            if count:
                self._set(("", network), count - 1, last)

    def _count(self, key: tuple[str, str], now: float) -> int:
        count, last = self._tries.get(key, (0, now))
        return count if now - last < LONGEST_WAIT else 0

    def _wait(self, key: tuple[str, str], free: int, now: float) -> float:
        beyond = self._count(key, now) - free
        if beyond < 0:
            return 0.0
        _, last = self._tries[key]
        return last + min(LONGEST_WAIT, 2.0 ** min(beyond, 20)) - now

    def _set(self, key: tuple[str, str], count: int, now: float) -> None:
        self._tries[key] = count, now
        self._tries.move_to_end(key)
        while len(self._tries) > MAX_REMEMBERED:
            self._tries.popitem(last=False)

"""How long something takes, as monitoring wants it: how many times, how long in all, how many within each bound."""

from __future__ import annotations

import bisect
import threading
from dataclasses import dataclass, field

BOUNDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0, 5.0)  # seconds


@dataclass
class Durations:
    """A histogram of seconds; `counts` has one number for each of BOUNDS and one for what is beyond. Thread-safe."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, seconds: float) -> None:
        """Count one that took `seconds`."""
        with self._lock:
            self.counts[bisect.bisect_left(BOUNDS, seconds)] += 1
            self.total += seconds

    @property
    def number(self) -> int:
        """How many were counted."""
        return sum(self.counts)

    def cumulative(self) -> list[tuple[str, int]]:
        """Return how many took at most each bound, as Prometheus writes them, "+Inf" at last."""
        with self._lock:
            sums = [sum(self.counts[: index + 1]) for index in range(len(self.counts))]
        return list(zip([*map(str, BOUNDS), "+Inf"], sums, strict=True))

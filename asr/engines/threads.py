"""How many CPU threads a model runs fastest with: measured, for it depends on the model and the machine."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

Opened = TypeVar("Opened")

log = logging.getLogger(__name__)

_RUNS = 3
_WORTH = 0.87  # of the time with fewer threads: what gains less takes cores from other conversations for nothing


def fastest(open_with: Callable[[int], Opened], run: Callable[[Opened], object], most: int) -> Opened:
    """Open something with 1, 2, 4, ... threads as long as each step is worth it.

    Args:
        open_with: opens it with so many threads.
        run: uses it once, on what is typical.
        most: threads at most.

    Returns:
        The one that was fastest, of nearly equals that with fewer threads.
    """
    threads = 1
    best = open_with(threads)
    if most <= 1:
        return best
    shortest = _seconds(best, run)
    while threads * 2 <= most:
        candidate = open_with(threads * 2)
        seconds = _seconds(candidate, run)
        log.info("%d threads: %.3f s, %d threads: %.3f s", threads, shortest, threads * 2, seconds)
        if seconds > shortest * _WORTH:
            break
        best, shortest, threads = candidate, seconds, threads * 2
    return best


def _seconds(opened: Opened, run: Callable[[Opened], object]) -> float:
    run(opened)  # the first run allocates
    found = []
    for _ in range(_RUNS):
        begin = time.perf_counter()
        run(opened)
        found.append(time.perf_counter() - begin)
    return min(found)

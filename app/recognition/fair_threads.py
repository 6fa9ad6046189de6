"""Threads that take the work of people in turn: a person with a hundred files waits behind one with a single file.

anna   ▢ ▢ ▢ ▢ ▢ ▢
bert   ▢ ▢            anna, bert, carl, anna, bert, anna, anna, …
carl   ▢
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


Whose = Callable[[], str]
"""Says who is asking for the work that is handed in."""


def nobody() -> str:
    """Take all work for that of one."""
    return ""


class FairThreads:
    """A pool of threads; safe to use from any thread."""

    def __init__(
        self,
        workers: int,
        name: str,
        whose: Whose = nobody,
        *,
        most_of_one: int | None = None,
        initializer: Callable[[], None] | None = None,
    ) -> None:
        """Start `workers` threads; of the work of one, as `whose` says, at most `most_of_one` is done at a time."""
        self._whose = whose
        self._most = most_of_one or workers
        self._initializer = initializer
        self._waiting: OrderedDict[str, deque[tuple[Future[Any], Callable[[], Any]]]] = OrderedDict()
        self._running: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._closed = False
        for index in range(workers):
            threading.Thread(target=self._work, name=f"{name}-{index}", daemon=True).start()

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """Queue `call` in the name of the person who asks."""
        future: Future[T] = Future()
        with self._changed:
            if self._closed:
                future.cancel()
                return future
            self._waiting.setdefault(self._whose(), deque()).append((future, call))
            self._changed.notify_all()
        return future

    def close(self) -> None:
        """Drop what waits, and let the threads end with what they are at."""
        with self._changed:
            self._closed = True
            for queue in self._waiting.values():
                for future, _ in queue:
                    future.cancel()
            self._waiting.clear()
            self._changed.notify_all()

    def _work(self) -> None:
        if self._initializer is not None:
            self._initializer()
        while (taken := self._next()) is not None:
            whose, future, call = taken
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except BaseException as error:  # noqa: BLE001 -- it is raised again, where the result is waited for
                    future.set_exception(error)
            with self._changed:
                self._running[whose] -= 1
                self._running += Counter()
                self._changed.notify_all()
            del taken, future, call  # or its audio would be kept until the next one comes

    def _next(self) -> tuple[str, Future[Any], Callable[[], Any]] | None:
        with self._changed:
            while not self._closed:
                whose = next((one for one in self._waiting if self._running[one] < self._most), None)
                if whose is None:
                    self._changed.wait()
                    continue
                queue = self._waiting[whose]
                future, call = queue.popleft()
                self._waiting.move_to_end(whose)
                if not queue:
                    del self._waiting[whose]
                self._running[whose] += 1
                return whose, future, call
            return None

"""The choice of threads, on runs whose time is known beforehand."""

from __future__ import annotations

import pytest

from asr.engines import threads as module
from asr.engines.threads import fastest


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("seconds", "most", "chosen", "opened"),
    [
        ({1: 1.0, 2: 0.6, 4: 0.4}, 4, 4, [1, 2, 4]),
        ({1: 1.0, 2: 0.6, 4: 0.58}, 8, 2, [1, 2, 4]),  # the fourth gains too little, and the eighth is not tried
        ({1: 1.0, 2: 0.95}, 2, 1, [1, 2]),
        ({1: 1.0}, 1, 1, [1]),
        ({1: 1.0, 2: 0.5}, 3, 2, [1, 2]),
    ],
)
def test_as_many_threads_as_each_step_is_worth(
    clock: list[float], seconds: dict[int, float], most: int, chosen: int, opened: list[int]
) -> None:
    tried: list[int] = []

    def open_with(count: int) -> int:
        tried.append(count)
        return count

    def run(count: int) -> None:
        clock[0] += seconds[count]

    assert fastest(open_with, run, most) == chosen
    assert tried == opened


def test_one_slow_run_does_not_decide(clock: list[float]) -> None:
    runs = iter([9.0, 1.0, 1.0, 1.0, 9.0, 0.5, 7.0, 0.5])
    assert fastest(lambda count: count, lambda _: clock.__setitem__(0, clock[0] + next(runs)), 2) == 2

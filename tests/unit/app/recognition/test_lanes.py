"""Who gets a thread first."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from app.errors import ShuttingDown
from app.recognition.lanes import Dropped, Lane, Lanes


@pytest.fixture
def lanes() -> Iterator[Lanes]:
    made = Lanes(1)
    yield made
    made.close()


class Occupied:
    """Work that lasts until the test lets it end."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.end = threading.Event()

    def __call__(self) -> None:
        self.begun.set()
        assert self.end.wait(30)


def occupy(lanes: Lanes, lane: Lane = Lane.UPLOAD) -> Occupied:
    work = Occupied()
    lanes.submit(lane, work)
    assert work.begun.wait(30)
    return work


async def test_a_result_and_an_error_come_back(lanes: Lanes) -> None:
    def fail() -> None:
        raise ValueError("no")

    assert await lanes.run(Lane.UPLOAD, lambda: 7) == 7
    with pytest.raises(ValueError, match="no"):
        await lanes.run(Lane.UPLOAD, fail)
    assert await lanes.run(Lane.UPLOAD, lambda: 8) == 8


def test_the_most_urgent_goes_first_whenever_it_came(lanes: Lanes) -> None:
    busy, urgent = occupy(lanes), occupy(lanes, Lane.FINAL)
    order: list[Lane] = []
    futures = [
        lanes.submit(lane, lambda lane=lane: order.append(lane))  # type: ignore[misc]
        for lane in (Lane.PARTIAL, Lane.UPLOAD, Lane.FINAL, Lane.LISTEN)
    ]
    busy.end.set()
    for future in futures:
        future.result(30)
    urgent.end.set()
    assert order == [Lane.LISTEN, Lane.FINAL, Lane.UPLOAD, Lane.PARTIAL]


def test_a_final_does_not_wait_for_long_recordings(lanes: Lanes) -> None:
    busy = occupy(lanes)
    assert lanes.submit(Lane.FINAL, lambda: "at once").result(30) == "at once"
    assert lanes.states()[Lane.UPLOAD].running == 1
    busy.end.set()


def test_drafts_that_do_not_fit_are_dropped(lanes: Lanes) -> None:
    busy = occupy(lanes)
    futures = [lanes.submit(Lane.PARTIAL, lambda: None) for _ in range(3)]
    with pytest.raises(Dropped):
        futures[-1].result(30)
    busy.end.set()
    assert [future.result(30) for future in futures[:2]] == [None, None]
    assert lanes.states()[Lane.PARTIAL].dropped == 1


def test_what_nobody_wants_any_more_is_not_done(lanes: Lanes) -> None:
    busy = occupy(lanes)
    done = []
    stale = lanes.submit(Lane.PARTIAL, lambda: done.append("stale"), wanted=lambda: False)
    busy.end.set()
    with pytest.raises(Dropped):
        stale.result(30)
    assert done == []
    assert lanes.states()[Lane.PARTIAL].dropped == 1


async def test_work_whose_waiting_task_is_gone_is_not_done(lanes: Lanes) -> None:
    busy = occupy(lanes)
    done = []
    waiting = asyncio.create_task(lanes.run(Lane.UPLOAD, lambda: done.append(1)))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    busy.end.set()
    await lanes.run(Lane.UPLOAD, lambda: None)
    assert done == []


def test_the_states_tell_depth_and_age(lanes: Lanes) -> None:
    busy = occupy(lanes)
    waiting = lanes.submit(Lane.UPLOAD, lambda: None)
    state = lanes.states()[Lane.UPLOAD]
    assert (state.waiting, state.running, state.done) == (1, 1, 0)
    assert state.oldest >= 0
    assert lanes.states()[Lane.LISTEN] == type(state)(0, 0.0, 0, 0, 0)
    busy.end.set()
    waiting.result(30)


def test_a_closed_pool_takes_nothing_and_drops_what_waits() -> None:
    others = set(threading.enumerate())
    lanes = Lanes(1)
    busy = occupy(lanes)
    waiting = lanes.submit(Lane.UPLOAD, lambda: None)
    own = set(threading.enumerate()) - others
    lanes.close()
    busy.end.set()
    assert waiting.cancelled()
    with pytest.raises(ShuttingDown):
        lanes.submit(Lane.UPLOAD, lambda: None)
    assert len(own) == 2
    for thread in own:
        thread.join(30)
        assert not thread.is_alive()

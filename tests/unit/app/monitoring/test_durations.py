"""Histograms of seconds."""

from __future__ import annotations

from app.monitoring.durations import BOUNDS, Durations


def test_each_is_counted_within_its_bound_and_all_after_it() -> None:
    durations = Durations()
    for seconds in (0.01, 0.05, 0.6, 99.0):
        durations.add(seconds)
    counts = dict(durations.cumulative())
    assert (counts["0.05"], counts["0.5"], counts["0.8"], counts["5.0"], counts["+Inf"]) == (2, 2, 3, 3, 4)
    assert durations.number == 4
    assert durations.total == 0.01 + 0.05 + 0.6 + 99.0
    assert len(counts) == len(BOUNDS) + 1

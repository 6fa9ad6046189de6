"""Times of day and lengths of time as they are said; text enters, minutes with their place in the text leave."""

from __future__ import annotations

from mandarin.clock.durations import Duration, duration_at, find_later
from mandarin.clock.times import PERIODS, ClockTime, ClockTimes, find_times

__all__ = ["PERIODS", "ClockTime", "ClockTimes", "Duration", "duration_at", "find_later", "find_times"]

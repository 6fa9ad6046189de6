"""What monitoring sees of the threads that recognise, and of those who are listened to."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from app.monitoring.durations import Durations
from app.recognition.lanes import Lanes
from app.recognition.live import LiveSessions


class LiveCollector(Collector):
    """Reads lanes and sessions whenever metrics are read."""

    def __init__(self, lanes: Lanes, listening: LiveSessions) -> None:
        """Watch `lanes` and `listening`."""
        self._lanes = lanes
        self._listening = listening

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they are now."""
        waiting = GaugeMetricFamily("tingshuo_lane_waiting", "Calls that wait, by lane.", labels=["lane"])
        oldest = GaugeMetricFamily("tingshuo_lane_oldest_seconds", "The longest wait of them.", labels=["lane"])
        done = CounterMetricFamily("tingshuo_lane_done", "Calls that were made.", labels=["lane"])
        dropped = CounterMetricFamily("tingshuo_lane_dropped", "Calls that were dropped.", labels=["lane"])
        for lane, state in self._lanes.states().items():
            label = [lane.name.lower()]
            waiting.add_metric(label, state.waiting)
            oldest.add_metric(label, state.oldest)
            done.add_metric(label, state.done)
            dropped.add_metric(label, state.dropped)
        yield from (waiting, oldest, done, dropped)
        yield GaugeMetricFamily("tingshuo_live_sessions", "People listened to.", self._listening.active)
        yield CounterMetricFamily("tingshuo_live_refused", "Speakers sent away: no place.", self._listening.refused)
        yield _histogram(
            "tingshuo_live_first_text_seconds",
            "From the first speech to its first text.",
            self._listening.first_partial,
        )
        yield _histogram(
            "tingshuo_live_final_seconds", "From the audio that ended a stretch to its text.", self._listening.final
        )


def _histogram(name: str, description: str, durations: Durations) -> HistogramMetricFamily:
    return HistogramMetricFamily(name, description, buckets=durations.cumulative(), sum_value=durations.total)

"""What Prometheus may know of a running app: counts and times, never a word or an id of anybody's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class ModelCollector(Collector):
    """Asks which model runs whenever metrics are read: another may have taken its place meanwhile."""

    def __init__(self, running: Callable[[], tuple[str, bool]]) -> None:
        """Ask `running` for the name of the model, and whether it could be opened."""
        self._running = running

    def collect(self) -> Iterator[Metric]:
        """Yield one sample, of the model that runs."""
        name, opened = self._running()
        metric = GaugeMetricFamily(
            "tingshuo_model", "1 for the acoustic model that runs, 0 when it could not be opened.", labels=["name"]
        )
        metric.add_metric([name], int(opened))
        yield metric


class Metrics:
    """The metrics of one app, in a registry of its own; safe to share between threads."""

    def __init__(self) -> None:
        """Begin at zero."""
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "tingshuo_requests", "Requests by route and status.", ("method", "route", "status"), registry=self._registry
        )
        self._request_seconds = Histogram(
            "tingshuo_request_seconds",
            "Time from a request to the end of its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._messages = Counter(
            "tingshuo_messages",
            "Messages by kind, and by outcome: done, or the code of the error.",
            ("kind", "outcome"),
            registry=self._registry,
        )
        self._stage_seconds = Histogram(
            "tingshuo_message_stage_seconds",
            "Time of a message in a stage of its way: decode, recognise, bot, store, total.",
            ("stage",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._recognitions = Counter(
            "tingshuo_recognitions",
            "What is no message: files (jobs, /v1) and utterances of FunASR's clients, by outcome: done, left, or the "
            "code of the error.",
            ("kind", "outcome"),
            registry=self._registry,
        )
        self._sockets = Gauge("tingshuo_sockets", "Open WebSockets.", registry=self._registry)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that ended."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def message(self, kind: str, outcome: str, stages: Mapping[str, float], total: float) -> None:
        """Count a message that came to its end."""
        self._messages.labels(kind, outcome).inc()
        for stage, seconds in {**stages, "total": total}.items():
            self._stage_seconds.labels(stage).observe(seconds)

    def recognised(self, kind: str, outcome: str) -> None:
        """Count a recording that is no message, a `file` or an utterance of `funasr`, and that came to its end."""
        self._recognitions.labels(kind, outcome).inc()

    def socket(self, change: int) -> None:
        """Count a socket that opened (1) or closed (-1)."""
        self._sockets.inc(change)

    def watch(self, name: str, description: str, value: Callable[[], float]) -> None:
        """Ask `value` for the metric `name` whenever metrics are read."""
        Gauge(name, description, registry=self._registry).set_function(value)

    def collect(self, collector: Collector) -> None:
        """Ask `collector` whenever metrics are read."""
        self._registry.register(collector)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)

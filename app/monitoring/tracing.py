"""Spans for OpenTelemetry, where an operator has installed its SDK and named a collector; otherwise nothing.

Spans hold names of stages and routes, never what anybody said.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"  # the SDK's own variable: where spans are sent
INSTALL = "pip install -r requirements-tracing.txt"


@contextmanager
def span(name: str) -> Iterator[None]:
    """Work inside a span of that name."""
    tracer = _tracer()
    if tracer is None:
        yield
        return
    with tracer.start_as_current_span(name):
        yield


@cache
def _tracer() -> Any | None:
    if not os.environ.get(ENDPOINT):
        return None
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ImportError(f"{ENDPOINT} is set, but OpenTelemetry is not installed: {INSTALL}") from error
    provider = TracerProvider(resource=Resource.create({"service.name": "tingshuo"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return trace.get_tracer("tingshuo")

"""Spans for OpenTelemetry: none by default, and a clear word when its packages are missing."""

from __future__ import annotations

import builtins
from collections.abc import Iterator

import pytest

from app.monitoring import tracing


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    tracing._tracer.cache_clear()
    yield
    tracing._tracer.cache_clear()


def test_without_a_collector_nothing_is_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(tracing.ENDPOINT, raising=False)
    with tracing.span("decode"):
        assert tracing._tracer() is None


def test_a_collector_without_the_packages_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(tracing.ENDPOINT, "http://127.0.0.1:4318")
    real = builtins.__import__

    def missing(name: str, *rest: object) -> object:
        if name.startswith("opentelemetry"):
            raise ImportError(name)
        return real(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ImportError, match=r"requirements-tracing\.txt"), tracing.span("decode"):
        pytest.fail("it went on")

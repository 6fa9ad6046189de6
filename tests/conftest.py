"""What all tests share: the marker of each test comes from the folder it lies in."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import hypothesis
import pytest

from app.settings import Settings
from asr import Recognizer, open_recognizer

TESTS = Path(__file__).resolve().parent
LONGEST_REASON = 2000  # characters
KINDS = {"unit": "unit", "integration": "integration", "security": "integration", "browser": "browser"}

# The settings of the one who runs the tests must not change what they find.
for name in [name for name in os.environ if name.startswith("TINGSHUO_")]:
    del os.environ[name]
# Nor may a test download a model.
os.environ["TINGSHUO_MODEL"] = "embedded"
Settings.model_config["env_file"] = None
# The same examples in every run, and as much time for them as a busy machine takes.
hypothesis.settings.register_profile("steady", derandomize=True, deadline=None)
hypothesis.settings.load_profile("steady")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Have failures told when they happen, by the process that prints."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_AtOnce(terminal))


class _AtOnce:
    """Names a test that failed at once: a run that is cut off comes to no summary."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self._terminal = terminal

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            reason = crash.message if crash else str(report.longrepr)
            self._terminal.write_line(f"\n{report.nodeid} ({report.when}): {reason[:LONGEST_REASON]}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by its folder, so that `-m "not browser"` works without a line in any test."""
    for item in items:
        if not item.path.is_relative_to(TESTS):
            continue
        kind = item.path.relative_to(TESTS).parts[0]
        if kind in KINDS:
            item.add_marker(getattr(pytest.mark, KINDS[kind]))


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """tests/data: the recordings and broken files that several tests use."""
    return TESTS / "data"


@pytest.fixture(scope="session")
def embedded() -> Recognizer:
    """The embedded models, loaded once: nothing is kept between two recognitions."""
    return open_recognizer()


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny random model of a kind, made when it is first asked for."""
    pytest.importorskip("funasr")
    from tests.tiny_models import make

    root = tmp_path_factory.mktemp("tiny")
    return lru_cache(lambda kind: make(kind, root / kind))

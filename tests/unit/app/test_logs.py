"""Logs say what happened and never what was said."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from app.monitoring.logs import configure_logging, origin
from app.settings import Settings

SECRET = "我的电话是13800000000"


@pytest.fixture
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers, root.level = before[0], before[1]
    for room in ("app", "asr", "bot", "tingshuo", "httpx"):
        logging.getLogger(room).setLevel(logging.NOTSET)
    structlog.reset_defaults()


@pytest.mark.usefixtures("restored_logging")
def test_lines_of_the_app_and_of_libraries_can_be_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings(log_json=True))
    structlog.get_logger("app.test").info("message done", seconds=0.5)
    logging.getLogger("uvicorn.error").warning("slow")
    ours, theirs = map(json.loads, capsys.readouterr().err.splitlines())
    assert (ours["event"], ours["seconds"], ours["level"]) == ("message done", 0.5, "info")
    assert (theirs["event"], theirs["logger"]) == ("slow", "uvicorn.error")


@pytest.mark.usefixtures("restored_logging")
def test_the_level_is_for_the_app_and_never_opens_the_libraries_talk(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings(log_level="debug"))
    structlog.get_logger("app.test").debug("ours")
    logging.getLogger("PIL").debug("theirs")
    written = capsys.readouterr().err
    assert "ours" in written
    assert "theirs" not in written


def test_where_an_error_came_from_is_told_without_its_message() -> None:
    try:
        try:
            raise KeyError(SECRET)
        except KeyError as error:
            raise ValueError(SECRET) from error
    except ValueError as error:
        told = origin(error)
    assert told.startswith("ValueError at test_logs.py:")
    assert "from (KeyError at test_logs.py:" in told
    assert SECRET not in told

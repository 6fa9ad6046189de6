"""Logs say what happened and never what was said."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from app.monitoring.logs import Sampling, configure_logging, origin
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


@pytest.mark.usefixtures("restored_logging")
def test_what_any_client_can_cause_does_not_fill_the_disk(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings(log_json=True))
    for number in range(500):
        structlog.get_logger("app.test").warning("connection refused", address=f"10.0.0.{number}")
        logging.getLogger("asyncio").error("socket.accept() out of system resource, socket %d", number)
        structlog.get_logger("app.test").info("message done", number=number)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    refused = [line for line in lines if line["event"] == "connection refused"]
    assert len(refused) == Sampling.LINES
    assert refused[-1]["note"]
    assert sum("socket.accept" in line["event"] for line in lines) == Sampling.LINES
    assert sum(line["event"] == "message done" for line in lines) == 500


def test_lines_are_written_again_after_a_minute() -> None:
    now = [0.0]
    sampling = Sampling(lambda: now[0])
    record = logging.LogRecord("uvicorn.error", logging.WARNING, "", 0, "Invalid HTTP request received.", (), None)
    assert sum(sampling.filter(record) for _ in range(100)) == Sampling.LINES
    now[0] = Sampling.SECONDS
    assert sampling.filter(record)

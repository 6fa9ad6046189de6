"""Structured logs. What users say or write is never in them."""

from __future__ import annotations

import logging
import re
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import structlog

from app.settings import Settings


def configure_logging(settings: Settings) -> None:
    """Send the logs of the app and of its libraries to stderr in one format; called once, by the entry point."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: list[structlog.typing.Processor]
    if settings.log_json:
        renderer = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    else:
        renderer = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    handler.addFilter(Sampling())
    root = logging.getLogger()
    root.handlers = [handler]
    # Libraries log too much below this level, some of them whole requests.
    root.setLevel(max(level, logging.INFO))
    for room in ("app", "asr", "bot", "tingshuo"):
        logging.getLogger(room).setLevel(level)
    logging.getLogger("httpx").setLevel(max(level, logging.WARNING))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


class Sampling(logging.Filter):
    """Lets through the first lines of a kind in each minute: what any client can cause must not fill the disk.

    A kind is a logger with what the line says before its first digit (of a line of the app, its event, code and error).
    What is below a warning passes as it is: the app itself decides about those lines by its level.
    """

    LINES = 20
    SECONDS = 60.0

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Measure time with `clock`, in seconds."""
        super().__init__()
        self._clock = clock
        self._since = clock()
        self._lines: Counter[tuple[str, str]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether the line is written; the last of a kind in a minute says that it is the last."""
        if record.levelno < logging.WARNING:
            return True
        if self._clock() - self._since >= self.SECONDS:
            self._since = self._clock()
            self._lines.clear()
        said = record.msg
        if isinstance(said, dict):
            said = f"{said.get('event', '')} {said.get('code', '')} {said.get('error', '')}"
        kind = (record.name, _before_digits(str(said))[:80])
        self._lines[kind] += 1
        if self._lines[kind] == self.LINES and isinstance(record.msg, dict):
            record.msg["note"] = "more lines like this are left out for a minute"
        return self._lines[kind] <= self.LINES


def _before_digits(text: str) -> str:
    return re.split(r"\d", text, maxsplit=1)[0]


def origin(error: BaseException) -> str:
    """Return where `error` came from, without its message: that may hold what a user said."""
    frames = traceback.extract_tb(error.__traceback__)
    path = " > ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
    cause = f" from ({origin(error.__cause__)})" if error.__cause__ else ""
    return f"{type(error).__name__} at {path}{cause}"

"""Structured logs. What users say or write is never in them."""

from __future__ import annotations

import logging
import sys
import traceback
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
    root = logging.getLogger()
    root.handlers = [handler]
    # What libraries have to say below this level helps nobody here, and some of them log whole requests.
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


def origin(error: BaseException) -> str:
    """Return where `error` came from, without its message: that may hold what a user said."""
    frames = traceback.extract_tb(error.__traceback__)
    path = " > ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
    cause = f" from ({origin(error.__cause__)})" if error.__cause__ else ""
    return f"{type(error).__name__} at {path}{cause}"

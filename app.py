"""The entry point: `python app.py`, on one's own machine and in a Hugging Face Space."""

from __future__ import annotations

import gc

import structlog
import uvicorn
from pydantic import ValidationError

from app.access.authentication import require_safe_start
from app.errors import AppError
from app.factory import build
from app.monitoring.logs import configure_logging
from app.serving import server_options
from app.settings import Settings


def main() -> None:
    """Serve the app until a signal ends it."""
    try:
        settings = Settings()
    except ValidationError as error:
        raise SystemExit(f"A setting is wrong: {error}") from None
    configure_logging(settings)
    try:
        require_safe_start(settings)
    except AppError as error:
        raise SystemExit(str(error)) from None
    host = "localhost" if settings.host in ("127.0.0.1", "0.0.0.0", "::") else settings.host
    structlog.get_logger("tingshuo").info("starting", address=f"http://{host}:{settings.port}")
    app = build(settings)
    # What is there now stays: to go through it in each collection would hold the event loop for tenths of a second.
    gc.freeze()
    uvicorn.run(app, host=settings.host, port=settings.port, **server_options(settings))


if __name__ == "__main__":
    main()

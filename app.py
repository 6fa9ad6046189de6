"""The entry point: `python app.py`, on one's own machine and in a Hugging Face Space."""

from __future__ import annotations

import structlog
import uvicorn
from pydantic import ValidationError

from app.access.authentication import require_safe_start
from app.errors import AppError
from app.factory import build
from app.monitoring.logs import configure_logging
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
    uvicorn.run(
        build(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        proxy_headers=False,  # app.api.middleware.proxies reads them, from proxies that are trusted
        ws_max_queue=4,  # messages of one client that wait in memory, each of at most 16 MB
        access_log=False,  # its lines hold the ids that open conversations
        # Open pages hold a stream for as long as they are open; they must not hold up the end.
        timeout_graceful_shutdown=int(settings.shutdown_timeout),
    )


if __name__ == "__main__":
    main()

"""The entry point: `python app.py` on one's own machine and in a Hugging Face Space, `gradio app.py` to work on it."""

from __future__ import annotations

import gc
import os

import structlog
import uvicorn
from pydantic import ValidationError

from app.access.authentication import require_safe_start
from app.errors import AppError
from app.monitoring.logs import configure_logging
from app.serving import server_options
from app.ui.demo import open_demo

try:
    demo = open_demo()
except ValidationError as error:
    raise SystemExit(f"A setting is wrong: {error}") from None


def main() -> None:
    """Serve the app until a signal ends it."""
    settings = demo.settings
    configure_logging(settings)
    try:
        require_safe_start(settings)
    except AppError as error:
        raise SystemExit(str(error)) from None
    host = "localhost" if settings.host in ("127.0.0.1", "0.0.0.0", "::") else settings.host
    structlog.get_logger("tingshuo").info("starting", address=f"http://{host}:{settings.port}")
    if watched := os.environ.get("GRADIO_WATCH_DIRS"):  # as `gradio app.py` sets it
        # Gradio would put a new page over services that run the old code: the whole app is started anew instead.
        uvicorn.run(
            "app.ui.demo:reloaded",
            factory=True,
            reload=True,
            reload_dirs=watched.split(","),
            host=settings.host,
            port=settings.port,
            log_config=None,
        )
        return
    # What is there now stays: to go through it in each collection would hold the event loop for tenths of a second.
    gc.freeze()
    uvicorn.run(demo.served, host=settings.host, port=settings.port, **server_options(settings))


if __name__ == "__main__":
    main()

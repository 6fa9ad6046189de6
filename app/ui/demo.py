"""The page as Gradio's users expect it: `demo`, a gr.Blocks with `launch()` and all routes of the app."""

from __future__ import annotations

import sys
import threading
import time
import webbrowser
from functools import partial
from typing import Any

import gradio as gr
import structlog
import uvicorn
from fastapi import FastAPI

from app.access.authentication import require_safe_start
from app.factory import build
from app.monitoring.logs import configure_logging
from app.serving import server_options
from app.settings import Settings
from app.ui.page import mount_page

START_SECONDS = 120.0  # a model that has to be opened from a slow disk


class Demo(gr.Blocks):
    """The page together with the app that serves it; `launch` starts that app, not Gradio's own server."""

    served: FastAPI
    settings: Settings
    _server: uvicorn.Server | None = None
    _thread: threading.Thread | None = None

    def launch(  # type: ignore[override]
        self,
        inline: bool | None = None,
        inbrowser: bool = False,
        share: bool | None = None,
        debug: bool = False,
        *,
        server_name: str | None = None,
        server_port: int | None = None,
        prevent_thread_lock: bool = False,
        quiet: bool = False,
        **others: Any,
    ) -> tuple[FastAPI, str, None]:
        """Serve the app; return it, its address, and None in the place of a share link.

        What is left out is as in `python app.py`: the settings say on which address and port, and who may use it.

        Args:
            inline: taken, and left out: the page may not be shown in a frame of another site, such as a notebook's.
            inbrowser: whether to open the page in a browser.
            share: must not be set: Gradio's link would let everybody in.
            debug: as in Gradio: wait until the server ends, in a notebook too.
            server_name: the address to listen on.
            server_port: the port; 0 lets the system choose one.
            prevent_thread_lock: return at once in a script too; otherwise it waits until it is interrupted.
            quiet: whether to say nothing on the terminal.
            others: what the app decides by its own settings; raises ValueError.

        Raises ExposedWithoutLogin where other machines could use the app without a login.
        """
        if share or others:
            named = ", ".join(sorted(others) or ["share"])
            raise ValueError(f"launch() does not take {named}: docs/gradio.md says which settings do that here")
        self.close()
        changes = {"host": server_name, "port": server_port}
        settings = self.settings.model_copy(update={key: value for key, value in changes.items() if value is not None})
        if not structlog.is_configured():
            configure_logging(settings)
        require_safe_start(settings)
        # Who gets in depends on the address, so another address is another app.
        served = self.served if settings.host == self.settings.host else build(settings)
        self._server = uvicorn.Server(
            uvicorn.Config(served, host=settings.host, port=settings.port, **server_options(settings))
        )
        self._thread = threading.Thread(target=self._server.run, daemon=True, name="tingshuo")
        self._thread.start()
        url = self._wait(self._server, self._thread, settings)
        self.local_url = url  # type: ignore[assignment] # Gradio declares what it is before
        self.server_app = self.app = served  # type: ignore[assignment]
        self.is_running = True
        if not quiet:
            print(f"* Running on local URL:  {url}")  # noqa: T201 -- as every Gradio app does
        if inbrowser:
            webbrowser.open(url)
        if debug or not (prevent_thread_lock or hasattr(sys, "ps1")):
            self.block_thread()
        return served, url, None

    def close(self, verbose: bool = True) -> None:
        """Stop the server, if `launch` started one, and let messages on their way finish."""
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = True
        self._thread.join(self.settings.shutdown_timeout * 2 + 10)
        self._server = self._thread = None
        self.is_running = False

    def block_thread(self) -> None:
        """Wait until the server ends, or until the user interrupts, which ends it."""
        try:
            while self._thread is not None and self._thread.is_alive():
                self._thread.join(1.0)
        except KeyboardInterrupt:
            self.close()

    def _wait(self, server: uvicorn.Server, thread: threading.Thread, settings: Settings) -> str:
        deadline = time.monotonic() + START_SECONDS
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                self._server = self._thread = None
                raise RuntimeError(f"The server did not start on {settings.host}:{settings.port}; the log says why.")
            time.sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        host = "localhost" if settings.host in ("127.0.0.1", "0.0.0.0", "::") else settings.host
        return f"http://{host}:{port}/"


def open_demo(settings: Settings | None = None) -> Demo:
    """Return the page, ready to be launched; raises ValidationError when a setting is wrong."""
    settings = settings or Settings()
    demo = Demo(analytics_enabled=False)
    demo.settings = settings
    demo.served = build(settings, page=partial(mount_page, page=demo))
    return demo


def reloaded() -> FastAPI:
    """Return the app as `gradio app.py` starts it, again after each change of the code."""
    settings = Settings()
    configure_logging(settings)
    return build(settings)

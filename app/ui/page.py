"""The Gradio page: a shell for the chat, whose parts are built in the browser by assets/js."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import gradio as gr
from fastapi import APIRouter
from fastapi.routing import APIRoute
from gradio.routes import App
from starlette.responses import HTMLResponse
from starlette.routing import Match, Mount
from starlette.types import Scope

from app.services import Services
from app.ui import files, tools
from app.ui.endpoints import Endpoints
from app.ui.filter import Filter
from app.ui.page_files import ASSETS, PageFiles
from app.ui.theme import build_theme

if TYPE_CHECKING:
    from fastapi import FastAPI

    from app.settings import Settings

FILES = PageFiles.find()
GRADIOS = frozenset({b"view", b"__theme"})  # parameters of Gradio's page
TITLE = "听说 Tingshuo"
MAX_QUEUED = 100  # calls that wait for a thread of Gradio's
NEVER = 10**12
MAX_SESSIONS = 256  # of clients, whose last values Gradio keeps


def fill_page(page: gr.Blocks, endpoints: Endpoints) -> None:
    """Put the chat, which asks the HTTP API for all it shows, into `page`, and the `endpoints` for Gradio's clients."""
    page.title, page.fill_height, page.fill_width = TITLE, True, True
    with page:
        gr.HTML(
            html_template=FILES.fill("html/chat.html"),
            js_on_load=FILES.fill("js/gradio.js"),
            apply_default_css=False,
            elem_id="tingshuo",
            max_height=None,
        )
        endpoints.register()
        tools.register(endpoints)
    page.queue(max_size=MAX_QUEUED)
    page._queue.ANAYLTICS_CACHE_FREQUENCY = NEVER  # or it would make a table of all calls after each call
    page.state_session_capacity = MAX_SESSIONS


def mount_page(app: FastAPI, settings: Settings, page: gr.Blocks | None = None) -> None:
    """Mount the page at / of `app`, behind every route that `app` already has; `page` is empty until then."""
    page = page or gr.Blocks(analytics_enabled=False)
    uploads = files.Uploads()
    app.include_router(files.router(uploads))
    fill_page(page, Endpoints(Services.of(app), uploads))
    app.include_router(_light_page())
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        theme=build_theme(),
        head=FILES.fill("html/head.html"),
        favicon_path=str(ASSETS / "icons" / "favicon.png"),
        footer_links=[],
        run_history=False,  # would keep what people say in a second place
        ssr_mode=False,
        max_file_size=settings.max_file_bytes,
        show_error=False,  # but those that are meant to be read
        mcp_server=True,
        pwa=True,
    )
    tools.offer(page)
    page.config["thumbnail"] = _preview_url()  # type: ignore[typeddict-unknown-key] # Gradio's template asks for it
    mounted = app.routes[-1]
    assert isinstance(mounted, Mount)
    assert isinstance(mounted.app, App)
    mounted.app = Filter(mounted.app)


def _preview_url() -> str:
    """Return where the picture of a link's preview is; only a Space says under which name it can be reached."""
    host = os.environ.get("SPACE_HOST", "")
    return f"https://{host}/ui/preview.jpg" if host else "ui/preview.jpg"


def _light_page() -> APIRouter:
    """Serve the page at / without Gradio's shell around it: a tenth of the files, and nothing that runs while it rests.

    Whoever asks for a view of Gradio's own, as `?view=api` or `?__theme=dark`, gets Gradio's page with the same chat.
    """
    router = APIRouter()
    text = FILES.fill("html/page.html").replace("{preview}", _preview_url())

    class Light(APIRoute):
        def matches(self, scope: Scope) -> tuple[Match, Scope]:
            asked = parse_qs(scope.get("query_string", b""), keep_blank_values=True)
            if scope["type"] == "http" and asked.keys() & GRADIOS:
                return Match.NONE, {}
            return super().matches(scope)

    def page() -> HTMLResponse:
        return HTMLResponse(text, headers={"Cache-Control": "no-cache"})

    router.routes.append(Light("/", page, methods=["GET", "HEAD"], include_in_schema=False))
    return router

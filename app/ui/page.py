"""The Gradio page: a shell for the chat, whose parts are built in the browser by assets/js."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

from app.ui.theme import build_theme

if TYPE_CHECKING:
    from fastapi import FastAPI

    from app.settings import Settings

ASSETS = Path(__file__).parents[2] / "assets"
TITLE = "听说 Tingshuo"


def build_page(settings: Settings) -> gr.Blocks:
    """Return the page; the browser asks /api/config for what it needs to know of `settings`."""
    page = gr.Blocks(title=TITLE, fill_height=True, fill_width=True, analytics_enabled=False)
    with page:
        gr.HTML(
            html_template=_asset("html/chat.html"),
            js_on_load=_asset("js/gradio.js"),
            apply_default_css=False,
            elem_id="tingshuo",
            max_height=None,
        )
    return page


def mount_page(app: FastAPI, settings: Settings) -> None:
    """Mount the page at / of `app`, behind every route that `app` already has."""
    gr.mount_gradio_app(
        app,
        build_page(settings),
        path="/",
        theme=build_theme(),
        head=_asset("html/head.html"),
        favicon_path=str(ASSETS / "icons" / "favicon.png"),
        footer_links=[],
        run_history=False,  # would keep what people say in a second place
        ssr_mode=False,
        max_file_size=settings.max_upload_bytes,
    )


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")

"""The colours and fonts that Gradio draws around the chat."""

from __future__ import annotations

import gradio as gr

# Named fonts of the system only: Gradio's own themes would ask Google for theirs.
FONTS = (
    "-apple-system",
    "BlinkMacSystemFont",
    "PingFang SC",
    "Microsoft YaHei",
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Helvetica Neue",
    "sans-serif",
)
MONOSPACE_FONTS = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")


def build_theme() -> gr.themes.Base:
    """Return WeChat's greys and green."""
    theme = gr.themes.Base(primary_hue="green", neutral_hue="zinc", font=FONTS, font_mono=MONOSPACE_FONTS)
    return theme.set(
        body_background_fill="#e2e4e8",
        body_background_fill_dark="#0b0b0c",
        button_primary_background_fill="#07c160",
        button_primary_background_fill_dark="#07c160",
    )

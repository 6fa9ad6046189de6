"""What the bot shows beside its words: a table or a picture, kept with the message it is the whole of."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, BinaryIO

from bot import Image, Table

Keep = Callable[[BinaryIO], str]
"""Keeps a file and returns its name."""


def stored(card: Table | Image, keep: Keep) -> dict[str, Any]:
    """Return what the database holds of a card; the picture itself is kept as a file."""
    if isinstance(card, Table):
        return {"type": "table", "title": card.title, "columns": card.columns, "rows": card.rows}
    return {"type": "image", "file": keep(io.BytesIO(card.data)), "media_type": card.media_type}


def in_words(card: Table | Image) -> str:
    """Return what stands for a card where only text can be shown: a line for each row."""
    if isinstance(card, Table):
        return "\n".join("\t".join(row) for row in (card.columns, *card.rows))
    return card.text

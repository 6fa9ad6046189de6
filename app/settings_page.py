"""docs/settings.md, made from the settings themselves: `python -m app settings > docs/settings.md`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from app.settings import Settings

_HEAD = """# Settings

Made by `python -m app settings` from `app/settings.py`; a test compares the two.

Every setting is read from the environment, or from a `.env` file in the folder that the app is started in. An empty
variable means the default. Lists are JSON: `["a", "b"]`.

| Variable | Default | Meaning |
|---|---|---|
"""


def settings_page() -> str:
    """Return the page: one row for each setting, with its default outside a Hugging Face Space."""
    space = os.environ.pop("SPACE_ID", None)
    try:
        rows = [_row(name, field) for name, field in Settings.model_fields.items()]
    finally:
        if space is not None:
            os.environ["SPACE_ID"] = space
    return _HEAD + "\n".join(rows) + "\n"


def _row(name: str, field: FieldInfo) -> str:
    meaning = " ".join((field.description or "").split()).removesuffix(".")
    choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    if not all(value in meaning for value in choices):
        meaning += ": " + ", ".join(f"`{value}`" for value in choices)
    return f"| `TINGSHUO_{name.upper()}` | {_default(field)} | {meaning} |"


def _default(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    if isinstance(extra, dict) and "default_shown" in extra:
        return str(extra["default_shown"])
    value: Any = field.get_default(call_default_factory=True, validated_data={})
    if value in ("", None):
        return ""
    if isinstance(value, frozenset):
        return f"`{json.dumps(sorted(value))}`"
    if isinstance(value, bool):
        return "`true`" if value else "`false`"
    if isinstance(value, (int, float)):
        return f"{value:g}" if isinstance(value, float) else str(value)
    return f"`{value}`" if isinstance(value, (str, Path)) else str(value)

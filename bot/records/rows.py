"""What a look-up in the tables of a domain finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class FoundRow:
    """A row: its number, and its values in the form that slots have."""

    id: str
    values: Mapping[str, str]

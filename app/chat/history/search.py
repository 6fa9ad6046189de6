"""Finding words in a message: where they stand, and the piece of text around the first of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

MOST_TERMS = 5
BEFORE, AFTER = 12, 36  # characters shown around the first word that was found


@dataclass(frozen=True)
class Hit:
    """A message in which all words stand; `marks` are (start, end) in `text`, in characters."""

    message_id: str
    text: str
    marks: tuple[tuple[int, int], ...]


def terms_of(query: str) -> list[str]:
    """Return the words of a `query`; those beyond MOST_TERMS are left out."""
    return query.split()[:MOST_TERMS]


def find(message_id: str, text: str, terms: Sequence[str]) -> Hit:
    """Return where `terms` stand in `text`, in any case, and no more of the text than fits into a line or two."""
    line = re.sub(r"\s", " ", text)
    pattern = re.compile("|".join(re.escape(term) for term in sorted(terms, key=len, reverse=True)), re.IGNORECASE)
    first = pattern.search(line)
    start = max(0, first.start() - BEFORE) if first else 0
    end = min(len(line), (first.end() if first else 0) + AFTER)
    lead, trail = "…" if start else "", "…" if end < len(line) else ""
    shift = len(lead) - start
    marks = tuple((found.start() + shift, found.end() + shift) for found in pattern.finditer(line, start, end))
    return Hit(message_id, f"{lead}{line[start:end]}{trail}", marks)

"""Whoever uses the app, as all rooms know them."""

from __future__ import annotations

from dataclasses import dataclass

SCOPES = frozenset({"transcribe", "chat", "hotwords", "admin"})
USER_SCOPES = SCOPES - {"admin"}


@dataclass(frozen=True)
class Person:
    """One who uses the app: `id` owns records, `scopes` (of SCOPES) say what may be done."""

    id: str
    scopes: frozenset[str] = SCOPES


LOCAL = Person("local")  # whoever uses an app that asks nobody to log in
NOBODY = Person("", frozenset())  # who has not logged in and sees the page to do so; owns nothing

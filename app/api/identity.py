"""Who is asking. Every record has an owner; to anybody else it is not there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

SCOPES = frozenset({"transcribe", "chat", "hotwords", "admin"})


@dataclass(frozen=True)
class Person:
    """One who uses the app: `id` owns records, `scopes` (of SCOPES) say what may be done."""

    id: str
    scopes: frozenset[str] = SCOPES


LOCAL = Person("local")  # whoever uses an app that asks nobody to log in


async def current_person(connection: HTTPConnection) -> Person:
    """Return who is asking; for requests and for sockets alike."""
    return LOCAL


Identified = Annotated[Person, Depends(current_person)]

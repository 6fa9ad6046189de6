"""Who is asking. Every record has an owner; to anybody else it is not there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from app.access.person import LOCAL, SCOPES, Person
from app.errors import ScopeMissing

__all__ = ["LOCAL", "SCOPES", "Identified", "Person", "current_person", "needs"]


async def current_person(connection: HTTPConnection) -> Person:
    """Return who is asking, as the gate found; for requests and for sockets alike."""
    person: Person = connection.scope["person"]
    return person


Identified = Annotated[Person, Depends(current_person)]


def needs(scope: str) -> Callable[[HTTPConnection], Awaitable[None]]:
    """Return a dependency that raises ScopeMissing unless who is asking may do what `scope` (of SCOPES) names."""
    assert scope in SCOPES

    async def check(connection: HTTPConnection) -> None:
        if scope not in (await current_person(connection)).scopes:
            raise ScopeMissing(f"This needs the scope {scope}.", scope=scope)

    return check

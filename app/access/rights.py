"""Which scopes a request needs: by the kind of data that it reads, changes or deletes, whichever route leads there.

docs/security.md shows this table to operators; tests/security/test_rights.py compares the two, and tries every route of
the app with every scope. A route that stands in no row keeps the app from starting.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from starlette.routing import BaseRoute

from app.access.person import USER_SCOPES, Person
from app.errors import ScopeMissing

Action = Literal["read", "change", "delete"]
NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Data:
    """A kind of data: its `name`, the `paths` that lead to it, and the scopes that each action on it needs.

    A path is one of a route, with {} for each of its parameters, and stands for all that begin with it. None where
    there is no such action.
    """

    name: str
    paths: tuple[str, ...]
    read: frozenset[str] | None = None
    change: frozenset[str] | None = None
    delete: frozenset[str] | None = None

    def needed(self, action: Action) -> frozenset[str]:
        """Return the scopes that `action` needs; an action that is not there needs what the others do together."""
        asked: frozenset[str] | None = getattr(self, action)
        if asked is not None:
            return asked
        return NOTHING.union(*(one for one in (self.read, self.change, self.delete) if one is not None))


def _all(
    name: str, paths: tuple[str, ...], *scopes: str, actions: tuple[Action, ...] = ("read", "change", "delete")
) -> Data:
    return Data(name, paths, **dict.fromkeys(actions, frozenset(scopes)))


# The longest path that fits decides.
RIGHTS: tuple[Data, ...] = (
    _all("Whether the app lives and is ready; its languages, bots and model; its schema",
         ("/health", "/ready", "/api/config", "/api/model", "/api/domains", "/api/openapi.json"), actions=("read",)),
    _all("One's own login", ("/login", "/api/session")),
    Data("All that is kept of a person, with keys and logins", ("/api/me",), read=USER_SCOPES, delete=USER_SCOPES),
    _all("Conversations, messages and their recordings", ("/api/conversations",), "chat"),
    _all("Corrected messages with their recordings", ("/api/corrections",), "chat", actions=("read",)),
    _all("Lists of hotwords, and which of them a conversation uses",
         ("/api/hotwords", "/api/conversations/{}/hotwords"), "hotwords"),
    _all("Transcriptions and their recordings", ("/api/transcribe",), "transcribe"),
    _all("Speech that is recognised and not kept", ("/v1", "/ws", "/"), "transcribe", actions=("read", "change")),
    _all("Language models, their trainings and check sets", ("/api/lm",), "admin"),
    _all("Metrics", ("/metrics",), "admin", actions=("read",)),
)  # fmt: skip

_PATTERNS = sorted(
    (
        (re.compile(re.escape(path.rstrip("/")).replace(r"\{\}", "[^/]+") + r"(/|$)"), path, data)
        for data in RIGHTS
        for path in data.paths
        if path != "/"
    ),
    key=lambda entry: -len(entry[1]),
)
_ROOT = next(data for data in RIGHTS if "/" in data.paths)  # where FunASR's clients open their WebSocket


def data_at(path: str) -> Data | None:
    """Return the kind of data that `path` leads to; None for a path of the page, and for one that is not known."""
    if path == "/":
        return _ROOT
    return next((data for pattern, _, data in _PATTERNS if pattern.match(path)), None)


def action_of(method: str) -> Action:
    """Return what a request of an HTTP method does; a WebSocket, whose method is "", changes things."""
    if method in ("GET", "HEAD", "OPTIONS"):
        return "read"
    return "delete" if method == "DELETE" else "change"


def check_rights(routes: Iterable[BaseRoute]) -> None:
    """Raise LookupError for a route that stands in no row, or whose action its row does not have."""
    for route in routes:
        path = getattr(route, "path", "")
        data = data_at(path)
        for method in getattr(route, "methods", [""]):
            if data is None or getattr(data, action_of(method)) is None:
                raise LookupError(f"{method or 'WebSocket'} {path} stands in no row of app.access.rights.RIGHTS.")


def require(person: Person, *scopes: str) -> None:
    """Raise ScopeMissing unless `person` has all `scopes`."""
    for scope in sorted(set(scopes) - person.scopes):
        raise ScopeMissing(f"This needs the scope {scope}.", scope=scope)

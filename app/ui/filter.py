"""What gets through to Gradio: the routes that its clients need, and none of its ways to files and to other people.

Three things are done to every request before Gradio sees it:

    the route     must stand in OPEN; all others are not there
    the session   Gradio gives the results of a session to whoever knows its name, which the client chooses. Here the
                  name is made one of the person's own, so that nobody can name another's.
    files         Gradio takes the path of any file on the disk, and fetches any URL, where a value looks like an
                  uploaded file. Here such a value keeps its path, and loses what Gradio knows it by; the endpoints
                  find what was uploaded by that path, in app.ui.files.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs, urlencode

from fastapi import Request
from gradio.routes import App
from starlette.types import Message, Receive, Scope, Send

from app.access.authentication import visitor
from app.access.credentials import digest
from app.access.limits import asking
from app.access.person import Person
from app.api import errors
from app.errors import AppError, NotFound, RequestInvalid
from app.services import Services

MAX_DEPTH = 20  # of lists and objects in each other in a body

PAGE = frozenset({"GET", "HEAD"})
# Each route of Gradio's that is open: its path as Gradio declares it, below the folder where the app is mounted.
OPEN: dict[str, frozenset[str]] = {
    "/": PAGE,
    "/config": PAGE,
    "/assets/{path:path}": PAGE,
    "/static/{path:path}": PAGE,
    "/svelte/{path:path}": PAGE,
    "/theme.css": PAGE,
    "/favicon.ico": PAGE,
    "/manifest.json": PAGE,
    "/pwa_icon": PAGE,
    "/pwa_icon/{size}": PAGE,
    "/robots.txt": PAGE,
    "/gradio_api/info": PAGE,
    "/gradio_api/queue/join": frozenset({"POST"}),
    "/gradio_api/queue/data": frozenset({"GET"}),
    "/gradio_api/call/{api_name}": frozenset({"POST"}),
    "/gradio_api/call/{api_name}/{event_id}": frozenset({"GET"}),
    "/gradio_api/cancel": frozenset({"POST"}),
    "/gradio_api/mcp": frozenset({"POST"}),
}
# What clients may ask of the MCP server. To read a resource or a prompt, Gradio would call this server at whatever host
# the client says that it is.
MCP_METHODS = frozenset({
    "initialize", "notifications/initialized", "notifications/cancelled", "ping", "tools/list", "tools/call",
    "resources/list", "resources/templates/list", "prompts/list",
})  # fmt: skip
_FIELDS = frozenset({"data", "fn_index", "session_hash", "event_id", "trigger_id", "event_data"})
_SESSION = re.compile(r"[\w-]{1,64}")
_PATTERNS = [
    (re.compile(re.sub(r"\\{\w+:path\\}", ".*", re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)))), methods, path)
    for path, methods in OPEN.items()
]


class Filter:
    """ASGI app; it stands between the app and Gradio's."""

    def __init__(self, gradio: App) -> None:
        """Pass on to `gradio` what may get through."""
        self.gradio = gradio

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":  # Gradio has no WebSockets
            await send({"type": "websocket.close", "code": 1008})
            return
        request = Request(scope, receive)
        with contextlib.ExitStack() as held:
            try:
                if _path(scope) == "/gradio_api/queue/data":
                    limits = Services.of(request.app).limits
                    held.enter_context(limits.stream(*asking()))
                receive = await self._filtered(request)
            except AppError as error:
                await errors.answer(request, errors.status(error), error.code, error.details)(scope, receive, send)
                return
            # Gradio would let pages of every site read its answers; who may is decided by Protection.
            scope["headers"] = [header for header in scope["headers"] if header[0] != b"origin"]
            await self.gradio(scope, receive, send)

    async def _filtered(self, request: Request) -> Receive:
        """Change the scope to what Gradio may see, and return the body that it gets; raises AppError."""
        scope = request.scope
        route = open_route(request.method, _path(scope))
        if route is None:
            raise NotFound("Nothing is here.")
        if route == "/gradio_api/info":
            self.gradio.api_info = None  # Gradio would keep the address by which the first client knew this server
        if route == "/gradio_api/queue/data":
            query = parse_qs(scope["query_string"].decode("latin-1"))
            session = self._session(scope, (query.get("session_hash") or [""])[0])
            if session not in self.gradio.get_blocks()._queue.pending_messages_per_session:
                raise NotFound("There is no such session.")
            scope["query_string"] = urlencode({"session_hash": session}).encode()
        elif route == "/gradio_api/call/{api_name}/{event_id}":
            self._require_own(scope, _path(scope).rpartition("/")[2])
        elif route == "/gradio_api/mcp":
            return await self._mcp_body(request)
        elif request.method == "POST":
            return await self._body(request, route)
        return request.receive

    async def _mcp_body(self, request: Request) -> Receive:
        body = _without_files(await _object(request), MAX_DEPTH)
        if body.get("method") not in MCP_METHODS:
            raise RequestInvalid("There is no such method here.", field="method")
        return _replayed(json.dumps(body).encode(), request.receive)

    async def _body(self, request: Request, route: str) -> Receive:
        body = await _object(request)
        given = body.get("session_hash")
        if given is None and route.startswith("/gradio_api/call/"):
            given = secrets.token_urlsafe(16)
        index = body.get("fn_index")
        if route == "/gradio_api/queue/join" and not (isinstance(index, int) and index in self.gradio.get_blocks().fns):
            raise RequestInvalid("There is no such endpoint.", field="fn_index")
        body = _without_files({key: value for key, value in body.items() if key in _FIELDS}, MAX_DEPTH)
        body["session_hash"] = self._session(request.scope, given)
        if route == "/gradio_api/cancel":
            self._require_own(request.scope, str(body.get("event_id")), body["session_hash"])
        return _replayed(json.dumps(body).encode(), request.receive)

    def _session(self, scope: Scope, given: object) -> str:
        """Return the name under which Gradio knows the session that the client calls `given`."""
        if not isinstance(given, str) or not _SESSION.fullmatch(given):
            raise RequestInvalid("A session_hash is 1 to 64 letters, digits, - or _.", field="session_hash")
        if scope.get("fresh_visitor"):
            # Who keeps no cookie is a visitor for as long as the client keeps its session.
            scope["person"] = visitor(f"gradio session {given}")
            return f"visitor.{given}"
        person: Person = scope["person"]
        return f"{digest(person.id)[:32]}.{given}"

    def _require_own(self, scope: Scope, event_id: str, session: str = "") -> None:
        """Raise NotFound unless an event is of the one who asks, and of `session` where that is given."""
        of_event = self._session_of(event_id)
        prefixes = ["visitor."] if scope.get("fresh_visitor") else [f"{digest(scope['person'].id)[:32]}."]
        if of_event is None or not of_event.startswith(tuple(prefixes)) or (session and of_event != session):
            raise NotFound("There is no such event.")

    def _session_of(self, event_id: str) -> str | None:
        queue = self.gradio.get_blocks()._queue
        if (event := queue.event_ids_to_events.get(event_id)) is not None:
            return str(event.session_hash)
        of_sessions: Iterable[tuple[str, set[str]]] = queue.pending_event_ids_session.items()
        return next((session for session, events in of_sessions if event_id in events), None)


def open_route(method: str, path: str) -> str | None:
    """Return the route of OPEN that a request goes to; None when it goes to none."""
    return next((route for pattern, methods, route in _PATTERNS if method in methods and pattern.fullmatch(path)), None)


async def _object(request: Request) -> dict[str, Any]:
    """Return the JSON object that a request brings; raises RequestInvalid, and what reading the body raises."""
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise RequestInvalid("The body must be a JSON object.", field="body") from error
    if not isinstance(body, dict):
        raise RequestInvalid("The body must be a JSON object.", field="body")
    return body


def _path(scope: Scope) -> str:
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    path = path.removeprefix(root) if root else path
    return path if path == "/" else path.removesuffix("/")


def _without_files(value: Any, depth: int) -> Any:
    """Return `value` without the mark by which Gradio knows a file."""
    if not depth:
        raise RequestInvalid("The body is nested too deeply.", field="body")
    if isinstance(value, dict):
        hidden = "meta" if "path" in value else None
        return {key: _without_files(one, depth - 1) for key, one in value.items() if key != hidden}
    if isinstance(value, list):
        return [_without_files(one, depth - 1) for one in value]
    return value


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives `body`, and then what comes after the request."""
    pending = [body]

    async def replay() -> Message:
        if pending:
            return {"type": "http.request", "body": pending.pop(), "more_body": False}
        return await receive()

    return replay

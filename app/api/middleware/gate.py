"""The gate: every request and every socket gets to know here who is asking, or gets no further."""

from __future__ import annotations

import contextlib
import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote, urlsplit

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from app.access.authentication import access_mode, is_loopback, visitor
from app.access.limits import note_asking
from app.access.person import LOCAL, NOBODY, Person
from app.access.proxies import Proxies
from app.access.rights import NOTHING, action_of, data_at, require
from app.api import errors
from app.errors import AppError, HostUnknown, LoginRequired, NotFound
from app.services import Services
from app.settings import Settings

log = structlog.get_logger(__name__)

SESSION_COOKIE = "tingshuo_session"
VISITOR_COOKIE = "tingshuo_visitor"
_VISITOR_DAYS = 365
_LONG_BYTES = 2**20  # of an answer that counts as a stream while it is sent
_VISITOR_TOKEN = 43  # characters of a token that this server makes

# Without a login: how the app is doing, the page to log in on and what it is made of, which is public anyway.
_OPEN_PATHS = ("/health", "/ready", "/login", "/api/session", "/favicon.ico")
_OPEN_FOLDERS = ("/ui/",)
# Which of Gradio's routes are there at all is decided by app.ui.filter.
_API_FOLDERS = ("/api/", "/v1/", "/metrics", "/gradio_api/")


class Gate:
    """ASGI middleware; it stands around everything but Protection."""

    def __init__(self, app: ASGIApp, settings: Settings, needs: frozenset[str] | None = None) -> None:
        """Stand around `app`; `app.state` holds the Access and the Limits once it has started.

        Args:
            app: what is behind the gate.
            settings: those of the app.
            needs: the scopes that every request needs; None asks app.access.rights.
        """
        self._app = app
        self._needs = needs
        self._settings = settings
        self._mode = access_mode(settings)
        self._proxies = Proxies(settings.trusted_proxies)
        self._hosts = {host.lower() for host in (settings.host, *settings.allowed_hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on whoever may pass, with `scope["person"]` and the address and scheme of the client.

        `scope["fresh_visitor"]` says that a visitor showed no cookie: the person is theirs from the next request on.
        """
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        peer = (scope.get("client") or ("", 0))[1]
        address, scheme, through_proxy = self._proxies.origin(scope)
        scope["client"] = (address, peer)
        scope["secure"] = scheme == "https"
        with contextlib.ExitStack() as held:
            try:
                person, fresh = await self._admit(scope, address, through_proxy, held)
            except AppError as error:
                await _refuse(scope, receive, send, error)
                return
            if person is None:
                await RedirectResponse(_login_url(scope), 303)(scope, receive, send)
                return
            scope["person"] = person
            scope["fresh_visitor"] = bool(fresh)
            if fresh:
                send = self._with_cookie(scope, send, fresh)
            if self._counted(scope) and scope.get("method") == "GET":
                await self._answer(scope, receive, send, person, held)
            else:
                await self._app(scope, receive, send)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, person: Person, held: contextlib.ExitStack
    ) -> None:
        """Pass a request on; an answer that is long counts as a stream from its beginning."""
        limits = Services.of(scope["app"]).limits
        refused: AppError | None = None

        async def send_counted(message: Message) -> None:
            nonlocal refused
            if refused is not None:
                raise refused
            if message["type"] == "http.response.start" and _is_long(Headers(raw=message["headers"])):
                try:
                    held.enter_context(limits.stream(person.id, scope["client"][0]))
                except AppError as error:
                    refused = error
                    raise
            await send(message)

        try:
            await self._app(scope, receive, send_counted)
        except Exception:
            if refused is None:
                raise
        if refused is not None:
            await _refuse(scope, receive, send, refused)

    async def _admit(
        self, scope: Scope, address: str, through_proxy: bool, held: contextlib.ExitStack
    ) -> tuple[Person | None, str]:
        """Return who may pass, None for somebody who has to log in first, and the token of a new visitor.

        What is counted while the request lasts is put into `held`. Raises AppError for who may not pass.
        """
        if "\0" in scope["path"]:  # no id holds a NUL, which PostgreSQL would not take
            raise NotFound("Nothing is here.")
        self._check_host(scope)
        person, fresh = await self._identify(scope, through_proxy)
        if self._counted(scope):
            limits = Services.of(scope["app"]).limits
            name = "" if person is None or fresh else person.id
            limits.take_request(name, address)
            note_asking(name, address)
            if scope["type"] == "websocket" or scope["method"] == "POST":
                held.enter_context(limits.stream(name, address))
        if person is not None:
            require(person, *self._needed(scope))
            return person, fresh
        if scope["path"] in _OPEN_PATHS or scope["path"].startswith(_OPEN_FOLDERS):
            return NOBODY, ""
        if _wants_page(scope):
            return None, ""
        raise LoginRequired("Log in, or show a key: `Authorization: Bearer KEY`.")

    @staticmethod
    def _counted(scope: Scope) -> bool:
        return scope["type"] == "websocket" or str(scope["path"]).startswith(_API_FOLDERS)

    def _needed(self, scope: Scope) -> frozenset[str]:
        """Return the scopes that a request needs, before anything of its body is read."""
        if self._needs is not None:
            return self._needs
        path, is_socket = scope["path"], scope["type"] == "websocket"
        data = data_at(path) if is_socket or path.startswith(_API_FOLDERS) else None
        return data.needed(action_of("" if is_socket else scope["method"])) if data else NOTHING

    def _check_host(self, scope: Scope) -> None:
        if self._mode != "local" or scope["path"] in _OPEN_PATHS:
            return
        # A page of another site may have its own name lead to this machine, and would then count as ours.
        host = (urlsplit("//" + Headers(scope=scope).get("host", "")).hostname or "").lower()
        if not (is_loopback(host) or host in self._hosts):
            raise HostUnknown("This app is for this machine only.", host=host[:100])

    async def _identify(self, scope: Scope, through_proxy: bool) -> tuple[Person | None, str]:
        """Return who is asking, None for nobody known; and the token of a visitor who is here for the first time."""
        access = Services.of(scope["app"]).access
        headers = Headers(scope=scope)
        kind, _, key = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            person = await run_in_threadpool(access.by_key, key.strip())
            # A key that is wrong is not passed over: the program would work on somebody else's records. Where no key
            # was ever made there is nobody else; clients that cannot do without one send anything.
            if person or self._mode != "local" or await run_in_threadpool(access.keys.any_active):
                return person, ""
        if self._mode == "local":
            return LOCAL, ""
        if self._mode == "visitors":
            token = _cookie(headers, VISITOR_COOKIE)
            fresh = "" if len(token) == _VISITOR_TOKEN else secrets.token_urlsafe(32)
            return visitor(fresh or token), fresh
        if self._settings.user_header and through_proxy:
            name = headers.get(self._settings.user_header, "").strip()
            if name and len(name) <= 128 and name.isprintable():
                return access.named(name), ""
        token = _cookie(headers, SESSION_COOKIE)
        return (await run_in_threadpool(access.by_session, token) if token else None), ""

    def _with_cookie(self, scope: Scope, send: Send, token: str) -> Send:
        async def send_with_cookie(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.accept"):
                response = Response()
                set_cookie(response, VISITOR_COOKIE, token, _VISITOR_DAYS * 86_400, scope, self._settings)
                message.setdefault("headers", [])
                MutableHeaders(scope=message).append("set-cookie", response.headers["set-cookie"])
            await send(message)

        return send_with_cookie


async def _refuse(scope: Scope, receive: Receive, send: Send, error: AppError) -> None:
    response = refusal(HTTPConnection(scope), error)
    if scope["type"] == "http":
        await response(scope, receive, send)
    elif "websocket.http.response" in scope.get("extensions", {}):
        await WebSocket(scope, receive, send).send_denial_response(response)
    else:
        await WebSocket(scope, receive, send).close(1008)


def refusal(connection: HTTPConnection, error: AppError) -> JSONResponse:
    """Return the answer to a request that gets no further than the gate."""
    scope = {**connection.scope, "type": "http", "method": connection.scope.get("method", "GET")}
    response = errors.answer(Request(scope), errors.status(error), error.code, error.details)
    if isinstance(error, LoginRequired):
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def set_cookie(response: Response, name: str, token: str, seconds: int, scope: Scope, settings: Settings) -> None:
    """Put a secret into a cookie that scripts cannot read and other sites cannot send."""
    response.set_cookie(
        name,
        token,
        max_age=seconds,
        path=scope.get("root_path", "") or "/",
        httponly=True,
        # A Space is shown in a frame of another site. Its cookies are kept apart for that site by the browser, and
        # what other sites send is refused by its origin.
        secure=scope["secure"] or settings.in_frame_of_other_site,
        samesite="none" if settings.in_frame_of_other_site else "lax",
        partitioned=False,
    )
    if settings.in_frame_of_other_site:
        response.headers["set-cookie"] += "; Partitioned"


def _is_long(headers: Headers) -> bool:
    """Say whether an answer may take long to send: its length is not known, or it is that of a recording."""
    length = headers.get("content-length", "")
    return not length.isdecimal() or int(length) > _LONG_BYTES


def _wants_page(scope: Scope) -> bool:
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and not scope["path"].startswith(_API_FOLDERS)
        and "text/html" in Headers(scope=scope).get("accept", "")
    )


def _login_url(scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    asked = scope["path"] + (f"?{query}" if query else "")
    return f"{scope.get('root_path', '')}/login?next={quote(asked, safe='')}"


def _cookie(headers: Headers, name: str) -> str:
    jar: SimpleCookie = SimpleCookie()
    with contextlib.suppress(CookieError):
        jar.load(headers.get("cookie", ""))
    return jar[name].value if name in jar else ""

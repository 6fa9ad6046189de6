"""What every request passes: an id for the log, the refusal of other web sites, headers that bind the browser."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from urllib.parse import urlsplit

import structlog
from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from app.api import errors
from app.errors import INTERNAL_ERROR, CrossSite
from app.monitoring.logs import origin
from app.services import Services
from app.settings import Settings

log = structlog.get_logger(__name__)

_VERBS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
_READING = ("GET", "HEAD")
# What another site may show a link to, and what tells nothing about anybody.
_PAGES = ("/", "/login", "/health", "/ready", "/favicon.ico")
_STATIC_FOLDERS = ("/ui/",)

# Gradio writes its settings and styles into the page and compiles the js of its own parts, hence unsafe-inline and
# unsafe-eval. Everything comes from this server; recordings are played from blobs.
_PAGE_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' data: blob:; worker-src 'self' blob:; "
    "connect-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors {ancestors}"
)
_API_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"


class _Allowed:
    """Tells what pages of other sites send, by what browsers say of it; programs say nothing."""

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = {origin.lower().rstrip("/") for origin in origins}

    def foreign(self, scope: Scope, *, any_port: bool = False) -> bool:
        """Say whether a request comes from a page of another site; `any_port` takes all of one host for one site."""
        headers = Headers(scope=scope)
        source = headers.get("origin", "").lower()
        if source in self._origins:
            return False
        # Browsers tell this wherever it can be trusted (https and localhost).
        site = headers.get("sec-fetch-site")
        if site is not None and not any_port:
            return site not in ("same-origin", "none")
        try:
            own, other = urlsplit("//" + headers.get("host", "").lower()), urlsplit(source)
        except ValueError:  # no browser writes such a name
            return True
        return bool(source) and (other.hostname != own.hostname if any_port else other.netloc != own.netloc)


class Origins:
    """ASGI middleware for a port that speaks WebSocket only: pages of other hosts are refused."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        """Stand around `app`."""
        self._app = app
        self._origins = _Allowed(settings.allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a socket on, or close it."""
        if scope["type"] == "websocket" and self._origins.foreign(scope, any_port=True):
            await WebSocket(scope, receive, send).close(1008)
            return
        await self._app(scope, receive, send)


class Protection:
    """ASGI middleware; it stands around everything, the page included."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        """Stand around `app`."""
        self._app = app
        self._origins = _Allowed(settings.allowed_origins)
        self._page_policy = _PAGE_POLICY.format(ancestors=settings.frame_ancestors)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it; an error that nobody caught becomes a clear answer."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        if scope["type"] == "websocket":
            await self._pass_socket(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._add_headers(MutableHeaders(scope=message), scope["path"], request_id)
            await send(message)

        request = Request(scope, receive)
        metrics = Services.of(scope["app"]).metrics  # now: Gradio, mounted below, puts its own app into the scope
        try:
            if self._from_another_site(scope):
                details = {"origin": Headers(scope=scope).get("origin", "?")}
                await errors.answer(request, 403, CrossSite.code, details)(scope, receive, send_with_headers)
            else:
                await self._app(scope, receive, send_with_headers)
        except ClientDisconnect:
            log.info("client left before its request was complete")
        except Exception as error:
            log.error("request failed", error=origin(error), method=scope["method"])
            if status:
                raise  # the answer has begun: only the end of the connection can still tell of the error
            failure = errors.answer(request, 500, INTERNAL_ERROR, {"request_id": request_id})
            await failure(scope, receive, send_with_headers)
        finally:
            # The route, not the path: a path holds the id that opens a conversation.
            route = getattr(scope.get("route"), "path", None) or "-"
            seconds = time.perf_counter() - started
            metrics.request(_verb(scope["method"]), route, status, seconds)
            log.debug("request", method=scope["method"], route=route, status=status, seconds=round(seconds, 4))

    async def _pass_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Browsers let any page open a socket to anywhere and send the cookies along; only the origin tells.
        if self._from_another_site(scope):
            await WebSocket(scope, receive, send).close(1008)
            return
        metrics = Services.of(scope["app"]).metrics
        metrics.socket(1)
        try:
            await self._app(scope, receive, send)
        except Exception as error:  # noqa: BLE001 -- the socket is closed by its end; the log knows why
            log.error("socket failed", error=origin(error))
        finally:
            metrics.socket(-1)

    def _from_another_site(self, scope: Scope) -> bool:
        path = scope["path"]
        if scope.get("method") in _READING and (path in _PAGES or path.startswith(_STATIC_FOLDERS)):
            return False
        return self._origins.foreign(scope)

    def _add_headers(self, headers: MutableHeaders, path: str, request_id: str) -> None:
        # No page of another site reads an answer; Gradio would let some.
        for name in [name for name in headers if name.startswith("access-control-")]:
            del headers[name]
        headers["X-Request-ID"] = request_id
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "same-origin"
        headers["Permissions-Policy"] = "microphone=(self), camera=(), geolocation=()"
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        of_api = path.startswith(("/api/", "/v1/"))
        headers["Content-Security-Policy"] = _API_POLICY if of_api else self._page_policy
        if of_api:
            headers.setdefault("Cache-Control", "no-store")
        elif path.startswith("/ui/"):
            # Asked for again each time and answered with 304: a new release is seen at once.
            headers.setdefault("Cache-Control", "no-cache")


def _verb(method: str) -> str:
    """The method, or one word for all that a client has made up: each value of a label takes memory."""
    return method if method in _VERBS else "OTHER"

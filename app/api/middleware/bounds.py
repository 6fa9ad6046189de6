"""How large the body of a request may be: checked before it is read, and counted while it is.

One table covers every route, including Gradio's. The check runs before authentication, so that a client without rights
cannot make the server read a large body either. A route that the table does not name takes MAX_SMALL_BYTES.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api import errors
from app.errors import RequestRefused, UploadTimeout, UploadTooLarge
from app.settings import Settings

MAX_LOGIN_BYTES = 16 * 2**10
MAX_SMALL_BYTES = 64 * 2**10
MAX_HOTWORD_BYTES = 4 * 2**20  # 5,000 words with aliases
MAX_FIELD_BYTES = 256 * 2**10  # of the texts that come with a file: a list of 5,000 hotwords
FORM_BYTES = 64 * 2**10  # boundaries, part headers, a long file name
SMALL_SECONDS = 30.0  # for a small body to arrive in


class Bound(NamedTuple):
    """How many bytes a body has: what is sent (`most`), and besides what a form or other fields put around it."""

    most: int
    overhead: int = 0


Most = Callable[[Settings], Bound]

# By the path from its start on; the first that matches holds. docs/deploy.md has the same paths for proxies, and a test
# that compares them.
BOUNDS: tuple[tuple[re.Pattern[str], Most], ...] = tuple(
    (re.compile(pattern), most)
    for pattern, most in (
        (r"/(api/session|login)(/|$)", lambda _: Bound(MAX_LOGIN_BYTES)),
        (r"/api/conversations/[^/]+/messages/?$", lambda settings: Bound(settings.max_upload_bytes, FORM_BYTES)),
        (r"/api/hotwords/try/?$", lambda settings: Bound(settings.max_upload_bytes, MAX_HOTWORD_BYTES + FORM_BYTES)),
        (r"/(api/hotwords|gradio_api/(queue/join|call/))", lambda _: Bound(MAX_HOTWORD_BYTES)),
        (
            r"/(api/transcribe|v1/audio/transcriptions|gradio_api/upload)/?$",
            lambda settings: Bound(settings.max_file_bytes, MAX_FIELD_BYTES + FORM_BYTES),
        ),
        # A recording in base64, and the message around it.
        (r"/gradio_api/mcp/?$", lambda settings: Bound(settings.max_upload_bytes * 4 // 3, MAX_HOTWORD_BYTES)),
        (r"/api/lm/jobs/?$", lambda settings: Bound(settings.lm_max_corpus_bytes)),
        (r"/api/lm/(check-sets|try)/?$", lambda settings: Bound(settings.max_upload_bytes, 2 * FORM_BYTES)),
    )
)


def bound_of(path: str, settings: Settings) -> Bound:
    """Return the bound of the bodies of requests for `path`."""
    return next((most(settings) for pattern, most in BOUNDS if pattern.match(path)), Bound(MAX_SMALL_BYTES))


class Bounds:
    """ASGI middleware; within Protection and around everything else."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        """Stand around `app`."""
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on whose body is within its bound, or answer 413, or 408 when it does not arrive."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        bound = bound_of(scope["path"], self._settings)
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced) > sum(bound):
            await _refuse(_too_large(bound), scope, receive, send)
            return
        body = _Body(receive, bound, self._seconds(bound))
        began = False

        async def send_unless_refused(message: Message) -> None:
            nonlocal began
            if body.refused and not began:
                return  # what the app makes of a body that was cut off; the answer below says why
            began = True
            await send(message)

        try:
            await self._app(scope, body.receive, send_unless_refused)
        except Exception:
            if not body.refused or began:
                raise
        if body.refused and not began:
            await _refuse(body.refused, scope, receive, send)

    def _seconds(self, bound: Bound) -> float:
        """Return how long a body may take: a line on which a chat message arrives in time is fast enough for all."""
        if bound.most <= MAX_SMALL_BYTES:
            return min(SMALL_SECONDS, self._settings.upload_timeout)
        return self._settings.upload_timeout * max(1.0, bound.most / self._settings.max_upload_bytes)


class _Body:
    """A body that raises UploadTooLarge or UploadTimeout where it breaks its bounds."""

    def __init__(self, receive: Receive, bound: Bound, seconds: float) -> None:
        self.refused: RequestRefused | None = None
        self._receive = receive
        self._bound = bound
        self._seconds = seconds
        self._deadline: float | None = None
        self._received = 0
        self._complete = False

    async def receive(self) -> Message:
        if self.refused is not None:
            raise self.refused
        if self._complete:  # what comes now is the end of the connection, at any time
            return await self._receive()
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().time() + self._seconds
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            reason = f"The request did not arrive within {self._seconds:g} s."
            self.refused = UploadTimeout(reason, seconds=self._seconds)
            raise self.refused from None
        self._received += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        if self._received > sum(self._bound):
            self.refused = _too_large(self._bound)
            raise self.refused
        return message


def _too_large(bound: Bound) -> UploadTooLarge:
    return UploadTooLarge(f"The request has more than {bound.most} bytes.", max_bytes=bound.most)


async def _refuse(error: RequestRefused, scope: Scope, receive: Receive, send: Send) -> None:
    answer = errors.answer(Request(scope), errors.status(error), error.code, error.details)
    answer.headers["Connection"] = "close"  # what is left of the body is not read
    await answer(scope, receive, send)

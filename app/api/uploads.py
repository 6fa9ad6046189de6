"""Reading a request's body within bounds of bytes and of time."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from app.access.limits import asking
from app.api.dependencies import PersonDependency
from app.errors import FieldMissing, RequestInvalid, UploadTimeout, UploadTooLarge
from app.services import Services
from app.settings import Settings
from app.storage.database import guarded

T = TypeVar("T")

MULTIPART_OVERHEAD = 64 * 2**10  # bytes: boundaries, part headers, a long file name
MAX_JSON_BYTES = 64 * 2**10
MAX_FIELDS = 64
MAX_FIELD_BYTES = 256 * 2**10  # a list of 5,000 hotwords


class TypedMessage(BaseModel):
    """A message that the user typed, or a quick reply that was pressed."""

    model_config = ConfigDict(strict=True)

    text: str = Field(description="Plain text.")


def bounded(request: Request, max_bytes: int, overhead: int = 0) -> Request:
    """Return `request` with a body that raises UploadTooLarge once it has more than `max_bytes` plus `overhead`.

    A length announced beyond that is refused before a byte is read, and what is on its way is counted, for the
    announcement may be missing or a lie.
    """
    refusal = UploadTooLarge(f"The request has more than {max_bytes} bytes.", max_bytes=max_bytes)
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > max_bytes + overhead:
        raise refusal
    received = 0
    receive: Receive = request.receive

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > max_bytes + overhead:
            raise refusal
        return message

    return Request(request.scope, counted)


async def require_room(request: Request, person: PersonDependency) -> None:
    """Raise StorageFull when a recording that is to be kept comes from somebody who has no room left."""
    if request.headers.get("content-type", "").lower().startswith("multipart/"):
        services = Services.of(request.app)
        max_bytes = 0 if services.access.mode == "local" else services.settings.max_stored_bytes
        await run_in_threadpool(services.personal.check_room, person.id, max_bytes)


def _upload(request: Request, max_bytes: int, overhead: int) -> Request:
    """Bound a request that brings audio; raises TooMuchAudio where all of this hour's is spent."""
    Services.of(request.app).limits.check_audio(*asking())
    return bounded(request, max_bytes, overhead)


def bounded_route(max_bytes: int | Callable[[Settings], int]) -> type[APIRoute]:
    """Return the class for routes whose JSON bodies arrive in time and have at most `max_bytes`, or what settings say.

    FastAPI reads a body whole before it asks anybody: a router with this `route_class` bounds it before that.
    """

    class BoundedRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def read_within_bounds(request: Request) -> Response:
                settings = Services.of(request.app).settings
                request = bounded(request, max_bytes if isinstance(max_bytes, int) else max_bytes(settings))
                await _in_time(request.body(), settings.upload_timeout)
                return await handle(request)

            return read_within_bounds

    return BoundedRoute


@asynccontextmanager
async def sent_message(request: Request, settings: Settings) -> AsyncIterator[str | BinaryIO]:
    """Read what the client sent: a typed text, or a recording (a file that lives as long as the context).

    Raises RequestInvalid, UploadTooLarge, UploadTimeout; HTTPException 400 or 415 for another kind of body.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        yield await _typed(bounded(request, MAX_JSON_BYTES), settings.upload_timeout)
    elif kind == "multipart/form-data":
        request = _upload(request, settings.max_upload_bytes, MULTIPART_OVERHEAD)
        try:
            yield await _recording(request, settings)
        finally:
            await request.close()
    else:
        raise HTTPException(415)


@asynccontextmanager
async def sent_file(request: Request, field: str, settings: Settings) -> AsyncIterator[tuple[UploadFile, FormData]]:
    """Read a form with a file of any length in `field`; the file lives as long as the context.

    Raises RequestInvalid, UploadTooLarge, UploadTimeout; HTTPException 415 for another kind of body.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        raise HTTPException(415)
    request = _upload(request, settings.max_file_bytes, MULTIPART_OVERHEAD + MAX_FIELD_BYTES)
    # A line on which a chat message arrives in time is fast enough for a file too.
    seconds = settings.upload_timeout * max(1.0, settings.max_file_bytes / settings.max_upload_bytes)
    try:
        form = await _in_time(request.form(max_files=1, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES), seconds)
        yield _file(form, field, settings.max_file_bytes), form
    finally:
        await request.close()


@asynccontextmanager
async def sent_form(
    request: Request, settings: Settings, max_field_bytes: int, *, max_files: int = 1
) -> AsyncIterator[FormData]:
    """Read a form with a recording, several, or none; its files live as long as the context.

    Raises UploadTooLarge, UploadTimeout; HTTPException 415 for another kind of body.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        raise HTTPException(415)
    request = _upload(request, settings.max_upload_bytes, MULTIPART_OVERHEAD + max_field_bytes)
    try:
        reading = request.form(max_files=max_files, max_fields=max_files + 8, max_part_size=max_field_bytes)
        yield await _in_time(reading, settings.upload_timeout)
    finally:
        await request.close()


def save(source: BinaryIO, target: Path) -> None:
    """Copy an uploaded file to `target`; raises StoreUnavailable when the disk refuses."""
    with guarded(), target.open("xb") as file:
        shutil.copyfileobj(source, file)


async def _typed(request: Request, seconds: float) -> str:
    body = await _in_time(request.body(), seconds)
    try:
        return TypedMessage.model_validate_json(body).text
    except ValidationError as error:
        raise RequestInvalid('The body must be JSON of the form {"text": "..."}.', field="text") from error


async def _recording(request: Request, settings: Settings) -> BinaryIO:
    # One file and no more than a few small fields: nothing else is ever sent with it.
    form = await _in_time(request.form(max_files=1, max_fields=4, max_part_size=1024), settings.upload_timeout)
    return _file(form, "audio", settings.max_upload_bytes).file


def _file(form: FormData, field: str, max_bytes: int) -> UploadFile:
    upload = form.get(field)
    if not isinstance(upload, UploadFile):
        raise FieldMissing(f"The form must have a file called {field}.", field=field)
    if upload.size is not None and upload.size > max_bytes:
        raise UploadTooLarge(f"The recording has more than {max_bytes} bytes.", max_bytes=max_bytes)
    return upload


async def _in_time(reading: Awaitable[T], seconds: float) -> T:
    try:
        async with asyncio.timeout(seconds):
            return await reading
    except TimeoutError as error:
        raise UploadTimeout(f"The request did not arrive within {seconds:g} s.", seconds=seconds) from error

"""Reading what a request brings; app.api.middleware.bounds keeps it within its bytes and its time."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from app.access.limits import asking
from app.api.dependencies import PersonDependency
from app.api.middleware.bounds import MAX_FIELD_BYTES, MAX_SMALL_BYTES
from app.errors import FieldMissing, RequestInvalid, UploadTooLarge
from app.services import Services
from app.settings import Settings
from app.storage.database import guarded

MAX_JSON_BYTES = MAX_SMALL_BYTES
MAX_FIELDS = 64


class TypedMessage(BaseModel):
    """A message that the user typed, or a quick reply that was pressed."""

    model_config = ConfigDict(strict=True)

    text: str = Field(description="Plain text.")


async def require_room(request: Request, person: PersonDependency) -> None:
    """Raise StorageFull when a recording that is to be kept comes from somebody who has no room left."""
    if request.headers.get("content-type", "").lower().startswith("multipart/"):
        await require_room_for(Services.of(request.app), person.id)


async def require_room_for(services: Services, person: str) -> None:
    """Raise StorageFull when `person` has no room left for a recording."""
    max_bytes = 0 if services.access.mode == "local" else services.settings.max_stored_bytes
    await run_in_threadpool(services.personal.check_room, person, max_bytes)


def _require_audio(request: Request) -> None:
    """Raise TooMuchAudio where all of this hour's is spent."""
    Services.of(request.app).limits.check_audio(*asking())


@asynccontextmanager
async def sent_message(request: Request, settings: Settings) -> AsyncIterator[str | BinaryIO]:
    """Read what the client sent: a typed text, or a recording (a file that lives as long as the context).

    Raises RequestInvalid, UploadTooLarge; HTTPException 400 or 415 for another kind of body.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        yield await _typed(request)
    elif kind == "multipart/form-data":
        _require_audio(request)
        try:
            yield await _recording(request, settings)
        finally:
            await request.close()
    else:
        raise HTTPException(415)


@asynccontextmanager
async def sent_file(request: Request, field: str, settings: Settings) -> AsyncIterator[tuple[UploadFile, FormData]]:
    """Read a form with a file of any length in `field`; the file lives as long as the context.

    Raises RequestInvalid, UploadTooLarge; HTTPException 415 for another kind of body.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        raise HTTPException(415)
    _require_audio(request)
    try:
        form = await request.form(max_files=1, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES)
        texts = [value for _, value in form.multi_items() if isinstance(value, str)]
        if sum(map(len, texts)) > MAX_FIELD_BYTES:
            raise UploadTooLarge("The texts beside the file are too long.", max_bytes=MAX_FIELD_BYTES)
        yield _file(form, field, settings.max_file_bytes), form
    finally:
        await request.close()


@asynccontextmanager
async def sent_form(
    request: Request, settings: Settings, max_field_bytes: int, *, max_files: int = 1
) -> AsyncIterator[FormData]:
    """Read a form with a recording, several, or none; its files live as long as the context.

    Raises TooMuchAudio; HTTPException 415 for another kind of body.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        raise HTTPException(415)
    _require_audio(request)
    try:
        yield await request.form(max_files=max_files, max_fields=max_files + 8, max_part_size=max_field_bytes)
    finally:
        await request.close()


def save(source: BinaryIO, target: Path) -> None:
    """Copy an uploaded file to `target`; raises StoreUnavailable when the disk refuses."""
    with guarded(), target.open("xb") as file:
        shutil.copyfileobj(source, file)


async def _typed(request: Request) -> str:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_JSON_BYTES:
            raise UploadTooLarge(f"A typed message has at most {MAX_JSON_BYTES} bytes.", max_bytes=MAX_JSON_BYTES)
    try:
        return TypedMessage.model_validate_json(bytes(body)).text
    except ValidationError as error:
        raise RequestInvalid('The body must be JSON of the form {"text": "..."}.', field="text") from error


async def _recording(request: Request, settings: Settings) -> BinaryIO:
    # One file and no more than a few small fields: nothing else is ever sent with it.
    form = await request.form(max_files=1, max_fields=4, max_part_size=1024)
    return _file(form, "audio", settings.max_upload_bytes).file


def _file(form: FormData, field: str, max_bytes: int) -> UploadFile:
    upload = form.get(field)
    if not isinstance(upload, UploadFile):
        raise FieldMissing(f"The form must have a file called {field}.", field=field)
    if upload.size is not None and upload.size > max_bytes:
        raise UploadTooLarge(f"The recording has more than {max_bytes} bytes.", max_bytes=max_bytes)
    return upload

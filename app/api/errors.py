"""The one place where an error becomes a status and a sentence in the user's language.

Every answer that is not a success has the shape {"error": {"code", "message", "details"}}. The codes are those of
asr.errors, bot.errors and app.errors (all of its tree); their texts stand in assets/locales/*.json under "errors".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from app.errors import (
    INTERNAL_ERROR,
    AccessRefused,
    AppError,
    Busy,
    CrossSite,
    Detail,
    JobUnfinished,
    LimitReached,
    LoginFailed,
    LoginRequired,
    MessageFailed,
    MessageInWork,
    NotCorrectable,
    NotFound,
    NotRetryable,
    RequestRefused,
    SetUpWrong,
    StorageFull,
    Unavailable,
    UploadTimeout,
    UploadTooLarge,
)
from app.hotwords.errors import HotwordConflict
from app.language_models.errors import LanguageConflict, TrainingEnded
from asr.errors import (
    AsrError,
    AudioError,
    AudioTooLarge,
    DecoderMissing,
    EngineUnreachable,
    HotwordsInvalid,
    LanguageCorpusTooLarge,
    LanguageCorpusTooSmall,
    LanguageJobInvalid,
    LanguageTrainingFailed,
    ModelError,
    TrainerMissing,
)
from bot import BotError

log = structlog.get_logger(__name__)

LOCALES = Path(__file__).parents[2] / "assets" / "locales"
LANGUAGES = ("zh", "en")

# The most exact class comes first.
_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (UploadTooLarge, 413),
    (UploadTimeout, 408),
    (CrossSite, 403),
    (NotRetryable, 409),
    (NotCorrectable, 409),
    (MessageInWork, 409),
    (HotwordConflict, 409),
    (LanguageConflict, 409),
    (JobUnfinished, 409),
    (LoginRequired, 401),
    (LoginFailed, 401),
    (AccessRefused, 403),
    (StorageFull, 413),
    (LimitReached, 429),
    (RequestRefused, 422),
    (NotFound, 404),
    (Unavailable, 503),
    (MessageFailed, 422),
    (TrainingEnded, 422),
    (AudioTooLarge, 413),
    (AudioError, 422),
    (HotwordsInvalid, 422),
    (ModelError, 503),
    (EngineUnreachable, 503),
    (TrainerMissing, 503),
    (LanguageTrainingFailed, 422),
    (LanguageJobInvalid, 422),
    (LanguageCorpusTooSmall, 422),
    (LanguageCorpusTooLarge, 413),
    (AppError, 500),
    (AsrError, 500),
    (BotError, 500),
)
_CODES = {400: "invalid_request", 404: "not_found", 405: "method_not_allowed", 415: "unsupported_media_type"}


def _codes_below(*kinds: type[AppError | AsrError | BotError]) -> Iterator[str]:
    for kind in kinds:
        yield kind.code
        yield from _codes_below(*kind.__subclasses__())


# Their details name folders and files of the server: for the log, not for who chats.
_CODES_FOR_OPERATORS = frozenset(_codes_below(SetUpWrong, ModelError, DecoderMissing, BotError))


class ErrorBody(BaseModel):
    """What went wrong: a stable code, a sentence for people, and the values in it."""

    code: str
    message: str
    details: dict[str, Any] = {}


class ErrorAnswer(BaseModel):
    """The body of every answer that is not a success."""

    error: ErrorBody


def language(request: Request) -> str:
    """Return the language of LANGUAGES that the client likes best; the first when it likes none."""
    best, best_weight = LANGUAGES[0], 0.0
    for part in request.headers.get("accept-language", "").split(","):
        tag, _, parameter = part.strip().partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
        except ValueError:
            continue
        spoken = tag.strip().lower().partition("-")[0]
        if spoken in LANGUAGES and weight > best_weight:
            best, best_weight = spoken, weight
    return best


def sentence(code: str, details: Mapping[str, Detail], language: str) -> str:
    """Return the text for `code` in `language`; the text for an internal error when there is none."""
    texts = _texts(language)
    return texts.get(code, texts[INTERNAL_ERROR]).format_map(_Readable(details))


def body(code: str, details: Mapping[str, Detail], language: str) -> ErrorAnswer:
    """Return the body of an answer that tells of an error."""
    message = sentence(code, details, language)
    shown = {} if code in _CODES_FOR_OPERATORS else dict(details)
    return ErrorAnswer(error=ErrorBody(code=code, message=message, details=shown))


def status(error: Exception) -> int:
    """Return the HTTP status for an error of one of the three trees."""
    return next(code for kind, code in _STATUS if isinstance(error, kind))


def answer(request: Request, http_status: int, code: str, details: Mapping[str, Detail] | None = None) -> JSONResponse:
    """Return the answer that tells of an error in the language of the request."""
    details = details or {}
    headers = {"Vary": "Accept-Language", "Cache-Control": "no-store"}
    if "retry_after" in details:
        headers["Retry-After"] = str(details["retry_after"])
    if request.scope["path"].startswith("/v1/"):
        # OpenAI answers 400 to what FastAPI answers 422.
        http_status = 400 if http_status == 422 else http_status
        content = openai_error(request, http_status, code, details)
    else:
        content = body(code, details, language(request)).model_dump()
    return JSONResponse(content, status_code=http_status, headers=headers)


def openai_error(request: Request, http_status: int, code: str, details: Mapping[str, Detail]) -> dict[str, Any]:
    """Return the body of an error as OpenAI's API has it; in English unless the client asks for another language."""
    spoken = language(request) if "accept-language" in request.headers else "en"
    kind = "invalid_request_error" if http_status < 500 else "server_error"
    field = details.get("field")
    return {"error": {"message": sentence(code, details, spoken), "type": kind, "param": field, "code": code}}


def install(app: FastAPI) -> None:
    """Make `app` answer in this shape whatever is raised in it."""

    async def known(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, (AppError, AsrError, BotError))
        http_status = status(error)
        if http_status >= 500 and not isinstance(error, Busy):
            log.warning("request refused", code=error.code, reason=str(error))
        return answer(request, http_status, error.code, error.details)

    async def invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        fields = ", ".join(".".join(str(part) for part in problem["loc"]) for problem in error.errors())
        return answer(request, 422, "invalid_request", {"field": fields})

    async def http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        response = answer(request, error.status_code, _CODES.get(error.status_code, "invalid_request"))
        response.headers.update(error.headers or {})
        return response

    for tree in (AppError, AsrError, BotError):
        app.add_exception_handler(tree, known)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)


class _Readable(dict[str, str]):
    """Details as people write them; a value that is not there is an ellipsis."""

    def __init__(self, details: Mapping[str, Detail]) -> None:
        super().__init__({name: _readable(name, value) for name, value in details.items()})

    def __missing__(self, name: str) -> str:
        return "…"


def _readable(name: str, value: Detail) -> str:
    if name.endswith("bytes") and isinstance(value, int):
        return f"{value / 2**20:.3g} MB" if value >= 2**20 else f"{value / 2**10:.3g} KB"
    return f"{value:g}" if isinstance(value, float) else str(value)


@cache
def _texts(language: str) -> dict[str, str]:
    texts: dict[str, str] = json.loads((LOCALES / f"{language}.json").read_text("utf-8"))["errors"]
    return texts

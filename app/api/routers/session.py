"""Logging in and out, and who one is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse

from app.access.authentication import Mode
from app.api import errors
from app.api.dependencies import AccessDependency, PersonDependency, SettingsDependency
from app.api.middleware.gate import SESSION_COOKIE, set_cookie

router = APIRouter(tags=["session"])

LOGIN_PAGE = Path(__file__).parents[3] / "assets" / "html" / "login.html"


class Login(BaseModel):
    """What a person types to get in."""

    name: str = Field(max_length=128)
    password: str = Field(max_length=1024)


class Session(BaseModel):
    """Who one is; `person` is empty before the login."""

    person: str
    scopes: list[str]
    mode: Mode
    can_log_out: bool


@router.get("/login", include_in_schema=False)
def login_page() -> FileResponse:
    """Return the page to log in on."""
    return FileResponse(LOGIN_PAGE, media_type="text/html", headers={"Cache-Control": "no-cache"})


@router.get("/api/session")
def show_session(request: Request, access: AccessDependency, person: PersonDependency) -> Session:
    """Say who one is."""
    return Session(
        # A visitor's id is of no use to them, and is not for screenshots.
        person=person.id if access.mode == "login" else "",
        scopes=sorted(person.scopes),
        mode=access.mode,
        can_log_out=bool(person.id) and access.with_passwords and SESSION_COOKIE in request.cookies,
    )


@router.post(
    "/api/session",
    status_code=204,
    responses={code: {"model": errors.ErrorAnswer} for code in (401, 413, 422, 429, 503)},
)
async def log_in(login: Login, request: Request, access: AccessDependency, settings: SettingsDependency) -> Response:
    """Log in with name and password; the answer sets the cookie of the session."""
    address = request.client.host if request.client else ""
    token = await access.log_in(login.name, login.password, address)
    response = Response(status_code=204)
    seconds = int(access.sessions.lifetime.total_seconds())
    set_cookie(response, SESSION_COOKIE, token, seconds, request.scope, settings)
    return response


@router.post("/login", include_in_schema=False)
async def log_in_by_form(
    request: Request,
    access: AccessDependency,
    settings: SettingsDependency,
    username: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
) -> Response:
    """Log in as clients of Gradio do when they are given a name and a password."""
    answer = await log_in(Login(name=username[:128], password=password[:1024]), request, access, settings)
    answer.status_code = 200
    return answer


@router.delete("/api/session", status_code=204)
async def log_out(request: Request, access: AccessDependency, settings: SettingsDependency) -> Response:
    """End the session, here and in the database."""
    if token := request.cookies.get(SESSION_COOKIE, ""):
        await run_in_threadpool(access.sessions.end, token)
    response = Response(status_code=204)
    set_cookie(response, SESSION_COOKIE, "", 0, request.scope, settings)
    return response

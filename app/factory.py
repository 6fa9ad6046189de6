"""Putting the app together: settings in, a FastAPI app out; nothing global."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.routing import Match

from app.access.rights import check_rights
from app.api import errors
from app.api.funasr import routes as funasr
from app.api.funasr.port import funasr_port
from app.api.middleware.bounds import Bounds
from app.api.middleware.gate import Gate
from app.api.middleware.protection import Protection
from app.api.openai import routes as openai
from app.api.routers import (
    chat,
    config,
    conversations,
    corrections,
    domains,
    health,
    hotword_trial,
    hotwords,
    language_model_checks,
    language_models,
    live,
    me,
    model,
    session,
    transcriptions,
)
from app.api.static_files import static_files
from app.chat.protocols import Dialogue
from app.language_models.worker import Commands
from app.recognition.protocols import Recognizer
from app.services import Parts, Services
from app.settings import Settings
from app.storage.database import Clock
from app.storage.pruning import pruning
from app.version import VERSION
from asr.lm.job import step_command

ASSETS = Path(__file__).parents[1] / "assets"
# Which scopes each of their routes needs stands in app.access.rights.
ROUTERS: tuple[APIRouter, ...] = (
    health.router,
    health.metrics_router,
    session.router,
    me.router,
    config.router,
    model.router,
    domains.router,
    chat.router,
    conversations.router,
    live.router,
    hotwords.router,
    hotword_trial.router,
    corrections.message_router,
    corrections.router,
    language_models.router,
    language_model_checks.router,
    openai.router,
    transcriptions.router,
    funasr.router,
)
VERBS = ["GET", "POST", "PUT", "PATCH", "DELETE"]

Page = Callable[[FastAPI, Settings], object]


def gradio_page(app: FastAPI, settings: Settings) -> None:
    """Mount the chat page at /."""
    from app.ui import mount_page  # here, because importing Gradio takes seconds that API tests need not spend

    mount_page(app, settings)


def build(
    settings: Settings,
    *,
    recognizer: Recognizer | None = None,
    dialogue: Dialogue | None = None,
    clock: Clock | None = None,
    page: Page | None = gradio_page,
    training: Commands = step_command,
) -> FastAPI:
    """Return the app: its API, its static files and its page. Nothing is opened before it starts (`Services.open`).

    Args:
        settings: everything that can be set.
        recognizer: turns speech into text; None opens the model that `settings` name when the app starts.
        dialogue: answers; None opens all domains, first the one that `settings` name, when the app starts.
        clock: gives the present time with its zone, to the messages and to the bot; None is the real one.
        page: mounts the page at /; None leaves it out.
        training: gives the commands that train language models, step by step.
    """
    app = FastAPI(
        title="听说 Tingshuo",
        version=VERSION,
        lifespan=_lifespan,
        openapi_url="/api/openapi.json",
        docs_url=None,  # its page takes scripts from a host of somebody else's
        redoc_url=None,
        responses={"default": {"model": errors.ErrorAnswer, "description": "Why it was not done."}},
    )
    app.state.services = Services.build(settings, Parts(recognizer, dialogue, clock, training))
    errors.install(app)
    app.add_middleware(Gate, settings=settings)
    app.add_middleware(Bounds, settings=settings)
    app.add_middleware(Protection, settings=settings)  # added last, it stands outermost
    for router in ROUTERS:
        check_rights(router.routes)
        app.include_router(router)
    app.include_router(_unknown_api_paths())
    # Not at /assets: that is where Gradio's page asks for its own build.
    app.mount("/ui", static_files(ASSETS), name="ui")
    if page is not None:
        page(app, settings)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services = Services.of(app)
    await services.open()
    try:
        async with (
            funasr_port(services) as services.funasr_port,
            pruning(services.settings, services.store, services.history.purge),
        ):
            yield
    finally:
        await services.close()


def _unknown_api_paths() -> APIRouter:
    """Keep what begins with /api/ or /v1/ from reaching the page, whose answers have another shape."""
    router = APIRouter()

    @router.api_route("/v1/{path:path}", methods=VERBS, include_in_schema=False)
    @router.api_route("/api/{path:path}", methods=VERBS, include_in_schema=False)
    async def unknown(request: Request) -> None:
        known = any(route.matches(request.scope)[0] is Match.PARTIAL for router in ROUTERS for route in router.routes)
        raise HTTPException(405 if known else 404)

    return router

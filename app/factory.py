"""Putting the app together: settings in, a FastAPI app out; nothing global."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import structlog
from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.staticfiles import StaticFiles

from app.access.authentication import Access, access_mode
from app.access.limits import Limits
from app.api import errors
from app.api.dependencies import needs
from app.api.funasr import routes as funasr
from app.api.funasr.port import funasr_port
from app.api.middleware.gate import Gate
from app.api.middleware.protection import Protection
from app.api.openai import routes as openai
from app.api.routers import (
    chat,
    config,
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
from app.chat.conversation import Conversations
from app.chat.protocols import Dialogue, Recognizer
from app.errors import AppError
from app.hotwords.corrections import Corrections
from app.language_models.broker import open_broker
from app.language_models.service import LanguageModels
from app.language_models.worker import Commands
from app.monitoring.live_metrics import LiveCollector
from app.monitoring.metrics import Metrics, ModelCollector
from app.recognition.files import Transcriber
from app.recognition.lanes import Lanes
from app.recognition.live import LiveSessions
from app.recognition.running_model import RunningModel
from app.settings import Settings
from app.storage.database import Clock, utc_now
from app.storage.personal_data import PersonalData
from app.storage.process_lock import ProcessLock
from app.storage.pruning import pruning
from app.storage.store import Store
from app.transcriptions.jobs import TranscriptionJobs
from app.transcriptions.service import Transcriptions
from asr import AudioLimits
from asr.lm.job import step_command
from asr.streaming import Session
from bot import Backend, BotError, open_dialogues

log = structlog.get_logger(__name__)

ASSETS = Path(__file__).parents[1] / "assets"
# Each router with the scope that it needs; "" is none.
ROUTERS: tuple[tuple[APIRouter, str], ...] = (
    (health.router, ""),
    (health.metrics_router, "admin"),
    (session.router, ""),
    (me.router, "chat"),
    (config.router, ""),
    (model.router, ""),
    (domains.router, ""),
    (chat.router, "chat"),
    (live.router, "chat"),
    (hotwords.router, "hotwords"),
    (hotword_trial.router, "hotwords"),
    (corrections.message_router, "chat"),
    (corrections.router, "hotwords"),
    (language_models.router, "admin"),
    (language_model_checks.router, "admin"),
    (openai.router, "transcribe"),
    (transcriptions.router, "transcribe"),
    (funasr.router, "transcribe"),
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
    """Return the app: its API, its static files and its page.

    Args:
        settings: everything that can be set.
        recognizer: what turns speech into text; None opens the model that `settings` name when the app starts.
        dialogue: what answers; None opens all domains, first the one that `settings` name, when the app starts.
        clock: gives the present time with its zone, to the messages and to the bot; None is the real one.
        page: mounts the page at /; None leaves it out.
        training: gives the commands that train language models, step by step.

    Nothing is opened before the app starts. Then StoreUnavailable or a DomainError ends it; a ModelError does not,
    for typed messages need no model: /ready tells of it, and so does every voice message.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        def open_all() -> Conversations:
            lock = held.enter_context(ProcessLock(settings.data_dir))
            store = Store.open(settings.data_dir, settings.database_url, clock or utc_now, settings.audio_url)
            app.state.access = Access(settings, store.database, utc_now)
            app.state.personal = PersonalData(store.database, store.recordings)
            heard_by: RunningModel = app.state.model
            heard_by.open()
            transcriber = app.state.transcriber = _transcriber(settings, heard_by, app.state.limits)
            jobs = TranscriptionJobs(store.database, store.recordings, clock or utc_now)
            if lock.alone:  # what is unfinished is the remains of a crash, not the work of another process
                store.recordings.sweep_unfinished()
                log.info("store open", messages_interrupted=store.fail_interrupted(), jobs=jobs.fail_interrupted())
            lock.settle()
            app.state.language_models = _language_models(settings, store, heard_by, training)
            app.state.transcriptions = Transcriptions(jobs, transcriber)
            app.state.live = LiveSessions(
                partial(Session, heard_by),
                lanes,
                max_sessions=settings.max_sessions,
                max_seconds=settings.max_session_seconds,
            )
            app.state.metrics.collect(LiveCollector(lanes, app.state.live))
            return Conversations(
                store,
                heard_by,
                dialogue or _open_dialogue(settings, store, clock),
                limits=AudioLimits(
                    max_bytes=settings.max_upload_bytes,
                    max_seconds=settings.max_audio_seconds,
                    decode_timeout=settings.decode_timeout,
                ),
                lanes=lanes,
                max_waiting=settings.max_waiting,
                max_text_characters=settings.max_text_characters,
                metrics=app.state.metrics,
                account=app.state.limits.account,
            )

        held = ExitStack()
        lanes = app.state.lanes = Lanes(settings.workers)
        try:
            conversations = app.state.conversations = await run_in_threadpool(open_all)
        except (AppError, BotError) as error:
            lanes.close()
            held.close()
            log.error("cannot start", code=error.code, reason=str(error))
            raise
        _watch(app, settings)
        try:
            async with (
                funasr_port(settings, app.state) as app.state.funasr_port,
                pruning(settings, conversations.store),
            ):
                yield
        finally:
            await conversations.queue.close(settings.shutdown_timeout)
            await app.state.transcriptions.close()
            await run_in_threadpool(app.state.language_models.close)
            app.state.transcriber.close()
            await run_in_threadpool(app.state.model.close)
            lanes.close()
            conversations.store.close()
            held.close()

    app = FastAPI(
        title="听说 Tingshuo",
        lifespan=lifespan,
        openapi_url="/api/openapi.json",
        docs_url=None,  # its page takes scripts from a host of somebody else's
        redoc_url=None,
        responses={"default": {"model": errors.ErrorAnswer, "description": "Why it was not done."}},
    )
    app.state.settings = settings
    app.state.limits = _limits(settings)
    app.state.metrics = Metrics()
    app.state.model = RunningModel(settings, recognizer)
    errors.install(app)
    app.add_middleware(Gate, settings=settings)
    app.add_middleware(Protection, settings=settings)  # added last, it stands outermost
    for router, scope in ROUTERS:
        app.include_router(router, dependencies=[Depends(needs(scope))] if scope else [])
    app.include_router(_unknown_api_paths())
    # Not at /assets: that is where Gradio's page asks for its own build.
    app.mount("/ui", StaticFiles(directory=ASSETS), name="ui")
    if page is not None:
        page(app, settings)
    return app


def _watch(app: FastAPI, settings: Settings) -> None:
    """Let the metrics ask what can only be known when they are read."""
    state = app.state
    capacity = settings.workers + settings.max_waiting
    state.metrics.collect(ModelCollector(lambda: (state.model.name, state.model.broken is None)))
    for name, description, value in (
        (
            "tingshuo_messages_in_progress",
            "Messages on their way or waiting.",
            lambda: state.conversations.queue.admitted,
        ),
        ("tingshuo_files_in_progress", "Files that are being transcribed or wait.", lambda: state.transcriber.admitted),
        ("tingshuo_messages_capacity", "How many messages are taken at a time.", lambda: capacity),
        ("tingshuo_free_bytes", "Room on the disk of the data.", lambda: health.free_bytes(settings.data_dir)),
    ):
        state.metrics.watch(name, description, value)


def _limits(settings: Settings) -> Limits:
    if access_mode(settings) == "local":
        return Limits()  # nobody is kept from using their own machine
    return Limits(
        requests_per_minute=settings.requests_per_minute,
        audio_seconds_per_hour=settings.audio_seconds_per_hour,
        max_streams=settings.max_streams,
    )


def _transcriber(settings: Settings, recognizer: Recognizer, account: Limits) -> Transcriber:
    # A file that comes no slower than a chat message may also take as much longer to decode.
    times_longer = max(1.0, settings.max_file_seconds / settings.max_audio_seconds)
    limits = AudioLimits(
        max_bytes=settings.max_file_bytes,
        max_seconds=settings.max_file_seconds,
        decode_timeout=settings.decode_timeout * times_longer,
    )
    return Transcriber(
        recognizer,
        limits=limits,
        workers=settings.file_workers,
        capacity=settings.max_files,
        account=account.account,
    )


def _language_models(settings: Settings, store: Store, model: RunningModel, commands: Commands) -> LanguageModels:
    models = LanguageModels(
        settings,
        store.database,
        Corrections(store.database, store.recordings),
        model.use_language,
        lambda: model.folder,
        wake=open_broker(settings.lm_broker),
        commands=commands,
    )
    models.open()
    return models


def _open_dialogue(settings: Settings, store: Store, clock: Clock | None) -> Dialogue:
    # One database for all: bookings are backed up with the conversations that led to them.
    return open_dialogues(settings.domain, store.database.engine, clock, _backend(settings))


def _backend(settings: Settings) -> Backend | None:
    if settings.bot_backend == "builtin":
        return None
    return Backend(
        settings.bot_backend,
        settings.bot_url,
        key=settings.bot_key,
        model=settings.bot_model,
        timeout=settings.bot_timeout,
        role=settings.bot_role,
    )


def _unknown_api_paths() -> APIRouter:
    """Keep what begins with /api/ or /v1/ from reaching the page, whose answers have another shape."""
    router = APIRouter()

    @router.api_route("/v1/{path:path}", methods=VERBS, include_in_schema=False)
    @router.api_route("/api/{path:path}", methods=VERBS, include_in_schema=False)
    async def unknown(request: Request) -> None:
        known = any(
            route.matches(request.scope)[0] is Match.PARTIAL for router, _ in ROUTERS for route in router.routes
        )
        raise HTTPException(405 if known else 404)

    return router

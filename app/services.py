"""The services of one app in a typed container: opened together at its start, closed together at its end."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial

import structlog
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from app.access.authentication import Access, access_mode
from app.access.limits import Limits, whose_turn
from app.chat.conversation import Conversations
from app.chat.history import History
from app.chat.protocols import Dialogue
from app.errors import AppError
from app.hotwords.corrections import Corrections
from app.language_models.broker import open_broker
from app.language_models.service import LanguageModels
from app.language_models.worker import Commands
from app.monitoring.metrics import Metrics, ModelCollector
from app.recognition.files import Transcriber
from app.recognition.lanes import Lanes
from app.recognition.live import LiveSessions
from app.recognition.live_metrics import LiveCollector
from app.recognition.protocols import Recognizer
from app.recognition.running_model import RunningModel
from app.settings import Settings
from app.storage.database import Clock, utc_now
from app.storage.disk import free_bytes
from app.storage.personal_data import PersonalData
from app.storage.process_lock import ProcessLock
from app.storage.readiness import StoreCheck
from app.storage.store import Store
from app.transcriptions.jobs import TranscriptionJobs
from app.transcriptions.service import Transcriptions
from asr import AudioLimits
from asr.lm.job import step_command
from asr.streaming import Session
from bot import Backend, BotError, open_dialogues

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Parts:
    """What an app is built with in the place of its own parts; tests use it.

    Attributes:
        recognizer: turns speech into text; None opens the model that the settings name.
        dialogue: answers; None opens all domains, first the one that the settings name.
        clock: gives the present time with its zone, to the messages and to the bot; None is the real one.
        training: gives the commands that train language models, step by step.
    """

    recognizer: Recognizer | None = None
    dialogue: Dialogue | None = None
    clock: Clock | None = None
    training: Commands = step_command


@dataclass
class Services:
    """The services of one app.

    The first four are there as soon as the app is built, the others from `open` to `close`: a request never comes
    before `open`. `funasr_port` is the port for FunASR's clients where one is served.
    """

    settings: Settings
    limits: Limits
    metrics: Metrics
    model: RunningModel
    parts: Parts
    store: Store = field(init=False)
    store_check: StoreCheck = field(init=False)
    access: Access = field(init=False)
    personal: PersonalData = field(init=False)
    history: History = field(init=False)
    lanes: Lanes = field(init=False)
    live: LiveSessions = field(init=False)
    transcriber: Transcriber = field(init=False)
    transcriptions: Transcriptions = field(init=False)
    language_models: LanguageModels = field(init=False)
    conversations: Conversations = field(init=False)
    funasr_port: int | None = None
    _held: ExitStack = field(init=False, default_factory=ExitStack)

    @classmethod
    def of(cls, app: FastAPI) -> Services:
        """Return the services of `app`."""
        services: Services = app.state.services
        return services

    @classmethod
    def build(cls, settings: Settings, parts: Parts) -> Services:
        """Return the services for `settings`; nothing is opened yet."""
        return cls(settings, _limits(settings), Metrics(), RunningModel(settings, parts.recognizer), parts)

    async def open(self) -> None:
        """Open everything; raises StoreUnavailable, DomainError. A model that cannot be opened does not end the app.

        Typed messages need no model: /ready and every voice message say that it is missing.
        """
        self.lanes = Lanes(self.settings.workers, whose_turn)
        self._held.callback(self.lanes.close)
        try:
            await run_in_threadpool(self._open)
        except (AppError, BotError) as error:
            self._held.close()
            log.error("cannot start", code=error.code, reason=str(error))
            raise
        self._watch()

    async def close(self) -> None:
        """Let what is on its way finish within the time that the settings give, and close everything."""
        await self.conversations.queue.close(self.settings.shutdown_timeout)
        await self.transcriptions.close()
        self.access.close()
        await run_in_threadpool(self.language_models.close)
        self.transcriber.close()
        await run_in_threadpool(self.model.close)
        self._held.close()

    def _open(self) -> None:
        settings, clock = self.settings, self.parts.clock or utc_now
        lock = self._held.enter_context(ProcessLock(settings.data_dir))
        self.store = Store.open(settings.data_dir, settings.database_url, clock, settings.audio_url)
        self._held.callback(self.store.close)
        self.store_check = StoreCheck(self.store)
        self._held.callback(self.store_check.close)
        database, recordings = self.store.database, self.store.recordings
        self.access = Access(settings, database, utc_now)
        self.personal = PersonalData(database, recordings)
        self.history = History(database, recordings, clock)
        self.model.open()
        self.transcriber = self._open_transcriber()
        jobs = TranscriptionJobs(database, recordings, clock)
        if lock.alone:  # what is unfinished was left by a crash, it is not the work of another process
            recordings.sweep_unfinished()
            log.info("store open", messages_interrupted=self.store.fail_interrupted(), jobs=jobs.fail_interrupted())
        lock.settle()
        self.language_models = self._open_language_models()
        self.transcriptions = Transcriptions(jobs, self.transcriber)
        self.live = LiveSessions(
            partial(Session, self.model),
            self.lanes,
            max_sessions=settings.max_sessions,
            max_seconds=settings.max_session_seconds,
            account=self.limits.account,
            hold=self.limits.shares(settings.max_sessions).hold,
        )
        self.conversations = self._open_conversations()

    def _open_transcriber(self) -> Transcriber:
        settings = self.settings
        # A file that comes no slower than a chat message may also take as much longer to decode.
        times_longer = max(1.0, settings.max_file_seconds / settings.max_audio_seconds)
        limits = AudioLimits(
            max_bytes=settings.max_file_bytes,
            max_seconds=settings.max_file_seconds,
            decode_timeout=settings.decode_timeout * times_longer,
        )
        return Transcriber(
            self.model,
            limits=limits,
            workers=settings.file_workers,
            capacity=settings.max_files,
            account=self.limits.account,
            hold=self.limits.shares(settings.max_files).hold,
            whose=whose_turn,
            count=partial(self.metrics.recognised, "file"),
        )

    def _open_language_models(self) -> LanguageModels:
        models = LanguageModels(
            self.settings,
            self.store.database,
            Corrections(self.store.database, self.store.recordings),
            self.model.use_language,
            lambda: self.model.folder,
            wake=open_broker(self.settings.lm_broker),
            commands=self.parts.training,
        )
        models.open()
        return models

    def _open_conversations(self) -> Conversations:
        settings = self.settings
        return Conversations(
            self.store,
            self.model,
            self.parts.dialogue or self._open_dialogue(),
            limits=AudioLimits(
                max_bytes=settings.max_upload_bytes,
                max_seconds=settings.max_audio_seconds,
                decode_timeout=settings.decode_timeout,
            ),
            lanes=self.lanes,
            max_waiting=settings.max_waiting,
            max_text_characters=settings.max_text_characters,
            metrics=self.metrics,
            account=self.limits.account,
            hold=self.limits.shares(settings.workers + settings.max_waiting).hold,
        )

    def _open_dialogue(self) -> Dialogue:
        # One database for all: bookings are backed up with the conversations that led to them.
        engine = self.store.database.engine
        return open_dialogues(self.settings.domain, engine, self.parts.clock, _backend(self.settings))

    def _watch(self) -> None:
        """Let the metrics read what is known only at the moment they are asked."""
        capacity = self.settings.workers + self.settings.max_waiting
        self.metrics.collect(ModelCollector(lambda: (self.model.name, self.model.broken is None)))
        self.metrics.collect(LiveCollector(self.lanes, self.live))
        for name, description, value in (
            (
                "tingshuo_messages_in_progress",
                "Messages on their way or waiting.",
                lambda: self.conversations.queue.admitted,
            ),
            (
                "tingshuo_files_in_progress",
                "Files that are being transcribed or wait.",
                lambda: self.transcriber.admitted,
            ),
            ("tingshuo_messages_capacity", "How many messages are taken at a time.", lambda: capacity),
            ("tingshuo_free_bytes", "Room on the disk of the data.", lambda: free_bytes(self.settings.data_dir)),
        ):
            self.metrics.watch(name, description, value)


def _limits(settings: Settings) -> Limits:
    if access_mode(settings) == "local":
        return Limits()  # nobody is kept from using their own machine
    return Limits(
        requests_per_minute=settings.requests_per_minute,
        audio_seconds_per_hour=settings.audio_seconds_per_hour,
        max_streams=settings.max_streams,
        shared=True,
    )


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

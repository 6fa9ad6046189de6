"""Speaking in a conversation while being heard: the page's WebSocket, one for each press of the talk button.

The client sends JSON and, after `begin`, 16-bit little-endian mono PCM in binary messages:

    {"type": "begin", "sample_rate": 16000, "client_id": "…", "hands_free": false, "language": "zh"}
    {"type": "end"}        the button was let go: what was said becomes a message

and gets JSON:

    {"type": "speech"}                                  speech has begun
    {"type": "partial", "text": …, "stable": n}           all that was said since the last message; the first n
                                                        characters will not change before the end
    {"type": "message", "message": {…}, "until": s}     the message, and the bot's, as in the event stream; what was
                                                        said in the first s seconds is in a message, or was nothing
    {"type": "quiet"}                                   hands-free: no speech for long
    {"type": "done"}                                    after `end`: all is said
    {"type": "error", "error": {"code", "message", "details"}}   and the socket is closed

Held, one message: all of the recording, named `client_id`. Hands-free, one for each utterance, named `client_id`
and its number from 0, which go on until `end`. A client that loses the connection sends the recording the ordinary
way under the same name, and it is said once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Literal, TypeVar

import structlog
from fastapi import APIRouter, WebSocket
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.websockets import WebSocketDisconnect

from app.access.limits import asking
from app.api import errors
from app.api.dependencies import PersonDependency, ServicesDependency
from app.api.routers.chat import ChatMessage
from app.api.uploads import require_room_for
from app.chat.conversation import Conversation
from app.chat.spoken_message import Recording
from app.errors import INTERNAL_ERROR, AppError, Detail, RequestInvalid
from app.monitoring.logs import origin
from app.recognition.live import Final, LiveSession, Quiet, SpeechStarted
from asr.errors import AsrError
from asr.streaming import HIGHEST_RATE, LOWEST_RATE, Partial, SessionOptions

IDLE_SECONDS = 30.0  # without audio, which a page sends several times a second
QUIET_SECONDS = 60.0
POLICY, INTERNAL = 1008, 1011

log = structlog.get_logger(__name__)

router = APIRouter(prefix="/api", tags=["chat"])

T = TypeVar("T", bound=BaseModel)


class Begin(BaseModel):
    """What the client says first."""

    model_config = ConfigDict(strict=True)

    type: Literal["begin"]
    sample_rate: int = Field(default=16_000, ge=LOWEST_RATE, le=HIGHEST_RATE)
    client_id: str = Field(min_length=1, max_length=56)
    hands_free: bool = False
    language: Literal["zh", "en"] = "zh"


class End(BaseModel):
    """What the client says last."""

    type: Literal["end"]


@router.websocket("/conversations/{conversation_id}/live")
async def live(
    websocket: WebSocket, conversation_id: str, person: PersonDependency, services: ServicesDependency
) -> None:
    """Listen to what is said in a conversation, and answer it."""
    await websocket.accept()
    language = "zh"
    try:
        begin = _read(Begin, await _text(websocket))
        language = begin.language
        services.limits.check_audio(*asking())
        room = partial(require_room_for, services, person.id)
        await room()
        conversations = services.conversations
        conversation = await conversations.open(person.id, conversation_id)
        conversations.queue.check_admission()
        options = SessionOptions(
            sample_rate=begin.sample_rate,
            start_silence=QUIET_SECONDS if begin.hands_free else None,
            hotwords=await asyncio.to_thread(conversations.hotwords, person.id, conversation_id),
        )
        async with services.live.listen(options) as listener:
            longest = services.settings.max_record_seconds + 1.0  # the page lets go at the limit, give or take
            await Speaker(websocket, begin, conversation, listener, longest, room).serve()
    except WebSocketDisconnect:
        log.debug("speaker left")
    except (AppError, AsrError) as error:
        log.info("speaker told of an error", code=error.code)
        await _tell(websocket, error.code, error.details, language, POLICY)
    except Exception as error:  # noqa: BLE001 -- whatever it was, the page must know, and send the recording itself
        log.error("live session failed", error=origin(error))
        await _tell(websocket, INTERNAL_ERROR, {}, language, INTERNAL)


class Speaker:
    """One press of the button, or one stretch of hands-free talk."""

    def __init__(
        self,
        websocket: WebSocket,
        begin: Begin,
        conversation: Conversation,
        listener: LiveSession,
        longest: float,
        check_room: Callable[[], Awaitable[None]],
    ) -> None:
        """Take what is said over `websocket` into `conversation`, in messages of at most `longest` seconds.

        `check_room` raises StorageFull when there is no room for one more of them.
        """
        self._check_room = check_room
        self._websocket = websocket
        self._begin = begin
        self._conversation = conversation
        self._listener = listener
        self._recording = Recording(begin.sample_rate, longest, keep_all=not begin.hands_free)
        self._number = 0
        self._sending = asyncio.Lock()
        self._telling: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Go on until all is said; raises WebSocketDisconnect when the client leaves before."""
        hearing = asyncio.create_task(self._hear())
        following = asyncio.create_task(self._follow())
        try:
            await asyncio.wait([hearing, following], return_when=asyncio.FIRST_EXCEPTION)
            for task in (hearing, following):
                if task.done():
                    task.result()
            await asyncio.gather(*self._telling)
            await self._send({"type": "done"})
            await self._websocket.close()
        finally:
            for task in (hearing, following, *self._telling):
                task.cancel()

    async def _hear(self) -> None:
        while True:
            message = await _receive(self._websocket)
            if message.get("text") is not None:
                _read(End, message["text"])
                await self._listener.finish()
                return
            pcm = message.get("bytes") or b""
            self._recording.add(pcm)
            await self._listener.hear(pcm)

    async def _follow(self) -> None:
        async for event in self._listener.events():
            if isinstance(event, SpeechStarted):
                await self._send({"type": "speech"})
            elif isinstance(event, Partial):
                text, stable = self._recording.extended(event)
                await self._send({"type": "partial", "text": text, "stable": stable})
            elif isinstance(event, Quiet):
                await self._send({"type": "quiet"})
            elif isinstance(event, Final):
                self._recording.said(event)
                if self._begin.hands_free and self._recording.complete(event):
                    await self._say(f"{self._begin.client_id}-{self._number}")
        if not self._begin.hands_free:
            await self._say(self._begin.client_id)
        elif self._recording.has_speech:
            await self._say(f"{self._begin.client_id}-{self._number}")

    async def _say(self, client_id: str) -> None:
        """Make a message of what was said since the last one, and tell of it while listening goes on."""
        if self._number:  # for the first one it was asked at the beginning
            await self._check_room()
        self._number += 1
        until = self._recording.until
        updates = await self._conversation.send_live_speech(*self._recording.take(), client_id=client_id)

        async def tell() -> None:
            async for update in updates:
                shown = ChatMessage.of(update, self._begin.language).model_dump(mode="json")
                await self._send({"type": "message", "message": shown, "until": until})

        task = asyncio.create_task(tell())
        self._telling.add(task)

    async def _send(self, message: dict[str, object]) -> None:
        async with self._sending:
            try:
                await self._websocket.send_json(message)
            except RuntimeError as error:  # what starlette raises once the connection is closed
                raise WebSocketDisconnect from error


async def _receive(websocket: WebSocket) -> dict[str, Any]:
    try:
        async with asyncio.timeout(IDLE_SECONDS):
            message = await websocket.receive()
    except TimeoutError as error:
        raise RequestInvalid(f"Nothing came for {IDLE_SECONDS:g} s.", field="audio") from error
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1000))
    return dict(message)


async def _text(websocket: WebSocket) -> str:
    text = (await _receive(websocket)).get("text")
    if not isinstance(text, str):
        raise RequestInvalid("The first message must be text: begin.", field="begin")
    return text


def _read(kind: type[T], text: object) -> T:
    try:
        return kind.model_validate_json(str(text))
    except ValidationError as error:
        name = kind.__name__.lower()
        raise RequestInvalid(f"The message must be `{name}` and of its form.", field=name) from error


async def _tell(websocket: WebSocket, code: str, details: Mapping[str, Detail], language: str, reason: int) -> None:
    try:
        told = errors.body(code, details, language).model_dump()
        await websocket.send_json({"type": "error", **told})
        await websocket.close(reason, code)
    except (RuntimeError, WebSocketDisconnect):
        log.debug("speaker left before the error")

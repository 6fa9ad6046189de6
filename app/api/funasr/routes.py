"""FunASR's WebSocket protocol, for the clients that there are: one connection, any number of utterances.

                 settings                     audio
    FRESH ────────────────────► READY ─────────────────────► HEARING
                                  ▲                             │
                                  └── results, acknowledgement ─┘ {"is_speaking": false}, or "is_end": true

Settings that come while an utterance is heard hold for the next one. What cannot be understood is answered with a
message that has `error`, and the connection goes on; it is closed when there is no place for one more speaker, when
an utterance is longer than is taken, and when nothing comes for minutes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any

import structlog
from fastapi import APIRouter, WebSocket
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocketDisconnect

from app.access.limits import asking
from app.api.dependencies import PersonDependency, ServicesDependency
from app.api.funasr.messages import Asked, Command, acknowledgement, error_message, read_command, text_message
from app.api.funasr.utterance import FileUtterance, StreamUtterance, UtteranceHandler
from app.errors import AppError, AudioUnannounced, SessionTooLong, TooMuchAudio, Unavailable
from app.hotwords.errors import HotwordsPartlyRead
from app.monitoring.logs import origin
from app.services import Services
from asr.errors import AsrError
from asr.hotwords.list import HotwordList

IDLE_SECONDS = 300.0
TRY_LATER, POLICY, INTERNAL = 1013, 1008, 1011  # codes of RFC 6455 and its registry

Expect = Callable[[HotwordList], Awaitable[HotwordList]]

log = structlog.get_logger(__name__)

router = APIRouter()


@router.websocket("/")
@router.websocket("/ws")
async def funasr(websocket: WebSocket, person: PersonDependency, services: ServicesDependency) -> None:
    """Speak the protocol until the client leaves."""
    offered = websocket.scope.get("subprotocols", [])
    await websocket.accept(subprotocol="binary" if "binary" in offered else None)

    async def expect(asked: HotwordList) -> HotwordList:
        # What the client sends goes on top of the list that holds wherever its owner is heard.
        return await run_in_threadpool(services.conversations.hotwords, person.id, request=asked)

    connection = Connection(websocket, services, expect)
    try:
        await connection.serve()
    except WebSocketDisconnect:
        log.debug("client left")
    finally:
        await connection.close()


class Connection:
    """One client."""

    def __init__(self, websocket: WebSocket, services: Services, expect: Expect) -> None:
        """Speak over an accepted `websocket`; `expect` gives the words to recognise with for those a client sent."""
        self._websocket = websocket
        self._expect = expect
        self._live = services.live
        self._transcriber = services.transcriber
        self._limits = services.limits
        self._count = partial(services.metrics.recognised, "funasr")
        self._asked: Asked | None = None
        self._utterance: UtteranceHandler | None = None
        self._ahead: asyncio.Task[dict[str, Any]] | None = None
        self._sending = asyncio.Lock()
        # Why the utterance was given up; what is left of its audio is passed over.
        self._failure: AppError | AsrError | None = None
        self._open = True

    async def serve(self) -> None:
        """Take messages until the client leaves (WebSocketDisconnect) or has to."""
        while self._open:
            try:
                async with asyncio.timeout(IDLE_SECONDS):
                    message = await self._receive()
            except TimeoutError:
                await self._websocket.close(POLICY, f"nothing came for {IDLE_SECONDS:g} s")
                return
            try:
                if message.get("text") is not None:
                    await self._obey(await asyncio.to_thread(read_command, message["text"], self._asked))
                elif message.get("bytes"):
                    await self._hear(message["bytes"])
            except (AppError, AsrError) as error:
                await self._tell(error)
            except WebSocketDisconnect:
                raise
            except Exception as error:  # noqa: BLE001 -- whatever it was, the client is told before it is let go
                log.error("funasr connection failed", error=origin(error))
                self._open = False
                await self._websocket.close(INTERNAL, "internal error")

    async def close(self) -> None:
        """Let go of whatever is still going on."""
        if self._ahead is not None:
            self._ahead.cancel()
        await self._leave()

    async def _obey(self, command: Command) -> None:
        self._asked = command.asked
        if command.asked.hotword_problems:
            first = command.asked.hotword_problems[0]
            await self._tell(
                HotwordsPartlyRead(
                    f"{len(command.asked.hotword_problems)} of the hotwords are left out, first of all: "
                    f"line {first.line}, column {first.column}: {first.message}",
                    line=first.line,
                    column=first.column,
                )
            )
        if command.ends:
            await self._end(command)

    async def _hear(self, data: bytes) -> None:
        if self._failure:
            return
        if self._asked is None:
            raise AudioUnannounced('Audio came before the settings; send {"mode": ..., "is_speaking": true} first.')
        try:
            if self._utterance is None:
                self._limits.check_audio(*asking())
                kind = FileUtterance if self._asked.is_file else StreamUtterance
                hotwords = await self._expect(self._asked.hotwords)
                self._utterance = kind(replace(self._asked, hotwords=hotwords), self.send)
                await self._utterance.begin(self._live, self._transcriber)
            await self._until_done(self._utterance.hear(data))
        except (AppError, AsrError) as error:
            self._failure = error
            if isinstance(error, (SessionTooLong, TooMuchAudio)) and self._utterance:
                await self._until_done(self._utterance.finish())
            await self._leave()
            raise

    async def _end(self, command: Command) -> None:
        utterance, failure, self._failure = self._utterance, self._failure, None
        asked = utterance.asked if utterance else command.asked
        mode = "2pass-offline" if asked.mode == "2pass" else asked.mode
        try:
            if utterance is not None:
                await self._until_done(utterance.finish())
            elif failure is None:
                await self.send(text_message(asked, mode, "", is_final=True))
        except (AppError, AsrError) as error:
            failure = error
        finally:
            await self._leave()
        if utterance is not None or failure is not None:
            self._count(failure.code if failure else "done")
        if failure is not None:
            await self._tell(failure, is_final=True)
        if command.is_end and self._open:
            await self.send(acknowledgement(asked, mode, str(failure or "")))

    async def send(self, message: dict[str, Any]) -> None:
        """Send one message; raises WebSocketDisconnect when the client is gone."""
        async with self._sending:
            try:
                # Half a surrogate pair, which JSON may hold and UTF-8 may not, comes back as a question mark.
                text = json.dumps(message, ensure_ascii=False).encode("utf-8", "replace").decode()
                await self._websocket.send_text(text)
            except RuntimeError as error:  # what starlette raises once the connection is closed
                raise WebSocketDisconnect from error

    async def _tell(self, error: AppError | AsrError, *, is_final: bool = False) -> None:
        log.info("funasr client told of an error", code=error.code)
        await self.send(error_message(self._asked, error, is_final=is_final))
        if isinstance(error, (Unavailable, SessionTooLong)):
            self._open = False
            await self._leave()
            await self._websocket.close(TRY_LATER if isinstance(error, Unavailable) else POLICY, error.code)

    async def _leave(self) -> None:
        utterance, self._utterance = self._utterance, None
        if utterance is not None:
            await utterance.close()

    async def _receive(self) -> dict[str, Any]:
        if self._ahead is None:
            self._ahead = asyncio.create_task(self._websocket.receive())  # type: ignore[arg-type]
        # Shielded: the timeout ends the waiting, not the reading.
        message = await asyncio.shield(self._ahead)
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1000))
        self._ahead = None
        return message

    async def _until_done(self, work: Coroutine[Any, Any, None]) -> None:
        """Do `work`, unless the client leaves meanwhile."""
        task = asyncio.create_task(work)
        if self._ahead is None:
            self._ahead = asyncio.create_task(self._websocket.receive())  # type: ignore[arg-type]
        try:
            await asyncio.wait([task, self._ahead], return_when=asyncio.FIRST_COMPLETED)
            if not task.done() and self._ahead.result()["type"] == "websocket.disconnect":
                raise WebSocketDisconnect
            await task
        finally:
            task.cancel()

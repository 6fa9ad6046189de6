"""One message on its way: what is known of it, who follows it, and how long its stages took."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from app.monitoring.tracing import span
from app.recognition.decoding import Charge, free
from app.storage.tables import Message
from asr import Audio, Transcript
from bot import DialogueState

T = TypeVar("T")


@dataclass
class Turn:
    """One message, from its arrival to the bot's answer. Each stage adds what it found out; none asks for it again.

    Attributes:
        owner: whose conversation it is.
        conversation_id: the conversation.
        store_message: puts the message into the database and returns it; it may put answers into `withdrawn`.
        client_id: the client's own name for the message; under one name it is taken once.
        audio: the sound, once it is decoded.
        transcript: what was recognised in it.
        state: the state of the dialogue before the answer.
        withdrawn: answers that are taken back, because the message that they answer was corrected.
        charge: is charged with the seconds of audio that are decoded.
        outcome: "done", or the code of the error that the message ended with.
    """

    owner: str
    conversation_id: str
    store_message: Callable[[Turn], Message]
    client_id: str | None = None
    audio: Audio | None = None
    transcript: Transcript | None = None
    state: DialogueState | None = None
    withdrawn: tuple[Message, ...] = ()
    charge: Charge = free
    outcome: str = "done"
    stages: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)
    stored: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    _updates: asyncio.Queue[Message | None] = field(default_factory=asyncio.Queue)  # a handful of updates at most

    def timed(self, stage: str, call: Callable[[], T]) -> T:
        """Return what `call` returns, and add the time it took to `stage`."""
        started = time.perf_counter()
        try:
            with span(stage):
                return call()
        finally:
            self.stages[stage] = self.stages.get(stage, 0.0) + time.perf_counter() - started

    def publish(self, *messages: Message) -> None:
        """Show messages that are new or have changed to the client that follows; in the event loop only."""
        for message in messages:
            self._updates.put_nowait(message)

    def end(self) -> None:
        """Tell the client that nothing more will come; in the event loop only."""
        self._updates.put_nowait(None)

    async def follow(self) -> AsyncIterator[Message]:
        """Yield the updates of the message as they come, to the end."""
        while (message := await self._updates.get()) is not None:
            yield message

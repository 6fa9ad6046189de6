"""The way of one message: heard or read, answered, kept.

    hear(recording) ── kept ── decode ── recognise ──┐
                                                     ├── Dialogue.respond ── kept ── the bot's messages
    read(text) ─────── kept ─────────────────────────┘

A spoken and a typed message meet at the bot and from there take the same way. Whoever sent a message follows it
through an async iterator of its updates; the work does not depend on anybody following.

Three bounds hold: recognition has the threads of `app.lanes`, at most `workers + max_waiting` messages are on their
way (one more is told to come later), and the messages of one conversation are worked on one after the other, in the
order in which they came.
"""

from __future__ import annotations

import asyncio
import io
import math
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, TypeVar

import structlog

from app.corrections import Corrections
from app.database import guarded
from app.errors import AppError, Busy, Detail, DomainUnknown, NoSpeech, ShuttingDown
from app.hotword_lists import LEXICON, HotwordLists, KeptList
from app.lanes import Lane, Lanes
from app.logs import origin
from app.metrics import Metrics
from app.protocols import Dialogue, Recognizer
from app.store import WAV, Message, Store
from app.typed_text import clean
from app.utterance import spoken
from app.way import Way
from asr import Audio, AudioLimits, Transcript, decode_audio, encode_wav
from asr.errors import AsrError
from asr.hotwords import EMPTY, HotwordList, parse
from bot import BotError, DialogueState, DomainCard, DomainMissing, Utterance

log = structlog.get_logger(__name__)

T = TypeVar("T")

STORE_THREADS = 4
INTERNAL_ERROR = "internal_error"
LONGEST_PROMISE = 60  # seconds: nobody waits longer for "try again in N s"


@dataclass(frozen=True)
class _Sent:
    """What a client sent, under a name of the client's own if it gave one."""

    conversation_id: str
    client_id: str | None
    take: Callable[[], Message]


class Conversations:
    """All conversations of one app, and the threads that work on them."""

    def __init__(
        self,
        store: Store,
        recognizer: Recognizer,
        dialogue: Dialogue,
        *,
        limits: AudioLimits,
        lanes: Lanes,
        max_waiting: int = 16,
        max_text_characters: int = 1000,
        metrics: Metrics | None = None,
        account: Callable[[], Callable[[float], None]] | None = None,
    ) -> None:
        """Share `store`, `recognizer`, `dialogue` and `lanes` between all conversations, within the given bounds.

        `account`, called when a message comes, returns what is to be told of the seconds of audio in it.
        """
        self.store = store
        self.hotword_lists = HotwordLists(store.database)
        self.corrections = Corrections(store.database, store.recordings)
        self.recognizer = recognizer
        self._dialogue = dialogue
        self.limits = limits
        self._lanes = lanes
        self._workers = lanes.workers
        self._capacity = lanes.workers + max_waiting
        self._max_text_characters = max_text_characters
        self._storage = ThreadPoolExecutor(STORE_THREADS, thread_name_prefix="store")
        self._tasks: set[asyncio.Task[None]] = set()
        self._admitted = 0
        self._usual_seconds = 1.0  # how long a message takes, on a moving average
        self._last_turn: dict[str, asyncio.Future[None]] = {}  # only of conversations that are being worked on
        self._closing = False
        self._metrics = metrics or Metrics()
        self._account = account

    @property
    def admitted(self) -> int:
        """How many messages are on their way or waiting."""
        return self._admitted

    @property
    def domains(self) -> Sequence[DomainCard]:
        """What a conversation can be about, the default first."""
        return self._dialogue.cards

    async def start(self, owner: str, domain: str = "") -> tuple[str, list[Message]]:
        """Begin a conversation of `owner`'s in `domain` ("" for the default); return its id and the bot's greeting.

        Raises DomainUnknown, StoreUnavailable.
        """

        def begin() -> tuple[str, list[Message]]:
            try:
                greeting = self._dialogue.start(domain)
            except DomainMissing as error:
                raise DomainUnknown("There is no domain of this name.", domain=domain) from error
            return self.store.start_conversation(owner, greeting)

        return await self._in_storage(begin)

    async def open(self, owner: str, conversation_id: str) -> Conversation:
        """Return a conversation of `owner`'s; raises ConversationUnknown."""
        await self._in_storage(partial(self.store.require_conversation, owner, conversation_id))
        return Conversation(self, conversation_id)

    def check_admission(self) -> None:
        """Raise Busy, or ShuttingDown, when a message that came now would not be taken."""
        if self._closing:
            raise ShuttingDown("The server is about to stop; try again in a moment.", retry_after=10)
        if self._admitted >= self._capacity:
            expected = self._usual_seconds * (self._admitted - self._workers + 1) / self._workers
            seconds = min(LONGEST_PROMISE, max(1, math.ceil(expected)))
            raise Busy(f"Too many messages are being worked on; try again in {seconds} s.", retry_after=seconds)

    async def close(self, patience: float) -> None:
        """Take no new message, let those on their way finish for `patience` seconds, and end the threads.

        What is not finished by then is found as interrupted at the next start.
        """
        self._closing = True
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=patience)
            for task in late:
                task.cancel()
        self._storage.shutdown(wait=False, cancel_futures=True)

    async def carry(
        self, conversation_id: str, take: Callable[[], Message], client_id: str | None = None
    ) -> AsyncIterator[Message]:
        """Keep a message with `take`, then carry it to its answer; return its updates, the first one at once.

        A message that was kept under `client_id` before is not taken again: what became of it is told.
        Raises Busy or ShuttingDown, and what `take` raises: then nothing was kept.
        """
        self.check_admission()
        self._admitted += 1
        before = self._last_turn.get(conversation_id)
        way = Way(self._account()) if self._account else Way()
        # The task is nobody's child: it goes on when the client that sent the message is gone.
        task = asyncio.get_running_loop().create_task(self._work(_Sent(conversation_id, client_id, take), way, before))
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._last_turn[conversation_id] = turn
        self._tasks.add(task)

        def leave(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            self._admitted -= 1
            turn.set_result(None)
            if self._last_turn.get(conversation_id) is turn:
                del self._last_turn[conversation_id]

        task.add_done_callback(leave)
        await asyncio.shield(way.kept)
        return way.follow()

    def hotwords(
        self,
        owner: str,
        conversation_id: str | None = None,
        *,
        lists: Sequence[str] | None = None,
        request: HotwordList = EMPTY,
    ) -> HotwordList:
        """Return the one list to recognise with: for a message, a live session or a request of a program.

        Args:
            owner: whose lists hold.
            conversation_id: of `owner`'s, whose choice of lists holds and whose bot's words may be among them: those
                that may come next, given what the bot has asked.
            lists: ids of lists in the place of the conversation's choice.
            request: words that came with the request itself; they have the last word.

        Blocks while the database is asked. Raises StoreUnavailable.
        """

        def lexicon() -> HotwordList:
            return self._expected(owner, conversation_id) if conversation_id else EMPTY

        return self.hotword_lists.in_use(owner, conversation_id, lists=lists, lexicon=lexicon, request=request)

    def lexicon(self, owner: str, conversation_id: str) -> KeptList:
        """Return all words that the bot of a conversation knows; raises ConversationUnknown."""
        self.store.require_conversation(owner, conversation_id)
        state = DialogueState.from_dict(self.store.state(conversation_id))
        # Not what is expected next: a list does not change under the eyes of who looks at it.
        words = parse(list(self._dialogue.lexicon(DialogueState(state.domain, state.key)))).hotwords
        return KeptList(LEXICON, "", words.serialize(), words.digest, read_only=True)

    def _expected(self, owner: str, conversation_id: str) -> HotwordList:
        """Return those of the bot's words that may come next: they narrow with what it has asked."""
        self.store.require_conversation(owner, conversation_id)
        state = DialogueState.from_dict(self.store.state(conversation_id))
        return parse(list(self._dialogue.lexicon(state))).hotwords

    @property
    def vocabulary(self) -> frozenset[str] | None:
        """The characters that the model can write; None when it does not say."""
        return getattr(self.recognizer, "vocabulary", None)

    def clean(self, text: str) -> str:
        """Return typed `text` without control characters; raises TextEmpty or TextTooLong."""
        return clean(text, self._max_text_characters)

    async def run(self, call: Callable[[], T]) -> T:
        """Recognise what is no message, within the same bounds; raises Busy, ShuttingDown, and what `call` raises."""
        self.check_admission()
        self._admitted += 1
        try:
            return await self._lanes.run(Lane.UPLOAD, call)
        finally:
            self._admitted -= 1

    async def _work(self, sent: _Sent, way: Way, before: asyncio.Future[None] | None) -> None:
        def keep() -> tuple[Message, bool]:
            known = self.store.sent_as(sent.conversation_id, sent.client_id) if sent.client_id else None
            return (known, True) if known else (sent.take(), False)

        kept: tuple[Message, bool] | None = None
        try:
            kept = await self._in_storage(lambda: way.timed("store", keep))
        except Exception as error:  # noqa: BLE001 -- it is raised again, where the sender waits for it
            way.kept.set_exception(error)
        else:
            way.updates.put_nowait(kept[0])
            way.kept.set_result(None)
        if before is not None:
            await asyncio.wait([before])
        if kept is None:
            return
        message, known = kept
        await self._carry_on(message, way, known=known)

    async def _carry_on(self, message: Message, way: Way, *, known: bool) -> None:
        began = time.perf_counter()
        try:
            if known:
                # By now its first sending has had its turn, if that is still at work here.
                message, replies = await self._in_storage(partial(self.store.became, message))
                for update in (message, *replies):
                    way.updates.put_nowait(update)
            if message.status == "recognizing":
                message = await self._lanes.run(Lane.UPLOAD, partial(self._recognize, message, way))
                way.updates.put_nowait(message)
            if message.status == "answering":  # a corrected message may have been answered for good
                for update in await self._in_storage(partial(self._answer, message, way)):
                    way.updates.put_nowait(update)
        except (AppError, AsrError, BotError) as error:
            way.outcome = error.code
            log.info("message failed", code=error.code, reason=str(error), kind=message.kind)
            await self._fail(message, way, error.code, error.details)
        except Exception as error:  # noqa: BLE001 -- whatever it was, the user gets the message back with a retry
            way.outcome = INTERNAL_ERROR
            log.error("message failed", code=INTERNAL_ERROR, kind=message.kind, error=origin(error))
            await self._fail(message, way, INTERNAL_ERROR, {})
        finally:
            way.updates.put_nowait(None)
            self._usual_seconds += 0.2 * (time.perf_counter() - began - self._usual_seconds)
            total = time.perf_counter() - way.started
            self._metrics.message(message.kind, way.outcome, way.stages, total)
            log.info(
                "message done",
                kind=message.kind,
                total=round(total, 4),
                **{stage: round(seconds, 4) for stage, seconds in way.stages.items()},
            )

    def _recognize(self, message: Message, way: Way) -> Message:
        with guarded(), self.store.recording(message) as recording:
            data = recording.read()
        audio = way.timed("decode", lambda: decode_audio(data, limits=self.limits))
        way.spend(audio.seconds)
        if message.audio_type != WAV:
            wav = io.BytesIO(encode_wav(audio))
            message = way.timed("store", lambda: self.store.decoded(message, wav, audio.seconds))
        owner = self.store.owner(message.conversation_id)
        hotwords = way.timed("store", lambda: self.hotwords(owner, message.conversation_id))
        transcript = way.timed("recognise", lambda: self.recognizer.transcribe(audio, hotwords))
        if not transcript.text.strip():
            raise NoSpeech("Nothing was understood in the recording.", seconds=round(audio.seconds, 1))
        return way.timed("store", lambda: self.store.heard(message, transcript))

    def _answer(self, message: Message, way: Way) -> list[Message]:
        recognised = message.kind == "voice" and message.heard is None
        transcript = way.timed("store", lambda: self.store.transcript(message)) if recognised else None
        utterance = spoken(transcript) if transcript else Utterance(message.text)
        state = DialogueState.from_dict(way.timed("store", lambda: self.store.state(message.conversation_id)))
        reply = way.timed("bot", lambda: self._dialogue.respond(utterance, state))
        return way.timed("store", lambda: self.store.answered(message, reply))

    async def _fail(self, message: Message, way: Way, code: str, details: dict[str, Detail]) -> None:
        def fail() -> Message:
            return self.store.failed(message, code, details)

        try:
            failed = await self._in_storage(fail)
        except AppError as error:
            # The store itself is what failed: the client is told at least, and the next start finds the message.
            log.error("failure not kept", code=error.code, reason=str(error))
            failed = message.model_copy(update={"status": "failed", "error_code": code, "error_details": details})
        way.updates.put_nowait(failed)

    async def _in_storage(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._storage, call)


class Conversation:
    """One conversation. Each way in returns the updates of the message and of the bot's messages after it."""

    def __init__(self, conversations: Conversations, conversation_id: str) -> None:
        """Speak in the conversation `conversation_id`; `Conversations.open` makes sure that it exists."""
        self._conversations = conversations
        self.id = conversation_id

    async def hear(self, recording: bytes | BinaryIO, *, client_id: str | None = None) -> AsyncIterator[Message]:
        """Take a recording, in any format; a recording that cannot be used becomes a message that failed.

        `client_id` names it for the client: sent again, it is not taken again. Raises Busy, ShuttingDown,
        StoreUnavailable: then nothing was kept.
        """
        source = io.BytesIO(recording) if isinstance(recording, bytes) else recording
        take = partial(self._conversations.store.add_spoken, self.id, source, client_id)
        return await self._conversations.carry(self.id, take, client_id)

    async def heard(
        self, recording: Audio, transcript: Transcript, *, client_id: str | None = None
    ) -> AsyncIterator[Message]:
        """Take a recording that was recognised while it was spoken; otherwise as `hear`."""
        wav = io.BytesIO(encode_wav(recording))
        take = partial(self._conversations.store.add_heard, self.id, wav, transcript, client_id)
        return await self._conversations.carry(self.id, take, client_id)

    async def read(self, text: str, *, client_id: str | None = None) -> AsyncIterator[Message]:
        """Take a typed message; `client_id` as for `hear`.

        Raises TextEmpty, TextTooLong, Busy, ShuttingDown, StoreUnavailable: then nothing was kept.
        """
        cleaned = self._conversations.clean(text)
        take = partial(self._conversations.store.add_typed, self.id, cleaned, client_id)
        return await self._conversations.carry(self.id, take, client_id)

    async def retry(self, message_id: str) -> AsyncIterator[Message]:
        """Take up a message that failed, at the stage where it did.

        Raises MessageUnknown, NotRetryable, Busy, ShuttingDown, StoreUnavailable.
        """
        store = self._conversations.store
        return await self._conversations.carry(self.id, partial(store.reopen, self.id, message_id))

    async def correct(self, message_id: str, text: str) -> AsyncIterator[Message]:
        """Take the user's own words for a voice message in the place of what was recognised.

        The updates begin with the answers that are taken back, when it is to be answered again. Raises TextEmpty,
        TextTooLong, MessageUnknown, NotCorrectable, Busy, ShuttingDown, StoreUnavailable.
        """
        cleaned = self._conversations.clean(text)
        corrections = self._conversations.corrections
        withdrawn: tuple[Message, ...] = ()

        def take() -> Message:
            nonlocal withdrawn
            owner = self._conversations.store.owner(self.id)
            expected = [
                self._conversations.lexicon(owner, self.id).hotwords,
                self._conversations.hotwords(owner, self.id),
            ]
            known = {hotword.word for hotwords in expected for hotword in hotwords}
            corrected = corrections.correct(self.id, message_id, cleaned, known)
            withdrawn = corrected.withdrawn
            return corrected.message

        updates = await self._conversations.carry(self.id, take)

        async def all_updates() -> AsyncIterator[Message]:
            for message in withdrawn:
                yield message
            async for message in updates:
                yield message

        return all_updates()

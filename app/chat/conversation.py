"""The turn of one message: heard or read, answered, kept.

    hear(recording) ── kept ── decode ── recognise ──┐
                                                     ├── Dialogue.respond ── kept ── the bot's messages
    read(text) ─────── kept ─────────────────────────┘

A spoken and a typed message meet at the bot and from there take the same turn. Whoever sent a message follows it
through an async iterator of its updates; the work does not depend on anybody following.

How a message is carried on that turn, and within which bounds: app/chat/queue.py.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import BinaryIO

from app.chat.protocols import Dialogue, Recognizer
from app.chat.queue import MessageQueue
from app.chat.turn import Turn
from app.chat.typed_text import clean
from app.chat.utterance import spoken
from app.errors import DomainUnknown, NoSpeech
from app.hotwords.corrections import Corrections
from app.hotwords.lists import LEXICON, HotwordLists, KeptList
from app.monitoring.metrics import Metrics
from app.recognition.lanes import Lanes
from app.storage.database import guarded
from app.storage.store import WAV, Store
from app.storage.tables import Message
from asr import Audio, AudioLimits, Transcript, decode_audio, encode_wav
from asr.hotwords.list import EMPTY, HotwordList, parse
from bot import DialogueState, DomainCard, DomainMissing, Utterance


class Conversations:
    """All conversations of one app, with what they share."""

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
        self._max_text_characters = max_text_characters
        self.queue = MessageQueue(
            store, lanes, self._recognize, self._answer, max_waiting=max_waiting, metrics=metrics, account=account
        )

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

        return await self.queue.in_storage(begin)

    async def open(self, owner: str, conversation_id: str) -> Conversation:
        """Return a conversation of `owner`'s; raises ConversationUnknown."""
        await self.queue.in_storage(partial(self.store.require_conversation, owner, conversation_id))
        return Conversation(self, conversation_id)

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

    def _recognize(self, message: Message, turn: Turn) -> Message:
        with guarded(), self.store.recording(message) as recording:
            data = recording.read()
        audio = turn.timed("decode", lambda: decode_audio(data, limits=self.limits))
        turn.spend(audio.seconds)
        if message.audio_type != WAV:
            wav = io.BytesIO(encode_wav(audio))
            message = turn.timed("store", lambda: self.store.decoded(message, wav, audio.seconds))
        owner = self.store.owner(message.conversation_id)
        hotwords = turn.timed("store", lambda: self.hotwords(owner, message.conversation_id))
        transcript = turn.timed("recognise", lambda: self.recognizer.transcribe(audio, hotwords))
        if not transcript.text.strip():
            raise NoSpeech("Nothing was understood in the recording.", seconds=round(audio.seconds, 1))
        return turn.timed("store", lambda: self.store.heard(message, transcript))

    def _answer(self, message: Message, turn: Turn) -> list[Message]:
        recognised = message.kind == "voice" and message.heard is None
        transcript = turn.timed("store", lambda: self.store.transcript(message)) if recognised else None
        utterance = spoken(transcript) if transcript else Utterance(message.text)
        state = DialogueState.from_dict(turn.timed("store", lambda: self.store.state(message.conversation_id)))
        reply = turn.timed("bot", lambda: self._dialogue.respond(utterance, state))
        return turn.timed("store", lambda: self.store.answered(message, reply))


class Conversation:
    """One conversation. Each turn in returns the updates of the message and of the bot's messages after it."""

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
        return await self._conversations.queue.carry(self.id, take, client_id)

    async def heard(
        self, recording: Audio, transcript: Transcript, *, client_id: str | None = None
    ) -> AsyncIterator[Message]:
        """Take a recording that was recognised while it was spoken; otherwise as `hear`."""
        wav = io.BytesIO(encode_wav(recording))
        take = partial(self._conversations.store.add_heard, self.id, wav, transcript, client_id)
        return await self._conversations.queue.carry(self.id, take, client_id)

    async def read(self, text: str, *, client_id: str | None = None) -> AsyncIterator[Message]:
        """Take a typed message; `client_id` as for `hear`.

        Raises TextEmpty, TextTooLong, Busy, ShuttingDown, StoreUnavailable: then nothing was kept.
        """
        cleaned = self._conversations.clean(text)
        take = partial(self._conversations.store.add_typed, self.id, cleaned, client_id)
        return await self._conversations.queue.carry(self.id, take, client_id)

    async def retry(self, message_id: str) -> AsyncIterator[Message]:
        """Take up a message that failed, at the stage where it did.

        Raises MessageUnknown, NotRetryable, Busy, ShuttingDown, StoreUnavailable.
        """
        store = self._conversations.store
        return await self._conversations.queue.carry(self.id, partial(store.reopen, self.id, message_id))

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

        updates = await self._conversations.queue.carry(self.id, take)

        async def all_updates() -> AsyncIterator[Message]:
            for message in withdrawn:
                yield message
            async for message in updates:
                yield message

        return all_updates()

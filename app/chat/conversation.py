"""Conversations: to begin one, to open one, and to say something in it.

A message comes in as a recording, as live speech that was recognised already, or as text; each becomes a Turn, which
`app.chat.queue` takes through the stages of `app.chat.pipeline`. Whoever sent it follows it through an async iterator
of its updates; the work does not depend on anybody following.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import BinaryIO

from app.chat.pipeline import Pipeline
from app.chat.protocols import Dialogue
from app.chat.queue import MessageQueue
from app.chat.turn import Turn
from app.chat.typed_text import clean
from app.errors import DomainUnknown
from app.hotwords.corrections import Corrections
from app.hotwords.lists import LEXICON, HotwordLists, KeptList
from app.monitoring.metrics import Metrics
from app.recognition.decoding import Charge, Hold, free
from app.recognition.lanes import Lanes
from app.recognition.protocols import Recognizer
from app.storage.store import Store
from app.storage.tables import Message
from asr import Audio, AudioLimits, Transcript, encode_wav
from asr.hotwords.list import EMPTY, HotwordList, parse
from bot import DialogueState, DomainCard, DomainMissing


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
        account: Callable[[], Charge] = lambda: free,
        hold: Hold = nullcontext,
    ) -> None:
        """Share `store`, `recognizer`, `dialogue` and `lanes` between all conversations, within the given bounds.

        `account`, called when a message arrives, returns what charges its sender; `hold` keeps one person from having
        all messages that are taken at a time.
        """
        self.store = store
        self.hotword_lists = HotwordLists(store.database)
        self.corrections = Corrections(store.database, store.recordings)
        self.recognizer = recognizer
        self.limits = limits
        self._dialogue = dialogue
        self._max_text_characters = max_text_characters
        self._pipeline = Pipeline(store, self.hotword_lists, recognizer, dialogue, limits)
        self.queue = MessageQueue(
            self._pipeline, lanes, max_waiting=max_waiting, metrics=metrics, account=account, hold=hold
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
        return Conversation(self, owner, conversation_id)

    def hotwords(
        self,
        owner: str,
        conversation_id: str | None = None,
        *,
        lists: Sequence[str] | None = None,
        request: HotwordList = EMPTY,
    ) -> HotwordList:
        """Return the one list to recognise with: for a live session or a request of a program.

        Args:
            owner: whose lists hold.
            conversation_id: one of `owner`'s conversations, whose choice of lists holds and whose bot's words may be
                among them: those that may come next, given what the bot has asked.
            lists: ids of lists in the place of the conversation's choice.
            request: words that came with the request itself; they have the last word.

        Blocks while the database is asked. Raises StoreUnavailable.
        """
        if conversation_id is None:
            return self.hotword_lists.in_use(owner, lists=lists, request=request)
        with self.store.database.session():
            state = self._pipeline.state(conversation_id)
            return self._pipeline.hotwords(owner, conversation_id, state, lists=lists, request=request)

    def lexicon(self, owner: str, conversation_id: str) -> KeptList:
        """Return all words that the bot of a conversation knows; raises ConversationUnknown."""
        with self.store.database.session():
            self.store.require_conversation(owner, conversation_id)
            state = self._pipeline.state(conversation_id)
        # Not what is expected next: a list does not change under the eyes of who looks at it.
        words = parse(list(self._dialogue.lexicon(DialogueState(state.domain, state.key)))).hotwords
        return KeptList(LEXICON, "", words.serialize(), words.digest, read_only=True)

    @property
    def vocabulary(self) -> frozenset[str] | None:
        """The characters that the model can write; None when it does not say."""
        return getattr(self.recognizer, "vocabulary", None)

    def clean(self, text: str) -> str:
        """Return typed `text` without control characters; raises TextEmpty or TextTooLong."""
        return clean(text, self._max_text_characters)


class Conversation:
    """One conversation. Each way in returns the updates of the message and of the bot's messages after it.

    `client_id` is the client's own name for a message: sent again under it, the message is not taken again. All ways
    in raise Busy, ShuttingDown and StoreUnavailable, and then nothing was stored.
    """

    def __init__(self, conversations: Conversations, owner: str, conversation_id: str) -> None:
        """Speak in a conversation of `owner`'s; `Conversations.open` makes sure that it exists."""
        self._conversations = conversations
        self._owner = owner
        self.id = conversation_id

    async def send_recording(
        self, recording: bytes | BinaryIO, *, client_id: str | None = None
    ) -> AsyncIterator[Message]:
        """Take a recording, in any format; a recording that cannot be used becomes a message that failed."""
        source = io.BytesIO(recording) if isinstance(recording, bytes) else recording
        store = self._conversations.store
        turn = self._turn(lambda turn: store.add_spoken(self.id, source, client_id), client_id)
        return await self._conversations.queue.submit(turn)

    async def send_live_speech(
        self, audio: Audio, transcript: Transcript, *, client_id: str | None = None
    ) -> AsyncIterator[Message]:
        """Take speech that was recognised while it was spoken.

        One in which nothing was understood is recognised once more, and then fails as any other.
        """
        wav = io.BytesIO(encode_wav(audio))
        store = self._conversations.store
        turn = self._turn(lambda turn: store.add_recognised(self.id, wav, transcript, client_id), client_id)
        turn.transcript = transcript if transcript.text.strip() else None
        return await self._conversations.queue.submit(turn)

    async def send_text(self, text: str, *, client_id: str | None = None) -> AsyncIterator[Message]:
        """Take a typed message; raises TextEmpty, TextTooLong."""
        cleaned = self._conversations.clean(text)
        store = self._conversations.store
        turn = self._turn(lambda turn: store.add_typed(self.id, cleaned, client_id), client_id)
        return await self._conversations.queue.submit(turn)

    async def retry(self, message_id: str) -> AsyncIterator[Message]:
        """Take up a message that failed, at the stage where it did; raises MessageUnknown, NotRetryable."""
        store = self._conversations.store
        return await self._conversations.queue.submit(self._turn(lambda turn: store.reopen(self.id, message_id)))

    async def correct(self, message_id: str, text: str) -> AsyncIterator[Message]:
        """Take the user's own words for a voice message in the place of what was recognised.

        The updates begin with the answers that are taken back, when it is to be answered again. Raises TextEmpty,
        TextTooLong, MessageUnknown, NotCorrectable.
        """
        cleaned = self._conversations.clean(text)

        def correct(turn: Turn) -> Message:
            expected = [
                self._conversations.lexicon(self._owner, self.id).hotwords,
                self._conversations.hotwords(self._owner, self.id),
            ]
            known = {hotword.word for hotwords in expected for hotword in hotwords}
            corrected = self._conversations.corrections.correct(self.id, message_id, cleaned, known)
            turn.withdrawn = corrected.withdrawn
            return corrected.message

        return await self._conversations.queue.submit(self._turn(correct))

    def _turn(self, store_message: Callable[[Turn], Message], client_id: str | None = None) -> Turn:
        return Turn(self._owner, self.id, store_message, client_id)

"""The endpoints that programs call through Gradio: gradio_client in Python and JavaScript, curl, other Spaces.

They are thin: what they do is done by the services of the HTTP API, and what holds there (scopes, limits, bounds, whose
records are whose) holds here.

Gradio shows the types and the docstrings of the functions to its users. It cannot read annotations that are kept as
text, which is why this module has no `from __future__ import annotations`.
"""

import inspect
import tempfile
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, aclosing
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypedDict

import gradio as gr
from gradio.components.api_component import Api
from gradio.context import Context
from gradio.events import api
from gradio.utils import get_function_description
from starlette.concurrency import run_in_threadpool

from app.api.routers.chat import ChatMessage
from app.api.routers.conversations import MOST_LISTED, ListedConversation
from app.api.routers.hotwords import shown
from app.api.routers.transcriptions import HeardSegment
from app.api.uploads import require_room_for
from app.errors import FieldInvalid, RequestInvalid, UploadTooLarge
from app.hotwords.lists import GLOBAL
from app.recognition.files import Options
from app.services import Services
from app.storage import store, tables
from app.ui.caller import Caller
from app.ui.files import Upload, Uploads
from asr import Formatting, Segment, Transcript
from asr.hotwords.list import parse_strictly

# What the page "Use via API" and the clients' view_api show as values to try.
EXAMPLES: dict[str, Any] = {
    "audio": {"path": "voice.wav", "meta": {"_type": "gradio.FileData"}},
    "hotwords": "李小龙 30",
    "text": "我要挂号",
    "conversation": "ID",
    "domain": "clinic",
    "list": "global",
}


class FileMark(TypedDict):
    """What tells Gradio's clients that a value is a file."""

    _type: Literal["gradio.FileData"]


class File(TypedDict):
    """A file that was uploaded: in Python `handle_file("voice.wav")`, in JavaScript `handle_file(blob)`."""

    path: str
    orig_name: str
    meta: FileMark


class Word(TypedDict):
    """A word, the mark behind it, and when it was said, in seconds."""

    text: str
    punctuation: str
    start: float
    end: float


class SpokenSegment(TypedDict):
    """A stretch of speech; `channel` is the end of a call where they were kept apart."""

    text: str
    start: float
    end: float
    channel: int | None
    words: list[Word]


class Transcribed(TypedDict):
    """What was said in a file of `seconds`."""

    text: str
    seconds: float
    segments: list[SpokenSegment]


class Bubble(TypedDict):
    """A message of the bot's; `quick_replies` are texts that it suggests to answer with."""

    kind: str
    text: str
    quick_replies: list[str]
    table: dict[str, Any] | None


class Talk(TypedDict):
    """A turn: what was understood of the message, what the bot answered, and where to go on."""

    conversation: str
    transcript: str
    replies: list[Bubble]
    error: str | None


class Words(TypedDict):
    """A hotword list: its text, and what is wrong with it by line and column."""

    list: str
    text: str
    words: int
    problems: list[str]
    version: str


class Endpoints:
    """The functions behind the endpoints of one app."""

    def __init__(self, services: Services, uploads: Uploads) -> None:
        """Serve `services`, as the HTTP API does; files come from `uploads`."""
        self._services = services
        self.uploads = uploads

    async def transcribe(
        self,
        audio: File,
        hotwords: str = "",
        punctuation: bool = True,
        itn: bool = True,
        channels: Literal["mix", "split"] = "mix",
        request: gr.Request = None,  # type: ignore[assignment] # Gradio gives it
    ) -> Transcribed:
        """Write down what is said in a recording of any length.

        Args:
            audio: the recording, in any format that ffmpeg reads.
            hotwords: words to expect beside those of your list: words, or lines of `词 权重`.
            punctuation: whether marks are put between the words.
            itn: whether numbers are written as figures: 50% for 百分之五十.
            channels: mix, or split for a call whose two ends are kept apart.
        """
        caller = Caller.of(request)
        with self.allowed(caller, "transcribe"):
            return await self.transcribed(caller, self._file(caller, audio).file, hotwords, punctuation, itn, channels)

    async def chat(
        self,
        text: str = "",
        audio: File | None = None,
        conversation: str = "",
        domain: str = "",
        request: gr.Request = None,  # type: ignore[assignment] # Gradio gives it
    ) -> Talk:
        """Say something to the bot, in writing or with a recording; without either it greets.

        Args:
            text: what to say.
            audio: or a recording of it.
            conversation: which conversation to go on with, as an earlier answer names it; empty begins one.
            domain: which bot a new conversation is with; empty for the default.
        """
        caller = Caller.of(request)
        with self.allowed(caller, "chat"):
            return await self.talked(caller, text, self._file(caller, audio) if audio else None, conversation, domain)

    async def hotwords_get(
        self,
        list: str = GLOBAL,
        request: gr.Request = None,  # type: ignore[assignment] # Gradio gives it
    ) -> Words:
        """Return a hotword list.

        Args:
            list: its id; `global` is the list that always holds.
        """
        caller = Caller.of(request)
        with self.allowed(caller, "hotwords"):
            return await run_in_threadpool(self._words, caller, list, None, "")

    async def hotwords_set(
        self,
        text: str,
        list: str = GLOBAL,
        version: str = "",
        request: gr.Request = None,  # type: ignore[assignment] # Gradio gives it
    ) -> Words:
        """Put another text in the place of a hotword list's: one word a line, `词 权重`, with `<- 别名` behind it.

        Args:
            text: the whole list.
            list: its id; `global` is the list that always holds.
            version: the version that was read, so that no change made meanwhile is lost; empty to overwrite.
        """
        caller = Caller.of(request)
        with self.allowed(caller, "hotwords"):
            return await run_in_threadpool(self._words, caller, list, text, version)

    async def conversations(
        self,
        search: str = "",
        limit: int = 50,
        request: gr.Request = None,  # type: ignore[assignment] # Gradio gives it
    ) -> list[dict[str, Any]]:
        """List your conversations, those that are pinned first, then the newest: id, title, domain, last message.

        Args:
            search: words that must stand in a message or in the title; empty for all.
            limit: how many conversations, 1 to 100.
        """
        caller = Caller.of(request)
        with self.allowed(caller, "chat"):
            _require_within(limit, MOST_LISTED)
            history = self._services.history
            found = await run_in_threadpool(history.list, caller.person.id, query=search[:100], limit=limit)
            return [ListedConversation.model_validate(one).model_dump(mode="json") for one in found]

    async def messages(
        self,
        conversation: str,
        limit: int = 100,
        request: gr.Request = None,  # type: ignore[assignment] # Gradio gives it
    ) -> list[dict[str, Any]]:
        """Return the last messages of a conversation, oldest first.

        Args:
            conversation: its id.
            limit: how many messages, 1 to 500.
        """
        caller = Caller.of(request)
        with self.allowed(caller, "chat"):
            _require_within(limit, store.MAX_LISTED)
            kept = self._services.conversations.store
            found = await run_in_threadpool(kept.messages, caller.person.id, conversation, limit)
            return [ChatMessage.of(message, caller.language).model_dump(mode="json") for message in found]

    def allowed(self, caller: Caller, scope: str) -> AbstractContextManager[None]:
        """Do what needs `scope` for `caller`, within the limits of the app."""
        return caller.allowed(scope, self._services.limits)

    async def transcribed(
        self, caller: Caller, file: Path, hotwords: str, punctuation: bool, itn: bool, channels: str
    ) -> Transcribed:
        """Do what `transcribe` does with a file on the disk; errors are those of the services."""
        if channels not in ("mix", "split"):
            raise FieldInvalid("channels must be mix or split.", field="channels", allowed="mix, split")
        self._services.limits.check_audio(caller.person.id, caller.address)
        transcriber = self._services.transcriber
        words = parse_strictly(hotwords)
        options = Options(
            hotwords=await run_in_threadpool(self._services.conversations.hotwords, caller.person.id, request=words),
            formatting=Formatting(punctuation=punctuation, itn=itn),
            keep_channels=channels == "split",
        )
        with transcriber.place(), tempfile.TemporaryDirectory(prefix="tingshuo-") as folder:
            recording = await transcriber.decode(file, Path(folder) / "decoded.wav", options)
            segments: list[Segment] = []
            async with aclosing(transcriber.hear(recording, options)) as heard:
                async for progress in heard:
                    segments += progress.segments
        transcript = Transcript(tuple(segments), recording.seconds)
        told = [HeardSegment.of(number, one).model_dump(exclude={"number"}) for number, one in enumerate(segments)]
        return {"text": transcript.text, "seconds": round(recording.seconds, 3), "segments": told}  # type: ignore[typeddict-item]

    async def talked(self, caller: Caller, text: str, upload: Upload | None, conversation_id: str, domain: str) -> Talk:
        """Do what `chat` does with a file that was uploaded; errors are those of the services."""
        conversations, person = self._services.conversations, caller.person.id
        if text and upload:
            raise RequestInvalid("Send a text or a recording, not both.", field="text")
        conversations.queue.check_admission()
        if upload:
            max_bytes = self._services.settings.max_upload_bytes
            if upload.size > max_bytes:
                raise UploadTooLarge(f"The recording has more than {max_bytes} bytes.", max_bytes=max_bytes)
            self._services.limits.check_audio(person, caller.address)
            await require_room_for(self._services, person)
        greeting: list[tables.Message] = []
        if not conversation_id:
            if text:
                conversations.clean(text)  # what will not be taken begins no conversation
            conversation_id, greeting = await conversations.start(person, domain)
        conversation = await conversations.open(person, conversation_id)
        if not text and not upload:
            return _talk(conversation_id, greeting, caller.language)
        if upload:
            with upload.file.open("rb") as recording:
                updates = await conversation.send_recording(recording)
        else:
            updates = await conversation.send_text(text)
        return _talk(conversation_id, await _last(updates), caller.language)

    def register(self) -> None:
        """Offer the endpoints in the gr.Blocks that is being built, with what is known of each parameter."""
        blocks = Context.root_block
        assert blocks is not None
        for call in (
            self.transcribe,
            self.chat,
            self.conversations,
            self.messages,
            self.hotwords_get,
            self.hotwords_set,
        ):
            api(call, concurrency_limit=None)  # the services have bounds of their own
            _, descriptions, _ = get_function_description(call)
            names = [name for name in inspect.signature(call).parameters if name != "request"]
            for name, component in zip(names, list(blocks.fns.values())[-1].inputs, strict=True):
                assert isinstance(component, Api)
                component.label = name
                component.api_info()["additional_description"] = descriptions[name]
                if name in EXAMPLES:
                    component.example_payload = partial(EXAMPLES.__getitem__, name)  # type: ignore[method-assign]

    def _file(self, caller: Caller, value: object) -> Upload:
        path = value.get("path") if isinstance(value, dict) else value
        return self.uploads.find(caller.person.id, path if isinstance(path, str) else "")

    def _words(self, caller: Caller, list_id: str, text: str | None, version: str) -> Words:
        lists = self._services.conversations.hotword_lists
        if text is None:
            kept = lists.get(caller.person.id, list_id)
        else:
            kept = lists.write(caller.person.id, list_id, text, version=version or None)
        told = shown(self._services.conversations, kept)
        problems = [f"{one.line}:{one.column} {one.message}" for one in told.problems]
        return {"list": told.id, "text": told.text, "words": len(told.words), "problems": problems,
                "version": told.version}  # fmt: skip


def _require_within(limit: int, most: int) -> None:
    if not 1 <= limit <= most:
        raise FieldInvalid("limit is out of range.", field="limit", allowed=f"1–{most}")


async def _last(updates: AsyncIterator[tables.Message]) -> list[tables.Message]:
    """Follow updates to their end; return each message as it ended, in the order in which they appeared."""
    messages: dict[str, tables.Message] = {}
    async for message in updates:
        messages[message.id] = message
    return list(messages.values())


def _talk(conversation_id: str, messages: list[tables.Message], language: str) -> Talk:
    shown_messages = [ChatMessage.of(message, language) for message in messages if message.status != "withdrawn"]
    said = next((message for message in shown_messages if message.role == "user"), None)
    replies: list[Bubble] = [
        {
            "kind": message.kind,
            "text": message.text,
            "quick_replies": [reply.text for reply in message.quick_replies],
            "table": message.table.model_dump() if message.table else None,
        }
        for message in shown_messages
        if message.role == "bot"
    ]
    error = said.error.message if said and said.error else None
    return {"conversation": conversation_id, "transcript": said.text if said else "", "replies": replies,
            "error": error}  # fmt: skip

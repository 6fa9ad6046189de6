"""One utterance of a FunASR client, from its first audio to its last result: samples as they are spoken, or a file."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from app.api.funasr.messages import Asked, error_message, result_message, text_message
from app.errors import HalfASample, UploadTooLarge
from app.recognition.files import Options, Transcriber
from app.recognition.live import Final, LiveSession, LiveSessions
from asr import Segment
from asr.streaming import Partial, SessionOptions

SendMessage = Callable[[dict[str, Any]], Awaitable[None]]


class UtteranceHandler(Protocol):
    """What a connection does with an utterance."""

    asked: Asked

    async def begin(self, listening: LiveSessions, transcriber: Transcriber) -> None:
        """Take a place among the speakers, or among the files; raises Busy."""
        ...

    async def hear(self, data: bytes) -> None:
        """Take the next bytes."""
        ...

    async def finish(self) -> None:
        """No more bytes will come: send all that is still to be sent."""
        ...

    async def close(self) -> None:
        """Give the place back."""
        ...


class StreamUtterance:
    """Samples as they are spoken. Also for `offline`, whose results only come together: so it needs no more memory."""

    def __init__(self, asked: Asked, send: SendMessage) -> None:
        """Prepare to recognise what comes, as `asked`."""
        self.asked = asked
        self._send = send
        self._held = AsyncExitStack()
        self._results = Results(asked, send)
        self._listener: LiveSession
        self._sender: asyncio.Task[None]

    async def begin(self, listening: LiveSessions, transcriber: Transcriber) -> None:
        """Take a place among the speakers; raises SessionsFull, ModelError."""
        asked = self.asked
        options = SessionOptions(
            sample_rate=asked.sample_rate,
            hold_back=1 if asked.mode == "online" else 0,  # elsewhere the second pass puts right what was sent too soon
            hotwords=asked.hotwords,
            chunk=asked.chunk,
            formatting=asked.formatting,
        )
        context = listening.listen(options, partials=asked.mode != "offline")
        self._listener = await self._held.enter_async_context(context)
        self._sender = asyncio.create_task(self._follow())

    async def hear(self, data: bytes) -> None:
        """Take samples; raises SessionTooLong, TooMuchAudio, and what recognition raised meanwhile."""
        if self._sender.done():
            await self._sender
        await self._listener.hear(data)

    async def finish(self) -> None:
        """Send what is left; raises RecognitionFailed."""
        self._results.ending = True
        await self._listener.finish()
        await self._sender

    async def close(self) -> None:
        """Stop listening."""
        if hasattr(self, "_sender"):
            self._sender.cancel()
            await asyncio.gather(self._sender, return_exceptions=True)
        await self._held.aclose()

    @property
    def seconds(self) -> float:
        """How much audio has come."""
        return self._listener.session.seconds if hasattr(self, "_listener") else 0.0

    async def _follow(self) -> None:
        async for event in self._listener.events():
            if isinstance(event, Partial):
                await self._results.partial(event)
            elif isinstance(event, Final) and event.segment is not None:
                await self._results.said(event.segment, event.stretch.number)
        if self._listener.session.ends_in_half_a_sample:
            error = HalfASample("The audio ended within a sample: 16-bit PCM has an even number of bytes.")
            await self._send(error_message(self.asked, error))
        await self._results.end()


class FileUtterance:
    """The bytes of a file, on the disk until they are all there."""

    def __init__(self, asked: Asked, send: SendMessage) -> None:
        """Prepare to recognise what comes, as `asked`."""
        self.asked = asked
        self._held = AsyncExitStack()
        self._results = Results(asked, send)
        self._transcriber: Transcriber
        self._folder: Path
        self._file: BinaryIO
        self._bytes = 0

    async def begin(self, listening: LiveSessions, transcriber: Transcriber) -> None:
        """Take a place among the files; raises Busy."""
        self._transcriber = transcriber
        self._held.enter_context(transcriber.place())
        self._folder = Path(self._held.enter_context(tempfile.TemporaryDirectory(prefix="tingshuo-")))
        self._file = self._held.enter_context((self._folder / "upload").open("wb"))

    async def hear(self, data: bytes) -> None:
        """Take bytes; raises UploadTooLarge, and then takes no more."""
        self._bytes += len(data)
        limit = self._transcriber.limits.max_bytes
        if self._bytes > limit:
            raise UploadTooLarge(f"The file has more than {limit} bytes.", max_bytes=limit)
        await asyncio.to_thread(self._file.write, data)

    async def finish(self) -> None:
        """Decode and recognise the file; raises AudioError, RecognitionFailed."""
        self._file.close()
        asked = self.asked
        options = Options(hotwords=asked.hotwords, formatting=asked.formatting)
        recording = await self._transcriber.decode(self._folder / "upload", self._folder / "decoded.wav", options)
        self._results.ending = True
        async with aclosing(self._transcriber.hear(recording, options)) as heard:
            async for progress in heard:
                for segment in progress.segments:
                    await self._results.said(segment)
        await self._results.end()

    async def close(self) -> None:
        """Forget the file."""
        await self._held.aclose()


class Results:
    """What is sent of what was heard, in the manner of each mode.

    - offline: one message at the end;
    - online: the text bit by bit, each message what is new;
    - 2pass: the same while somebody speaks, under 2pass-online, and each stretch anew under 2pass-offline.

    Only what is stable in a partial is sent, for it cannot be taken back.
    """

    def __init__(self, asked: Asked, send: SendMessage) -> None:
        """Send by `send`."""
        self.ending = False
        """Set when no more audio will come: the last message has to say that it is the last."""
        self._asked = asked
        self._send = send
        self._number = 0
        self._sent = ""  # of the partials of the stretch that goes on
        self._segments: list[Segment] = []  # offline: all; else the one that may turn out to be the last

    async def partial(self, partial: Partial) -> None:
        """Send what is new and sure in a partial."""
        if partial.number != self._number:
            self._number, self._sent = partial.number, ""
        sure = partial.text[: partial.stable]
        if len(sure) > len(self._sent) and sure.startswith(self._sent):
            mode = "online" if self._asked.mode == "online" else "2pass-online"
            await self._send(text_message(self._asked, mode, sure[len(self._sent) :]))
            self._sent = sure

    async def said(self, segment: Segment, number: int = 0) -> None:
        """Send stretch `number` of the speech, which has ended, or keep it when it may be the last."""
        if self._asked.mode == "offline":
            self._segments.append(segment)
            return
        await self._flush(is_final=False)
        if number != self._number:
            self._number, self._sent = number, ""  # nothing of it was drafted
        self._segments = [segment]
        if not self.ending:
            await self._flush(is_final=False)

    async def end(self) -> None:
        """Send the last message."""
        await self._flush(is_final=True)

    async def _flush(self, *, is_final: bool) -> None:
        segments, self._segments = self._segments, []
        if not segments and not is_final:
            return
        asked = self._asked
        if asked.mode == "online":
            rest = "".join(segment.spoken for segment in segments)[len(self._sent) :]
            self._sent = ""
            await self._send(text_message(asked, "online", rest, is_final=is_final))
            return
        self._sent = ""
        mode = "offline" if asked.mode == "offline" else "2pass-offline"
        await self._send(result_message(asked, mode, segments, is_final=is_final))

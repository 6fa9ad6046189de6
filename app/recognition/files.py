"""Recognition of whole files, of seconds or of hours: decoded on the disk, cut where it is quiet, recognised in pieces.

A handful of pieces is on its way at a time, so that memory does not grow with the length; what is heard comes back in
order, each segment as soon as it and all before it are ready. Chat messages go first: the threads here ask the
system for what these leave over.
"""

from __future__ import annotations

import asyncio
import math
import os
import sys
import threading
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from app.errors import INTERNAL_ERROR, AppError, Busy, ShuttingDown
from app.recognition.decoding import Charge, Hold, decode_file, free
from app.recognition.fair_threads import FairThreads, Whose, nobody
from asr import FORMATTED, Audio, AudioLimits, Formatting, HotwordList, Segment
from asr.audio.recording import Recording
from asr.errors import AsrError
from asr.hotwords.list import EMPTY

LONGEST_PROMISE = 120  # seconds: nobody waits longer for "try again in N s"
_NICENESS = 5  # of the threads; 0 is that of the ones that answer chat messages


class SegmentRecognizer(Protocol):
    """Speech to text, segment by segment; asr.Recognizer is one."""

    def segments(self, audio: Audio, hotwords: HotwordList = ..., *, formatting: Formatting = ...) -> Iterator[Segment]:
        """Yield what is said in `audio`, in order; called from several threads at once."""
        ...


@dataclass(frozen=True)
class Options:
    """How a file is to be recognised: words to expect, the form of the text, whether two channels stay apart."""

    hotwords: HotwordList = EMPTY
    formatting: Formatting = FORMATTED
    keep_channels: bool = False


@dataclass(frozen=True)
class FileProgress:
    """The first `seconds` of a recording are done; `segments` are what is new."""

    seconds: float
    segments: tuple[Segment, ...] = ()


class Transcriber:
    """Recognises files within bounds: `workers` pieces at the same time, `capacity` files on their way."""

    def __init__(
        self,
        recognizer: SegmentRecognizer,
        *,
        limits: AudioLimits,
        workers: int,
        capacity: int,
        account: Callable[[], Charge] = lambda: free,
        hold: Hold = nullcontext,
        whose: Whose = nobody,
        count: Callable[[str], None] = lambda outcome: None,
    ) -> None:
        """Share `recognizer` between all files.

        `account` returns what charges the person who asks; it is called where a file is decoded. `hold` keeps one
        person from taking all places. `count` is called with what each file ends with: done, left, or the code
        of an error.
        """
        self._count = count
        self._hold = hold
        self._account = account
        self.limits = limits
        self._recognizer = recognizer
        self._workers = workers
        self._capacity = capacity
        self._admitted = 0
        self._closing = False
        self._threads = FairThreads(workers, "transcriber", whose, initializer=_step_back)
        # Decoding one file can take minutes, and cannot be cut into pieces: it must not keep others' from beginning.
        self._decoders = FairThreads(workers + 1, "decoder", whose, most_of_one=1, initializer=_step_back)

    @property
    def admitted(self) -> int:
        """How many files are being recognised or wait."""
        return self._admitted

    def check_admission(self) -> None:
        """Raise Busy, or ShuttingDown, when a file that came now would not be taken."""
        if self._closing:
            raise ShuttingDown("The server is about to stop; try again in a moment.", retry_after=10)
        if self._admitted >= self._capacity:
            seconds = min(LONGEST_PROMISE, 10 * math.ceil(self._admitted / self._workers))
            raise Busy(f"Too many files are being worked on; try again in {seconds} s.", retry_after=seconds)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold one of the places for files; raises Busy or ShuttingDown when there is none, TooManyStreams."""
        self.check_admission()
        with self._hold():
            self._admitted += 1
            try:
                yield
            finally:
                self._admitted -= 1

    async def decode(self, source: Path, target: Path, options: Options) -> Recording:
        """Decode the file `source` into the WAV file `target`; raises AudioError, TooMuchAudio.

        A thread cannot be stopped: who is cancelled here leaves it to its end, after which it sweeps up behind itself.
        """
        left = threading.Event()
        charge = self._account()

        def decode() -> Recording:
            try:
                return decode_file(source, target, charge, limits=self.limits, keep_channels=options.keep_channels)
            finally:
                if left.is_set():
                    target.unlink(missing_ok=True)

        try:
            return await asyncio.wrap_future(self._decoders.submit(decode))
        except asyncio.CancelledError:
            left.set()
            self._count("left")
            raise
        except Exception as error:
            self._count(_outcome(error))
            raise

    async def hear(self, recording: Recording, options: Options) -> AsyncGenerator[FileProgress, None]:
        """Recognise a recording; who stops iterating (and closes the iterator) stops the work.

        Raises RecognitionFailed, ModelError, AudioUnreadable.
        """
        stop = threading.Event()
        cuts = recording.pieces()
        ahead: deque[_Piece] = deque()
        outcome = "left"
        try:
            while True:
                while len(ahead) <= self._workers and (span := await asyncio.to_thread(next, cuts, None)):
                    piece = _Piece(self._recognizer, recording, span, options, stop)
                    piece.future = self._threads.submit(piece.recognise)
                    ahead.append(piece)
                if not ahead:
                    outcome = "done"
                    return
                async for progress in ahead[0].updates():
                    yield progress
                ahead.popleft()
        except Exception as error:
            outcome = _outcome(error)
            raise
        finally:
            self._count(outcome)
            stop.set()
            for piece in ahead:
                piece.future.cancel()

    def close(self) -> None:
        """Take no new file and end the threads; what is not finished by then stays unfinished."""
        self._closing = True
        self._decoders.close()
        self._threads.close()


class _Piece:
    """A minute of a recording recognised in a thread and waited for in the event loop."""

    future: Future[None]

    def __init__(
        self,
        recognizer: SegmentRecognizer,
        recording: Recording,
        span: tuple[float, float],
        options: Options,
        stop: threading.Event,
    ) -> None:
        self._recognizer = recognizer
        self._recording = recording
        self._start, self._end = span
        self._options = options
        self._stop = stop
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Segment | Exception | None] = asyncio.Queue()  # as long as a minute has segments

    def recognise(self) -> None:
        """Recognise the piece; in a thread."""
        try:
            for segment in self._segments():
                if self._stop.is_set():
                    return
                self._deliver(segment.shifted(self._start))
            self._deliver(None)
        except Exception as error:  # noqa: BLE001 -- it is raised again, where the piece is waited for
            self._deliver(error)

    async def updates(self) -> AsyncIterator[FileProgress]:
        """Yield what is heard, as it comes; at the end the whole piece is done."""
        while (found := await self._queue.get()) is not None:
            if isinstance(found, Exception):
                raise found
            yield FileProgress(found.end, (found,))
        yield FileProgress(self._end)

    def _segments(self) -> Iterator[Segment]:
        def heard(channel: int | None) -> Iterator[Segment]:
            audio = self._recording.read(self._start, self._end, channel)
            return self._recognizer.segments(audio, self._options.hotwords, formatting=self._options.formatting)

        if self._recording.channels == 1:
            return heard(None)
        both = [replace(segment, channel=channel) for channel in (0, 1) for segment in heard(channel)]
        return iter(sorted(both, key=lambda segment: segment.start))

    def _deliver(self, found: Segment | Exception | None) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._queue.put_nowait, found)


def _outcome(error: Exception) -> str:
    return error.code if isinstance(error, (AppError, AsrError)) else INTERNAL_ERROR


def _step_back() -> None:
    # Linux keeps a niceness for each thread; elsewhere it would be that of the whole process.
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)

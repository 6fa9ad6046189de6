"""Listening to people while they speak: admission, and the way from a session's audio to its events.

    hear(pcm) ── backlog ──► Session.accept ──┬─ ended ──► Session.final ──► Final
                            (lane LISTEN)     │           (lane FINAL, in order)
                                              └─ going on ► Session.partial ──► Partial
                                                           (lane PARTIAL, one at a time, dropped when late)

Every queue between is bounded: a client that sends faster than its speech is recognised waits in `hear`, and so does
the network behind it.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from dataclasses import dataclass

from app.errors import SessionsFull, SessionTooLong
from app.monitoring.durations import Durations
from app.recognition.decoding import Charge, Hold, free
from app.recognition.lanes import Dropped, Lane, Lanes
from asr import Segment
from asr.streaming import Partial, Session, SessionOptions, SpeechSegment, State

BACKLOG_SECONDS = 2.0  # of audio that may wait to be listened to
WAITING_FINALS = 4
WAITING_EVENTS = 64
RETRY_AFTER = 5  # seconds; most utterances are over by then


@dataclass(frozen=True)
class SpeechStarted:
    """Speech has begun, `start` seconds into the session."""

    start: float


@dataclass(frozen=True)
class Final:
    """A stretch of speech has ended; `segment` is None when it was only noise."""

    stretch: SpeechSegment
    segment: Segment | None


@dataclass(frozen=True)
class Quiet:
    """Nobody has said anything for as long as the session's options ask to be told."""


Event = SpeechStarted | Partial | Final | Quiet


OpenSession = Callable[[SessionOptions], Session]


class LiveSessions:
    """All that are being listened to in one app."""

    def __init__(
        self,
        open_session: OpenSession,
        lanes: Lanes,
        *,
        max_sessions: int,
        max_seconds: float,
        account: Callable[[], Charge] = lambda: free,
        hold: Hold = nullcontext,
    ) -> None:
        """Share `lanes` between at most `max_sessions` speakers, each for at most `max_seconds` of audio.

        `account`, called when a session begins, returns what charges the speaker. `hold` keeps one person from
        taking all places.
        """
        self._hold = hold
        self._account = account
        self.active = 0
        self.refused = 0
        self.first_partial = Durations()  # from the arrival of the first speech to the first text
        self.final = Durations()  # from the arrival of the audio that ended a stretch to its text
        self._open_session = open_session
        self._lanes = lanes
        self._max_sessions = max_sessions
        self._max_seconds = max_seconds

    def check_admission(self) -> None:
        """Raise SessionsFull when one more speaker would be too many."""
        if self.active >= self._max_sessions:
            self.refused += 1
            raise SessionsFull(
                f"{self.active} people are being listened to already; try again in {RETRY_AFTER} s.",
                retry_after=RETRY_AFTER,
            )

    @asynccontextmanager
    async def listen(self, options: SessionOptions, *, partials: bool = True) -> AsyncIterator[LiveSession]:
        """Listen to one speaker; when the context ends, whatever is not done by then is left.

        Raises SessionsFull, TooManyStreams, SampleRateUnsupported, ModelError.
        """
        with self._place(), self._hold():
            session = self._open_session(options)
            listener = LiveSession(
                session, self._lanes, self, self._account(), partials=partials, max_seconds=self._max_seconds
            )
            try:
                yield listener
            finally:
                await listener.close()

    @contextmanager
    def _place(self) -> Iterator[None]:
        self.check_admission()
        self.active += 1
        try:
            yield
        finally:
            self.active -= 1


class LiveSession:
    """One speaker: `hear` takes the audio, `events` gives what was heard."""

    def __init__(
        self,
        session: Session,
        lanes: Lanes,
        measured: LiveSessions,
        charge: Charge,
        *,
        partials: bool,
        max_seconds: float,
    ) -> None:
        """Begin to listen; `LiveSessions.listen` does it, within an event loop."""
        self.session = session
        self._lanes = lanes
        self._measured = measured
        self._charge = charge
        self._partials = partials
        self._max_bytes = int(max_seconds * session.options.sample_rate) * 2
        self._backlog_bytes = int(BACKLOG_SECONDS * session.options.sample_rate) * 2
        self._heard_bytes = 0
        self._backlog = bytearray()
        self._ended = False
        self._changed = asyncio.Condition()
        self._finals: asyncio.Queue[tuple[SpeechSegment, float] | None] = asyncio.Queue(WAITING_FINALS)
        self._events: asyncio.Queue[Event | Exception | None] = asyncio.Queue(WAITING_EVENTS)
        self._partial_running: asyncio.Task[None] | None = None
        self._began_at: float | None = None  # when the speech that goes on came in, until something was read in it
        self._quiet = False
        self._tasks = [asyncio.create_task(self._guarded(work)) for work in (self._listen, self._recognise)]

    async def hear(self, pcm: bytes) -> None:
        """Take audio, 16-bit little-endian mono at the session's rate, in pieces of any length; wait while it is ahead.

        Raises SessionTooLong, TooMuchAudio: that audio, and what comes after it, is not taken.
        """
        if self._heard_bytes + len(pcm) > self._max_bytes:
            seconds = self._max_bytes / 2 / self.session.options.sample_rate
            raise SessionTooLong(f"A live session has {seconds:g} s of audio at most.", max_seconds=seconds)
        self._charge(len(pcm) / 2 / self.session.options.sample_rate)
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._backlog) <= self._backlog_bytes)
            self._heard_bytes += len(pcm)
            self._backlog += pcm
            self._changed.notify_all()

    async def finish(self) -> None:
        """Say that no more audio will come; `events` ends when all of it is recognised."""
        async with self._changed:
            self._ended = True
            self._changed.notify_all()

    async def events(self) -> AsyncIterator[Event]:
        """Yield what was heard, in order; raises RecognitionFailed, and ShuttingDown."""
        while (event := await self._events.get()) is not None:
            if isinstance(event, Exception):
                raise event
            yield event

    async def close(self) -> None:
        """Stop, whatever is still to be done."""
        tasks = [*self._tasks, *([self._partial_running] if self._partial_running else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 -- it is raised again, where the events are waited for
            await self._events.put(error)

    async def _listen(self) -> None:
        last = False
        while not last:
            async with self._changed:
                await self._changed.wait_for(lambda: self._backlog or self._ended)
                # Not all at once: a file sent in one piece must not keep a thread from everybody else.
                pcm = bytes(self._backlog[: self._backlog_bytes])
                del self._backlog[: len(pcm)]
                last = self._ended and not self._backlog
                self._changed.notify_all()
            arrived = time.monotonic()
            was = self.session.state
            ended = await self._lanes.run(Lane.LISTEN, functools.partial(self._accept, pcm, last))
            if was is State.WAITING and (ended or self.session.state is State.SPEAKING):
                self._began_at = arrived
                await self._events.put(SpeechStarted(ended[0].start if ended else self.session.start or 0.0))
            for stretch in ended:
                await self._finals.put((stretch, arrived))
            self._partial_if_due()
            if self.session.quiet and not self._quiet:
                await self._events.put(Quiet())
            self._quiet = self.session.quiet
        await self._finals.put(None)

    def _accept(self, pcm: bytes, last: bool) -> list[SpeechSegment]:
        ended = self.session.accept(pcm)
        return ended + self.session.finish() if last else ended

    def _partial_if_due(self) -> None:
        if (
            self._partials
            and self.session.partial_due
            and (self._partial_running is None or self._partial_running.done())
        ):
            self._partial_running = asyncio.create_task(self._guarded(self._run_partial))

    async def _run_partial(self) -> None:
        number = self.session.number

        def wanted() -> bool:
            return self.session.number == number and self.session.state is State.SPEAKING

        with suppress(Dropped, asyncio.QueueFull):
            partial = await self._lanes.run(Lane.PARTIAL, self.session.partial, wanted=wanted)
            # By now its stretch may have ended: then the final is on its way, and a guess would only flicker.
            if partial is not None and wanted():
                self._read_something()
                self._events.put_nowait(partial)

    async def _recognise(self) -> None:
        while (waiting := await self._finals.get()) is not None:
            stretch, arrived = waiting
            segment = await self._lanes.run(Lane.FINAL, functools.partial(self.session.final, stretch))
            self._measured.final.add(time.monotonic() - arrived)
            if segment is not None:
                self._read_something()
            await self._events.put(Final(stretch, segment))
        await self._events.put(None)

    def _read_something(self) -> None:
        if self._began_at is not None:
            self._measured.first_partial.add(time.monotonic() - self._began_at)
            self._began_at = None

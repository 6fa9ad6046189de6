"""What becomes a message of live speech: the sound of it, and its transcript."""

from __future__ import annotations

import numpy as np

from app.errors import SessionTooLong
from app.recognition.live import Final
from asr import Audio, Segment, Transcript
from asr.streaming import Partial
from asr.transcript import join_texts

_MARGIN = 0.3  # seconds kept around the speech of a message that was cut out of a longer recording


class Recording:
    """The sound since the last message, as it came, and what was understood in it.

    Memory: the longest message, and what is said while it is made.
    """

    def __init__(self, sample_rate: int, longest: float, *, keep_all: bool) -> None:
        """Keep at most `longest` seconds; `keep_all` makes them one message, silence and all.

        Otherwise a message is its speech, and silence is forgotten as it goes by.
        """
        self._rate = sample_rate
        self._longest = longest
        self._keep_all = keep_all
        self._pcm = bytearray()
        self._begin = 0.0  # where the sound begins that is kept, in seconds of the session
        self._segments: list[Segment] = []
        self._end = 0.0  # of what was said so far

    @property
    def until(self) -> float:
        """Up to where the next message reaches, in seconds of the session."""
        return self._begin + self._seconds if self._keep_all else self._end

    @property
    def has_speech(self) -> bool:
        """True when something was understood since the last message."""
        return bool(self._segments)

    def add(self, pcm: bytes) -> None:
        """Take the next sound, 16-bit PCM of any length; raises SessionTooLong for more than can be one message."""
        self._pcm += pcm
        if self._keep_all and self._seconds > self._longest:
            raise SessionTooLong(f"One message has {self._longest:g} s at most.", max_seconds=self._longest)
        if not self._keep_all and self._seconds > 2 * self._longest:
            self._forget(self._begin + self._seconds - self._longest)

    def extended(self, partial: Partial) -> tuple[str, int]:
        """Return all that was said since the last message, with the guess at what goes on; and how much is stable."""
        before = join_texts(segment.text for segment in self._segments)
        text = join_texts([before, partial.text])
        return text, len(text) - len(partial.text) + partial.stable

    def said(self, event: Final) -> None:
        """Add a stretch of speech that has ended."""
        self._end = event.stretch.end
        if event.segment is not None:
            self._segments.append(event.segment)

    def complete(self, event: Final) -> bool:
        """True when an utterance has ended with the last stretch, or has become as long as a message may be."""
        if not self._segments:
            return False
        return not event.stretch.goes_on or event.stretch.end - self._segments[0].start > self._longest - 11.0

    def take(self) -> tuple[Audio, Transcript]:
        """Return the message: its sound, and its transcript, whose times are from the start of that."""
        if not self._keep_all and self._segments:
            self._forget(self._segments[0].start - _MARGIN)
        end = len(self._pcm) if self._keep_all else self._bytes(self._end + _MARGIN)
        data = bytes(self._pcm[: end - end % 2])
        samples = np.frombuffer(data[: len(data) - len(data) % 2], dtype="<i2").astype(np.float32) / np.float32(32768)
        segments = tuple(segment.shifted(-self._begin) for segment in self._segments)
        self._segments = []
        transcript = Transcript(segments, len(samples) / self._rate)
        if not self._keep_all:
            self._forget(self._end)
        return Audio(samples, self._rate), transcript

    @property
    def _seconds(self) -> float:
        return len(self._pcm) / 2 / self._rate

    def _bytes(self, moment: float) -> int:
        return max(0, min(len(self._pcm), round((moment - self._begin) * self._rate) * 2))

    def _forget(self, before: float) -> None:
        gone = self._bytes(before)
        del self._pcm[:gone]
        self._begin += gone / 2 / self._rate

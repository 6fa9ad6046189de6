"""Where a stream of frames is cut into pieces for the recogniser: at endpoints, and at pauses when nobody stops.

It sees each frame's probability of silence once, in order, and decides as soon as it can: so the pieces of a live
stream and those of a whole recording are the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from asr.vad.endpoint import Endpointer, EndpointOptions

_PAUSE_WINDOW = 20  # frames; a pause worth cutting at is silent for about 200 ms
_EARLIEST_CUT = 0.4  # of the maximal length: a cut before it would leave a piece too short for context


@dataclass(frozen=True)
class Piece:
    """Frames `start` (inclusive) to `end` (exclusive); `goes_on` when the speaker has not stopped there."""

    start: int
    end: int
    goes_on: bool = False


class Segmenter:
    """Follows one stream and gives each piece of speech as soon as its end is certain.

    It remembers the frames of the piece that goes on, at most `EndpointOptions.max_segment` of them.
    """

    def __init__(self, options: EndpointOptions, *, longest: int | None = None) -> None:
        """Start at the first frame of a stream.

        Args:
            options: when speech begins and ends.
            longest: frames of the longest piece; a longer one is cut at the best pause in reach. None never cuts.
        """
        self._options = options
        self._endpointer = Endpointer(options)
        self._longest = longest
        self._ended: deque[Piece] = deque()  # segments that ended and are not given yet
        self._cut_at: int | None = None  # where the rest of a segment begins that was cut already
        self._silence: deque[float] = deque()  # of the frames from `_first` on
        self._first = 0
        self._known = 0
        self._finished = False

    @property
    def frames(self) -> int:
        """How many frames were seen."""
        return self._known

    @property
    def start(self) -> int | None:
        """First frame of the piece that goes on now; None in silence."""
        if self._cut_at is not None:
            return self._cut_at
        return self._ended[0].start if self._ended else self._endpointer.speech_start

    @property
    def needed(self) -> int:
        """The earliest frame that a piece still to come may begin at."""
        start = self.start
        return max(0, self._known - self._endpointer.reach_back) if start is None else start

    def accept(self, silence: Iterable[float]) -> list[Piece]:
        """Take the next frames' probabilities of silence; return the pieces that are certain now."""
        pieces = []
        for probability in silence:
            self._known += 1
            self._silence.append(probability)
            # p(speech) >= p(silence) + margin, with p(speech) = 1 - p(silence)
            span = self._endpointer.accept(bool(1.0 - probability >= probability + self._options.speech_margin))
            if span is not None:
                # Silence behind a segment ended it; where there is none, it only grew too long.
                self._ended.append(Piece(span.start, span.end, goes_on=span.end >= self._known))
            pieces += self._certain()
        return pieces

    def finish(self) -> list[Piece]:
        """End the stream; return what is left of it."""
        self._finished = True
        span = self._endpointer.finish()
        if span is not None:
            self._ended.append(Piece(span.start, span.end))
        return self._certain()

    def _certain(self) -> list[Piece]:
        pieces = []
        while (start := self.start) is not None:
            ended = self._ended[0] if self._ended else None
            # While speech goes on, only what an endpoint could no longer take back is sure to belong to it.
            sure = ended.end if ended else self._known - self._endpointer.give_back
            if self._longest is not None and sure - start > self._longest:
                if self._known < start + self._longest + _PAUSE_WINDOW and not self._finished:
                    break
                self._cut_at = self._best_cut(start, self._longest)
                pieces.append(Piece(start, self._cut_at, goes_on=True))
            elif ended:
                pieces.append(Piece(start, ended.end, ended.goes_on))
                self._ended.popleft()
                self._cut_at = None
            else:
                break
        self._forget()
        return pieces

    def _best_cut(self, start: int, longest: int) -> int:
        """Return the frame, at most `longest` after `start`, around which silence is surest."""
        earliest, latest = start + max(1, int(longest * _EARLIEST_CUT)), start + longest
        known = np.fromiter(self._silence, dtype=np.float64)
        around = known[earliest - 1 - self._first : latest + _PAUSE_WINDOW - self._first]
        smooth = np.convolve(around, np.ones(_PAUSE_WINDOW) / _PAUSE_WINDOW, mode="same")[: latest - earliest + 1]
        # Of equal pauses the last: fewer pieces, more context in each.
        return latest - int(np.argmax(smooth[::-1]))

    def _forget(self) -> None:
        while self._first < self.needed:
            self._silence.popleft()
            self._first += 1

"""When speech begins and ends, decided frame by frame.

The rules and their figures are those of FunASR's FSMN-VAD (`E2EVadModel`): a window over the last 200 ms flips to
speech when 150 ms of it are speech, and back when no more than 150 ms are; a segment ends after a long enough
silence. It keeps no audio and no model, so a recogniser of whole files and one of live audio share it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FRAME_SECONDS = 0.01


@dataclass(frozen=True)
class EndpointOptions:
    """The figures of the rules, in seconds but for `speech_margin`.

    Attributes:
        window: length of the window that smooths the frames' decisions.
        speech_onset: speech in the window that begins speech.
        speech_offset: speech in the window at or below which speech is over.
        max_end_silence: silence that ends a segment.
        lookback: sound kept before the window in which speech began.
        lookahead: sound kept after speech ended.
        max_segment: a segment is ended after this long, pause or not.
        speech_margin: a frame is speech when its probability of speech is above that of silence by this much.
    """

    window: float = 0.2
    speech_onset: float = 0.15
    speech_offset: float = 0.15
    max_end_silence: float = 0.8
    lookback: float = 0.2
    lookahead: float = 0.1
    max_segment: float = 60.0
    speech_margin: float = 0.6

    @classmethod
    def from_config(cls, settings: Mapping[str, Any]) -> EndpointOptions:
        """Read `model_conf` of a FunASR VAD's config.yaml (milliseconds there); raises ValueError."""
        names = {
            "window": "window_size_ms",
            "speech_onset": "sil_to_speech_time_thres",
            "speech_offset": "speech_to_sil_time_thres",
            "max_end_silence": "max_end_silence_time",
            "lookback": "lookback_time_start_point",
            "lookahead": "lookahead_time_end_point",
            "max_segment": "max_single_segment_time",
        }
        given = {field: float(settings[name]) / 1000.0 for field, name in names.items() if name in settings}
        if "speech_noise_thres" in settings:
            given["speech_margin"] = float(settings["speech_noise_thres"])
        return cls(**given)


@dataclass(frozen=True)
class FrameSpan:
    """Frames `start` (inclusive) to `end` (exclusive)."""

    start: int
    end: int


class Endpointer:
    """Follows one stream of frames and gives each segment of speech as it ends."""

    def __init__(self, options: EndpointOptions) -> None:
        """Start at the first frame of a stream."""
        self._onset = _frames(options.speech_onset)
        self._offset = _frames(options.speech_offset)
        # The window flips to silence only after `speech_offset`, so that much of the silence has passed unseen by then.
        self._end_silence = _frames(options.max_end_silence - options.speech_offset)
        self.reach_back = _frames(options.window + options.lookback)  # frames by which a segment begins earlier
        # Frames of its own silence that a segment gives back when it ends.
        self.give_back = max(0, self._end_silence - _frames(options.lookahead) - 1)
        self._max_segment = _frames(options.max_segment)
        self._next = 0
        self._floor = 0
        self._start: int | None = None
        self._silence = 0
        self._in_speech = False
        self._window: deque[bool] = deque(maxlen=_frames(options.window))

    @property
    def speech_start(self) -> int | None:
        """First frame of the segment that goes on now; None in silence."""
        return self._start

    def accept(self, is_speech: bool) -> FrameSpan | None:
        """Take the next frame; return the segment that it ends, if it does."""
        frame = self._next
        self._next += 1
        self._slide(is_speech)
        if self._start is None:
            if self._in_speech:
                self._start = max(self._floor, frame - self.reach_back)
            return None
        self._silence = 0 if self._in_speech else self._silence + 1
        if not self._in_speech and self._silence > self._end_silence:
            return self._close(frame - self.give_back + 1)
        if frame - self._start + 1 > self._max_segment:
            return self._close(frame + 1)
        return None

    def finish(self) -> FrameSpan | None:
        """End the stream; return the segment that was going on, if any."""
        return None if self._start is None else self._close(self._next)

    def _slide(self, is_speech: bool) -> None:
        self._window.append(is_speech)
        speech = sum(self._window)
        if not self._in_speech and speech >= self._onset:
            self._in_speech = True
        elif self._in_speech and speech <= self._offset:
            self._in_speech = False

    def _close(self, end: int) -> FrameSpan:
        assert self._start is not None
        span = FrameSpan(self._start, end)
        self._floor = end
        self._start = None
        self._silence = 0
        self._in_speech = False
        self._window.clear()
        return span


def _frames(seconds: float) -> int:
    return round(seconds / FRAME_SECONDS)

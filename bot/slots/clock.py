"""Times of day as people say them: 下午三点半, 八点一刻, 差五分九点, 14:30, 晚上七点, 8点pm, 半小时后."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cache

from bot.slots.mention import How, Mention, believable, pick, sound_confidence, sound_gain, spelled_confidence
from bot.understanding.normalised import CleanText
from bot.understanding.sounds import SoundLexicon, Sounds
from mandarin.clock import ClockTime, find_later, find_times

_NOON = 12
_AFTERNOON = range(1, 7)  # hours that are of the afternoon when neither is said
_OPEN = 0.75  # below SURE: from three to five is not yet a time


class TimeReader:
    """Finds times of day; without 上午 or 下午 the hour is taken as said, except that 1 to 6 are of the afternoon."""

    def __init__(self, slot: str) -> None:
        """Read for `slot`."""
        self._slot = slot
        _lexicon()

    def read(self, heard: CleanText, sounds: Sounds | None, *, asked: bool, now: datetime) -> list[Mention]:
        """Return the times named; see SlotReader.

        `details["days_later"]` is "1" for a time of the night after the day that is named: 晚上十二点.
        """
        found = []
        for time in find_times(heard.text):
            sure = spelled_confidence(heard, time.start, time.end)
            span = (time.start, time.end)
            found.append(self._mention(heard, time, span, sure, float(time.end - time.start), "spelled"))
        for later in find_later(heard.text):
            if later.minutes:  # its length is the day's (DateReader), so that both slots get their value
                moment = later.after(now)
                span = (later.length_end, later.end) if later.end > later.length_end else (later.start, later.end)
                value = f"{moment:%H:%M}"
                gain = float(later.end - later.start)
                found.append(self._said(heard, value, span, spelled_confidence(heard, *span), gain, "spelled", 0))
        if sounds is not None and asked:
            for near in _lexicon().find(sounds, min_score=0.7, most=20):
                times = find_times(near.word)
                if len(times) == 1 and times[0].end == len(near.word) and believable(near, asked=True):
                    span = (near.start, near.end)
                    found.append(
                        self._mention(heard, times[0], span, sound_confidence(near), sound_gain(near), "sound")
                    )
        return pick(found)

    def _mention(
        self, heard: CleanText, time: ClockTime, span: tuple[int, int], confidence: float, gain: float, how: How
    ) -> Mention:
        value, later = time.text, time.days_later
        if time.minutes is not None and time.bare and time.minutes // 60 % 24 in _AFTERNOON:
            value = f"{time.minutes // 60 + _NOON:02d}:{time.minutes % 60:02d}"
        if time.until is not None:
            confidence = min(confidence, _OPEN)
        return self._said(heard, value, span, confidence, gain, how, later)

    def _said(
        self,
        heard: CleanText,
        value: str,
        span: tuple[int, int],
        confidence: float,
        gain: float,
        how: How,
        days_later: int,
    ) -> Mention:
        said = heard.shown[slice(*span)]
        return Mention(
            slot=self._slot,
            value=value,
            said=said,
            start=span[0],
            end=span[1],
            confidence=confidence,
            how=how,
            gain=gain + 0.2,  # 下午三点 is a time rather than the 下午 in it
            problem="" if value else "time_impossible",
            details={"said": said, "days_later": str(days_later)},
        )


def _words() -> Iterator[str]:
    hours = ("一", "两", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二")
    for period in ("", "上午", "早上", "中午", "下午", "晚上"):
        for hour in hours:
            yield from (f"{period}{hour}点{end}" for end in ("", "半", "一刻", "三刻", "十分", "二十"))


@cache
def _lexicon() -> SoundLexicon:
    return SoundLexicon(tuple(_words()))

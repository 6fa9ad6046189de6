"""Times of day as people say them: 下午三点半, 八点一刻, 差五分九点, 14:30, 晚上七点."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache

from bot.slots.mention import Mention, believable, pick, sound_confidence, sound_gain, spelled_confidence
from bot.slots.numerals import whole_number
from bot.understanding.normalised import CleanText
from bot.understanding.sounds import SoundLexicon, Sounds

_HOUR = r"(?:二十[一二三四]?|十[一二三四五六七八九]?|[零一二两三四五六七八九]|2[0-4]|1\d|\d)"
_MINUTE = r"(?:[一二三四五]?十[一二三四五六七八九]?|零[一二三四五六七八九]|[一二三四五六七八九](?=分)|[0-5]?\d)"
_NO_COUNT = r"(?![\d零一二三四五六七八九十个位人张])"  # 七点四个人 is seven o'clock
_PERIODS = {
    **dict.fromkeys(("凌晨", "半夜"), 0),
    **dict.fromkeys(("早上", "早晨", "清早", "上午", "一早", "早"), 0),
    "中午": 12,
    **dict.fromkeys(("下午", "午后", "傍晚", "晚上", "夜里", "今晚", "明晚", "晚"), 12),
}
_PERIOD = "|".join(sorted(_PERIODS, key=len, reverse=True))
_GRAMMAR = re.compile(
    rf"""
      (?P<period>{_PERIOD})?的?(?:差(?P<less>{_MINUTE}|一刻)分?钟?)?(?<![有\d零一二三四五六七八九十])
      (?:(?P<hour>{_HOUR})(?:点钟?|时)(?:(?P<half>半)|(?P<quarters>[一三])刻|过?(?P<minute>{_MINUTE})分?{_NO_COUNT})?
        | (?P<dhour>[01]?\d|2[0-3]):(?P<dminute>[0-5]\d)(?!\d))
    """,
    re.VERBOSE,
)
_NOON = 12


class TimeReader:
    """Finds times of day; without 上午 or 下午 the hour is taken as said, except that 1 to 6 are of the afternoon."""

    def __init__(self, slot: str) -> None:
        """Read for `slot`."""
        self._slot = slot
        _lexicon()

    def read(self, heard: CleanText, sounds: Sounds | None, *, asked: bool, now: datetime) -> list[Mention]:
        """Return the times named; see SlotReader."""
        found = [self._mention(heard, match, match.span(), None) for match in _GRAMMAR.finditer(heard.text)]
        if sounds is not None and asked:
            for near in _lexicon().find(sounds, min_score=0.7, most=20):
                match = _GRAMMAR.fullmatch(near.word)
                if match and believable(near, asked=True):
                    span = (near.start, near.end)
                    found.append(self._mention(heard, match, span, (sound_confidence(near), sound_gain(near))))
        return pick(found)

    def _mention(
        self, heard: CleanText, match: re.Match[str], span: tuple[int, int], by_sound: tuple[float, float] | None
    ) -> Mention:
        value = _normalised(match)
        confidence, gain = by_sound or (spelled_confidence(heard, *span), float(span[1] - span[0]))
        said = heard.shown[slice(*span)]
        return Mention(
            slot=self._slot,
            value=value,
            said=said,
            start=span[0],
            end=span[1],
            confidence=confidence,
            how="sound" if by_sound else "spelled",
            gain=gain + 0.2,  # 下午三点 is a time rather than the 下午 in it
            problem="" if value else "time_impossible",
            details={"said": said},
        )


def _normalised(match: re.Match[str]) -> str:
    """Return HH:MM, "" when there is no such time."""
    hour = whole_number(match["hour"] or match["dhour"]) or 0
    minute = (
        int(match["dminute"] or 0) + (30 if match["half"] else 0) + 15 * (whole_number(match["quarters"] or "0") or 0)
    )
    minute += whole_number((match["minute"] or "").lstrip("零") or "0") or 0
    period = match["period"]
    if period is None:
        hour += _NOON if match["hour"] and 1 <= hour <= 6 else 0
    elif hour < _NOON and _PERIODS[period] == _NOON and not (period == "中午" and hour > 6):
        hour += _NOON
    if match["less"]:
        minute -= 15 if match["less"] == "一刻" else whole_number(match["less"]) or 0
    hour, minute = divmod(60 * hour + minute, 60)
    return f"{hour % 24:02d}:{minute:02d}" if hour <= 24 else ""


def _words() -> Iterator[str]:
    hours = ("一", "两", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二")
    for period in ("", "上午", "早上", "中午", "下午", "晚上"):
        for hour in hours:
            yield from (f"{period}{hour}点{end}" for end in ("", "半", "一刻", "三刻", "十分", "二十"))


@cache
def _lexicon() -> SoundLexicon:
    return SoundLexicon(tuple(_words()))

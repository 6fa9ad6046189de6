"""One of several records that were listed (第二个, 最后一个): the reader gives the place in the list the policy has."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache

from bot.slots.mention import Mention, spelled_confidence
from bot.slots.numerals import whole_number
from bot.understanding.normalised import CleanText
from bot.understanding.sounds import SoundLexicon, Sounds

LAST = "last"
_PLACE = re.compile(r"[第地弟](?P<number>[一二两三四五六七八九十]|\d{1,2})(?!\d)个?|(?P<last>最后|末尾)那?一?个?")


_ENTRY = re.compile(
    r"第(?P<number>[一二两三四五六七八九十]{1,3}|\d{1,3})(?:条|处|项|行|个)|(?:上|前)面?那?一?(?:条|处|项|个)|"
    r"刚[才刚](?:说的)?那?一?(?:条|处|项|个)|最后那?一?(?:条|处|项|个)"
)
_NEAR_ENOUGH = 0.85


@cache
def _places_by_sound() -> SoundLexicon:
    numbers = "一二三四五六七八九十"
    return SoundLexicon([*(f"第{number}条" for number in numbers), "上一条", "最后一条", "刚才那条", "刚才那一条"])


def find_place(heard: CleanText, sounds: Sounds | None) -> tuple[str, tuple[int, int]]:
    """Return the entry of a list that is spoken of (its number from 1, or LAST; "" for none), and where it stands."""
    match = _ENTRY.search(heard.text)
    span = match.span() if match else (0, 0)
    if match is None and sounds is not None:
        near = [one for one in _places_by_sound().find(sounds, min_score=_NEAR_ENOUGH, most=1) if one.spelled]
        match = _ENTRY.search(near[0].word) if near else None
        span = (near[0].start, near[0].end) if near else span
    if match is None:
        return "", span
    return (str(whole_number(match["number"])) if match["number"] else LAST), span


class RecordReader:
    """Reads which of the records is meant; its value is the place in the list from 1, or LAST."""

    def __init__(self, slot: str) -> None:
        """Read for `slot`."""
        self._slot = slot

    def read(self, heard: CleanText, sounds: Sounds | None, *, asked: bool, now: datetime) -> list[Mention]:
        """Return the place named; see SlotReader. Only an answer to the list is one."""
        match = _PLACE.search(heard.text) if asked else None
        if match is None:
            return []
        return [
            Mention(
                slot=self._slot,
                value=LAST if match["last"] else str(whole_number(match["number"])),
                said=heard.shown[slice(*match.span())],
                start=match.start(),
                end=match.end(),
                confidence=spelled_confidence(heard, *match.span()),
                how="spelled",
                gain=float(match.end() - match.start()),
            )
        ]

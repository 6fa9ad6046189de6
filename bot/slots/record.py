"""One of several records that were listed (第二个, 最后一个): the reader gives the place in the list the policy has."""

from __future__ import annotations

import re
from datetime import datetime

from bot.heard import Heard
from bot.phonetics import Sounds
from bot.slots.mention import Mention, spelled_confidence
from bot.slots.number import to_number

LAST = "last"
_PLACE = re.compile(r"[第地弟](?P<number>[一二两三四五六七八九十]|\d{1,2})(?!\d)个?|(?P<last>最后|末尾)那?一?个?")


class RecordReader:
    """Reads which of the records is meant; its value is the place in the list from 1, or LAST."""

    def __init__(self, slot: str) -> None:
        """Read for `slot`."""
        self._slot = slot

    def read(self, heard: Heard, sounds: Sounds | None, *, asked: bool, now: datetime) -> list[Mention]:
        """Return the place named; see SlotReader. Only an answer to the list is one."""
        match = _PLACE.search(heard.text) if asked else None
        if match is None:
            return []
        return [
            Mention(
                slot=self._slot,
                value=LAST if match["last"] else str(to_number(match["number"])),
                said=heard.shown[slice(*match.span())],
                start=match.start(),
                end=match.end(),
                confidence=spelled_confidence(heard, *match.span()),
                how="spelled",
                gain=float(match.end() - match.start()),
            )
        ]

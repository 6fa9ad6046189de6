"""Whole numbers: 3, 三个, 两位, 十二, 一百零五; 半 is left to the time of day."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from bot.slots.mention import Mention, spelled_confidence
from bot.slots.numerals import WELL_FORMED, read_by_sound, whole_number
from bot.understanding.normalised import CleanText
from bot.understanding.sounds import Sounds, readings

_NUMERAL = r"(?:\d{1,9}|[零〇一二两三四五六七八九十百千万俩仨]{1,12})"
_COUNTED = re.compile(rf"(?P<number>{_NUMERAL})(?P<unit>[一-鿿])")
_USUAL_UNITS = ("个", "位", "人", "张", "份", "次", "天", "间", "件", "台", "名", "口")
_DIGIT_SOUNDS = {"yi": "一", "er": "二", "liang": "两", "san": "三", "si": "四", "wu": "五", "liu": "六", "qi": "七"}
_DIGIT_SOUNDS |= {"ba": "八", "jiu": "九", "shi": "十"}
_BY_SOUND = 0.7  # below SURE, so that it is asked about
_LONGEST_BY_SOUND = 3


class NumberReader:
    """Finds a number with one of its units, or the bare one that was asked for; says when it is out of bounds."""

    def __init__(self, slot: str, units: Sequence[str], least: int | None, most: int | None) -> None:
        """Read for `slot` numbers from `least` to `most` (None: no bound) that are counted in `units`."""
        self._slot = slot
        self._least, self._most = least, most
        self._single_units = [unit for unit in units if len(unit) == 1]
        own = sorted(map(re.escape, units), key=len, reverse=True)
        self._with_unit = re.compile(rf"(?P<number>{_NUMERAL})(?:{'|'.join(own)})") if own else None
        self._sounded = re.compile(rf"(?P<number>{WELL_FORMED})(?:{'|'.join(own)})") if own else None
        usual = "|".join(sorted({*own, *_USUAL_UNITS}, key=len, reverse=True))
        self._bare = re.compile(rf"(?P<number>{_NUMERAL})(?:{usual})*")
        self._units_by_sound = re.compile(rf"(?:{usual})*[吧啊呀的]?$")

    def read(self, heard: CleanText, sounds: Sounds | None, *, asked: bool, now: datetime) -> list[Mention]:
        """Return the numbers; see SlotReader. A number without its unit counts only when it was asked for."""
        found = list(self._with_unit.finditer(heard.text)) if self._with_unit else []
        if not found and asked:
            found = list(self._bare.finditer(heard.text))
        if not found and sounds is not None and self._with_unit:
            found = list(self._with_unit.finditer(self._with_units_by_sound(heard.text)))
        mentions = [
            self._mention(heard, match["number"], match.span(), spelled_confidence(heard, *match.span()))
            for match in found
        ]
        if not mentions and sounds is not None and self._sounded:
            read = self._with_units_by_sound(read_by_sound(heard.text, near=False))
            mentions = [self._mention(heard, m["number"], m.span(), _BY_SOUND) for m in self._sounded.finditer(read)]
        if not mentions and asked and sounds is not None:
            return self._by_sound(heard)
        return [mention for mention in mentions if mention is not None]

    def _with_units_by_sound(self, text: str) -> str:
        """Return the text with what follows a numeral put right where it sounds like a unit: 两没 is 两枚."""
        units = {syllable: unit for unit in reversed(self._single_units) for syllable in readings(unit)[:1]}
        return _COUNTED.sub(
            lambda match: match["number"] + units.get((readings(match["unit"]) or ("",))[0], match["unit"]), text
        )

    def _by_sound(self, heard: CleanText) -> list[Mention]:
        """Take a short answer for the numeral it sounds like: 武个人 is 五个人."""
        said = self._units_by_sound.sub("", heard.text)
        if not 0 < len(said) <= _LONGEST_BY_SOUND:
            return []
        digits = [_DIGIT_SOUNDS.get((readings(character) or ("",))[0], "") for character in said]
        mention = self._mention(heard, "".join(digits), (0, len(said)), _BY_SOUND) if all(digits) else None
        return [mention] if mention else []

    def _mention(self, heard: CleanText, numeral: str, span: tuple[int, int], confidence: float) -> Mention | None:
        number = to_number(numeral)
        if number is None:
            return None
        problem = ""
        if self._least is not None and number < self._least:
            problem = "number_small"
        elif self._most is not None and number > self._most:
            problem = "number_large"
        return Mention(
            slot=self._slot,
            value="" if problem else str(number),
            said=heard.shown[slice(*span)],
            start=span[0],
            end=span[1],
            confidence=confidence,
            how="sound" if confidence == _BY_SOUND else "spelled",
            gain=span[1] - span[0] - 0.2,  # a date or a phone number explains the same digits better
            problem=problem,
            details={"number": str(number), "least": str(self._least), "most": str(self._most)},
        )


def to_number(numeral: str) -> int | None:
    """Return the number that a numeral in digits or characters stands for, None when it is none."""
    try:
        return whole_number(numeral.replace("俩", "两").replace("仨", "三").replace("〇", "零"))
    except ValueError:
        return None

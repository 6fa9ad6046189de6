"""Sizes and lengths: 零点五厘米, 5毫米, 0.5乘0.4厘米, 三到五毫米; all in the first unit of the slot."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal, InvalidOperation

from bot.slots.mention import Mention, pick, spelled_confidence
from bot.slots.numerals import NUMERAL, WELL_FORMED, read_by_sound, whole_number
from bot.understanding.normalised import CleanText
from bot.understanding.sounds import Sounds

_NUMERAL = r"(?:\d{1,5}(?:\.\d{1,3})?|[零〇一二两三四五六七八九十百]{1,6}(?:点[零〇一二三四五六七八九]{1,3})?|半)"
_JOINTS = {"乘以": "×", "乘": "×", "x": "×", "×": "×", "*": "×", "到": "–", "至": "–", "-": "–"}
_JOINT = "|".join(map(re.escape, _JOINTS))
_EXACT, _NEAR = 0.9, 0.75  # how sure a size is whose characters only sound right; the second is asked about
_DOUBT = 0.5  # half a unit may be the whole one of something else: 三粒
_STRAY = "[一-鿿]?"  # what a recogniser may have put in between


class MeasureReader:
    """Finds a number with a unit, two that are multiplied, or a range; a bare number when it was asked for."""

    def __init__(self, slot: str, units: Sequence[str], converts: Mapping[str, float]) -> None:
        """Read for `slot` in any of `units`, which are names of one and the same; `converts` gives others in it."""
        self._slot = slot
        self._unit = units[0]
        self._factors = {**{unit: Decimal(1) for unit in units}, **{k: Decimal(str(v)) for k, v in converts.items()}}
        self._pattern = _pattern(r"(?<![\d点.])", _NUMERAL, self._factors)
        self._sounded_pattern = _pattern(f"(?<![{NUMERAL}])", WELL_FORMED, self._factors)
        self._misheard = _misheard(self._factors)
        sounded = dict.fromkeys(c for c in "".join((*self._factors, *_JOINTS)) if not c.isascii())
        self._sounded = "".join(sounded).replace("以", "")

    def read(self, heard: CleanText, sounds: Sounds | None, *, asked: bool, now: datetime) -> list[Mention]:
        """Return the sizes; see SlotReader."""
        found = self._find(heard, heard.text, asked=asked)
        if sounds is None:
            return found
        whole = [mention for mention in found if self._has_unit(mention)]
        for near, confidence in ((False, _EXACT), (True, _NEAR)):
            text = read_by_sound(_without(heard.text, whole), self._sounded, near=near)
            whole += self._find(heard, text, asked=False, confidence=confidence)
        whole += self._find_misheard(heard, read_by_sound(_without(heard.text, whole), self._sounded, near=True))
        return pick([*whole, *found])

    def _has_unit(self, mention: Mention) -> bool:
        return any(unit in mention.said.lower() for unit in self._factors)

    def _find_misheard(self, heard: CleanText, text: str) -> list[Mention]:
        """Return the sizes whose unit is not whole, or that have a stray character in them."""
        found = []
        for match in self._misheard.finditer(text):
            unit = next(unit for unit in self._factors if unit[0] in match.group("whole", "split", "part"))
            number = _decimal(match["number"])
            written = heard.text[slice(*match.span("number"))]
            if number is not None and set(written) & set(match["number"]):  # else nothing but sounds speaks for it
                value = _shown(number * self._factors[unit]) + self._unit
                mention = self._mention(heard, match.span(), value, _NEAR, by_sound=True)
                found.append(replace(mention, gain=mention.gain - _DOUBT))
        return found

    def _find(self, heard: CleanText, text: str, *, asked: bool, confidence: float | None = None) -> list[Mention]:
        found = []
        pattern = self._pattern if confidence is None else self._sounded_pattern
        for match in pattern.finditer(text):
            unit = match["second_unit"] or match["first_unit"]
            if unit is None and not asked:
                continue
            value = self._value(match, unit or self._unit)
            if value:
                sure = spelled_confidence(heard, *match.span()) if confidence is None else confidence
                found.append(self._mention(heard, match.span(), value, sure, by_sound=confidence is not None))
        return pick(found)

    def _value(self, match: re.Match[str], unit: str) -> str:
        """Return the value in the slot's unit, "" for what is no number; the last unit said counts for both."""
        numbers = []
        for name in ("first", "second"):
            number = _decimal(match[name]) if match[name] else None
            if match[name] and number is None:
                return ""
            if number is not None:
                half = Decimal("0.5") if match[f"{name}_half"] else Decimal(0)
                numbers.append(_shown((number + half) * self._factors[match[f"{name}_unit"] or unit]))
        joint = _JOINTS[match["joint"]] if match["joint"] else ""
        return joint.join(numbers) + self._unit

    def _mention(
        self, heard: CleanText, span: tuple[int, int], value: str, confidence: float, *, by_sound: bool
    ) -> Mention:
        return Mention(
            slot=self._slot,
            value=value,
            said=heard.shown[slice(*span)],
            start=span[0],
            end=span[1],
            confidence=confidence,
            how="sound" if by_sound else "spelled",
            gain=float(span[1] - span[0]),
        )


def _pattern(before: str, numeral: str, units: Iterable[str]) -> re.Pattern[str]:
    unit = "|".join(sorted(map(re.escape, units), key=len, reverse=True))
    first, second = (
        rf"(?P<{name}>{numeral})个?(?P<{name}_unit>{unit})?(?P<{name}_half>半(?!径))?" for name in ("first", "second")
    )
    return re.compile(rf"{before}{first}(?:(?P<joint>{_JOINT}){second})?")


def _misheard(units: Iterable[str]) -> re.Pattern[str]:
    """Return what finds a size with one stray character, or with the second character of its unit lost."""
    pairs = [unit for unit in units if len(unit) == 2 and not unit.isascii()]
    if not pairs:
        return re.compile("(?!)(?P<number>)(?P<whole>)(?P<split>)(?P<part>)")
    first, second = ("".join(unit[place] for unit in pairs) for place in (0, 1))
    whole = rf"(?:{_STRAY}(?P<whole>[{first}])[{second}]|(?P<split>[{first}]){_STRAY}[{second}])"
    return re.compile(rf"(?<![{NUMERAL}])(?P<number>{WELL_FORMED})(?:{whole}|(?P<part>[{first}]))")


def _without(text: str, mentions: Iterable[Mention]) -> str:
    """Return the text with the mentions' characters replaced by commas."""
    for mention in mentions:
        text = text[: mention.start] + "," * (mention.end - mention.start) + text[mention.end :]
    return text


def _decimal(numeral: str) -> Decimal | None:
    if numeral == "半":
        return Decimal("0.5")
    whole, _, fraction = numeral.replace("〇", "零").partition("点")
    try:
        if numeral[0].isdigit() and numeral.isascii():
            return Decimal(numeral)
        number = whole_number(whole)
        digits = "".join(str("零一二三四五六七八九".index(digit)) for digit in fraction)
        return Decimal(f"{number}.{digits or 0}")
    except (ValueError, InvalidOperation):
        return None


def _shown(number: Decimal) -> str:
    return f"{number.normalize():f}"

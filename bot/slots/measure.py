"""Sizes and lengths: 零点五厘米, 5毫米, 0.5乘0.4厘米, 三到五毫米; all in the first unit of the slot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from bot.slots.mention import Mention, pick, spelled_confidence
from bot.slots.numerals import read_by_sound
from bot.understanding.normalised import CleanText
from bot.understanding.sounds import Sounds
from mandarin.numbers import NUMERALS, Numerals

_JOINTS = {"乘以": "×", "乘": "×", "x": "×", "×": "×", "*": "×", "到": "–", "至": "–", "-": "–"}
_EXACT, _NEAR = 0.9, 0.75  # how sure a size is whose characters only sound right; the second is asked about
_DOUBT = 0.5  # half a unit may be the whole one of something else: 三粒
_HALF = Decimal("0.5")


@dataclass(frozen=True)
class _Quantity:
    """A number with its unit ("" for none) between two places of a text."""

    start: int
    end: int
    number_end: int
    low: Decimal
    high: Decimal
    unit: str


class MeasureReader:
    """Finds a number with a unit, two that are multiplied, or a range; a bare number when it was asked for."""

    def __init__(self, slot: str, units: Sequence[str], converts: Mapping[str, float]) -> None:
        """Read for `slot` in any of `units`, which are names of one and the same; `converts` gives others in it."""
        self._slot = slot
        self._unit = units[0]
        self._factors = {**{unit: Decimal(1) for unit in units}, **{k: Decimal(str(v)) for k, v in converts.items()}}
        self._names = tuple(sorted(self._factors, key=len, reverse=True))
        self._pairs = tuple(unit for unit in self._factors if len(unit) == 2 and not unit.isascii())
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
        for quantity in self._quantities(text, exact=True):
            unit, end = ("", quantity.end) if quantity.unit else self._broken_unit(text, quantity.number_end)
            written = heard.text[quantity.start : quantity.number_end]
            # else nothing but sounds speaks for it
            if unit and set(written) & set(text[quantity.start : quantity.number_end]):
                value = _shown(quantity.low * self._factors[unit]) + self._unit
                mention = self._mention(heard, (quantity.start, end), value, _NEAR, by_sound=True)
                found.append(replace(mention, gain=mention.gain - _DOUBT))
        return found

    def _broken_unit(self, text: str, at: int) -> tuple[str, int]:
        """Return the unit that begins at a place, with a stray character before or in it, or its end lost."""
        for unit in self._pairs:
            if text.startswith(unit, at + 1):
                return unit, at + 3
            if text[at : at + 1] == unit[0] and text[at + 2 : at + 3] == unit[1]:
                return unit, at + 3
        part = next((unit for unit in self._pairs if text[at : at + 1] == unit[0]), "")
        return part, at + 1

    def _find(self, heard: CleanText, text: str, *, asked: bool, confidence: float | None = None) -> list[Mention]:
        found = []
        quantities = list(self._quantities(text, exact=confidence is not None))
        for first in quantities:
            joint = next((joint for joint in _JOINTS if text.startswith(joint, first.end)), "")
            start = first.end + len(joint)
            second = next((one for one in quantities if joint and one.start == start), None)
            sizes = [first] if second is None else [first, second]
            unit = sizes[-1].unit or first.unit
            if not unit and not asked:
                continue
            span = (first.start, sizes[-1].end)
            value = self._value(sizes, unit or self._unit, _JOINTS.get(joint, ""))
            sure = spelled_confidence(heard, *span) if confidence is None else confidence
            found.append(self._mention(heard, span, value, sure, by_sound=confidence is not None))
        return pick(found)

    def _quantities(self, text: str, *, exact: bool) -> Iterator[_Quantity]:
        """Yield every number with what stands behind it; `exact`: no approximations, whose digits may be misheard."""
        numerals = Numerals(text)
        for place, character in enumerate(text):
            before = text[place - 1 : place]
            if before in NUMERALS or before in ("点", ".") or (character not in NUMERALS and character != "半"):
                continue
            number = numerals.number(place)
            if number is not None and (number.exact or not exact) and text[number.end : number.end + 1] not in NUMERALS:
                end = number.end + (text[number.end : number.end + 1] == "个")
                unit = self._unit_at(text, end)
                end = end + len(unit) if unit else number.end
                half = text.startswith("半", end) and not text.startswith("半径", end) and (unit or end > number.end)
                more = _HALF if half else Decimal(0)
                yield _Quantity(place, end + bool(half), number.end, number.low + more, number.high + more, unit)
            elif character == "半" and (unit := self._unit_at(text, place + 1)):
                yield _Quantity(place, place + 1 + len(unit), place + 1, _HALF, _HALF, unit)

    def _unit_at(self, text: str, at: int) -> str:
        return next((unit for unit in self._names if text.startswith(unit, at)), "")

    def _value(self, sizes: Sequence[_Quantity], unit: str, joint: str) -> str:
        """Return the value in the slot's unit; the last unit said counts for both."""
        numbers = []
        for size in sizes:
            factor = self._factors[size.unit or unit]
            ends = dict.fromkeys(_shown(end * factor) for end in (size.low, size.high))
            numbers.append("–".join(ends))
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


def _without(text: str, mentions: Iterable[Mention]) -> str:
    """Return the text with the mentions' characters replaced by commas."""
    for mention in mentions:
        text = text[: mention.start] + "," * (mention.end - mention.start) + text[mention.end :]
    return text


def _shown(number: Decimal) -> str:
    return f"{number.normalize():f}"

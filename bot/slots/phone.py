"""Mobile numbers of mainland China (11 digits, 1[3-9]...), written, grouped, or spoken digit by digit."""

from __future__ import annotations

import re
from datetime import datetime

from bot.slots.mention import Mention
from bot.understanding.normalised import CleanText
from bot.understanding.sounds import Sounds, readings, syllable_distance

LENGTH = 11
_SPOKEN = {"零": "0", "〇": "0", "洞": "0", "一": "1", "幺": "1", "二": "2", "两": "2", "三": "3", "四": "4"}
_SPOKEN |= {"五": "5", "六": "6", "七": "7", "拐": "7", "八": "8", "九": "9", "勾": "9"}
_SOUNDS = {"ling": "0", "dong": "0", "yi": "1", "yao": "1", "er": "2", "liang": "2", "san": "3", "si": "4", "wu": "5"}
_SOUNDS |= {"liu": "6", "qi": "7", "guai": "7", "ba": "8", "jiu": "9", "gou": "9"}
_SEPARATORS = set(" -,,、.。()")
_MOBILE = re.compile(r"1[3-9]\d{9}")
_LEAST = 7  # fewer digits in a row are not taken for a phone number unless one was asked for
_LEAST_ASKED = 4
_NEAR = 0.15
_REPAIRED = 0.7  # below SURE, so that it is asked about


class PhoneReader:
    """Finds mobile numbers; a wrong length is reported with the number of digits heard."""

    def __init__(self, slot: str) -> None:
        """Read for `slot`."""
        self._slot = slot

    def read(self, heard: CleanText, sounds: Sounds | None, *, asked: bool, now: datetime) -> list[Mention]:
        """Return the numbers named; see SlotReader. Digits are matched by sound only when a number was asked for."""
        least = _LEAST_ASKED if asked else _LEAST
        by_sound = asked and sounds is not None
        digits = [_digit(character, by_sound=by_sound) for character in heard.text]
        runs = [
            run
            for run in _runs(heard.text, digits, gap=1 if by_sound else 0)
            if sum(map(bool, digits[slice(*run)])) >= least
        ]
        return [self._mention(heard, start, end, digits) for start, end in runs]

    def _mention(self, heard: CleanText, start: int, end: int, digits: list[str]) -> Mention:
        number, exact = _trim(heard.text[start:end], digits[start:end])
        confidence = 1.0 if exact or not heard.spoken else 0.9
        problem = ""
        if heard.spoken and (repaired := _without_repetition(number)):
            number, confidence = repaired, _REPAIRED
        if len(number) != LENGTH:
            problem = "phone_length"
        elif not _MOBILE.fullmatch(number):
            problem = "phone_prefix"
        return Mention(
            slot=self._slot,
            value="" if problem else number,
            said=heard.shown[start:end],
            start=start,
            end=end,
            confidence=confidence,
            how="spelled" if exact else "sound",
            gain=float(end - start + 1),
            problem=problem,
            details={"count": str(len(number)), "number": number},
        )


def _digit(character: str, *, by_sound: bool) -> str:
    """Return the digit a character stands for, "" for none."""
    if character in "0123456789":
        return character
    if character in _SPOKEN:
        return _SPOKEN[character]
    if not by_sound:
        return ""
    heard = readings(character)[:1]
    for syllable in heard:
        nearest = min(_SOUNDS, key=lambda digit: syllable_distance(syllable, digit))
        if syllable_distance(syllable, nearest) <= _NEAR:
            return _SOUNDS[nearest]
    return ""


def _runs(text: str, digits: list[str], gap: int) -> list[tuple[int, int]]:
    """Return the stretches of digits; separators may stand between them, and `gap` misheard characters at a place."""
    runs: list[tuple[int, int]] = []
    start = end = -1
    strange = 0
    for index, digit in enumerate(digits):
        if digit:
            start = index if start < 0 else start
            end = index + 1
            strange = 0
        elif start >= 0 and text[index] not in _SEPARATORS:
            strange += 1
            if strange > gap:
                runs.append((start, end))
                start = -1
                strange = 0
    return [*runs, (start, end)] if start >= 0 else runs


def _trim(text: str, digits: list[str]) -> tuple[str, bool]:
    """Return the number and whether all of it was written as digits.

    A country code goes; so do characters at either end that only sounded like digits (电话是 一三八...) when the
    number is too long with them.
    """
    pairs = [
        (digit, character in _SPOKEN or character.isdigit())
        for character, digit in zip(text, digits, strict=True)
        if digit
    ]
    while len(pairs) > LENGTH and not pairs[0][1]:
        pairs.pop(0)
    while len(pairs) > LENGTH and not pairs[-1][1]:
        pairs.pop()
    number = "".join(digit for digit, _ in pairs)
    if len(number) == LENGTH + 2 and number.startswith("86"):
        number = number[2:]
    return number, all(written for _, written in pairs)


def _without_repetition(number: str) -> str:
    """Return the number that is left when a digit heard twice counts once, "" unless there is exactly one such."""
    if len(number) != LENGTH + 1:
        return ""
    shorter = {number[:i] + number[i + 1 :] for i in range(LENGTH) if number[i] == number[i + 1]}
    possible = [one for one in shorter if _MOBILE.fullmatch(one)]
    return possible[0] if len(possible) == 1 else ""

"""Numerals as they are misheard: every character that sounds like one of a number is read as that one.

四 and 十 are one to many ears (and to many recognisers), so which of them was said is told by where it stands: 三死 is
三十 and 点师 is 点四.
"""

from __future__ import annotations

from bot.understanding.sounds import near_class, syllables
from mandarin.numbers import Numerals

NUMERAL = "零一二两三四五六七八九十百点半"
_ONES = frozenset("一二两三四五六七八九")
_ONE_SYLLABLE_ONLY = frozenset("十百半")  # what is near to these is more often something else
_NO_NUMERAL = frozenset("是时有没")  # words in their own right where a numeral may begin


def whole_number(numeral: str) -> int | None:
    """Return the number that a whole text stands for, in digits or characters; None when it is none, or not exact."""
    found = Numerals(numeral).cardinal(0) if numeral else None
    if found is None or found.end != len(numeral) or not found.exact:
        return None
    return int(found.low)


def read_by_sound(text: str, more: str = "", *, near: bool) -> str:
    """Return `text` with each character replaced by the one of a number, or of `more`, that it sounds like.

    Only the very syllable counts unless `near`; then one of the usual mergers is enough (林点五里米: 零点五厘米).
    """
    exact = {syllables(one)[0]: one for one in reversed(NUMERAL + more)}
    merged = {near_class(syllable): one for syllable, one in exact.items() if one not in _ONE_SYLLABLE_ONLY}
    result = list(text)
    for index, (character, syllable) in enumerate(zip(text, syllables(text), strict=True)):
        found = exact.get(syllable, merged.get(near_class(syllable), "") if near else "")
        begins = index == 0 or result[index - 1] not in NUMERAL
        if found and character not in NUMERAL + more and not (begins and character in _NO_NUMERAL):
            result[index] = _four_or_ten(result, index) if found in "四十" else found
            result[index] = result[index] or found
    return "".join(result)


def _four_or_ten(characters: list[str], index: int) -> str:
    """Return which of the two can stand after the numeral that ends before `index`, "" when both can."""
    start = index
    while start and characters[start - 1] in NUMERAL:
        start -= 1
    before = characters[start:index]
    if "点" in before or before[-1:] in (["十"], ["零"]):
        return "四"
    return "十" if before and before[-1] in _ONES else ""

"""A text as it is spoken: numbers as characters, one form of every character, no punctuation.

Where digits can be read in more than one way (房间301), only whoever listened can know: such texts had better be
written in characters from the start.
"""

from __future__ import annotations

import re
import unicodedata

import cn2an

_DIGIT = re.compile(r"\d")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_DAY = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})")
_CLOCK = re.compile(r"(?<!\d)(\d{1,2}):([0-5]\d)(?!\d)")
_SPAN = re.compile(r"(?<=\d)\s*[-~–—]\s*(?=\d)")
_CODE = re.compile(r"(?<![\d.])(?:0\d{2,}|\d{7,})(?![\d.])")
_GROUPED_CODE = re.compile(r"(?<!\d)\d{3,4}(?:[- ]\d{4}){1,2}(?!\d)")
_SPOKEN_DIGITS = str.maketrans("0123456789", "零幺二三四五六七八九")


def spoken_form(text: str) -> str:
    """Return what is said when ``text`` is read out, letters small, without spaces and punctuation.

    Digits become numbers (3个 → 三个, 50% → 百分之五十), times and dates; seven digits or more, and those that begin
    with 0, are read one by one as telephone numbers are (138… → 幺三八…). What cannot be read stays as it is.
    """
    plain = unicodedata.normalize("NFKC", text).lower()
    if _DIGIT.search(plain):
        plain = written_out(plain)
    return "".join(character for character in plain if unicodedata.category(character)[0] in "LMN")


def written_out(text: str) -> str:
    """Return ``text`` with its digits as characters; the rest, and digits that make no number, stay as they are."""
    text = _THOUSANDS.sub("", text)
    text = _DAY.sub(r"\1年\2月\3日", text)
    text = _CLOCK.sub(_clock, text)
    text = _GROUPED_CODE.sub(lambda found: re.sub(r"\D", "", found[0]).translate(_SPOKEN_DIGITS), text)
    text = _CODE.sub(lambda found: found[0].translate(_SPOKEN_DIGITS), text)
    text = _SPAN.sub("到", text)
    try:
        return str(cn2an.transform(text, "an2cn"))
    except ValueError:
        return text


def _clock(found: re.Match[str]) -> str:
    hour, minute = found.groups()
    if minute == "00":
        return f"{hour}点"
    return f"{hour}点零{minute[1]}分" if minute[0] == "0" else f"{hour}点{minute}分"

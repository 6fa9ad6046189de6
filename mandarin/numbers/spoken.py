"""Numbers said in words: the way back from digits, for training text, language models and speech.

Which of several ways to say digits is meant, what stands around them tells: 2026年 is read digit by digit, 8:05 as a
time, 138 0013 8000 as a telephone number, 1:3 as a ratio.
"""

from __future__ import annotations

import re
import unicodedata

_DIGITS = "零一二三四五六七八九"
_BY_DIGIT = str.maketrans("0123456789", "零幺二三四五六七八九")
_YEAR_DIGITS = str.maketrans("0123456789", _DIGITS)
_UNITS = ("", "十", "百", "千")
_LARGE = ("", "万", "亿", "万亿")
_LONGEST = 16  # digits of a number that is said as one
_COUNTING_TWO = frozenset("个位人张只条把件本台名口份次天年周分秒斤块元米吨辆间层栋页集种样岁度瓶杯盒片粒枚颗处")
_CODE = 7  # digits: telephone numbers are read one by one
_ROUND = "0000"  # a number that ends so is an amount
_TOKEN = re.compile(
    r"(?P<day>\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?!\d))"
    r"|(?P<year>\d{4}(?=年)|(?<!\d)\d{2}(?=年(?!以|之|后|前|来|内|里)|后(?=的|$)))"
    r"|(?P<clock>(?<![\d:])\d{1,2}:[0-5]\d(?::[0-5]\d)?(?![\d:]))"
    r"|(?P<address>\d+(?:\.\d+){2,})"
    r"|(?P<grouped>(?<!\d)\d{3,4}(?:[- ]\d{3,4}){1,3}(?!\d))"
    r"|(?P<fraction>(?<![\d.])\d+/\d+(?![\d/]))"
    r"|(?P<ratio>(?<![\d.:])\d+(?:\.\d+)?:\d+(?:\.\d+)?(?![\d:]))"
    r"|(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+)?)(?P<mark>%|‰|℃|°[Cc])?",
    re.ASCII,
)


def say_cardinal(value: int) -> str:
    """Return a whole number in words: 一千零五, 十二, 两万三千; at most 16 digits, longer ones digit by digit."""
    if value < 0:
        return f"负{say_cardinal(-value)}"
    if value >= 10**_LONGEST:
        return say_digits(str(value))
    if value == 0:
        return "零"
    groups: list[int] = []
    while value:
        value, low = divmod(value, 10_000)
        groups.append(low)
    said = ""
    for place in range(len(groups) - 1, -1, -1):
        group = groups[place]
        if not group:
            continue
        missing = said and (group < 1000 or (place + 1 < len(groups) and not groups[place + 1]))
        said += ("零" if missing else "") + _section(group) + _LARGE[place]
    return said.removeprefix("一") if said.startswith("一十") else said


def say_digits(digits: str) -> str:
    """Return digits one by one, 1 as 幺, as telephone numbers are read."""
    return digits.translate(_BY_DIGIT)


def say_decimal(text: str) -> str:
    """Return a number in digits, with a point or without, in words: 3.14 is 三点一四."""
    whole, _, fraction = text.replace(",", "").partition(".")
    said = say_cardinal(int(whole or 0))
    return f"{said}点{fraction.translate(_YEAR_DIGITS)}" if fraction else said


def written_out(text: str) -> str:
    """Return ``text`` with its digits as they are said; all else stays as it is."""
    text = re.sub(r"(?<=[\d%])\s*[-~–—]\s*(?=\d)", _span, text)
    text = re.sub(r"(?<![\d\w-])-(?=\d)", "负", text)
    return _TOKEN.sub(_say, re.sub(r"(?<=\d)[×*](?=\d)", "乘", text))


def spoken_form(text: str) -> str:
    """Return what is said when ``text`` is read out, letters small, without spaces and punctuation.

    Digits become numbers (3个 → 三个, 50% → 百分之五十), times and dates; seven digits or more, and those that begin
    with 0, are read one by one as telephone numbers are (138… → 幺三八…).
    """
    plain = unicodedata.normalize("NFKC", text).lower()
    if any(character.isdigit() for character in plain):
        plain = written_out(plain)
    return "".join(character for character in plain if unicodedata.category(character)[0] in "LMN")


def _span(found: re.Match[str]) -> str:
    """Keep the hyphens of dates and telephone numbers; any other between numbers is 到."""
    text, start, end = found.string, found.start(), found.end()
    before = re.search(r"[\d\-/]*$", text[:start])
    behind = re.match(r"[\d\-/]*", text[end:])
    left, right = before[0] if before else "", behind[0] if behind else ""
    if re.fullmatch(r"\d{4}(-\d{1,2})?", left) and re.fullmatch(r"\d{1,2}(-\d{1,2})?", right):
        dashes = (left + "-" + right).count("-")
        return found[0] if dashes == 2 else "到"
    if len(left) in (3, 4) and len(right.split("-")[0]) in (3, 4, 7, 8):
        return found[0]
    return "到" if "-" not in left + right else found[0]


def _say(found: re.Match[str]) -> str:
    kind, text = found.lastgroup or "", found[0]
    if kind == "mark" or kind == "number":
        return _say_number(found)
    if kind == "day":
        year, month, day = re.split(r"[-/.]", text)
        return f"{year.translate(_YEAR_DIGITS)}年{say_cardinal(int(month))}月{say_cardinal(int(day))}日"
    if kind == "year":
        return text.translate(_YEAR_DIGITS)
    if kind == "clock":
        return _say_clock(found)
    if kind == "address":
        return "点".join(part.translate(_BY_DIGIT) for part in text.split("."))
    if kind == "grouped":
        return say_digits(re.sub(r"\D", "", text))
    if kind == "fraction":
        upper, lower = text.split("/")
        return f"{say_cardinal(int(lower))}分之{say_cardinal(int(upper))}"
    left, right = text.split(":")
    return f"{say_decimal(left)}比{say_decimal(right)}"


def _say_number(found: re.Match[str]) -> str:
    text, mark = found["number"], found["mark"]
    digits = text.replace(",", "")
    behind = found.string[found.end() : found.end() + 1]
    if (
        "." not in digits
        and ((len(digits) > 1 and digits[0] == "0") or (len(digits) >= _CODE and not digits.endswith(_ROUND)))
        and "," not in text
    ):
        return say_digits(digits) if not mark else say_decimal(digits)
    said = say_decimal(digits)
    if mark in ("%", "‰"):
        return f"{'百' if mark == '%' else '千'}分之{said}"
    if mark:
        return f"{said}摄氏度"
    return (
        "两"
        if said == "二" and behind in _COUNTING_TWO and found.string[found.start() - 1 : found.start()] != "第"
        else said
    )


def _say_clock(found: re.Match[str]) -> str:
    hour, minute, *seconds = (int(part) for part in found[0].split(":"))
    said = f"{say_cardinal(hour) if hour != 2 else '两'}点"
    if minute or seconds:
        said += f"{'零' if 0 < minute < 10 else ''}{say_cardinal(minute)}分"
    return said + (f"{say_cardinal(seconds[0])}秒" if seconds else "")


def _section(value: int) -> str:
    """Return a number below ten thousand in words, 10 as 一十."""
    said, zero = "", False
    for place in range(3, -1, -1):
        digit = value // 10**place % 10
        if not digit:
            zero = bool(said)
            continue
        said += ("零" if zero else "") + _DIGITS[digit] + _UNITS[place]
        zero = False
    return said

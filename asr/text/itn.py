"""Inverse text normalisation: numbers as people write them, 百分之五十 as 50%, 下午三点半 as 下午3点半.

Where in a text a number stands is found here, and what stands around it is left as it was said: 120块钱, 0.3厘米,
11月21号. The value of a number is written by WeTextProcessing's grammar for Chinese (Apache-2.0), of which the package
wetext brings the compiled transducers. They alone are loaded, not the package, whose import takes half a second and
36 MB for other languages.

Left in words, as GB/T 15835-2011 has it: numbers below ten but for times, dates and decimals (三个人, 一下),
approximations (三四十个, 十几天), and fixed phrases (十全十美).
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import kaldifst

_VALUES = {character: str(value) for value, character in enumerate("零一二三四五六七八九")}
_VALUES |= {"〇": "0", "幺": "1", "两": "2"}

_DIGIT = "[零〇一二三四五六七八九幺]"  # one of several in a row: 幺三八
_ONE = "[零一二两三四五六七八九]"
_UNIT = "[十百千万亿]"
_ANY = "[零〇一二两三四五六七八九十百千万亿]"
_LARGE = f"(?:{_ONE}|十){_ANY}*{_UNIT}{_ANY}*|十{_ANY}*"  # ten and more
_HOUR = "(?:二十[一二三四]?|十[一二三四五六七八九]?|[零一二两三四五六七八九])"
_MINUTE = "(?:[二三四五]?十[一二三四五六七八九]?|零[一二三四五六七八九])"
_TO_THE_HOUR = f"(?:{_MINUTE}分?(?!{_ANY}|钟|之)|[一三]刻|[半整钟])"
_MONTH = "(?:十[一二]?|[一二三四五六七八九])"
_DAY = "(?:三十一?|二十[一二三四五六七八九]?|十[一二三四五六七八九]?|[一二三四五六七八九])"
_DAYTIME = "(?:凌晨|清晨|早上|早晨|上午|中午|下午|傍晚|晚上|夜里|半夜|[今明昨][早晚]|当晚|[今明后昨]天)"

_FIXED = (
    "十分(?!钟|之|[一二三四五六七八九十])|十足|十字|十全十美|十之八九|十有八九|十万火急|十年寒窗|十恶不赦|十八罗汉"
    "|十拿九稳|十指连心|十面埋伏|十里洋场|十万八千里|三十而立|四十不惑|五十步笑百步|七十二变|八十一难|一千零一夜"
    "|三十六计|二百五|两百五|双十一|双十二|国庆十一|十一(?=假期|黄金周|长假)|一五一十|三七二十一|九九八十一|二十四孝"
    "|二十四节气|三百六十行|百八十|三三两两|一点一点|一点一滴|万一|千万|亿万|百十来?|一二三四五六七"
)

_RULES = {
    "fixed": _FIXED,
    "date": (
        # 三五年, 八九年 are some years; 八五年 is one of a century.
        f"(?:{_DIGIT}{{4}}|(?!一二|二三|三四|三五|四五|五六|六七|七八|八九){_DIGIT}{{2}})年(?:{_MONTH}月(?:{_DAY}[号日])?)?|{_MONTH}月{_DAY}[号日]|十[一二]?月"
        f"|(?:三十一?|二十[一二三四五六七八九]?|十[一二三四五六七八九]?)[号日]"
    ),
    # 一点 is mostly a little: 有一点半懂, 早一点, 下午一点都不热.
    "time": (
        f"{_DAYTIME}{_HOUR}点(?![都也儿就]){_TO_THE_HOUR}?"
        f"|(?<![有差快慢早晚大小好高低多少半零一二两三四五六七八九十]){_HOUR}点{_TO_THE_HOUR}(?!点)"
    ),
    "percent": f"百分之(?:百|{_ANY}+(?:点{_DIGIT}+)?)|百分百",
    "fraction": f"{_ANY}+分之{_ANY}+",
    "ratio": f"{_ANY}+比{_ANY}+(?!较)",
    "decimal": f"{_ANY}+点{_DIGIT}+[万亿]?(?![点半])",
    # Two digits next to each other, before a unit (三四十) or behind one (十七八个), are as many or so.
    "approximate": (
        f"[几数好]{_UNIT}{_ANY}*|{_UNIT}[几来]"
        f"|(?:{_ANY}*{_UNIT})?[一二两三四五六七八九]{{2}}{_UNIT}+|{_ANY}*{_UNIT}[一二三四五六七八九]{{2}}(?!{_ANY})"
    ),
    "row": f"{_DIGIT}{{3,}}(?!{_UNIT})|[五六七八九]零(?=后)|{_DIGIT}零(?={_DIGIT})",
    # 三块五, 一米七五, 三十七度二: what follows the unit is a part of the number.
    "parts": f"(?:{_LARGE}|{_ONE})(?:块{_ONE}(?!{_ANY}|[块个])|米{_ONE}{{1,2}}(?!{_ANY})|度{_ONE}(?!{_ANY}|[个度]))",
    "large": _LARGE,
}
_LEFT_AS_SPOKEN = {"fixed", "approximate"}


@dataclass(frozen=True)
class Rewriting:
    """The characters `start` to `end` (exclusive) of a text are written as `text`."""

    start: int
    end: int
    text: str


class InverseTextNormalizer:
    """Finds the numbers of a text and writes them in digits. Keeps nothing between calls; threads may share it."""

    def __init__(self) -> None:
        """Load the grammar: some 50 ms, 8 MB in memory."""
        self._tagger, self._verbalizer = _transducers()
        self._pattern = re.compile("|".join(f"(?P<{name}>{rule})" for name, rule in _RULES.items()))
        self._writers: dict[str, Callable[[str], str]] = {
            "percent": self._by_grammar,
            "decimal": self._by_grammar,
            "fraction": self._fraction,
            "ratio": self._ratio,
            "row": _digits,
            "large": self._number,
        }

    def rewritings(self, text: str) -> list[Rewriting]:
        """Find the numbers of a text.

        Args:
            text: as it was spoken, without punctuation; whatever is no Chinese character parts numbers.

        Returns:
            What to write in place of what, in order, without overlap.
        """
        return [change for match in self._pattern.finditer(text) for change in self._rewrite(match)]

    def normalize(self, text: str) -> str:
        """Return `text` with its numbers in digits."""
        for change in reversed(self.rewritings(text)):
            text = text[: change.start] + change.text + text[change.end :]
        return text

    def _rewrite(self, match: re.Match[str]) -> Iterator[Rewriting]:
        rule = match.lastgroup or ""
        if rule in self._writers:
            written = self._writers[rule](match.group())
            if written != match.group():
                yield Rewriting(match.start(), match.end(), written)
        elif rule not in _LEFT_AS_SPOKEN:
            for number in re.finditer(f"{_ANY}+(?!刻)", match.group()):
                yield Rewriting(
                    match.start() + number.start(), match.start() + number.end(), self._number(number.group())
                )

    def _number(self, spoken: str) -> str:
        if not re.search(_UNIT, spoken):
            return _digits(spoken)
        # 十万 is 10万 to everybody, and 100000 to the grammar.
        if spoken[-1] in "万亿" and len(spoken) > 1 and not re.search("[万亿]", spoken[:-1]):
            return self._number(spoken[:-1]) + spoken[-1]
        return self._by_grammar(spoken)

    def _fraction(self, spoken: str) -> str:
        lower, _, upper = spoken.partition("分之")
        if lower == "千":
            return f"{self._number(upper)}‰"
        return spoken if lower in "百万亿" else f"{self._number(upper)}/{self._number(lower)}"

    def _ratio(self, spoken: str) -> str:
        return ":".join(self._number(part) for part in spoken.split("比"))

    def _by_grammar(self, spoken: str) -> str:
        written = str(self._verbalizer(self._tagger(spoken).strip())).strip()
        return spoken if " " in written else written  # two numbers that run together: 一百二十八十


def _digits(spoken: str) -> str:
    return "".join(_VALUES[character] for character in spoken)


@cache
def _transducers() -> tuple[kaldifst.TextNormalizer, kaldifst.TextNormalizer]:
    spec = importlib.util.find_spec("wetext")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "fsts" / "zh" / "itn"
    return kaldifst.TextNormalizer(str(folder / "tagger.fst")), kaldifst.TextNormalizer(str(folder / "verbalizer.fst"))

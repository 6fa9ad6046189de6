"""Names of people: introduced (我叫…, 姓…名…), corrected (应该是…), explained (木子李), or as the bare answer.

What is taken is what can be a name: a known surname and one or two characters, a name of a minority with its dots or in
the characters that transcribe such names, Latin letters. Other words are given back with low confidence, so that they
are asked about; sentences, questions and commands are not given back at all.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime

from bot.domains.words import Words
from bot.slots.mention import Mention, spelled_confidence
from bot.slots.names import HAN, Surnames, spell_out, without_explanations
from bot.understanding.normalised import CleanText
from bot.understanding.sounds import Sounds, syllables

_ONLY_ANSWERS = re.compile(r"(?:是|叫)\s*")
_REPAIRED = 0.8  # below SURE: a name that lost a syllable is said back as a question
_DOT = "·•・.‧∙⋅"
_ANY_HAN = "㐀-䶿一-鿿豈-﫿𠀀-𲎯〇"
_STOP = (
    rf"(?=$|[^{_ANY_HAN}a-z·•・.‧∙⋅]|电话|手机|号码|联系|想|要(?!$)|也?(?:挂|约)|预约|吧|啊|呀|哦|呢|今天|明天|后天|下周|"
    r"这周|就(?!$)|不(?:是|叫)|的(?:号|票|名字)|(?:他|她|我)(?:的|电话|手机|要|想|今年|家|姓|是))"
)
_NAME = rf"(?:{HAN}{{1,8}}(?:[{_DOT}]{HAN}{{1,10}})+|{HAN}{{2,4}}?|[a-z][a-z .'·-]{{1,30}})"
_SURNAME_FIRST = re.compile(
    rf"姓(?P<family>{HAN}{{1,2}}?)[, ]?(?:名字|单名|名|叫)(?:叫|一个|是)?"
    rf"(?P<given>{HAN}{{1,4}}?)(?=$|[^{_ANY_HAN}]|字|吧|啊)"
)
_SURNAME_ONLY = re.compile(rf"(?:^|我|免贵|病人|患者|他|她|就)姓(?!名|氏)(?P<family>{HAN})(?=$|[^{_ANY_HAN}]|的|啊|吧)")
_FILLERS = re.compile(r"^(?:嗯|呃|额|啊|哦|哎|那个|就是|就|好的?|对)+[,，]?|(?:吧|啊|呀|哦|呢|的|哈)+$")
_SPACED = re.compile(rf"^{HAN}(?: {HAN}){{1,4}}$")


class PersonReader:
    """Finds one name; what does not look like one is given back with low confidence, so that it is asked about."""

    def __init__(self, slot: str, words: Words) -> None:
        """Read for `slot` with the surnames and introductions of `words`."""
        self._slot = slot
        self._surnames = Surnames(words)
        self._nobody = frozenset(words.nobody)
        self._no_names = frozenset(words.no_names)
        self._spelled_out = words.spelled_out
        self._transcribes = frozenset(words.transcribing)
        relatives = "|".join(sorted(words.relatives, key=len, reverse=True))
        titles = "|".join(sorted(words.titles, key=len, reverse=True))
        self._introduced_by = _introduction(relatives)
        self._no_name = re.compile("^[我他她你您咱俺]|" + "|".join(map(re.escape, words.not_in_names)))
        self._titled = re.compile(
            rf"^(?:我是|叫我|就是|是|我姓)?(?P<family>{HAN}{{1,2}})(?:{titles})(?:啊|吧|的)?$|"
            rf"^(?:叫我|我是|就叫)?(?P<nick>[小老阿])(?P<short>{HAN})(?:啊|吧)?$"
        )
        self._prefix_sounds = [(prefix, syllables(prefix)) for prefix in words.name_prefixes]

    def read(self, heard: CleanText, sounds: Sounds | None, *, asked: bool, now: datetime) -> list[Mention]:
        """Return the name, if any; see SlotReader. A bare answer is taken only when a name was asked for."""
        found = self._introduced(heard, asked=asked)
        if not found and asked:
            found = self._bare(heard)
        return [found] if found else []

    def _introduced(self, heard: CleanText, *, asked: bool) -> Mention | None:
        surname_first = _SURNAME_FIRST.search(heard.text)
        if surname_first:
            family, given = surname_first["family"], surname_first["given"]
            name = given if given.startswith(family) and len(given) > 1 else family + given
            return self._mention(heard, name, *surname_first.span())
        if asked and (explained := self._explained(heard)):
            return explained
        if alone := _SURNAME_ONLY.search(heard.text):
            return self._mention(
                heard, "", *alone.span(), problem="name_incomplete", details={"family": alone["family"]}
            )
        found: list[Mention] = []
        for match in self._introduced_by.finditer(heard.text):
            start, end = match.span("name")
            name = heard.shown[start:end].strip()
            if match["name"] not in self._nobody and self._can_be_introduced(name, match[0], asked=asked):
                found.append(self._mention(heard, name, match.start(), end))
        return found[-1] if found else None

    def _can_be_introduced(self, name: str, words: str, *, asked: bool) -> bool:
        """Whether what follows an introduction is a name: 我叫小明 is, 我叫个车 and 我叫什么来着 are not."""
        if (
            self._titled.match(name)
            or self._no_name.search(name)
            or (not asked and _ONLY_ANSWERS.fullmatch(words.removesuffix(name)))
        ):
            return False
        if not re.match(HAN, name) or self._surnames.begin(name) or any(dot in name for dot in _DOT):
            return True
        named = re.search(r"[名姓]|叫(?!个|一|辆|份|车|了|醒|我|外)", words) is not None
        return named and (asked or not re.search(r"^(?:个|一|辆|份|车|了|醒|外卖)", name))

    def _explained(self, heard: CleanText) -> Mention | None:
        """Return a name whose characters are explained: 木子李，李晓明，早晨的晨; 张三丰的张，伟大的伟."""
        text = heard.text.replace(" ", "")
        name = spell_out(text, self._spelled_out, self._surnames.begin)
        if not name:
            return None
        # what explains the characters is no value of another slot: 早晨 in 早晨的晨
        return replace(self._mention(heard, name, 0, len(heard.text)), gain=float(len(heard.text)))

    def _bare(self, heard: CleanText) -> Mention | None:
        """Take the whole answer, without introduction and particles, for a name."""
        if _SPACED.match(heard.text.strip()):
            return self._mention(heard, heard.text.replace(" ", ""), 0, len(heard.text), how="bare")
        for piece in re.finditer(r"[^\s,,。!!?？、;:]+(?: (?=[a-z])[a-z'-]+)*", heard.text):
            start, end = self._strip(heard, *piece.span())
            name = without_explanations(heard.text[start:end], self._spelled_out)
            if name in self._nobody:
                return self._mention(heard, "", start, end, problem="name_needed")
            if titled := self._titled.match(name):
                return self._only_titled(heard, titled, start, end)
            if found := self._name_of(heard, name, start, end):
                return found
        return None

    def _name_of(self, heard: CleanText, name: str, start: int, end: int) -> Mention | None:
        if re.fullmatch(r"[a-z][a-z '-]{1,30}", name) and len(name) > 2:
            return self._mention(heard, heard.shown[start:end], start, end, how="bare")
        if not re.fullmatch(rf"{HAN}+(?:[{_DOT}]{HAN}+)*", name) or self._no_name.search(name):
            return None
        if name in self._no_names:
            return None
        if re.fullmatch(rf"{HAN}{{1,8}}(?:[{_DOT}]{HAN}{{1,10}})+", name) or 2 <= len(name) <= 4:
            return self._mention(heard, name, start, start + len(name), how="bare")
        if 5 <= len(name) <= 14:
            transcribed = sum(character in self._transcribes for character in name) / len(name)
            compound = self._surnames.compound(name) and len(name) <= 7
            if transcribed >= 0.6 or compound:
                return self._mention(
                    heard, name, start, start + len(name), how="bare", known=compound or transcribed >= 0.9
                )
        return None

    def _only_titled(self, heard: CleanText, titled: re.Match[str], start: int, end: int) -> Mention | None:
        family = titled["family"] or titled["short"] or ""
        if titled["nick"] and not self._surnames.begin(family):
            return self._mention(heard, titled[0], start, end, how="bare")
        if not self._surnames.begin(family):
            return None
        return self._mention(heard, "", start, end, problem="name_titled", details={"family": titled[0]})

    def _strip(self, heard: CleanText, start: int, end: int) -> tuple[int, int]:
        """Return the span without introduction and particles; when spoken, the introduction may be misspelled.

        A surname that sounds like an introduction is none: 石建国, 焦玉梅.
        """
        for filler in list(_FILLERS.finditer(heard.text[start:end])):
            if end - start - len(filler[0]) < 2:
                continue
            if filler.start() == 0:
                start += filler.end()
            else:
                end -= filler.end() - filler.start()
        text = heard.text[start:end]
        sound = syllables(text) if heard.spoken else ()
        for prefix, prefix_sound in self._prefix_sounds:
            rest = len(text) - len(prefix)
            alike = sound[: len(prefix)] == prefix_sound and not (len(prefix) == 1 and self._surnames.begin(text))
            if rest >= 2 and (text.startswith(prefix) or alike):
                return start + len(prefix), end
        return start, end

    def _mention(
        self,
        heard: CleanText,
        name: str,
        start: int,
        end: int,
        *,
        how: str = "spelled",
        problem: str = "",
        details: dict[str, str] | None = None,
        known: bool | None = None,
    ) -> Mention:
        dotted = any(dot in name for dot in _DOT)
        repaired = self._surnames.repair(name) if heard.spoken and known is None and not dotted else name
        if known is None:
            known = self._surnames.begin(repaired) or not re.match(HAN, repaired) or dotted
        confidence = spelled_confidence(heard, start, end) if how == "spelled" else 0.9
        if len(repaired) < len(name):
            confidence = min(confidence, _REPAIRED)
        return Mention(
            slot=self._slot,
            value="" if problem else repaired,
            said=heard.shown[start:end],
            start=start,
            end=end,
            confidence=confidence if known or how == "spelled" or problem else 0.6,
            how="spelled" if how == "spelled" else "bare",
            gain=len(name) - 0.5,
            problem=problem,
            details=details or {},
        )


def _introduction(relatives: str) -> re.Pattern[str]:
    """Return what introduces or corrects a name, and the name: 我爱人叫…, 名字应该是…, 就写…."""
    whose = rf"(?:我|他|她|俺|咱)?(?:家)?(?:的)?(?:那个)?(?:{relatives})"
    leads = (
        rf"(?:(?:{whose}|我|他|她|它)(?:的)?)?(?:真正的?|正确的?|全)?(?:名字|姓名|大名|全名)\s*"
        r"(?:就?(?:是|叫)(?:做)?|[:：]|应该是|改成|改为|换成|写成|得是)",
        rf"(?<![帮给让替请为])(?:我|他|她|它|{whose})(?:就|也)?(?:叫(?:做)?|名叫)",
        rf"{whose}(?:就?是|[:：])",
        r"(?:不对|不是|错了|写错了|听错了|弄错了|搞错了|不)[,。\s]*(?:应该|其实)?(?:是叫|是|叫)",
        r"(?:应该|其实)(?:是|叫)|^(?:是|叫)|(?:名字|姓名)?(?:改成|改为|换成|改叫|写成)",
        r"(?:给|帮|替)(?:病人|患者)?",
        r"(?:就|给我)?(?:写|填|记|登记|用|挂)(?:成|上|在|我|他|她)?(?:的名字)?(?:是|叫)?",
    )
    return re.compile(rf"(?:{'|'.join(leads)})\s*(?P<name>{_NAME}){_STOP}")

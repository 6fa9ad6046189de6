"""Names of people: introduced (我叫…, 病人是…, 姓…名…), or as the bare answer when a name was asked for."""

from __future__ import annotations

import re
from datetime import datetime

from bot.domains.words import Words
from bot.slots.mention import Mention, spelled_confidence
from bot.understanding.normalised import CleanText
from bot.understanding.sounds import Sounds, syllables

_FREQUENT = 60
_HAN = r"[一-鿿]"
_INTRODUCED = re.compile(
    rf"(?:(?:我的?|他的?|她的?|病人的?|患者的?|就诊人的?|孩子的?)?(?:名字|姓名)(?:就?[是叫]|[::])?|"
    rf"(?:我|他|她|它|孩子|病人|患者|就诊人)(?:就?叫)|(?:病人|患者|就诊人)(?:就?是|[::]))\s*(?:做)?"
    rf"(?P<name>{_HAN}{{2,4}}?|[a-z][a-z .'·-]{{1,30}})"
    rf"(?=$|[^一-鿿a-z]|电话|手机|号码|联系|想|要|挂|预约|吧|啊|呀|哦|我|今天|明天|后天|下周|这周|他|她|就)"
)
_SURNAME_FIRST = re.compile(
    rf"姓(?P<family>{_HAN}{{1,2}}?)[, ]?(?:名字|单名|名|叫)(?:叫|一个|是)?"
    rf"(?P<given>{_HAN}{{1,4}}?)(?=$|[^一-鿿]|字|吧|啊)"
)
_SURNAME_ONLY = re.compile(rf"(?:我|免贵|病人|患者|他|她)姓(?P<family>{_HAN})(?=$|[^一-鿿])")
_FILLERS = re.compile(r"^(?:嗯|呃|额|啊|哦|那个|就是|就)+|(?:吧|啊|呀|哦|呢|的)+$")


class PersonReader:
    """Finds one name; what does not look like one is given back with low confidence, so that it is asked about."""

    def __init__(self, slot: str, words: Words) -> None:
        """Read for `slot` with the surnames and introductions of `words`."""
        self._slot = slot
        self._surnames = Surnames(words)
        self._nobody = frozenset(words.nobody)
        self._spelled_out = words.spelled_out
        self._prefix_sounds = [(prefix, syllables(prefix)) for prefix in words.name_prefixes]

    def read(self, heard: CleanText, sounds: Sounds | None, *, asked: bool, now: datetime) -> list[Mention]:
        """Return the name, if any; see SlotReader. A bare answer is taken only when a name was asked for."""
        found = self._introduced(heard)
        if not found and asked:
            found = self._bare(heard)
        return [found] if found else []

    def _introduced(self, heard: CleanText) -> Mention | None:
        surname_first = _SURNAME_FIRST.search(heard.text)
        if surname_first:
            family, given = surname_first["family"], surname_first["given"]
            name = given if given.startswith(family) and len(given) > 1 else family + given
            return self._mention(heard, name, *surname_first.span())
        if alone := _SURNAME_ONLY.search(heard.text):
            return self._mention(
                heard, "", *alone.span(), problem="name_incomplete", details={"family": alone["family"]}
            )
        match = _INTRODUCED.search(heard.text)
        if not match or match["name"] in self._nobody:
            return None
        start, end = match.span("name")
        return self._mention(heard, heard.shown[start:end].strip(), match.start(), end)

    def _bare(self, heard: CleanText) -> Mention | None:
        """Take the whole answer, without introduction and particles, for a name."""
        for piece in re.finditer(r"[^\s,,。.!!?？、;:]+(?: (?=[a-z])[a-z'-]+)*", heard.text):
            start, end = self._strip(heard, *piece.span())
            name = heard.text[start:end]
            for spelled_out, family in self._spelled_out.items():
                name = name.removesuffix(f"{spelled_out}{family}").removesuffix(f"{spelled_out}的{family}")
            if name in self._nobody:
                return self._mention(heard, "", start, end, problem="name_needed")
            if re.fullmatch(rf"{_HAN}{{2,4}}|{_HAN}{{1,6}}·{_HAN}{{1,10}}", name):
                return self._mention(heard, name, start, start + len(name), how="bare")
            if re.fullmatch(r"[a-z][a-z '-]{1,30}", name) and len(name) > 2:
                return self._mention(heard, heard.shown[start:end], start, end, how="bare")
        return None

    def _strip(self, heard: CleanText, start: int, end: int) -> tuple[int, int]:
        """Return the span without introduction and particles; when spoken, the introduction may be misspelled."""
        text = heard.text[start:end]
        for filler in list(_FILLERS.finditer(text)):
            if filler.start() == 0:
                start += filler.end()
            else:
                end -= filler.end() - filler.start()
        text = heard.text[start:end]
        sound = syllables(text) if heard.spoken else ()
        for prefix, prefix_sound in self._prefix_sounds:
            rest = len(text) - len(prefix)
            if rest >= 2 and (text.startswith(prefix) or sound[: len(prefix)] == prefix_sound):
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
    ) -> Mention:
        repaired = self._surnames.repair(name) if heard.spoken else name
        known = self._surnames.begin(repaired) or not re.match(_HAN, repaired)
        confidence = spelled_confidence(heard, start, end) if how == "spelled" else 0.9
        return Mention(
            slot=self._slot,
            value=repaired,
            said=heard.shown[start:end],
            start=start,
            end=end,
            confidence=confidence if known or how == "spelled" or problem else 0.6,
            how="spelled" if how == "spelled" else "bare",
            gain=len(name) - 0.5,
            problem=problem,
            details=details or {},
        )


class Surnames:
    """The usual surnames and their sounds. Immutable."""

    def __init__(self, words: Words) -> None:
        """Know the surnames of `words`."""
        self._single = words.surnames
        self._compound = frozenset(words.compound_surnames)
        self._by_sound: dict[str, str] = {}
        for surname in words.surnames:
            self._by_sound.setdefault(syllables(surname)[0], surname)  # the most frequent one comes first

    def begin(self, name: str) -> bool:
        """Whether a name begins with a usual surname."""
        return bool(name) and (name[0] in self._single or name[:2] in self._compound)

    def repair(self, name: str) -> str:
        """Give a misheard surname its usual spelling: 望小明 is 王小明. Only what is no surname is touched."""
        if len(name) < 2 or self.begin(name) or not re.match(_HAN, name):
            return name
        if len(name) > 2 and name[1] in self._single[:_FREQUENT]:
            return name[1:]  # a stray syllable before the name: 乘赵敏
        surname = self._by_sound.get(syllables(name)[0])
        return surname + name[1:] if surname else name

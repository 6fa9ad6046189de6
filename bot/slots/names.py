"""What names are made of: the usual surnames, and how people explain characters (木子李, 早晨的晨, 张三丰的张)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from bot.domains.words import Words
from bot.understanding.sounds import syllables

HAN = r"[㐀-䶿一-鿿豈-﫿𠀀-𲎯〇]"
"""Any Chinese character that Unicode has."""

_FREQUENT = 60
_LEAD = re.compile(r"^(?:嗯|呃|啊|哦|不对|不是|我|他|她|病人|患者|名字|姓名|应该|就|是|叫|姓|[,。\s])+")
_SURNAME = re.compile(rf"姓(?P<family>{HAN})")


def spell_out(text: str, surnames: Mapping[str, str], is_surname: Callable[[str], bool]) -> str:
    """Return the name that is explained in `text`, "" when nothing is explained in it.

    `surnames` maps how a surname is described to it (弓长 is 张). The name may stand there whole, and is then put right
    where an explanation sounds like one of its characters; or it is put together of what is explained.
    """
    explained = list(_explanations(text, surnames))
    if not explained:
        return ""
    rest = text
    for start, end, _ in sorted(explained, reverse=True):
        rest = rest[:start] + "," + rest[end:]
    characters = "".join(character for _, _, character in explained)
    family = match["family"] if (match := _SURNAME.search(rest)) else ""
    rest = _SURNAME.sub(",", rest) if family else rest
    for piece in re.findall(rf"{HAN}+", rest):
        name = re.sub(r"(?:吧|啊|呀|的|呢)+$", "", _LEAD.sub("", piece))
        if 2 <= len(name) <= 4 and is_surname(name):
            return _put_right(name, characters)
    pieces = [re.sub(r"^(?:是|叫|姓|就)+", "", piece) for piece in re.findall(rf"{HAN}+", rest)]
    pieces = [piece for piece in pieces if piece]
    if len(pieces) == 1 and len(pieces[0]) <= 2 and not family and is_surname(characters[0]):
        joined = pieces[0] if pieces[0].startswith(characters[0]) else characters[0] + pieces[0]
        return _put_right(joined, characters) if len(joined) > 1 else ""
    name = characters if not family or characters.startswith(family) else family + characters
    return name if 2 <= len(name) <= 4 and is_surname(name) and not pieces else ""


def without_explanations(text: str, surnames: Mapping[str, str]) -> str:
    """Return a name without what explains its surname: 李明木子李 is 李明."""
    for described, family in surnames.items():
        text = text.removesuffix(f"{described}{family}").removesuffix(f"{described}的{family}")
    return text


def _explanations(text: str, surnames: Mapping[str, str]) -> Iterator[tuple[int, int, str]]:
    """Yield what is explained: where the explanation begins and ends, and the character."""
    taken: list[tuple[int, int]] = []
    described = "|".join(sorted(map(re.escape, surnames), key=len, reverse=True))
    if described:
        for match in re.finditer(rf"(?P<how>{described})(?:的)?(?P<family>{HAN})", text):
            if surnames[match["how"]] == match["family"]:
                taken.append(match.span())
                yield *match.span(), match["family"]
    for match in re.finditer(rf"(?:的那个|那个|的)(?P<character>{HAN})", text):
        character = match["character"]
        start = text.rfind(character, max(0, match.start() - 8), match.start())
        if start < 0:
            continue
        first = _beginning(text, start, match.start())
        if match.start() - first >= 2 and all(match.end() <= one or first >= other for one, other in taken):
            taken.append((first, match.end()))
            yield first, match.end(), character


def _beginning(text: str, character: int, end: int) -> int:
    """Return where the phrase begins that holds a character: two characters, or back to the last comma."""
    comma = max(text.rfind(mark, 0, end) for mark in ",。;、 ") + 1
    if comma and end - comma <= 8:
        return comma
    return max(comma, min(character, end - 2))


def _put_right(name: str, characters: str) -> str:
    """Return the name with each character replaced by an explained one that sounds the same: 晓辰, 早晨的晨."""
    sounds = list(syllables(name))
    for character in characters:
        sound = syllables(character)[0]
        if character not in name and sound in sounds:
            place = sounds.index(sound)
            name = name[:place] + character + name[place + 1 :]
    return name


class Surnames:
    """The usual surnames and their sounds. Immutable."""

    def __init__(self, words: Words) -> None:
        """Know the surnames of `words`."""
        self._single = words.surnames
        self._rare = words.rare_surnames
        self._compound = tuple(words.compound_surnames)
        self._by_sound: dict[str, str] = {}
        for surname in words.surnames:
            self._by_sound.setdefault(syllables(surname)[0], surname)  # the most frequent one comes first

    def begin(self, name: str) -> bool:
        """Whether a name begins with a usual surname."""
        return bool(name) and (name[0] in self._single or self.compound(name))

    def compound(self, name: str) -> bool:
        """Whether a name begins with a surname of several characters."""
        return name.startswith(self._compound)

    def repair(self, name: str) -> str:
        """Give a misheard surname its usual spelling: 望小明 is 王小明. Only what is no surname is touched."""
        if len(name) < 2 or self.begin(name) or not re.match(HAN, name):
            return name
        if len(name) > 2 and name[0] not in self._rare and name[1] in self._single[:_FREQUENT]:
            return name[1:]  # a stray syllable before the name: 乘赵敏
        if name[0] in self._rare:
            return name
        surname = self._by_sound.get(syllables(name)[0])
        return surname + name[1:] if surname else name

"""The usual surnames, and how a misheard one is put right."""

from __future__ import annotations

import re

from bot.domains.words import Words
from bot.slots.explained_name import HAN
from bot.understanding.sounds import syllables

_FREQUENT = 60


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

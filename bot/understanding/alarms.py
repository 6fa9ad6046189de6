"""Words of a crisis or an emergency: wanting to die, not breathing, heavy bleeding, convulsions, violence, fire.

Each kind is a grammar of what is said (a part of the body and what is wrong with it, a wish and what is wished), and a
list of its usual expressions that are also found by sound. What is denied (没有晕倒), long past (去年晕倒过), asked in
general (怎么预防中风) or a manner of speech (笑死我了) is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

from bot.understanding.normalised import CleanText
from bot.understanding.sounds import SoundLexicon, Sounds

Kind = Literal["crisis", "emergency", "danger", "fire", "caution"]


@dataclass(frozen=True)
class Alarm:
    """A kind of alarm and the words that raised it."""

    kind: Kind
    said: str


_GRAMMAR = yaml.safe_load(Path(__file__).with_name("alarms.yaml").read_text(encoding="utf-8"))
_KINDS: tuple[tuple[Kind, re.Pattern[str]], ...] = tuple(
    (kind, re.compile("|".join(patterns))) for kind, patterns in _GRAMMAR["kinds"].items()
)
_SPOKEN: dict[str, Kind] = {word: kind for kind, words in _GRAMMAR["spoken"].items() for word in words}
_NEAR_ENOUGH = 0.9
_DENIED, _LONG_PAST, _NOW, _GENERAL, _FIGURE = (
    re.compile("|".join(_GRAMMAR[name])) for name in ("denied", "long_past", "now", "general", "figure")
)
_RECENT = re.compile(r"昨[天晚]|前[天晚]|前几天|[上这]周|上个?星期|前段时间|几天前")
_CLAUSE = re.compile(r"[^,。;!?\n]+")


class Alarms:
    """Finds alarms in utterances. Immutable, safe to share."""

    def __init__(self) -> None:
        """Index the usual expressions by their sound."""
        self._sounds = SoundLexicon(tuple(_SPOKEN))

    def find(self, heard: CleanText, sounds: Sounds | None) -> Alarm | None:
        """Return the gravest alarm in an utterance, None when there is none; `sounds` is None for typed text."""
        for kind, pattern in _KINDS:
            for match in pattern.finditer(heard.text):
                if self._is_meant(heard.text, *match.span()):
                    return Alarm(kind if not self._is_past(heard.text, *match.span()) else "caution", match[0])
        return next(self._by_sound(heard, sounds), None) if sounds is not None else None

    def _by_sound(self, heard: CleanText, sounds: Sounds) -> Iterator[Alarm]:
        for match in self._sounds.find(sounds, min_score=_NEAR_ENOUGH, most=3):
            span = (match.start, match.end)
            if match.spelled and self._is_meant(heard.text, *span) and not self._is_past(heard.text, *span):
                yield Alarm(_SPOKEN[match.word], heard.text[slice(*span)])

    @staticmethod
    def _is_meant(text: str, start: int, end: int) -> bool:
        clause = next((one for one in _CLAUSE.finditer(text) if one.start() <= start < one.end()), None)
        words = clause[0] if clause else text
        before = text[clause.start() if clause else 0 : start]
        if _DENIED.search(before) or _GENERAL.search(words):
            return False
        if _FIGURE.search(words) and not any(p.search(_FIGURE.sub("", words)) for _, p in _KINDS):
            return False
        return not (_LONG_PAST.search(words) and not _NOW.search(words) and not _recent(words))

    @staticmethod
    def _is_past(text: str, start: int, end: int) -> bool:
        """Whether it happened yesterday or some days ago: grave, but no longer a matter of minutes."""
        clause = next((one[0] for one in _CLAUSE.finditer(text) if one.start() <= start < one.end()), text)
        return bool(_recent(clause)) and not _NOW.search(clause)


def _recent(clause: str) -> re.Match[str] | None:
    return _RECENT.search(clause)

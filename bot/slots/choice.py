"""One of a list of values, by its name, a synonym, a hint (a symptom for a department) or a pattern."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.slots.mention import How, Mention, believable, pick, sound_confidence, sound_gain, spelled_confidence
from bot.understanding.normalised import CleanText
from bot.understanding.sounds import SoundLexicon, Sounds

_HINT_DISCOUNT = 0.1
_DOUBTED = 0.8  # below SURE, so that it is asked about


@dataclass(frozen=True)
class Choice:
    """A value and the words for it. `refuse` names the sentence that says why it cannot be had ("" when it can)."""

    value: str
    synonyms: Sequence[str] = ()
    hints: Sequence[str] = ()
    patterns: Sequence[str] = ()
    refuse: str = ""
    signs: Sequence[str] = ()
    over: Sequence[str] = ()


class ChoiceReader:
    """Finds the values of a list; longer names win over shorter ones inside them, names win over hints."""

    def __init__(self, slot: str, choices: Sequence[Choice], others: str = "") -> None:
        """Index `choices` for `slot`; `others` is what a value looks like that is not among them ("" for nothing)."""
        self._others = re.compile(others) if others else None
        self._signs = [(_sign(sign), choice) for choice in choices for sign in choice.signs]
        self._slot = slot
        self._words: dict[str, tuple[Choice, How]] = {}
        for choice in choices:
            for word in choice.hints:
                self._words.setdefault(word.lower(), (choice, "hint"))
        for choice in choices:
            for word in (*choice.synonyms, choice.value):
                self._words[word.lower()] = (choice, "spelled")
        self._by_first: dict[str, list[str]] = {}
        for word in self._words:
            self._by_first.setdefault(word[0], []).append(word)
        self._patterns = [(re.compile(pattern), choice) for choice in choices for pattern in choice.patterns]
        self._lexicon = SoundLexicon(tuple(self._words))

    @property
    def words(self) -> tuple[str, ...]:
        """All names, synonyms and hints."""
        return tuple(self._words)

    def read(self, heard: CleanText, sounds: Sounds | None, *, asked: bool, now: datetime) -> list[Mention]:
        """Return the values named; see SlotReader."""
        found = self._by_spelling(heard, asked=asked)
        rivals: list[Mention] = []
        if sounds is not None:
            near, rivals = self._by_sound(heard, sounds, asked=asked)
            found += near
        picked = [_doubted(mention, rivals) for mention in pick(found)]
        if any(mention.how != "hint" for mention in picked):
            picked = [mention for mention in picked if mention.how != "hint"]
        over = {value for one in picked if one.details.get("over") for value in one.details["over"].split()}
        picked = [mention for mention in picked if mention.value not in over]
        if not picked and self._others and (match := self._others.search(heard.text)):
            return [self._unknown(heard, match)]
        return picked

    def _unknown(self, heard: CleanText, match: re.Match[str]) -> Mention:
        """Return the mention of what looks like a value and is none: a doctor who does not work here."""
        start, end = match.span()
        confidence = spelled_confidence(heard, start, end)
        details = {"said": heard.shown[start:end]}
        return Mention(self._slot, "", heard.shown[start:end], start, end, confidence, "spelled", float(end - start),
                       problem="choice_unknown", details=details)  # fmt: skip

    def _by_spelling(self, heard: CleanText, *, asked: bool) -> list[Mention]:
        """Return the words that stand there; one of a single character counts only when it was asked for."""
        found = []
        for word in (word for first in dict.fromkeys(heard.text) for word in self._by_first.get(first, ())):
            choice, how = self._words[word]
            start = heard.text.find(word) if asked or len(word) > 1 else -1
            while start >= 0:
                confidence = spelled_confidence(heard, start, start + len(word))
                found.append(self._mention(heard, choice, (start, start + len(word)), confidence, how, len(word), word))
                start = heard.text.find(word, start + 1)
        for sign, choice in self._signs:
            for match in sign.finditer(heard.text):
                side = "sign" if match["sign"] else "mark"
                word = (match["part"] or match["limb"]) + match[side]
                confidence = spelled_confidence(heard, *match.span(side))
                found.append(self._mention(heard, choice, match.span(side), confidence, "hint", len(word), word))
        for pattern, choice in self._patterns:
            for match in pattern.finditer(heard.text):
                confidence = spelled_confidence(heard, *match.span())
                found.append(self._mention(heard, choice, match.span(), confidence, "spelled", len(match[0]), match[0]))
        return found

    def _by_sound(self, heard: CleanText, sounds: Sounds, *, asked: bool) -> tuple[list[Mention], list[Mention]]:
        """Return what is near enough to be meant, and all that is near at all."""
        near, all_found = [], []
        for match in self._lexicon.find(sounds, min_score=0.7):
            choice, how = self._words[match.word]
            way: How = "hint" if how == "hint" else "sound"
            span = (match.start, match.end)
            mention = self._mention(heard, choice, span, sound_confidence(match), way, sound_gain(match), match.word)
            all_found.append(mention)
            if believable(match, asked=asked):
                near.append(mention)
        return near, all_found

    def _mention(
        self,
        heard: CleanText,
        choice: Choice,
        span: tuple[int, int],
        confidence: float,
        how: How,
        gain: float,
        word: str,
    ) -> Mention:
        start, end = span
        return Mention(
            slot=self._slot,
            value="" if choice.refuse else choice.value,
            said=heard.shown[start:end],
            start=start,
            end=end,
            confidence=confidence,
            how=how,
            gain=gain - (_HINT_DISCOUNT if how == "hint" else 0.0),
            problem="choice_refused" if choice.refuse else "",
            details={
                "value": choice.value,
                "reason": choice.refuse,
                "word": word,
                "over": " ".join(choice.over) if how == "hint" else "",
            },
        )


def _sign(sign: str) -> re.Pattern[str]:
    """Return what finds a part and what is wrong with it in one sentence, in either order."""
    first, second = ("|".join(sorted(map(re.escape, side.split()), key=len, reverse=True)) for side in sign.split("/"))
    return re.compile(
        rf"(?P<part>{first})[^。;!?]{{0,16}}?(?P<sign>{second})|(?P<mark>{second})[^,。;!?]{{0,6}}?(?P<limb>{first})"
    )


def _doubted(mention: Mention, near: Sequence[Mention]) -> Mention:
    """Lower the confidence of a short word heard where a longer one may have been said: 提附科 is 妇科, or 皮肤科."""
    covering = [other for other in near if other.start <= mention.start and other.end >= mention.end]
    rivals = [other for other in covering if other.value != mention.value and _length(other) > _length(mention)]
    if mention.how != "sound" or not rivals:
        return mention
    return replace(mention, confidence=min(mention.confidence, _DOUBTED))


def _length(mention: Mention) -> int:
    return mention.end - mention.start

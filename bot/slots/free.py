"""Values that are no list: places, yes or no, free text, and what a regular expression describes."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache

from bot.domains import CITIES
from bot.slots.choice import Choice, ChoiceReader
from bot.slots.mention import How, Mention, pick, spelled_confidence
from bot.understanding.normalised import CleanText
from bot.understanding.sounds import SoundLexicon, Sounds

_HAN = r"[一-鿿]"
_PLACE = re.compile(
    rf"(?:(?<=[从到去在往至])|(?<=位于)){_HAN}{{2,8}}?(?:[省市区县镇村路街站]|机场|火车站|大厦|广场|小区)"
)
_ANSWER = re.compile(rf"^(?:是|在|到|去|从|就是|我在|我去|我到|送到)?(?P<place>{_HAN}{{2,12}})(?:吧|啊|呀|那边|附近)?$")
_YES = re.compile(r"^(?:嗯|那)?(?:是|对|要|有|需要|可以|好|行|嗯|想|会|带|ok|yes)(?!不)")
_NO = re.compile(r"^(?:嗯|那)?(?:不|没|无|否|别|免了|no)")
_DIGITS = str.maketrans("零〇一幺二两三四五六七八九", "0011223456789")
_PLACE_CONFIDENCE = 0.8  # below SURE: a place that is on no list is asked about when it was spoken
_SAME_WORDS = 0.92  # other characters, or one syllable of its near class: no other words
_FILLER = re.compile(r"^[嗯呃额啊哦,，。\s]+|[,，。\s]+$")
_SAME_CUE = 0.8
_SHORTEST_TEXT = 2  # characters
_LIGHT = re.compile(r"[嗯呃额啊哦,，\s]+|一下|一声|一次|一?件事情?|要(?!求)|得(?!到)")
_POLITE = re.compile(r"(?:[吧啊呀哦\s]|好吗|好不好|可以吗|行吗|谢谢)+$")
CLAUSE = re.compile(
    r"[,，。;；!！?？]|然后|顺便|另外|接着|还(?:有|要|想)(?=[^么吗没])|并且|同时|[再和跟](?=[帮给订挂查改设买写提退约])"
)
"""Where something else may begin."""


@cache
def _city() -> re.Pattern[str]:
    """Return what finds the cities of China, with the part of the name that tells one of their stations."""
    names = CITIES.read_text(encoding="utf-8").split()
    longest_first = "|".join(sorted(names, key=len, reverse=True))
    return re.compile(
        rf"(?:{longest_first})(?:[东南西北](?![门边京宁昌通阳充平安海戴])|虹桥|松江|双流|白云|浦东|大兴|首都)?(?:火车站|高铁站|机场)?"
        r"(?![路街区县镇村道]|大道|大街|广场|大厦|小区)"
    )


class PlaceReader:
    """Finds places: cities, those listed by spelling or sound, others by their endings or as the bare answer."""

    def __init__(self, slot: str, listed: Sequence[Choice]) -> None:
        """Read for `slot`, with the places that are known."""
        self._slot = slot
        self._listed = ChoiceReader(slot, listed)

    def read(self, heard: CleanText, sounds: Sounds | None, *, asked: bool, now: datetime) -> list[Mention]:
        """Return the places named; see SlotReader."""
        cities = [_whole(self._slot, heard, match.span(), "spelled") for match in _city().finditer(heard.text)]
        found = pick([*cities, *self._listed.read(heard, sounds, asked=asked, now=now)])
        if found:
            return found
        if match := _PLACE.search(heard.text):
            return [_whole(self._slot, heard, match.span(), "spelled")]
        if asked and (match := _ANSWER.match(heard.text)):
            return [_whole(self._slot, heard, match.span("place"), "bare", _PLACE_CONFIDENCE if heard.spoken else 1.0)]
        return []


class YesNoReader:
    """Reads 是 or 否: from words of its own at any time, from any yes or no when it was asked for."""

    def __init__(self, slot: str, values: Sequence[Choice]) -> None:
        """Read for `slot`; `values` are 是 and 否 with words of their own, or none."""
        self._slot = slot
        self._own = ChoiceReader(slot, [Choice(v.value, v.synonyms, v.hints, v.patterns) for v in values])

    def read(self, heard: CleanText, sounds: Sounds | None, *, asked: bool, now: datetime) -> list[Mention]:
        """Return the answer; see SlotReader."""
        own = [mention for mention in self._own.read(heard, sounds, asked=asked, now=now) if len(mention.said) > 1]
        if own or not asked:
            return own
        for pattern, value in ((_NO, "否"), (_YES, "是")):
            if match := pattern.search(heard.text):
                mention = _whole(self._slot, heard, match.span(), "spelled")
                return [Mention(**{**vars(mention), "value": value})]
        return []


class TextReader:
    """Takes the whole answer as it was said, when it was asked for; a usual one that was misspelled is put right."""

    def __init__(self, slot: str, longest: int | None, usual: Sequence[str] = ()) -> None:
        """Read for `slot` at most `longest` characters (None: no bound); `usual` are answers to be expected."""
        self._slot = slot
        self._longest = longest
        self._usual = SoundLexicon(usual)

    def read(self, heard: CleanText, sounds: Sounds | None, *, asked: bool, now: datetime) -> list[Mention]:
        """Return the text; see SlotReader."""
        if not asked or heard.silent:
            return []
        start = match.end() if (match := _FILLER.match(heard.text)) else 0
        end = start + len(_FILLER.sub("", heard.text[start:]))
        mention = _whole(self._slot, heard, (start, end), "bare")
        if self._longest is not None and end - start > self._longest:
            details = {"count": str(end - start), "longest": str(self._longest)}
            return [Mention(**{**vars(mention), "value": "", "problem": "text_long", "details": details})]
        for known in self._usual.find(sounds, min_score=_SAME_WORDS, most=1) if sounds else ():
            if (known.start, known.end) == (start, end):
                return [Mention(**{**vars(mention), "value": known.word})]
        return [mention]


class CuedText:
    """Finds a free text that was said without being asked for: in 提醒我明天九点开会, what follows 提醒我.

    It ends with its clause. What belongs to `others`, the slots of the same task, is no part of it at either end.
    """

    def __init__(self, slot: str, cues: Sequence[str], longest: int | None, others: Collection[str]) -> None:
        """Read for `slot` at most `longest` characters (None: no bound) behind one of its `cues`."""
        self._slot = slot
        self._longest = longest
        self._others = others
        self._cue = re.compile("|".join(map(re.escape, cues)))
        self._sounds = SoundLexicon(cues)

    def read(self, heard: CleanText, sounds: Sounds | None, mentions: Sequence[Mention]) -> list[Mention]:
        """Return the text among the `mentions` that were found before it, without those that are a part of it."""
        if (start := self._behind_cue(heard, sounds)) is None:
            return list(mentions)
        others = [one for one in mentions if one.slot in self._others]
        while step := self._step(heard, start, others):
            start += step
        end = clause.start() if (clause := CLAUSE.search(heard.text, start)) else len(heard.text)
        while last := next((one for one in others if start < one.start < end <= one.end), None):
            end = last.start
        end = start + len(_POLITE.sub("", heard.text[start:end]))
        if end - start < _SHORTEST_TEXT or (self._longest is not None and end - start > self._longest):
            return list(mentions)
        text = _whole(self._slot, heard, (start, end), "spelled")
        outside = [one for one in mentions if one.end <= start or one.start >= end]
        return sorted([*outside, text], key=lambda one: one.start)

    def _behind_cue(self, heard: CleanText, sounds: Sounds | None) -> int | None:
        if match := self._cue.search(heard.text):
            return match.end()
        alike = self._sounds.find(sounds, min_score=_SAME_CUE, most=1) if sounds else ()
        return next((match.end for match in alike), None)

    @staticmethod
    def _step(heard: CleanText, start: int, others: Sequence[Mention]) -> int:
        """Return how many characters at `start` are no part of the text: a light word, or another slot's value."""
        if light := _LIGHT.match(heard.text, start):
            return len(light[0])
        return next((one.end - start for one in others if one.start <= start < one.end), 0)


class PatternReader:
    """Finds what matches a regular expression; digits may be spoken, spaces between them do not count."""

    def __init__(self, slot: str, pattern: str) -> None:
        """Read for `slot` what `pattern` describes, in small letters and digits."""
        self._slot = slot
        self._pattern = re.compile(pattern)

    def read(self, heard: CleanText, sounds: Sounds | None, *, asked: bool, now: datetime) -> list[Mention]:
        """Return the values; see SlotReader."""
        places = [index for index, character in enumerate(heard.text) if character not in " -"]
        tight = "".join(heard.text[index] for index in places)
        for text in dict.fromkeys((tight, tight.translate(_DIGITS))):
            found = [
                (match[0], (places[match.start()], places[match.end() - 1] + 1))
                for match in self._pattern.finditer(text)
                if match[0]
            ]
            if found:
                mentions = [(value, _whole(self._slot, heard, span, "spelled")) for value, span in found]
                return [Mention(**{**vars(mention), "value": value.upper()}) for value, mention in mentions]
        return []


def _whole(slot: str, heard: CleanText, span: tuple[int, int], how: How, confidence: float | None = None) -> Mention:
    """Return the mention whose value is what was said between two positions."""
    said = heard.shown[slice(*span)]
    return Mention(
        slot=slot,
        value=said,
        said=said,
        start=span[0],
        end=span[1],
        confidence=spelled_confidence(heard, *span) if confidence is None else confidence,
        how=how,
        gain=float(span[1] - span[0]),
    )

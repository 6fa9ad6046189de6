"""Understanding one utterance: which intents, which slot values, all of them at once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from bot.domains.domain import Domain
from bot.slots import Mention
from bot.slots.free import CLAUSE, CuedText
from bot.slots.mention import negation_pattern, pick
from bot.slots.model import AFTER
from bot.slots.readers import BARE, open_reader
from bot.slots.record import find_place
from bot.turn import Utterance
from bot.understanding.alarms import Alarm, Alarms
from bot.understanding.clauses import cut, hesitates, holds_question, prepare
from bot.understanding.cues import Cues
from bot.understanding.intents import CERTAIN, POSSIBLE, IntentMatcher
from bot.understanding.normalised import CleanText, normalise
from bot.understanding.polarity import Polarity, asserted
from bot.understanding.sounds import SoundLexicon, Sounds, sounds_of
from bot.understanding.weighing import (
    blank,
    coverage,
    covered,
    joined,
    spread,
    takes_an_object,
    weighed_by_cue,
    without,
    without_the_story,
)

_LABEL_SCORE = 0.9
_WHOLE = 0.9
_STOPS = ",，。;；!！?？ "
_POLITE = ("affirm", "thanks", "greet", "unknown_answer")
_ENOUGH = 2  # values beside a name that nobody asked for
_PIECE = re.compile(r"[^,，。;；!?？、\s]{2,4}")
_GAP = re.compile(r"[,，的\s]|就|在|到时候|请|要")
_SHORTEST_REST = 2
_DELETING = ("remove", "cancel")
_LIKE_EXAMPLE = 0.75
_SURE_NAME = 0.85  # a name with a usual surname has more


@dataclass(frozen=True)
class Understanding:
    """What an utterance means, as far as the domain goes.

    `intents` are (name, confidence), the likeliest first; `mentions` the slot values found, in order; `labels` the
    slots that were named themselves (改日期); `correcting` whether the words are those of a correction. `coverage` is
    the share of the characters that belong to mentions, 0 to 1. `place` is the entry of a list that is spoken of: its
    number from 1, LAST, or "" for none. `wanted` are the intents of its clauses in the order they were said, when
    they are several, each with where its part of the utterance begins.

    `text` is what was said, normalised. `question` is the part of it that asks for an answer ("" for none), `requested`
    the part that asks for something to be done, and `asked_about` are the values in questions: they change nothing.
    `reserved` is set when anything in it keeps it from being a plain yes: a question mark or word, a condition, a
    "but". `sounds_agreeing` is set when all of it sounds like a yes. `alarm` is set when there are words of a crisis or
    an emergency in it, `deleting` when there is a word of deleting. `named` is the name that all of it may be, though
    something else was asked for.
    """

    intents: tuple[tuple[str, float], ...]
    mentions: tuple[Mention, ...]
    labels: tuple[str, ...]
    silent: bool
    spoken: bool
    correcting: bool
    coverage: float
    now: datetime
    place: str = ""
    wanted: tuple[tuple[str, int], ...] = ()
    text: str = ""
    question: str = ""
    requested: str = ""
    asked_about: tuple[Mention, ...] = ()
    reserved: bool = False
    sounds_agreeing: bool = False
    alarm: Alarm | None = None
    deleting: bool = False
    named: tuple[Mention, ...] = ()

    @classmethod
    def of_nothing(cls, now: datetime) -> Understanding:
        """Return what there is to understand when nobody has spoken, at the time `now`."""
        return cls((), (), (), silent=True, spoken=False, correcting=False, coverage=0.0, now=now)

    def wants(self, intent: str) -> bool:
        """Whether `intent` is among the likely ones with enough confidence to act on it."""
        return any(name == intent and confidence >= CERTAIN for name, confidence in self.intents)

    def might_want(self, intent: str) -> bool:
        """Whether `intent` is the likeliest one, but not certain."""
        return bool(self.intents) and self.intents[0][0] == intent and POSSIBLE <= self.intents[0][1] < CERTAIN

    @property
    def top(self) -> str:
        """The likeliest intent, "" when none is certain."""
        return self.intents[0][0] if self.intents and self.intents[0][1] >= CERTAIN else ""


class Nlu:
    """Understands utterances of one domain. Immutable after construction, safe to share between threads."""

    def __init__(self, domain: Domain, *, phonetic: bool = True) -> None:
        """Build the readers of all slots and the index of the intents; `phonetic` matches what is spoken by sound."""
        self._phonetic = phonetic
        self._readers = {name: open_reader(name, slot, domain.words) for name, slot in domain.slots.items()}
        self._bare = [name for name, slot in domain.slots.items() if slot.type in BARE]
        self._moments = frozenset(name for name, slot in domain.slots.items() if slot.type in ("date", "time"))
        self._people = frozenset(name for name, slot in domain.slots.items() if slot.type == "person")
        self._opening = frozenset(name for name, slot in domain.slots.items() if slot.opens)
        self._places = tuple(name for name, slot in domain.slots.items() if slot.type == "place")
        self._texts = [name for name, slot in domain.slots.items() if slot.type == "text"]
        self._cued_texts = [
            CuedText(name, cues, domain.slots[name].longest, _others(domain, name))
            for name in self._texts
            if (cues := [cue for cue in domain.slots[name].cues if not cue.startswith(AFTER)])
        ]
        self._cues = Cues(domain.slots)
        self._labels = {
            label: name for name, slot in reversed(domain.slots.items()) for label in (*slot.aliases, slot.label)
        }
        self._label_sounds = SoundLexicon([label for label in self._labels if len(label) > 1])
        self._beginnings = {task.intent for task in domain.tasks.values()}
        self._opens = {name: domain.tasks[slot.opens].intent for name, slot in domain.slots.items() if slot.opens}
        self._has_lists = any(task.items for task in domain.tasks.values())
        self._matcher = IntentMatcher(domain)
        facts = {step.slot for task in domain.tasks.values() if task.items for step in task.items.slots}
        carried = self._carried = {slot for task in domain.tasks.values() if task.items for slot in task.items.carry}
        stated = {name for name in facts - carried if domain.slots[name].type == "choice"}
        self._polarity = Polarity(stated, negation_pattern(domain.words))
        self._answered = {name for name, intent in domain.intents.items() if intent.reply} - {"chat"} | {"repeat"}
        self._alarms = Alarms()
        prepare()
        self._correction = re.compile("|".join(map(re.escape, domain.words.corrections)))

    def understand(self, utterance: Utterance, asked: str, now: datetime) -> Understanding:
        """Read an utterance, given the slot that was `asked` for ("" for none) and the time (with its zone)."""
        heard = normalise(utterance)
        sounds = sounds_of(heard) if heard.spoken and self._phonetic else None
        mentions = self._mentions(heard, sounds, asked, now)
        if self._matcher.is_whole(heard):  # 是的 is a yes, whatever it may sound like besides
            mentions = [mention for mention in mentions if mention.confidence >= _WHOLE]
        guess = not self._answers_whole(heard, sounds, asked, now)
        intents = self._matcher.rank(heard, sounds, mentions, guess=guess)
        if not guess and not self._matcher.is_whole(heard):
            intents = []  # a name is one whatever it sounds like: 白雪, 谢丽
        if self._begins(intents) and any(one.slot == asked and one.how == "bare" for one in mentions):
            # Any words may be the name of a place, but those that begin another task are none.
            mentions = self._mentions(heard, sounds, "", now)
        for text in self._cued_texts:
            if (found := text.read(heard, sounds, mentions)) != mentions:  # its words say nothing about what is wanted
                mentions, intents = found, self._matcher.rank(heard, sounds, found, guess=guess)
        mentions = self._with_name_beside(heard, sounds, mentions, asked, now)
        place, span = find_place(heard, sounds) if self._has_lists else ("", (0, 0))
        if place:
            mentions = [one for one in mentions if one.end <= span[0] or one.start >= span[1]]
        clauses = cut(heard.text, [(one.start, one.end) for one in mentions])
        questions = [(clause.start, clause.end) for clause in clauses if clause.act == "ask"]
        if questions:
            intents = self._of_statements(heard, sounds, mentions, intents, questions)
        mentions, asked_about = asserted(without_the_story(heard.text, mentions, asked), clauses)
        if asked in self._bare and not questions:
            mentions = self._with_bare_name(heard, sounds, mentions, intents, asked, now)
        return Understanding(
            intents=tuple(intents),
            mentions=tuple(mentions),
            labels=self._named(heard, sounds, [*mentions, *asked_about]),
            silent=heard.silent,
            spoken=heard.spoken,
            correcting=bool(self._correction.search(heard.text)),
            coverage=coverage(heard, mentions),
            now=now,
            place=place,
            wanted=self._wanted(heard, sounds, mentions),
            text=heard.text,
            requested=" ".join(heard.text[one.start : one.end] for one in clauses if one.act == "request"),
            question=" ".join(heard.text[slice(*span)] for span in questions),
            asked_about=tuple(asked_about),
            reserved=holds_question(heard.text) or hesitates(heard.text),
            alarm=self._alarms.find(heard, sounds),
            named=self._named_instead(heard, mentions, asked, now),
            deleting=any(self._matcher.says(name, heard, sounds) for name in _DELETING),
            sounds_agreeing=self._matcher.sounds_whole(heard.text, "affirm"),
        )

    def _of_statements(
        self,
        heard: CleanText,
        sounds: Sounds | None,
        mentions: Sequence[Mention],
        intents: Sequence[tuple[str, float]],
        questions: Sequence[tuple[int, int]],
    ) -> list[tuple[str, float]]:
        """Return the intents of what is no question, and of a question those that are put in the words of an example.

        挂号多少钱 holds the keyword of an intent, and yet nobody wants an appointment made.
        """
        stated = heard
        for start, end in questions:
            stated = blank(stated, start, end)
        rest = [one for one in mentions if not any(start <= one.start < end for start, end in questions)]
        found = {} if stated.silent else dict(self._matcher.rank(stated, sounds, rest, guess=False))
        for name, confidence in intents:
            if name in self._answered or self._matcher.likeness(heard, mentions, name) >= _LIKE_EXAMPLE:
                found[name] = max(confidence, found.get(name, 0.0))
        return sorted(found.items(), key=lambda pair: -pair[1])

    def alarm(self, utterance: Utterance) -> Alarm | None:
        """Return the gravest alarm in an utterance, None when there is none."""
        heard = normalise(utterance)
        return self._alarms.find(heard, sounds_of(heard) if heard.spoken and self._phonetic else None)

    def read(self, texts: Mapping[str, str], now: datetime) -> Understanding:
        """Read each text as a typed answer to the question for its slot; what cannot be read is left out."""
        mentions: list[Mention] = []
        for slot, text in texts.items():
            said = self.understand(Utterance(text), slot, now)
            mentions += [replace(one, negated=False) for one in said.mentions if one.slot == slot][:1]
        return replace(Understanding.of_nothing(now), mentions=tuple(mentions), silent=False)

    def _mentions(self, heard: CleanText, sounds: Sounds | None, asked: str, now: datetime) -> list[Mention]:
        found: list[Mention] = []
        for name, reader in self._readers.items():
            if name not in self._bare:
                found += reader.read(heard, sounds, asked=name == asked, now=now)
        for name in self._bare:
            found += self._readers[name].read(heard, sounds, asked=False, now=now)
        places = self._cues.heard(heard, sounds)
        told = [one for one in found if one.how == "spelled" and one.value]
        found = [one for one in found if one.slot not in self._places or one.how != "bare" or not covered(one, told)]
        found = [one for one in found if one.how != "sound" or not takes_an_object(heard.text, one)]
        weighed: list[Mention] = []
        beside: list[Mention] = []
        for mention in found:
            cued = self._cues.stand_by(mention, heard, places)
            if cued or mention.slot == asked or not self._cues.needed(mention.slot):
                weighed.append(weighed_by_cue(mention, asked, cued=cued))
                beside += weighed[-1:] if cued else []
        picked = spread(pick(weighed), beside, asked, self._places, self._opening)
        return self._polarity.weigh(heard.text, joined(heard.text, picked, self._carried))

    def _named_instead(
        self, heard: CleanText, mentions: Sequence[Mention], asked: str, now: datetime
    ) -> tuple[Mention, ...]:
        """Return the name that was typed where something else was asked for; one spoken may be a misheard value."""
        if heard.spoken or mentions or asked in self._people:
            return ()
        names = [one for slot in self._people for one in self._readers[slot].read(heard, None, asked=True, now=now)]
        return tuple(
            one for one in names if one.confidence >= _SURE_NAME and one.value and coverage(heard, [one]) == 1.0
        )

    def _with_name_beside(
        self, heard: CleanText, sounds: Sounds | None, mentions: list[Mention], asked: str, now: datetime
    ) -> list[Mention]:
        """Add the name that is all of a piece between other values: 骨科，明天上午，刘芳."""
        people = [name for name in self._people if name != asked]
        if len(people) != 1 or len(mentions) < _ENOUGH or any(one.slot in self._people for one in mentions):
            return mentions
        rest = without(heard, mentions)
        for piece in _PIECE.finditer(rest.text):
            part = normalise(Utterance(piece[0], "spoken" if heard.spoken else "typed", 0.9))
            for name in self._readers[people[0]].read(part, None, asked=True, now=now):
                if name.confidence >= _SURE_NAME and name.value == piece[0]:
                    moved = replace(name, start=piece.start(), end=piece.end(), confidence=0.8 if heard.spoken else 1.0)
                    return sorted([*mentions, moved], key=lambda one: one.start)
        return mentions

    def _with_bare_name(
        self,
        heard: CleanText,
        sounds: Sounds | None,
        mentions: list[Mention],
        intents: Sequence[tuple[str, float]],
        asked: str,
        now: datetime,
    ) -> list[Mention]:
        """Add the name that is the whole answer, unless the answer is something else that was understood.

        What only sounds like another slot's value gives way: in answer to "your name?", 郭克 is no 骨科.
        """
        if any(mention.slot == asked and not mention.problem for mention in mentions):
            return mentions
        whole = self._readers[asked].read(heard, sounds, asked=True, now=now) if asked in self._people else []
        if whole and whole[0].how == "spelled" and coverage(heard, whole) == 1.0 and not whole[0].problem:
            return pick([*whole, *mentions])  # a name whose characters are explained
        certain = bool(intents) and intents[0][1] >= CERTAIN
        polite = certain and intents[0][0] in _POLITE and asked in self._people and not self._matcher.is_whole(heard)
        if any(mention.slot == asked for mention in mentions) or (certain and not polite):
            return mentions
        if asked in self._texts:  # whatever the words mean elsewhere, here they are the answer
            texts = self._readers[asked].read(heard, sounds, asked=True, now=now)
            return self._without_values(heard, texts, mentions) or mentions
        if polite:
            names = self._readers[asked].read(heard, sounds, asked=True, now=now)
            return pick([*mentions, *(one for one in names if one.confidence >= _SURE_NAME and one.value)])
        spelled = [mention for mention in mentions if not (heard.spoken and mention.how in ("sound", "hint"))]
        names = self._readers[asked].read(without(heard, spelled), sounds, asked=True, now=now)
        sure = [name for name in names if name.confidence >= _SURE_NAME or not mentions]
        return pick([*sure, *spelled]) if sure else mentions

    def _without_values(self, heard: CleanText, texts: list[Mention], mentions: list[Mention]) -> list[Mention]:
        """Return the text without the days and times that it begins with, which are values of their own.

        下周一上午十点给张总回电话 is a thing to be reminded of, and when.
        """
        if not texts or not texts[0].value:
            return texts
        told = [one for one in mentions if one.how == "spelled" and one.value and not one.negated]
        if told and coverage(heard, told) == 1.0:
            return told  # all of it is something else: 要包间, 明天六点
        text = texts[0]
        start, leading = text.start, list[Mention]()
        for mention in sorted(mentions, key=lambda one: one.start):
            gap = heard.text[start : mention.start]
            if mention.slot in self._moments and mention.value and not _GAP.sub("", gap):
                start, leading = mention.end, [*leading, mention]
        rest = heard.text[start : text.end].lstrip(",，、 ")
        if not leading or len(rest) < _SHORTEST_REST:
            return texts
        start = text.end - len(rest)
        said = heard.shown[start : text.end]
        return [*leading, replace(text, value=said, said=said, start=start)]

    def _answers_whole(self, heard: CleanText, sounds: Sounds | None, asked: str, now: datetime) -> bool:
        """Tell whether all that was said is the name that was asked for: 李四 is like no intent that was learned."""
        if asked not in self._bare:
            return False
        names = self._readers[asked].read(heard, sounds, asked=True, now=now)
        sure = [one for one in names if one.confidence >= _SURE_NAME and not one.problem and one.value in one.said]
        return bool(sure) and coverage(heard, sure) == 1.0

    def _begins(self, intents: Sequence[tuple[str, float]]) -> bool:
        return any(name in self._beginnings and confidence >= CERTAIN for name, confidence in intents[:1])

    def _wanted(
        self, heard: CleanText, sounds: Sounds | None, mentions: Sequence[Mention]
    ) -> tuple[tuple[str, int], ...]:
        """Return the intents of the clauses that begin a task, each once, with their places; () when not two."""
        ends = [*(match.start() for match in CLAUSE.finditer(heard.text)), len(heard.text)]
        if len(ends) < 2 or len(self._beginnings) < 2:
            return ()
        found: dict[str, int] = {}
        for start, end in pairwise([0, *ends]):
            part = normalise(
                Utterance(heard.text[start:end].strip(_STOPS), "spoken" if sounds is not None else "typed")
            )
            ranked = self._matcher.rank(part, sounds_of(part) if sounds is not None else None, ())
            certain = [name for name, confidence in ranked[:1] if confidence >= CERTAIN]
            opened = [self._opens.get(one.slot, "") for one in mentions if start <= one.start < end]
            for name in certain or opened:
                if name in self._beginnings:
                    found.setdefault(name, start)
        return tuple(found.items()) if len(found) > 1 else ()

    def _named(self, heard: CleanText, sounds: Sounds | None, mentions: Sequence[Mention]) -> tuple[str, ...]:
        text = without(heard, mentions).text
        found: list[str] = []
        for label in sorted(self._labels, key=len, reverse=True):
            if label in text:
                found.append(self._labels[label])
                text = text.replace(label, " ")
        if sounds is not None and not found:
            matches = self._label_sounds.find(sounds, min_score=_LABEL_SCORE, most=1)
            found = [self._labels[match.word] for match in matches if match.spelled]
        return tuple(dict.fromkeys(found))


def _others(domain: Domain, slot: str) -> frozenset[str]:
    """Return the slots that are filled in the same tasks."""
    return frozenset(name for task in domain.tasks.values() if slot in task.names for name in task.names) - {slot}

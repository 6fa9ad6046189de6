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

_LABEL_SCORE = 0.9
_CUED, _ASKED, _UNUSABLE = 0.3, 0.1, 0.5
_WHOLE = 0.9
_STOPS = ",，。;；!！?？ "
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
    they are several.

    `text` is what was said, normalised. `question` is the part of it that asks for an answer ("" for none), and
    `asked_about` are the values in there: they change nothing. `reserved` is set when anything in it keeps it from
    being a plain yes: a question mark or word, a condition, a "but". `sounds_agreeing` is set when all of it sounds
    like a yes. `alarm` is set when there are words of a crisis or an emergency in it, `deleting` when there is a word
    of deleting.
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
    wanted: tuple[str, ...] = ()
    text: str = ""
    question: str = ""
    asked_about: tuple[Mention, ...] = ()
    reserved: bool = False
    sounds_agreeing: bool = False
    alarm: Alarm | None = None
    deleting: bool = False

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
        self._people = frozenset(name for name, slot in domain.slots.items() if slot.type == "person")
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
        carried = {slot for task in domain.tasks.values() if task.items for slot in task.items.carry}
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
        place, span = find_place(heard, sounds) if self._has_lists else ("", (0, 0))
        if place:
            mentions = [one for one in mentions if one.end <= span[0] or one.start >= span[1]]
        clauses = cut(heard.text, [(one.start, one.end) for one in mentions])
        questions = [(clause.start, clause.end) for clause in clauses if clause.act == "ask"]
        if questions:
            intents = self._of_statements(heard, sounds, mentions, intents, questions)
        mentions, asked_about = asserted(mentions, clauses)
        if asked in self._bare and not questions:
            mentions = self._with_bare_name(heard, sounds, mentions, intents, asked, now)
        return Understanding(
            intents=tuple(intents),
            mentions=tuple(mentions),
            labels=self._named(heard, sounds, [*mentions, *asked_about]),
            silent=heard.silent,
            spoken=heard.spoken,
            correcting=bool(self._correction.search(heard.text)),
            coverage=_coverage(heard, mentions),
            now=now,
            place=place,
            wanted=self._wanted(heard, sounds, mentions),
            text=heard.text,
            question=" ".join(heard.text[slice(*span)] for span in questions),
            asked_about=tuple(asked_about),
            reserved=holds_question(heard.text) or hesitates(heard.text),
            alarm=self._alarms.find(heard, sounds),
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
            stated = _blank(stated, start, end)
        rest = [one for one in mentions if not any(start <= one.start < end for start, end in questions)]
        found = {} if stated.silent else dict(self._matcher.rank(stated, sounds, rest, guess=False))
        for name, confidence in intents:
            if name in self._answered or self._matcher.likeness(heard, mentions, name) >= _LIKE_EXAMPLE:
                found[name] = max(confidence, found.get(name, 0.0))
        return sorted(found.items(), key=lambda pair: -pair[1])

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
        weighed = []
        for mention in found:
            cued = self._cues.stand_by(mention, heard, places)
            if cued or mention.slot == asked or not self._cues.needed(mention.slot):
                weighed.append(_weighed(mention, asked, cued=cued))
        return self._polarity.weigh(heard.text, pick(weighed))

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
        if whole and whole[0].how == "spelled" and _coverage(heard, whole) == 1.0 and not whole[0].problem:
            return pick([*whole, *mentions])  # a name whose characters are explained
        if any(mention.slot == asked for mention in mentions) or (intents and intents[0][1] >= CERTAIN):
            return mentions
        if asked in self._texts:  # whatever the words mean elsewhere, here they are the answer
            return self._readers[asked].read(heard, sounds, asked=True, now=now) or mentions
        spelled = [mention for mention in mentions if not (heard.spoken and mention.how in ("sound", "hint"))]
        names = self._readers[asked].read(_without(heard, spelled), sounds, asked=True, now=now)
        sure = [name for name in names if name.confidence >= _SURE_NAME or not mentions]
        return pick([*sure, *spelled]) if sure else mentions

    def _answers_whole(self, heard: CleanText, sounds: Sounds | None, asked: str, now: datetime) -> bool:
        """Tell whether all that was said is the name that was asked for: 李四 is like no intent that was learned."""
        if asked not in self._bare:
            return False
        names = self._readers[asked].read(heard, sounds, asked=True, now=now)
        sure = [one for one in names if one.confidence >= _SURE_NAME and not one.problem and one.value in one.said]
        return bool(sure) and _coverage(heard, sure) == 1.0

    def _begins(self, intents: Sequence[tuple[str, float]]) -> bool:
        return any(name in self._beginnings and confidence >= CERTAIN for name, confidence in intents[:1])

    def _wanted(self, heard: CleanText, sounds: Sounds | None, mentions: Sequence[Mention]) -> tuple[str, ...]:
        """Return the likeliest intents of the clauses that begin a task, each once; () when there are no two."""
        ends = [*(match.start() for match in CLAUSE.finditer(heard.text)), len(heard.text)]
        if len(ends) < 2 or len(self._beginnings) < 2:
            return ()
        found: list[str] = []
        for start, end in pairwise([0, *ends]):
            part = normalise(
                Utterance(heard.text[start:end].strip(_STOPS), "spoken" if sounds is not None else "typed")
            )
            ranked = self._matcher.rank(part, sounds_of(part) if sounds is not None else None, ())
            certain = [name for name, confidence in ranked[:1] if confidence >= CERTAIN]
            opened = [self._opens.get(one.slot, "") for one in mentions if start <= one.start < end]
            found += [name for name in (certain or opened) if name in self._beginnings]
        several = tuple(dict.fromkeys(found))
        return several if len(several) > 1 else ()

    def _named(self, heard: CleanText, sounds: Sounds | None, mentions: Sequence[Mention]) -> tuple[str, ...]:
        text = _without(heard, mentions).text
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


def _coverage(heard: CleanText, mentions: Sequence[Mention]) -> float:
    said = [index for index, character in enumerate(heard.text) if character.isalnum()]
    covered = [index for index in said if any(mention.start <= index < mention.end for mention in mentions)]
    return len(covered) / len(said) if said else 0.0


def _without(heard: CleanText, mentions: Sequence[Mention]) -> CleanText:
    """Return the utterance with the mentions' characters replaced by commas."""
    for mention in mentions:
        heard = _blank(heard, mention.start, mention.end)
    return heard


def _blank(heard: CleanText, start: int, end: int) -> CleanText:
    """Return the utterance with commas between two positions."""
    gap = "," * (end - start)
    return replace(
        heard,
        text=heard.text[:start] + gap + heard.text[end:],
        shown=heard.shown[:start] + gap + heard.shown[end:],
    )


def _weighed(mention: Mention, asked: str, *, cued: bool) -> Mention:
    """Prefer, of two slots that may have the same value, the one whose cue stands beside it, then the one asked."""
    gain = mention.gain + (_CUED if cued else 0.0) + (_ASKED if mention.slot == asked else 0.0)
    # what cannot be used explains less than what can: 2026-11-24 is no telephone number of eight digits
    return replace(mention, gain=gain - (_UNUSABLE if mention.problem and mention.slot != asked else 0.0))

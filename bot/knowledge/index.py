"""Finding the entry that answers a question: BM25 over pairs of characters and of near_class syllables.

Robertson and Zaragoza 2009, The Probabilistic Relevance Framework. The score of a question against a wording is divided
by that of the wording against itself, so that one threshold holds for short and long ones. Words that stand for the
value of a slot are one character; near_class syllables make a homophone cost half.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from bot.domains.parts import Knowledge
from bot.slots.mention import Mention
from bot.slots.model import placeholders
from bot.understanding.sounds import near_class, syllables

VERY_NEAR = 0.7
"""A wording with this score answers even what might be a wish to have something done."""
NEAR_ENOUGH = 0.42
"""A wording with at least this score, 0 to 1, is taken for the question that was put."""

_K1, _B = 1.2, 0.5
_FIRST_MARK = 0xE000
_LIGHT = re.compile(
    r"[啊呀吧呢哦呃嗯额啦哈哎的了么请那你您我们咱]|请问|问一下|想问|我想知道|想知道|知道|告诉我|一下|[^\w]"
)


@dataclass(frozen=True)
class Answer:
    """The `text` that answers a question.

    `missing` is the slot whose value must be known to answer ("" for none). With `entry` the text is to be made of the
    rows of its timetable that have `values`.
    """

    text: str
    missing: str = ""
    entry: Knowledge | None = None
    values: Mapping[str, str] = field(default_factory=dict)


class KnowledgeIndex:
    """The knowledge of one domain. Immutable, safe to share."""

    def __init__(self, entries: Sequence[Knowledge], slots: Iterable[str]) -> None:
        """Index the wordings of `entries`; {slot} in them stands for any value of one of `slots`."""
        self._marks = {slot: chr(_FIRST_MARK + number) for number, slot in enumerate(slots)}
        self._entries = entries
        self._wordings: list[tuple[Knowledge, str]] = [(entry, text) for entry in entries for text in entry.ask]
        self._documents = [Counter(_units(self._marked(text))) for _, text in self._wordings]
        seen = Counter(unit for document in self._documents for unit in document)
        total = len(self._documents)
        self._idf = {unit: math.log(1 + (total - count + 0.5) / (count + 0.5)) for unit, count in seen.items()}
        self._mean = sum(map(len, self._documents)) / total if total else 1.0
        self._own = [self._score(document, document) for document in self._documents]

    def find(
        self, question: str, about: Sequence[Mention], known: Mapping[str, str], least: float = NEAR_ENOUGH
    ) -> Answer | None:
        """Return the answer to `question`, None when nothing comes near.

        `about` are the values named in it, at their places in `question`; `known` are those that the task has, which
        count where a question names none.
        """
        best, entry, wording = 0.0, None, ""
        for spelled in dict.fromkeys((self._delexicalised(question, about), question)):
            asked = Counter(_units(spelled))
            for (candidate, text), document, own in zip(self._wordings, self._documents, self._own, strict=True):
                score = min(1.0, self._score(asked, document) / own if own else 0.0)
                score *= 0.35 + 0.65 * self._share(asked, document)
                if score > best:
                    best, entry, wording = score, candidate, text
        if entry is None or best < least:
            return None
        values = {**known, **{one.slot: one.value or one.said for one in about}}
        return self._answer(entry, wording, values)

    def _answer(self, entry: Knowledge, wording: str, values: Mapping[str, str]) -> Answer | None:
        needed = (
            placeholders(wording)
            | ({entry.of} if entry.of else set())
            | (placeholders(entry.answer) & self._marks.keys())
        )
        lacking = sorted(needed - values.keys())
        if lacking:
            return Answer("", lacking[0])
        if entry.schedule:
            return Answer("", entry=entry, values={name: values[name] for name in placeholders(wording)})
        facts = entry.facts.get(values[entry.of]) if entry.of else {}
        return None if facts is None else Answer(entry.answer.format_map({**values, **facts}))

    def _score(self, asked: Mapping[str, int], document: Mapping[str, int]) -> float:
        long = _K1 * (1 - _B + _B * len(document) / self._mean)
        return sum(
            self._idf.get(unit, 0.0) * document[unit] * (_K1 + 1) / (document[unit] + long)
            for unit in asked
            if unit in document
        )

    def _share(self, asked: Mapping[str, int], document: Mapping[str, int]) -> float:
        """Return how much of the question, weighed by how telling it is, stands in the wording."""
        rare = math.log(1 + len(self._documents))
        weights = {unit: self._idf.get(unit, 0.6 * rare) for unit in asked}
        total = sum(weights.values())
        return sum(weight for unit, weight in weights.items() if unit in document) / total if total else 0.0

    def _marked(self, text: str) -> str:
        for slot, mark in self._marks.items():
            text = text.replace(f"{{{slot}}}", mark)
        return text.lower()

    def _delexicalised(self, question: str, about: Sequence[Mention]) -> str:
        for mention in sorted(about, key=lambda one: -one.start):
            question = question[: mention.start] + self._marks[mention.slot] + question[mention.end :]
        return question


def _units(text: str) -> list[str]:
    characters = [*_LIGHT.sub("", text)]
    sounds = [near_class(one) for one in syllables("".join(characters))]
    return [*characters, *(a + b for a, b in pairwise(characters)), *(f"{a} {b}" for a, b in pairwise(sounds))]

"""A value for a slot, as found in an utterance, and what all readers of slots have in common."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from bot.domains.words import Words
from bot.understanding.normalised import CleanText
from bot.understanding.sounds import SoundMatch, Sounds

How = Literal["spelled", "sound", "hint", "bare"]

SURE = 0.85
"""A value heard with less confidence than this is asked about before it is used."""

_DOUBT = 3.6  # one syllable inserted (消化那内科) still beats the shorter word inside; a wrong initial does not


@dataclass(frozen=True)
class Mention:
    """A value found between two character positions of the utterance.

    `value` is normalised; it is empty when `problem` says why the words cannot be used (the name of a phrase, with
    `details` to fill it). `how`: by its spelling, its sound, a word that hints at it, or as the bare answer to a
    question. `negated`: the user said "not this"; `absent`: that it was looked for and not found (未见息肉).
    `gain` ranks overlapping finds.
    """

    slot: str
    value: str
    said: str
    start: int
    end: int
    confidence: float
    how: How
    gain: float
    problem: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    negated: bool = False
    absent: bool = False


class SlotReader(Protocol):
    """Finds the values of one slot."""

    def read(self, heard: CleanText, sounds: Sounds | None, *, asked: bool, now: datetime) -> list[Mention]:
        """Return all that may be meant; `sounds` is None for typed text, `asked` when the bot asked for this slot."""
        ...


def spelled_confidence(heard: CleanText, start: int, end: int) -> float:
    """Return how sure a match by spelling is: 1.0 when typed; when spoken, a known word is good evidence itself."""
    return 0.7 + 0.3 * heard.sureness(start, end) if heard.spoken else 1.0


def believable(match: SoundMatch, *, asked: bool) -> bool:
    """Whether a match by sound is near enough: short words are found everywhere, so they must be nearer."""
    length = len(match.word)
    if length < 2 or (length == 2 and not match.spelled and not asked):
        return False
    floor = {2: 0.84, 3: 0.78}.get(length, 0.7)
    return match.score >= floor + (0.0 if asked else 0.06)


def sound_gain(match: SoundMatch) -> float:
    """Return how much of the utterance a match by sound explains, in characters, less its weighed doubts.

    So 小华内科 is 消化内科 rather than the 内科 in it, while 挂外科 is 外科 rather than nearly 骨外科.
    """
    return len(match.word) - _DOUBT * match.distance


def sound_confidence(match: SoundMatch) -> float:
    """Return how sure a match by sound is, 0 to 1."""
    return match.score - (0.05 if len(match.word) == 2 and not match.spelled else 0.0)


def negation_pattern(words: Words) -> re.Pattern[str]:
    """Return what stands before a value that is not meant: 不要, 不是, 不要挂; not the 不是 of a question (是不是)."""
    negations = "|".join(map(re.escape, words.negations))
    verb = f"[{re.escape(words.negated_verbs)}]?" if words.negated_verbs else ""
    return re.compile(rf"(?<!是)(?:{negations}){verb}$")


def pick(mentions: Iterable[Mention]) -> list[Mention]:
    """Keep the best of overlapping mentions, in order of position."""
    kept: list[Mention] = []
    for mention in sorted(mentions, key=lambda one: (-one.gain, one.start)):
        if all(mention.end <= other.start or mention.start >= other.end for other in kept):
            kept.append(mention)
    return sorted(kept, key=lambda one: one.start)

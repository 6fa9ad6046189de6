"""How many of the values that were said are understood, turn by turn, when the text is noised."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from bot.dialogue import Dialogue
from bot.domains.domain import Domain
from bot.evaluation.noise import garble
from bot.evaluation.rehearsal import Script, play
from bot.evaluation.simulation import same_value
from bot.state import DialogueState
from bot.turn import Utterance

CONFIDENCE = 0.9

Pairs = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class SlotScore:
    """Precision, recall and F1 of slot values (0 to 1) at a `rate` of character errors, over so many `values`."""

    rate: float
    values: int
    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def slot_scores(
    domain: Domain,
    scripts: Sequence[Script],
    open_dialogue: Callable[[], Dialogue],
    *,
    rates: Sequence[float],
    seed: int,
) -> Iterator[SlotScore]:
    """Yield a score for each rate.

    What a turn should fill is what it fills when it is typed as it stands in the test dialogues, whose expectations
    are checked by hand; it is then spoken, with errors, from the same state. A value that the bot asks to have
    confirmed counts as understood. Dialogues that are misheard already are left out.
    """
    turns = [turn for script in scripts for turn in _typed_turns(script, domain)]
    for rate in rates:
        right = found = wanted = 0
        random = Random(f"{seed} {rate}")
        for text, before, expected in turns:
            spoken = Utterance(garble(text, rate, random), "spoken", CONFIDENCE)
            got = _gained(before, open_dialogue().respond(spoken, before).state)
            right += sum(any(_same(one, other, domain) for other in expected) for one in got)
            found += len(got)
            wanted += len(expected)
        yield SlotScore(rate, wanted, right / found if found else 1.0, right / wanted if wanted else 1.0)


def _typed_turns(script: Script, domain: Domain) -> Iterator[tuple[str, DialogueState, Pairs]]:
    if any(turn.hear is not None for turn in script.turns):
        return
    replies = play(script, domain).replies
    for turn, before, after in zip(script.turns, replies, replies[1:], strict=False):
        if not after.actions:  # an action empties the frame: what the turn filled is not to be seen any more
            yield turn.utterance.text, before.state, _gained(before.state, after.state)


def _gained(before: DialogueState, after: DialogueState) -> Pairs:
    """Return the slots with the values they have now and had not before, of the task and of its list."""
    pairs = _pairs(after) - _pairs(before)
    question = after.question
    if question is not None and question.candidate is not None:
        pairs |= {(question.slot, question.candidate.value)}
    return pairs


def _pairs(state: DialogueState) -> Pairs:
    entries = [entry for frame in state.frames for entry in (frame.slots, *frame.items)]
    return frozenset((name, slot.value) for entry in entries for name, slot in entry.items())


def _same(one: tuple[str, str], other: tuple[str, str], domain: Domain) -> bool:
    return one[0] == other[0] and same_value(domain.slots[one[0]], one[1], other[1])

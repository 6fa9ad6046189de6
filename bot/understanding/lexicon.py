"""The words that a user is likely to say next: what a recogniser should be told to expect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.domains.domain import Domain
from bot.slots.model import Slot
from bot.state import DialogueState, Question

LONGEST = 20
"""Words longer than this, in characters, are no words but sentences."""


def lexicon(domain: Domain, state: DialogueState) -> tuple[str, ...]:
    """Return the words to expect in `state`, the likeliest first.

    While a slot is asked for (or a value of it confirmed) these are its own words, before the next entry of a list
    those of all its slots, before a summary the names of the slots that may be wrong, and otherwise all that the
    domain knows. Words of one character are left out: they are as likely a part of something else.
    """
    return tuple(dict.fromkeys(word for word in _words(domain, state) if _is_word(word)))


def _words(domain: Domain, state: DialogueState) -> Iterable[str]:
    question, frame = state.question, state.frame
    if question is None or frame is None:
        return _everything(domain)
    if question.slot and question.slot in domain.slots:
        return _of_slot(domain, question, [text for option in frame.options for text in option.values.values()])
    items = domain.tasks[frame.task].items
    if question.kind == "more" and items:
        return [*items.buttons, *(word for name in items.names for word in _values(domain.slots[name]))]
    return [name for slot in domain.tasks[frame.task].names for name in _names(domain.slots[slot])]


def _of_slot(domain: Domain, question: Question, options: Iterable[str]) -> Iterator[str]:
    slot = domain.slots[question.slot]
    yield from options
    if question.candidate is not None and slot.type != "phone":
        yield question.candidate.value
    yield from _values(slot)


def _everything(domain: Domain) -> Iterator[str]:
    for slot in domain.slots.values():
        yield from (value.value for value in slot.values)
    for task in domain.tasks.values():
        yield from domain.intents[task.intent].keywords
    for slot in domain.slots.values():
        yield from _values(slot)


def _values(slot: Slot) -> Iterator[str]:
    for value in slot.values:
        yield from (value.value, *value.synonyms)
    for value in slot.values:
        yield from value.hints
    yield from slot.buttons


def _names(slot: Slot) -> Iterator[str]:
    yield slot.label
    yield from slot.aliases


def _is_word(word: str) -> bool:
    return 2 <= len(word) <= LONGEST and word.isalnum()

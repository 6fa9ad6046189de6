"""Sentences by the hundred from a few patterns: a grammar of slots, for fields whose words fill the same sentences.

    科室 = 消化内科 | 心内科 | 骨科       # a slot and its values; further lines for the same slot add values
    我想挂{科室}的{号别}                  # a pattern: braces take any value of a slot,
    [请问](什么时候|哪天)能看{科室}       # brackets may be left out, parentheses choose

Patterns mean finitely many sentences, which are numbered, so that any number of them can be drawn without writing
down the rest.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_SLOT = re.compile(r"\s*([^\W\d]\w*)\s*=(.*)", re.DOTALL)
_COMMENT = re.compile(r"(?:^|\s)#.*")
_CLOSING = {"(": ")", "[": "]"}
_SPECIAL = "{}()[]|"
_DEEPEST = 20  # parentheses in parentheses, slots in slots
_MOST = 2**62  # of sentences; beyond it they are not told apart


class TemplateWrong(Exception):
    """A line of a grammar cannot be used; the message says why."""


@dataclass(frozen=True)
class Literal:
    """Plain text."""

    text: str


@dataclass(frozen=True)
class Reference:
    """Any value of a slot."""

    slot: str


@dataclass(frozen=True)
class Choice:
    """One of several sequences."""

    options: tuple[tuple[Node, ...], ...]


Node = Literal | Reference | Choice


@dataclass(frozen=True)
class Line:
    """A line of a grammar that says something: the values of a `slot`, or a pattern where that is empty."""

    number: int
    slot: str
    choice: Choice


class Grammar:
    """Patterns and the slots that they may name."""

    def __init__(self, slots: Mapping[str, Choice]) -> None:
        """Take the values of each slot."""
        self._slots = slots
        self._counts: dict[str, int] = {}

    def count(self, pattern: Choice) -> int:
        """Return how many sentences a pattern means, doubles included, at most 2^62.

        Raises:
            TemplateWrong: it names a slot that is not there, or one that leads to itself.
        """
        return min(_MOST, self._choice_count(pattern, ()))

    def sentence(self, pattern: Choice, index: int) -> str:
        """Return one sentence of a pattern; `index` is below its count."""
        for option in pattern.options:
            size = self._sequence_count(option, ())
            if index < size:
                return self._sequence(option, index)
            index -= size
        raise IndexError("the pattern has fewer sentences")

    def sentences(self, pattern: Choice, most: int) -> Iterator[str]:
        """Give all sentences of a pattern, or `most` of them drawn at random, always the same ones."""
        count = self.count(pattern)
        indices: Sequence[int] = range(count)
        if count > most:
            indices = random.Random(most).sample(range(count), most)
        return (self.sentence(pattern, index) for index in indices)

    def _sequence(self, nodes: Sequence[Node], index: int) -> str:
        texts = []
        for node in nodes:
            if isinstance(node, Literal):
                texts.append(node.text)
                continue
            choice = self._slots[node.slot] if isinstance(node, Reference) else node
            index, place = divmod(index, self._choice_count(choice, ()))
            texts.append(self.sentence(choice, place))
        return "".join(texts)

    def _choice_count(self, choice: Choice, within: tuple[str, ...]) -> int:
        return sum(self._sequence_count(option, within) for option in choice.options)

    def _sequence_count(self, nodes: Sequence[Node], within: tuple[str, ...]) -> int:
        count = 1
        for node in nodes:
            if isinstance(node, Reference):
                count *= self._slot_count(node.slot, within)
            elif isinstance(node, Choice):
                count *= self._choice_count(node, within)
        return count

    def _slot_count(self, slot: str, within: tuple[str, ...]) -> int:
        if slot not in self._slots:
            raise TemplateWrong(f"no slot is called {slot}")
        if slot in within or len(within) >= _DEEPEST:
            raise TemplateWrong(f"the slot {slot} leads to itself, or too deep")
        if slot not in self._counts:
            self._counts[slot] = self._choice_count(self._slots[slot], (*within, slot))
        return self._counts[slot]


def parse_line(number: int, text: str) -> Line | None:
    """Read one line; None when there is nothing but a comment in it.

    Raises:
        TemplateWrong: it breaks the rules; the message says which.
    """
    text = _COMMENT.sub("", text).strip()
    if not text:
        return None
    named = _SLOT.fullmatch(text)
    if named is None:
        return Line(number, "", _Parser(text).parse())
    choice = _Parser(named[2]).parse()
    filled = tuple(option for option in choice.options if option)
    if not filled:
        raise TemplateWrong(f"the slot {named[1]} has no value")
    return Line(number, named[1], Choice(filled))


def join_slots(lines: Sequence[Line]) -> dict[str, Choice]:
    """Put together the values of each slot."""
    slots: dict[str, list[tuple[Node, ...]]] = {}
    for line in lines:
        if line.slot:
            slots.setdefault(line.slot, []).extend(line.choice.options)
    return {slot: Choice(tuple(dict.fromkeys(options))) for slot, options in slots.items()}


class _Parser:
    """Reads one pattern from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0

    def parse(self) -> Choice:
        choice = self._choice(0)
        if self._place < len(self._text):
            raise TemplateWrong(f"{self._text[self._place]} closes nothing")
        return choice

    def _choice(self, depth: int) -> Choice:
        if depth > _DEEPEST:
            raise TemplateWrong("parentheses are nested too deep")
        options = [self._sequence(depth)]
        while self._next() == "|":
            self._place += 1
            options.append(self._sequence(depth))
        return Choice(tuple(options))

    def _sequence(self, depth: int) -> tuple[Node, ...]:
        nodes: list[Node] = []
        while (character := self._next()) and character not in ")]|":
            if character in _CLOSING:
                nodes.append(self._group(character, depth))
            elif character == "{":
                nodes.append(self._reference())
            elif character == "}":
                raise TemplateWrong("} closes nothing")
            else:
                start = self._place
                while self._next() and self._next() not in _SPECIAL:
                    self._place += 1
                if text := self._text[start : self._place].strip():
                    nodes.append(Literal(text))
        return tuple(nodes)

    def _group(self, opening: str, depth: int) -> Choice:
        self._place += 1
        choice = self._choice(depth + 1)
        if self._next() != _CLOSING[opening]:
            raise TemplateWrong(f"{opening} is not closed")
        self._place += 1
        return choice if opening == "(" else Choice(((), *choice.options))

    def _reference(self) -> Reference:
        end = self._text.find("}", self._place)
        if end < 0:
            raise TemplateWrong("{ is not closed")
        slot = self._text[self._place + 1 : end].strip()
        self._place = end + 1
        if not slot:
            raise TemplateWrong("{} names no slot")
        return Reference(slot)

    def _next(self) -> str:
        return self._text[self._place : self._place + 1]

"""The words that a recogniser is told to expect: one list, whichever way it came in.

A line of the text form, and what FunASR's clients put on the wire, are read by the same rules:

    词 权重                              weight 1 to 100, 20 when left out
    正词 权重 | 别名 | 别名 ~~~ 语境 | 语境   misheard forms that become the word; contexts in which nothing is changed
    词 词 权重, 词                        several words on one line, between spaces or commas, as clients send them
    # comment                            to the end of the line, at its start or after a space

Also read: `{"词": 20}` as JSON text or as a mapping, and a list of words. Sources: FunASR's
runtime/docs/websocket_protocol.md (the shapes on the wire), CapsWriter-Offline's hot-zh.txt (aliases and `~~~`).
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from asr.errors import HotwordsInvalid
from asr.hotwords.problems import HotwordProblem, Reason

MAX_WORDS = 5000
MAX_FORMS = 20  # aliases of a word, and as many contexts
MAX_LENGTH = 20  # characters of a word, an alias or a context
MAX_CHARACTERS = 2**20  # of a text: twice what 5,000 words with their aliases usually take
MAX_ENTRIES = 4 * MAX_WORDS  # read of one list, wrong ones and repeated ones among them
MIN_WEIGHT, DEFAULT_WEIGHT, MAX_WEIGHT = 1, 20, 100

_RESERVED = frozenset('|~,，、;；:："“”{}[]')
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?")
_ITEM = re.compile(r"[^\s,，、;；]+")
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*")
_GLUED = re.compile(r"[\u3400-\u9fff]\d+$")
_CONTEXT = "~~~"


class _Wrong(ValueError):
    def __init__(self, reason: Reason, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.reason = reason
        self.offset = offset


@dataclass(frozen=True)
class Hotword:
    """A word to expect, how strongly (`weight`, 1 to 100), its misheard forms, and where to leave those alone.

    Raises ValueError when a field breaks the rules of this module; repeated aliases and contexts are dropped.
    """

    word: str
    weight: int = DEFAULT_WEIGHT
    aliases: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the fields; raises ValueError."""
        for text in (self.word, *self.aliases, *self.contexts):
            _check_text(text)
        _check_weight(self.weight)
        for name, forms in (("aliases", self.aliases), ("contexts", self.contexts)):
            unique = tuple(form for form in dict.fromkeys(forms) if name == "contexts" or form != self.word)
            if len(unique) > MAX_FORMS:
                raise _Wrong(
                    Reason.TOO_MANY, f"“{self.word}” has {len(unique)} {name}; {MAX_FORMS} is the most for one word."
                )
            object.__setattr__(self, name, unique)

    def line(self) -> str:
        """Return the entry as a line of the text form."""
        weighted = self.word if self.weight == DEFAULT_WEIGHT else f"{self.word} {self.weight}"
        left = " | ".join((weighted, *self.aliases))
        return f"{left} {_CONTEXT} {' | '.join(self.contexts)}" if self.contexts else left

    def merged_with(self, other: Hotword) -> Hotword:
        """Return one entry for a word that stands in a list twice: the higher weight, aliases and contexts of both.

        Of more than MAX_FORMS of them, the last are kept: they were added last.
        """
        aliases, contexts = (
            tuple(dict.fromkeys(forms))[-MAX_FORMS:]
            for forms in (self.aliases + other.aliases, self.contexts + other.contexts)
        )
        return Hotword(self.word, max(self.weight, other.weight), aliases, contexts)


@dataclass(frozen=True)
class HotwordList:
    """Hotwords in order, each word once; duplicates given are merged, the higher weight wins.

    Raises ValueError when there are more than 5,000.
    """

    words: tuple[Hotword, ...] = ()

    def __post_init__(self) -> None:
        """Merge duplicates; raises ValueError."""
        unique: dict[str, Hotword] = {}
        for hotword in self.words:
            known = unique.get(hotword.word)
            unique[hotword.word] = known.merged_with(hotword) if known else hotword
        if len(unique) > MAX_WORDS:
            raise ValueError(f"A list holds at most {MAX_WORDS} hotwords; this one has {len(unique)}.")
        object.__setattr__(self, "words", tuple(unique.values()))

    def __bool__(self) -> bool:
        """Whether there is any word."""
        return bool(self.words)

    def __len__(self) -> int:
        """Count the words."""
        return len(self.words)

    def __iter__(self) -> Iterator[Hotword]:
        """Go through the entries in order."""
        return iter(self.words)

    def serialize(self) -> str:
        """Return the text form, one entry a line; parsing it gives this list again."""
        return "".join(f"{hotword.line()}\n" for hotword in self.words)

    @cached_property
    def digest(self) -> str:
        """A name for exactly these entries: what was built for a list is kept under it."""
        return hashlib.sha256(self.serialize().encode()).hexdigest()


EMPTY = HotwordList()


@dataclass(frozen=True)
class Parsed:
    """What could be read, and everything that was wrong, in order of lines."""

    hotwords: HotwordList
    problems: tuple[HotwordProblem, ...] = ()

    @property
    def errors(self) -> tuple[HotwordProblem, ...]:
        """The problems for which an entry was left out."""
        return tuple(problem for problem in self.problems if not problem.warning)


def parse(value: object, *, vocabulary: Collection[str] | None = None) -> Parsed:
    """Read a list in any of its shapes, leaving out what is wrong.

    Args:
        value: text, a mapping of words to weights, a list of words, or None; anything else is one problem.
        vocabulary: the model's units; with it, characters that the model cannot write are reported.

    Returns:
        The list and its problems. No input raises.
    """
    found: list[tuple[Hotword, int, int]] = []
    problems: list[HotwordProblem] = []
    for number, (line, column, entry) in enumerate(_entries(value)):
        if number == MAX_ENTRIES:
            message = f"A list has at most {MAX_ENTRIES} entries; the rest is not read."
            problems.append(HotwordProblem(line, column, Reason.TOO_MANY, message))
            break
        if isinstance(entry, _Wrong):
            problems.append(HotwordProblem(line, column + entry.offset, entry.reason, str(entry)))
        else:
            found.append((entry, line, column))
    kept: dict[str, Hotword] = {}
    for hotword, line, column in found:
        known = kept.get(hotword.word)
        if known is None and len(kept) == MAX_WORDS:
            message = f"A list holds at most {MAX_WORDS} words; the rest, from “{hotword.word}” on, is left out."
            problems.append(HotwordProblem(line, column, Reason.TOO_MANY, message))
            break
        if known:
            problems.append(
                HotwordProblem(line, column, Reason.DUPLICATE, f"“{hotword.word}” is there twice; both are one.")
            )
        problems += _unknown(hotword, line, column, vocabulary)
        kept[hotword.word] = known.merged_with(hotword) if known else hotword
    problems.sort(key=lambda problem: (problem.line, problem.column))
    return Parsed(HotwordList(tuple(kept.values())), tuple(problems))


def parse_strictly(value: object, *, vocabulary: Collection[str] | None = None) -> HotwordList:
    """Read a list in any of its shapes.

    Args:
        value: as for `parse`.
        vocabulary: as for `parse`.

    Raises:
        HotwordsInvalid: an entry is wrong; the error names the line, the column and the reason of the first.
    """
    parsed = parse(value, vocabulary=vocabulary)
    if parsed.errors:
        first = parsed.errors[0]
        raise HotwordsInvalid(
            f"Line {first.line}, column {first.column}: {first.message}",
            line=first.line,
            column=first.column,
            reason=str(first.reason),
        )
    return parsed.hotwords


def merge(*lists: HotwordList) -> HotwordList:
    """Put lists into one: global, then conversation, then request.

    Rule: of entries for the same word the later list's stands alone; words keep the place where they first stood.
    What goes beyond 5,000 words is dropped from the front, for the later lists are the more particular.
    """
    filled = [one for one in lists if one]
    if len(filled) <= 1:
        return filled[0] if filled else EMPTY
    words: dict[str, Hotword] = {}
    for one in filled:
        words.update((hotword.word, hotword) for hotword in one)
    return HotwordList(tuple(words.values())[-MAX_WORDS:])


_Entry = tuple[int, int, "Hotword | _Wrong"]


def _entries(value: object) -> Iterator[_Entry]:
    if value is None:
        return
    if isinstance(value, HotwordList):
        yield from ((number, 1, hotword) for number, hotword in enumerate(value, 1))
    elif isinstance(value, str):
        yield from _text_entries(value.removeprefix("\ufeff"))
    elif isinstance(value, _Pairs | Mapping):
        yield from _pairs(_pairs_of(value))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value, 1):
            yield from ((number, 1, entry) for _, _, entry in _pairs(_pairs_of(item)))
    else:
        yield 1, 1, _Wrong(Reason.UNREADABLE, "Hotwords are text, a list of words, or words with their weights.")


def _text_entries(text: str) -> Iterator[_Entry]:
    if len(text) > MAX_CHARACTERS:
        yield 1, 1, _Wrong(Reason.TOO_MANY, f"A list has at most {MAX_CHARACTERS} characters.")
        return
    if text.lstrip()[:1] in ("{", "["):
        try:
            yield from _entries(json.loads(text, object_pairs_hook=_Pairs))
        except json.JSONDecodeError as error:
            message = "This begins like JSON and is not: write one word a line, or mend it."
            yield error.lineno, error.colno, _Wrong(Reason.UNREADABLE, message)
        except (ValueError, RecursionError):  # a number of thousands of digits, brackets thousands deep
            yield 1, 1, _Wrong(Reason.UNREADABLE, "This JSON holds more than can be read.")
        return
    for number, line in enumerate(text.splitlines(), 1):
        yield from ((number, column, entry) for column, entry in _line_entries(_COMMENT.sub("", line)))


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with all its pairs: a word that is there twice must not lose its higher weight."""


def _pairs_of(item: object) -> Iterable[tuple[Any, Any]]:
    if isinstance(item, _Pairs):
        return item
    return item.items() if isinstance(item, Mapping) else [(item, DEFAULT_WEIGHT)]


def _pairs(pairs: Iterable[tuple[Any, Any]]) -> Iterator[_Entry]:
    for number, (word, weight) in enumerate(pairs, 1):
        try:
            if not isinstance(word, str):
                raise _Wrong(Reason.UNREADABLE, "A hotword is a text.")
            yield number, 1, Hotword(word.strip(), _weight(weight))
        except _Wrong as error:
            yield number, 1, error


def _weight(value: object) -> int:
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value) if "." in value else int(value[:9])
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _Wrong(Reason.WEIGHT_OUT_OF_RANGE, f"A weight is a whole number from {MIN_WEIGHT} to {MAX_WEIGHT}.")
    _check_weight(value)
    return value


def _line_entries(line: str) -> Iterator[tuple[int, Hotword | _Wrong]]:
    """Read one line without its comment: columns and entries."""
    head, mark, tail = line.partition(_CONTEXT)
    if not mark and "|" not in head:
        yield from _plain_entries(line)
        return
    first, *rest = head.split("|")
    items = list(_ITEM.finditer(first))
    start = items[0].start() + 1 if items else 1
    try:
        if not items:
            raise _Wrong(Reason.EMPTY_WORD, "Before the first | or ~~~ stands the word that is meant.")
        if len(items) > 2:
            raise _Wrong(Reason.RESERVED_CHARACTER, "Before the first | stands one word and its weight.")
        weight = _weight(items[1].group()) if len(items) > 1 else DEFAULT_WEIGHT
        yield start, Hotword(items[0].group(), weight, _forms(rest), _forms(tail.split("|") if mark else []))
    except _Wrong as error:
        yield start, error


def _forms(parts: Sequence[str]) -> tuple[str, ...]:
    if not all(part.strip() for part in parts):
        raise _Wrong(Reason.EMPTY_WORD, "There is nothing between two | or after ~~~.")
    return tuple(dict.fromkeys(part.strip() for part in parts))


def _plain_entries(line: str) -> Iterator[tuple[int, Hotword | _Wrong]]:
    """Read `词`, `词 权重` and several of them between spaces and commas."""
    items = list(_ITEM.finditer(line))
    index = 0
    while index < len(items):
        word, column = items[index].group(), items[index].start() + 1
        weighted = index + 1 < len(items) and _NUMBER.fullmatch(items[index + 1].group()) is not None
        try:
            weight = DEFAULT_WEIGHT
            _check_text(word)
            if weighted:
                offset = items[index + 1].start() + 1 - column
                try:
                    weight = _weight(items[index + 1].group())
                except _Wrong as error:
                    error.offset = offset
                    raise
            yield column, Hotword(word, weight)
        except _Wrong as error:
            yield column, error
        index += 2 if weighted else 1


def _check_text(text: str) -> None:
    if not text:
        raise _Wrong(Reason.EMPTY_WORD, "A hotword has at least one character.")
    if len(text) > MAX_LENGTH:
        raise _Wrong(Reason.TOO_LONG, f"“{text[:MAX_LENGTH]}…” has {len(text)} characters; {MAX_LENGTH} is the most.")
    for offset, character in enumerate(text):
        unprintable = unicodedata.category(character)[0] in "CZ"
        if unprintable or character in _RESERVED or character.isspace() or (character == "#" and not offset):
            message = (
                f"U+{ord(character):04X} cannot stand in a hotword: spaces, commas, | ~ and # have a meaning here."
            )
            raise _Wrong(Reason.RESERVED_CHARACTER, message, offset)
    if _NUMBER.fullmatch(text):
        raise _Wrong(
            Reason.NUMBER_ONLY, f"“{text}” is a number: a weight stands behind its word; write 一二〇 to mean it."
        )
    if glued := _GLUED.search(text):
        message = f"Put a space before the weight in “{text}”, or write the number as it is spoken."
        raise _Wrong(Reason.DIGITS_GLUED, message, glued.start() + 1)


def _check_weight(weight: int) -> None:
    if not MIN_WEIGHT <= weight <= MAX_WEIGHT:
        shown = str(weight) if abs(weight) < 10**9 else "The weight"
        raise _Wrong(Reason.WEIGHT_OUT_OF_RANGE, f"{shown} is outside {MIN_WEIGHT} to {MAX_WEIGHT}.")


def _unknown(hotword: Hotword, line: int, column: int, vocabulary: Collection[str] | None) -> Iterator[HotwordProblem]:
    for offset, character in enumerate(hotword.word if vocabulary is not None else ""):
        # Latin words are written in pieces, which only the decoder can tell.
        if vocabulary is not None and not character.isascii() and character not in vocabulary:
            message = f"The model cannot write “{character}” itself; “{hotword.word}” is found by its sound alone."
            yield HotwordProblem(line, column + offset, Reason.UNKNOWN_CHARACTER, message)

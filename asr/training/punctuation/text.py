"""Punctuated text as the punctuation model learns from it: characters as a recogniser writes them, and their marks.

Numbers are written out, quotation marks and what stands in brackets is left out, letters become ``<unk>``, and every
mark becomes one of four: ，。？、 (；：—— count as ，; ！ and …… as 。).
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cn2an
import yaml

MARKS = ("<unk>", "_", "，", "。", "？", "、")
"""What can stand behind a character, in the order of the model's outputs: nothing known, nothing, a mark."""
UNKNOWN_MARK, NO_MARK, COMMA, PERIOD, QUESTION, PAUSE = range(6)
UNKNOWN = "<unk>"

_MARK_OF = {",": COMMA, ";": COMMA, ":": COMMA, "—": COMMA, "。": PERIOD, "!": PERIOD, "…": PERIOD, "?": QUESTION}
_MARK_OF |= {".": PERIOD, "、": PAUSE}
_HAN = re.compile(r"[\u4e00-\u9fff〇]")
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|【[^【】]*】")
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:%|(?=年))?")
_RANGE = re.compile(r"(?<![\d-])([1-9]\d{0,4})\s*[-~]\s*(?=[1-9]\d{0,4}(?![\d-]))|(?<=[\u4e00-\u9fff])\s+-\s+")
_UNIT = re.compile(r"[a-zA-Z][a-zA-Z'&+-]*|.", re.DOTALL)
_TAGGED = re.compile(r"\[?([^/\s]+)/[A-Za-z]+(?:\]\w*)?")
_BLANK_BETWEEN = re.compile(r"[\u4e00-\u9fff]\s+[\u4e00-\u9fff]")
_BLANK_AFTER_MARK = re.compile(r"(?<=[,;:.。!?、])\s+|\s+(?=[,;:.。!?、])")
_ASKING = re.compile(
    r"(?:吗|么|呢|没有|不行|不可以|不能|几点|多少钱|多少|哪儿|哪里|哪一?[个家位天些]|什么时候|怎么样|如何|谁)啊?$"
)
_ASKS = re.compile(r"什么|怎么|哪|几点|多少|是不是|能不能|可不可以|行不行|有没有|好不好|要不要|会不会|为什么")
_LONGEST_RUN = 45  # characters without a mark; who writes longer ones has not punctuated
_SHARED_LENGTH = 6  # shorter sentences (好的。谢谢。) are everybody's, and may stand on both sides


@dataclass(frozen=True)
class Sentence:
    """Characters, and the mark behind each of them (index into MARKS)."""

    characters: tuple[str, ...]
    marks: tuple[int, ...]

    @property
    def key(self) -> str:
        return "".join(self.characters)


Document = list[Sentence]
"""Sentences that follow one another."""


@dataclass(frozen=True)
class Source:
    """One text of a recipe: what the evaluation calls it, where it is, its kind, and how often an epoch has it."""

    name: str
    path: str
    kind: str
    times: int = 1


def read_documents(path: Path, kind: str) -> Iterator[Document]:
    """Read the documents of a text; those that nobody punctuated are left out.

    Args:
        path: a file; a folder of YAML files for ``conversations``.
        kind: ``lines`` (a document a line), ``tagged`` (词/n, marks as /w), ``crosswoz`` (zipped dialogues),
            ``conversations`` (chatterbot-corpus), ``manifest`` (JSON lines with ``punctuated`` and ``kind``),
            ``phrases`` (every string of a bot's domain).

    Raises:
        ValueError: there is no such kind.
    """
    readers = {
        "lines": _lines,
        "tagged": _tagged,
        "crosswoz": _crosswoz,
        "conversations": _conversations,
        "manifest": _manifest,
        "phrases": _phrases,
    }
    if kind not in readers:
        raise ValueError(f"{path}: no reader for texts of the kind {kind!r}; known are {', '.join(readers)}")
    for texts in readers[kind](path):
        document = [sentence for text in texts for sentence in sentences(text)]
        if document:
            yield document


def sentences(text: str) -> Document:
    """Cut a text into sentences of characters and marks; [] when it is not punctuated."""
    plain = _BRACKETS.sub("", unicodedata.normalize("NFKC", text).strip())
    plain = _BLANK_AFTER_MARK.sub("", plain)
    if _BLANK_BETWEEN.search(plain):  # blanks in the place of marks
        return []
    plain = _NUMBER.sub(_written_out, _RANGE.sub(_range, plain))
    characters: list[str] = []
    marks: list[int] = []
    for unit in _UNIT.findall(plain):
        if _HAN.fullmatch(unit):
            characters.append(sys.intern(unit))  # millions of a few thousand
            marks.append(NO_MARK)
        elif unit in _MARK_OF and marks:
            # Of several marks in a row (！？ 。。。 ，“) the strongest counts.
            marks[-1] = max(marks[-1], _MARK_OF[unit], key=_STRENGTH.__getitem__)
        elif unit[0].isalpha():
            characters.append(UNKNOWN)
            marks.append(NO_MARK)
    if not marks or _longest_run(marks) > _LONGEST_RUN or characters.count(UNKNOWN) * 4 > len(characters):
        return []
    if marks[-1] == NO_MARK:
        marks[-1] = UNKNOWN_MARK  # the writer saved the last mark
    return list(_cut(characters, marks))


_STRENGTH = [0, 0, 2, 3, 4, 1]


def utterance(text: str) -> str:
    """End a phrase that has no final mark the way it would be written: a question by its words, else a statement."""
    if not text or text[-1] in "，。？！、；：,.?!;:":
        return text
    return text + ("？" if _ASKING.search(text) or _ASKS.search(text) else "。")


def split(
    sources: Iterable[Source], data: Path, held_out_percent: int
) -> tuple[list[tuple[Source, Document]], list[tuple[Source, Document]]]:
    """Divide the documents of all texts into those to train on and those held out.

    A document's side is drawn by the hash of its text, so that it stays the same whatever else is added; sentences of
    six characters or more that occur in the held-out part are taken out of the training part.
    """
    training: list[tuple[Source, Document]] = []
    held_out: list[tuple[Source, Document]] = []
    for source in sources:
        path = data / source.path
        for document in read_documents(path if path.exists() else Path(source.path), source.kind):
            digest = hashlib.sha256("".join(sentence.key for sentence in document).encode()).digest()
            side = held_out if int.from_bytes(digest[:4], "big") % 100 < held_out_percent else training
            side.append((source, document))
    unseen = {s.key for _, document in held_out for s in document if len(s.characters) >= _SHARED_LENGTH}
    kept = [(source, [s for s in document if s.key not in unseen]) for source, document in training]
    return [(source, document) for source, document in kept if document], held_out


def _range(match: re.Match[str]) -> str:
    return f"{match.group(1) or ''}到"


def _written_out(match: re.Match[str]) -> str:
    number = match.group()
    if number.endswith("%"):
        return "百分之" + str(cn2an.an2cn(number[:-1]))
    whole = number.isdigit()
    year = whole and len(number) in (2, 4) and match.string[match.end() : match.end() + 1] == "年"
    if year or (whole and (len(number) > 6 or (number[0] == "0" and len(number) > 1))):
        return "".join("零一二三四五六七八九"[int(digit)] for digit in number)
    return str(cn2an.an2cn(number))


def _longest_run(marks: list[int]) -> int:
    longest = run = 0
    for mark in marks:
        run = run + 1 if mark in (NO_MARK, UNKNOWN_MARK) else 0
        longest = max(longest, run)
    return longest


def _cut(characters: list[str], marks: list[int]) -> Iterator[Sentence]:
    first = 0
    for index, mark in enumerate(marks, 1):
        if mark in (PERIOD, QUESTION) or index == len(marks):
            yield Sentence(tuple(characters[first:index]), tuple(marks[first:index]))
            first = index


def _lines(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="utf-8", errors="ignore") as file:
        yield from ([line] for line in file)


def _tagged(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="utf-8", errors="ignore") as file:
        for line in file:
            text = "".join(_TAGGED.findall(line))
            if text and text[-1] in "。！？":  # headlines and signatures are no sentences
                yield [text]


def _crosswoz(path: Path) -> Iterator[list[str]]:
    with zipfile.ZipFile(path) as archive:
        dialogues = json.loads(archive.read(path.name.removesuffix(".zip")))
    for dialogue in dialogues.values():
        # The database's lists have an English comma and a blank: 鼓楼, 白云观.
        yield [utterance(message["content"].replace(", ", "、")) for message in dialogue["messages"]]


def _conversations(path: Path) -> Iterator[list[str]]:
    for file in sorted(path.glob("*.yml")):
        for turns in yaml.safe_load(file.read_text(encoding="utf-8"))["conversations"]:
            yield [utterance(str(turn)) for turn in turns]


def _manifest(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            entry = json.loads(line)
            # The other kinds are clauses cut out of the texts above, and words in a row.
            if entry.get("kind") == "task":
                yield [utterance(entry["punctuated"])]


def _phrases(path: Path) -> Iterator[list[str]]:
    yield from ([utterance(text)] for text in _strings(yaml.safe_load(path.read_text(encoding="utf-8"))))


def _strings(node: object) -> Iterator[str]:
    if isinstance(node, str):
        if len(_HAN.findall(node)) >= 2 and "{" not in node and "|" not in node:
            yield node
    elif isinstance(node, dict):
        for value in node.values():
            yield from _strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from _strings(value)

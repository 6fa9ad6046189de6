"""What a field's language model learns from: sentences in the form in which a recogniser writes them.

Sources are texts (a sentence a line), templates (`asr.lm.grammar`) and corrections (JSON lines with `text`, what was
meant). Each line is cut into sentences and brought into its spoken form; what cannot be used is left out and reported
with its number and why. A sentence counts once for each source that has it, times that source's weight.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from asr.errors import LanguageCorpusTooLarge, LanguageCorpusTooSmall, LanguageJobInvalid
from asr.lm.grammar import Grammar, Line, TemplateWrong, join_slots, parse_line
from mandarin.encodings import decode_text
from mandarin.spoken import spoken_form

SourceKind = Literal["text", "template", "corrections"]

REPORTED = 200
"""So many bad lines are told one by one; all are counted."""

_SHOWN = 40  # characters of a bad line
_LEAST = 10  # different sentences, below which there is nothing to learn or to hold out
_REPEATED = 100  # times that one sentence may stand in a source before it is pointed out
_HELD_OUT, _MOST_HELD_OUT = 0.05, 5000
_ENDS = re.compile(r"[。！？!?；;…\n]+|\.(?=\s|$)")
_LEAST_HAN = 0.5  # of the letters of a Mandarin sentence


@dataclass(frozen=True)
class Source:
    """One text of a corpus: where it lies, what it is, and how many times a sentence of it counts."""

    name: str
    kind: SourceKind
    file: str
    weight: int = 1


@dataclass(frozen=True)
class Limits:
    """What a training may take.

    Attributes:
        bytes: of all sources together.
        sentences: different ones.
        longest: characters of a sentence.
        expansions: sentences of one template line; of more, so many are drawn.
        memory_mb: of any step.
        seconds: for counting n-grams.
    """

    bytes: int = 64 * 2**20
    sentences: int = 2_000_000
    longest: int = 200
    expansions: int = 2000
    memory_mb: int = 1536
    seconds: int = 900


@dataclass(frozen=True)
class LineProblem:
    """Why a line is not used: `binary`, `control-characters`, `other-language`, `too-long`, `number`, `template`,
    `correction`; or `repeated`, where a sentence that stands there very often counts only once.
    """

    source: str
    line: int
    reason: str
    text: str


@dataclass
class SourceCount:
    """What a source gave: its lines, and the sentences that count, doubles left out."""

    name: str
    kind: SourceKind
    weight: int
    lines: int = 0
    sentences: int = 0


@dataclass
class Corpus:
    """Sentences with how often each counts, and what was left out."""

    sentences: Counter[str] = field(default_factory=Counter)
    sources: list[SourceCount] = field(default_factory=list)
    problems: list[LineProblem] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)

    def complain(self, problem: LineProblem) -> None:
        """Keep a problem, or only count it when there are many."""
        self.reasons[problem.reason] += 1
        if len(self.problems) < REPORTED:
            self.problems.append(problem)

    def split(self) -> tuple[dict[str, int], list[str]]:
        """Part the corpus for good: the same sentences are always held out, whatever else is in it.

        Returns:
            What to learn from, and a twentieth to judge by (5,000 sentences at most).
        """
        ranked = sorted(self.sentences, key=lambda text: hashlib.blake2b(text.encode(), digest_size=8).digest())
        held_out = ranked[: min(_MOST_HELD_OUT, math.ceil(_HELD_OUT * len(ranked)))]
        apart = set(held_out)
        return {text: count for text, count in self.sentences.items() if text not in apart}, held_out


def read_sources(sources: Sequence[Source], folder: Path, limits: Limits | None = None) -> Corpus:
    """Read all sources.

    Args:
        sources: their files are relative to `folder`.
        folder: nothing outside is read.
        limits: what is taken.

    Raises:
        LanguageJobInvalid: a source's file is not there, or lies outside.
        LanguageCorpusTooLarge: more bytes or sentences than are taken.
        LanguageCorpusTooSmall: there are not ten different sentences in it.
    """
    limits = limits or Limits()
    corpus = Corpus()
    left = limits.bytes
    for source in sources:
        raw = _read(source, folder, left)
        if raw is None:
            raise LanguageCorpusTooLarge(
                f"The corpus has more than {limits.bytes} bytes.", field="bytes", limit=limits.bytes
            )
        left -= len(raw)
        _Reader(source, limits, corpus).read(raw)
        if len(corpus.sentences) > limits.sentences:
            raise LanguageCorpusTooLarge(
                f"The corpus has more than {limits.sentences} sentences.", field="sentences", limit=limits.sentences
            )
    if len(corpus.sentences) < _LEAST:
        raise LanguageCorpusTooSmall(
            f"The corpus has {len(corpus.sentences)} different sentences that can be used; {_LEAST} are needed.",
            sentences=len(corpus.sentences),
            least=_LEAST,
            problems=sum(corpus.reasons.values()),
        )
    return corpus


class _Reader:
    """Reads one source into a corpus."""

    def __init__(self, source: Source, limits: Limits, corpus: Corpus) -> None:
        self._source = source
        self._limits = limits
        self._corpus = corpus
        self._count = SourceCount(source.name, source.kind, source.weight)
        self._seen: Counter[str] = Counter()
        corpus.sources.append(self._count)

    def read(self, raw: bytes) -> None:
        lines = enumerate(_decoded(raw).split("\n"), 1)
        usable = ((number, line.strip()) for number, line in lines if line.strip())
        if self._source.kind == "template":
            self._templates([(number, line) for number, line in usable if self._is_text(number, line)])
            return
        for number, line in usable:
            self._count.lines += 1
            if self._is_text(number, line):
                text = line if self._source.kind == "text" else self._correction(number, line)
                if text:
                    self._add(number, text)

    def _templates(self, numbered: Iterable[tuple[int, str]]) -> None:
        lines: list[Line] = []
        for number, text in numbered:
            try:
                line = parse_line(number, text)
            except TemplateWrong as error:
                self._complain(number, "template", f"{error}: {text}")
                continue
            if line is not None:
                lines.append(line)
        grammar = Grammar(join_slots(lines))
        for line in lines:
            self._count.lines += 1
            if line.slot:
                continue
            try:
                for sentence in grammar.sentences(line.choice, self._limits.expansions):
                    self._add(line.number, sentence)
            except TemplateWrong as error:
                self._complain(line.number, "template", str(error))

    def _correction(self, number: int, line: str) -> str:
        try:
            text = json.loads(line)["text"]
        except (ValueError, KeyError, TypeError, RecursionError):
            text = None
        if not isinstance(text, str):
            self._complain(number, "correction", line)
            return ""
        return text if self._is_text(number, text) else ""

    def _is_text(self, number: int, line: str) -> bool:
        for character in line:
            if character == "\0" or "\ud800" <= character <= "\udfff":
                self._complain(number, "binary", line)
                return False
        if any(unicodedata.category(character) == "Cc" and character not in "\t\r\n" for character in line):
            self._complain(number, "control-characters", line)
            return False
        return True

    def _add(self, number: int, line: str) -> None:
        for written in _ENDS.split(line):
            sentence = spoken_form(written) if written else ""
            if not sentence:
                continue
            if reason := self._refusal(sentence):
                self._complain(number, reason, written)
                continue
            self._seen[sentence] += 1
            if self._seen[sentence] == 1:
                self._corpus.sentences[sentence] += self._source.weight
                self._count.sentences += 1
            elif self._seen[sentence] == _REPEATED:
                self._complain(number, "repeated", written)

    def _refusal(self, sentence: str) -> str:
        if len(sentence) > self._limits.longest:
            return "too-long"
        if any(character.isdigit() for character in sentence):
            return "number"
        han = sum("\u4e00" <= character <= "\u9fff" for character in sentence)
        return "other-language" if han < _LEAST_HAN * len(sentence) else ""

    def _complain(self, number: int, reason: str, text: str) -> None:
        shown = "".join(character if character.isprintable() else "�" for character in text[:_SHOWN])
        self._corpus.complain(LineProblem(self._source.name, number, reason, shown))


def _read(source: Source, folder: Path, most: int) -> bytes | None:
    """Return a source's bytes, None when they are more than `most`."""
    path = (folder / source.file).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise LanguageJobInvalid(f"There is no source {source.file} in the job's folder.", field="sources")
    with path.open("rb") as file:
        raw = file.read(most + 1)
    return None if len(raw) > most else raw


def _decoded(raw: bytes) -> str:
    """Decode a text of any usual encoding; what is none has surrogates for its bad bytes."""
    try:
        return decode_text(raw)
    except UnicodeDecodeError:
        return raw.decode("utf-8", errors="surrogateescape")


def write_counted(sentences: Mapping[str, int], path: Path) -> None:
    """Write what is learnt from, a count, a tab and a sentence a line."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{count}\t{text}\n" for text, count in sentences.items())


def read_counted(path: Path) -> Iterator[tuple[str, int]]:
    """Read what `write_counted` wrote."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            count, _, text = line.rstrip("\n").partition("\t")
            yield text, int(count)

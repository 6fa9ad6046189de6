"""Vocabulary, toned syllables and plain text: what the decoder learns from without audio.

Most errors of a small recogniser are homophones: it hears the syllable and writes another character of that sound.
Text alone can teach which character it is. Every text becomes pairs of characters and syllables (pinyin with tone),
and the decoder learns to turn noisy syllables back into characters.
"""

from __future__ import annotations

import json
import re
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import cn2an
import numpy as np
import yaml
from numpy.typing import NDArray
from pypinyin import Style, lazy_pinyin

from asr.training.datasets.corpus import is_han
from asr.training.datasets.latin import latin_tokens, units_of, words_of
from asr.transcript import join_texts

BLANK, START, END, UNKNOWN = "<blank>", "<s>", "</s>", "<unk>"
_CLAUSE = re.compile(r"[\u4e00-\u9fff]+")
_NUMBER = re.compile(r"\d")
_TAGGED_WORD = re.compile(r"\[?([^/\s\]]+)/\w+(?:\]\w*)?")
_NEAR_INITIALS = {
    "zh": "z",
    "ch": "c",
    "sh": "s",
    "n": "l",
    "f": "h",
    "z": "zh",
    "c": "ch",
    "s": "sh",
    "l": "n",
    "h": "f",
}
_NEAR_FINALS = {"in": "ing", "ing": "in", "en": "eng", "eng": "en", "an": "ang", "ang": "an"}
_SYLLABLE = re.compile(r"(zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw]?)(.+?)([1-5])")


def clauses(text: str, least: int = 2, most: int = 32) -> Iterator[str]:
    """Runs of Chinese characters between punctuation; numbers are written out, clauses with other scripts left out."""
    for sentence in re.split(r"[\s，。！？；：、,.!?;:()（）《》“”\"'‘’…—~]+", unicodedata.normalize("NFKC", text)):
        clause = _written_out(sentence) if _NUMBER.search(sentence) else sentence
        if least <= len(clause) <= most and _CLAUSE.fullmatch(clause):
            yield clause


def _written_out(sentence: str) -> str:
    try:
        return str(cn2an.transform(sentence, "an2cn"))
    except ValueError:
        return sentence


def read_sentences(path: Path) -> Iterator[str]:
    """Texts of a file.

    Its kind is told by its name and looks: JSON lines with ``text``, zipped CrossWOZ dialogues, YAML (every string in
    it, as in a bot's domain), a tagged corpus (词/n), or plain lines.
    """
    if path.suffix == ".yaml":
        yield from _strings(yaml.safe_load(path.read_text(encoding="utf-8")))
        return
    if path.name.endswith(".json.zip"):
        with zipfile.ZipFile(path) as archive:
            dialogues = json.loads(archive.read(path.name.removesuffix(".zip")))
        for dialogue in dialogues.values():
            yield from (message["content"] for message in dialogue["messages"])
        return
    with path.open(encoding="utf-8", errors="ignore") as file:
        for line in file:
            if path.suffix == ".jsonl":
                yield json.loads(line)["text"]
            elif _TAGGED_WORD.match(line):
                yield "".join(word for word in _TAGGED_WORD.findall(line)[1:])
            else:
                yield line


def _strings(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for value in node.values():
            yield from _strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from _strings(value)


def syllables(text: str) -> list[str]:
    """Toned pinyin of each character, neutral tone as 5: 你好 → ni3 hao3. ``text`` holds Chinese characters only."""
    return lazy_pinyin(text, style=Style.TONE3, neutral_tone_with_five=True)


class Vocabulary:
    """Tokens of the recogniser in the order of tokens.json, and the syllables that they are heard as.

    A token is a Chinese character, a Latin letter or an English word (``latin``); the latter two are syllables of
    their own.
    """

    def __init__(self, tokens: list[str], syllable_list: list[str]) -> None:
        self.tokens = tokens
        self.syllables = syllable_list
        self._token_ids = {token: i for i, token in enumerate(tokens)}
        self._words = words_of(tokens)
        self._syllable_ids = {syllable: i for i, syllable in enumerate(syllable_list)}

    @classmethod
    def build(cls, spoken: Iterable[str], written: Iterable[str], least: int) -> Vocabulary:
        """Every spoken character, written ones seen ``least`` times, and the 3,755 of GB 2312's first level."""
        counts = Counter("".join(written))
        characters = {c for text in spoken for c in text} | {c for c, n in counts.items() if n >= least}
        first_level = (bytes([row, cell]) for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF))
        characters |= set(b"".join(first_level).decode("gb2312", errors="ignore"))
        ordered = sorted(c for c in characters if is_han(c))
        heard = sorted({syllable for c in ordered for syllable in syllables(c)} | _phrase_syllables(ordered))
        return cls([BLANK, START, END, *ordered, UNKNOWN], [BLANK, *heard])

    def with_latin(self) -> Vocabulary:
        """This vocabulary and the letters and words of ``latin`` that it lacks, before ``<unk>``."""
        added = [token for token in latin_tokens() if token not in self._token_ids]
        tokens = [*self.tokens[:-1], *added, self.tokens[-1]]
        return Vocabulary(tokens, [*self.syllables, *(token for token in added if token not in self._syllable_ids)])

    def covers(self, text: str) -> bool:
        """Whether every token of ``text`` is known, and how it sounds."""
        return bool(self.encode_syllables(text).all()) and len(self.tokens) - 1 not in self.encode(text)

    def encode(self, text: str) -> NDArray[np.int64]:
        """Token ids; a character outside the vocabulary becomes ``<unk>``."""
        unknown = len(self.tokens) - 1
        return np.array([self._token_ids.get(unit, unknown) for unit in units_of(text, self._words)], np.int64)

    def encode_syllables(self, text: str) -> NDArray[np.int64]:
        """Syllable ids of each token of ``text``; 0 where the pronunciation is not known."""
        heard: list[str] = []
        for latin, run in groupby(units_of(text, self._words), key=str.isascii):
            units = list(run)
            heard += units if latin else syllables("".join(units))
        return np.array([self._syllable_ids.get(s, 0) for s in heard], np.int64)

    def decode(self, ids: Iterable[int]) -> str:
        """Token ids to text, special tokens left out."""
        return join_texts(self.tokens[i] for i in ids if 2 < i < len(self.tokens) - 1)

    def save(self, folder: Path) -> None:
        """Write tokens.json and syllables.json."""
        for name, entries in (("tokens", self.tokens), ("syllables", self.syllables)):
            (folder / f"{name}.json").write_text(json.dumps(entries, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Vocabulary:
        """Read what ``save`` wrote."""
        tokens, heard = (
            json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in ("tokens", "syllables")
        )
        return cls(tokens, heard)

    def neighbours(self) -> NDArray[np.int64]:
        """What each syllable is taken for: other tones, near sounds (zh/z, n/l, in/ing, ...), shape (syllables, 8).

        Rows are filled up by repetition; a syllable without neighbours has itself.
        """
        table = np.tile(np.arange(len(self.syllables))[:, None], (1, 8))
        for i, syllable in enumerate(self.syllables):
            near = [self._syllable_ids[s] for s in _near(syllable) if s in self._syllable_ids and s != syllable]
            if near:
                table[i] = np.resize(near, 8)
        return table


def _phrase_syllables(characters: list[str]) -> set[str]:
    """Neutral tones occur in words only: 们 alone is men2, in 我们 it is men5."""
    return {f"{syllable[:-1]}5" for c in characters for syllable in syllables(c) if syllable[-1] != "5"}


def _near(syllable: str) -> Iterator[str]:
    match = _SYLLABLE.fullmatch(syllable)
    if not match:
        return
    initial, final, tone = match.groups()
    yield from (f"{initial}{final}{other}" for other in "12345" if other != tone)
    if initial in _NEAR_INITIALS:
        yield f"{_NEAR_INITIALS[initial]}{final}{tone}"
    for ending in ("ing", "eng", "ang", "in", "en", "an"):
        if final.endswith(ending):
            yield f"{initial}{final.removesuffix(ending)}{_NEAR_FINALS[ending]}{tone}"
            return


@dataclass(frozen=True)
class TextSet:
    """Encoded clauses: ``tokens`` and ``syllables`` run together, clause i lies at ``starts[i]:starts[i + 1]``."""

    tokens: NDArray[np.int16]
    syllables: NDArray[np.int16]
    starts: NDArray[np.int64]

    @classmethod
    def build(cls, texts: Iterable[str], vocabulary: Vocabulary) -> TextSet:
        """Encode the clauses of ``texts`` that the vocabulary covers."""
        tokens, heard, starts = [], [], [0]
        for text in texts:
            token_ids, syllable_ids = vocabulary.encode(text), vocabulary.encode_syllables(text)
            if (
                len(token_ids) == len(syllable_ids)
                and token_ids.max() < len(vocabulary.tokens) - 1
                and syllable_ids.all()
            ):
                tokens.append(token_ids.astype(np.int16))
                heard.append(syllable_ids.astype(np.int16))
                starts.append(starts[-1] + len(token_ids))
        return cls(np.concatenate(tokens), np.concatenate(heard), np.array(starts))

    def save(self, path: Path) -> None:
        """Write one .npz."""
        np.savez(path, tokens=self.tokens, syllables=self.syllables, starts=self.starts)

    @classmethod
    def load(cls, path: Path) -> TextSet:
        """Read what ``save`` wrote."""
        with np.load(path) as arrays:
            return cls(arrays["tokens"], arrays["syllables"], arrays["starts"])

    def sample(self, count: int, rng: np.random.Generator) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]]:
        """``count`` random clauses of about one length, to be padded with little waste: token ids and syllable ids."""
        drawn = rng.integers(len(self.starts) - 1, size=8 * count)
        drawn = drawn[np.argsort(np.diff(self.starts)[drawn], kind="stable")]
        first = int(rng.integers(7 * count + 1))
        chosen = drawn[first : first + count]
        spans = [slice(self.starts[i], self.starts[i + 1]) for i in chosen]
        return [self.tokens[s].astype(np.int64) for s in spans], [self.syllables[s].astype(np.int64) for s in spans]

"""Latin letters and English words in Mandarin: what is written of them, and how it is said."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

CONTINUES = "@@"
"""Behind a letter: the next one belongs to the same word (FunASR's mark)."""
_FILE = Path(__file__).parents[1] / "latin.yaml"
_RUN = re.compile(r"[A-Za-z]+|.", re.DOTALL)


@cache
def lexicon() -> dict[str, Any]:
    """The letters and words, how they are said, and what is said with them (latin.yaml)."""
    return dict(yaml.safe_load(_FILE.read_text(encoding="utf-8")))


def latin_tokens() -> list[str]:
    """A letter each, then the words that are one token."""
    return [*(f"{letter}{CONTINUES}" for letter in lexicon()["letters"]), *lexicon()["words"]]


def words_of(tokens: Iterable[str]) -> dict[str, str]:
    """The Latin tokens by their small letters: what ``units_of`` knows as words."""
    return {token.lower(): token for token in tokens if token.isascii() and token.isalpha()}


def units_of(text: str, words: Mapping[str, str]) -> Iterator[str]:
    """Divide a text into tokens: characters, words (what ``words_of`` gives), other Latin as single letters.

    帮我挂CT → 帮 我 挂 C@@ T@@, and 连不上wifi → 连 不 上 WiFi; spaces are left out.
    """
    for run in _RUN.findall(text):
        if run.isascii() and run.lower() in words:
            yield words[run.lower()]
        elif run.isascii() and run.isalpha():
            yield from (f"{letter}{CONTINUES}" for letter in run.upper())
        elif not run.isspace():
            yield run

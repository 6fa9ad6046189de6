"""Changing single words of a list's text: what a person wrote around them, comments and order, stays as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from asr.hotwords.list import Hotword, parse

Changes = Mapping[str, Hotword | None]

_JSON = ("{", "[")
_TRAILING_COMMENT = re.compile(r"(?<=\s)#.*")


def edit(text: str, changes: Changes) -> str:
    """Change, remove and add words in the text form of a list.

    Args:
        text: a list's text; lines that cannot be read stay as they are.
        changes: for a word, the entry that takes its place (which may be another word), or None to remove it. An
            entry for a word that is not in the list is added at the end.

    Returns:
        The new text. Lines without any of the words are those of `text`, to the character.
    """
    left: dict[str, Hotword | None] = dict(changes)
    lines: list[str] = []
    for line in _lines(text):
        hotwords = tuple(parse(line).hotwords) if _may_hold(line, changes) else ()
        if not any(hotword.word in changes for hotword in hotwords) or parse(line).errors:
            lines.append(line)
            continue
        kept: list[Hotword] = []
        for hotword in hotwords:
            if hotword.word not in changes:
                kept.append(hotword)
            # A word that stands there twice is one entry: the first line takes the change, the others go.
            elif (new := left.pop(hotword.word, None)) is not None:
                kept.append(new)
        lines += _written(kept, line)
    lines += [hotword.line() for hotword in left.values() if hotword is not None]
    return "".join(f"{line}\n" for line in lines)


def _lines(text: str) -> Iterator[str]:
    if text.removeprefix("\ufeff").lstrip().startswith(_JSON):
        yield from (hotword.line() for hotword in parse(text).hotwords)
    else:
        yield from text.removeprefix("\ufeff").splitlines()


def _may_hold(line: str, changes: Changes) -> bool:
    """Tell, without reading it, whether a line is worth reading: a list has up to 5,000 of them."""
    return any(word in line for word in changes) and not line.lstrip().startswith(_JSON)


def _written(hotwords: list[Hotword], line: str) -> list[str]:
    """Return the lines that take the place of `line`, its comment behind the first of them."""
    lines = [hotword.line() for hotword in hotwords]
    comment = _TRAILING_COMMENT.search(line)
    if comment and lines:
        lines[0] = f"{lines[0]}  {comment.group()}"
    return lines

"""Text files as Chinese systems write them: UTF-8, GB 18030 (with GBK and GB 2312), UTF-16 with or without a mark."""

from __future__ import annotations

import codecs
from functools import cache

from mandarin.words import common_words

_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def decode_text(raw: bytes) -> str:
    """Return the text of a file whose encoding nobody names.

    A byte order mark decides. Otherwise it is UTF-8 when it can be, UTF-16 when it has bytes of zero, and else what
    gives the larger share of usual characters.

    Raises:
        UnicodeDecodeError: it is none of these.
    """
    for mark, encoding in _MARKS.items():
        if raw.startswith(mark):
            return raw.decode(encoding)
    if b"\0" in raw:
        return raw.decode("utf-16-le" if raw[1::2].count(0) >= raw[::2].count(0) else "utf-16-be")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        texts = [
            text for encoding in ("gb18030", "utf-16-le", "utf-16-be") if (text := _decoded(raw, encoding)) is not None
        ]
        if not texts:
            raise error
        return max(texts, key=_chinese)  # of equal ones the first


def _decoded(raw: bytes, encoding: str) -> str | None:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return None


def _chinese(text: str) -> float:
    """Return the share of characters that occur in common words, or are usual between them."""
    return sum(character in _usual() for character in text) / max(1, len(text))


@cache
def _usual() -> frozenset[str]:
    return frozenset("".join(common_words()) + "，。、；：？！“”（）《》\r\n\t").union(map(chr, range(32, 127)))

"""Values that nobody expects: of all types, sizes and depths."""

from __future__ import annotations

import random
from typing import Any

NUMBERS: tuple[Any, ...] = (0, -1, 1, 2**31, 2**63, 10**23, -(10**23), 0.5, 1e308, float("inf"), float("nan"), True)
TEXTS = (
    "", " ", "\0", "a\0b", "\ud800", "\udfff", "\u202e", "甲", "词 20", "a,", "|", "~~~", "#", "{", "[", '{"a":',
    "1e999", "%s%n", "../../etc/passwd", "http://127.0.0.1:1/", "<script>", "' OR 1=1 --", "\x1b[2J", "\r\nX: y", "😀",
    "ｄ", "\ufeff",
)  # fmt: skip
HEADS = (b"RIFF\xff\xff\xff\xffWAVEfmt ", b"OggS", b"fLaC", b"#!AMR\n", b"\x1aE\xdf\xa3", b"ID3", b"{", b"")
LARGEST = 2**20  # characters


def strange(rng: random.Random, depth: int = 0) -> Any:
    """Return a value that JSON can hold (Python's JSON: infinities and half surrogates too)."""
    kind = rng.randrange(8 if depth < 4 else 5)
    if kind == 0:
        return None
    if kind == 1:
        return rng.choice(NUMBERS)
    if kind <= 4:
        return text(rng)
    if kind == 5:
        return [strange(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind == 6:
        return {text(rng)[:20]: strange(rng, depth + 1) for _ in range(rng.randrange(4))}
    nested: Any = strange(rng, depth + 4)
    for _ in range(rng.choice((5, 100, 300))):
        nested = [nested]
    return nested


def text(rng: random.Random) -> str:
    """Return a text of any length up to LARGEST, most of them short."""
    times = int(2 ** (rng.random() ** 3 * 20))
    return (rng.choice(TEXTS) * times)[:LARGEST]


def noise(rng: random.Random, most: int) -> bytes:
    """Return bytes of any length up to `most`: random ones, zeros, or the beginning of a file."""
    length = int(most ** rng.random())
    kind = rng.randrange(3)
    head = rng.choice(
        (b"RIFF\xff\xff\xff\xffWAVEfmt ", b"OggS", b"fLaC", b"#!AMR\n", b"\x1aE\xdf\xa3", b"ID3", b"{", b"")
    )
    return head + (rng.randbytes(length) if kind else bytes(length))

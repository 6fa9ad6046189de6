"""What a recogniser of Mandarin does to a text: other characters of nearly the same sound, some lost, some added.

The channel is for measuring only. It draws from the 3,755 most frequent characters (GB 2312, level 1). Of a hundred
errors 45 are homophones, 25 near sounds (the mergers of bot/understanding/sounds.py), 15 losses and 15 additions.
"""

from __future__ import annotations

from functools import cache
from random import Random

from bot.understanding.sounds import near_class, readings

_HOMOPHONE, _NEAR, _LOST = 0.45, 0.70, 0.85  # upper bounds, the rest is additions
_HAN = ("一", "鿿")


def garble(text: str, rate: float, random: Random) -> str:
    """Return `text` with errors in about `rate` (0 to 1) of its characters; what has no sound stays as it is."""
    result: list[str] = []
    for character in text:
        sound = readings(character)[:1] if character.isalnum() else ()
        if not sound or random.random() >= rate:
            result.append(character)
            continue
        kind = random.random()
        if kind < _HOMOPHONE:
            result.append(_other(_by_syllable().get(sound[0], ()), character, random))
        elif kind < _NEAR:
            result.append(_other(_near(sound[0]), character, random))
        elif kind >= _LOST:
            result += [character, random.choice(common_characters())]
    return "".join(result)


def _other(choices: tuple[str, ...], character: str, random: Random) -> str:
    others = [choice for choice in choices if choice != character]
    return random.choice(others) if others else character


@cache
def common_characters() -> tuple[str, ...]:
    """Return the 3,755 most frequent characters (GB 2312, level 1)."""
    rows = (bytes((row, cell)) for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF))
    decoded = (code.decode("gb2312", errors="ignore") for code in rows)
    return tuple(character for character in decoded if character and _HAN[0] <= character <= _HAN[1])


@cache
def _by_syllable() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for character in common_characters():
        for syllable in readings(character)[:1]:
            found.setdefault(syllable, []).append(character)
    return {syllable: tuple(characters) for syllable, characters in found.items()}


@cache
def _near(syllable: str) -> tuple[str, ...]:
    near = [
        characters
        for other, characters in _by_syllable().items()
        if other != syllable and near_class(other) == near_class(syllable)
    ]
    return tuple(character for characters in near for character in characters)

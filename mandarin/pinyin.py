"""How Chinese characters sound: toneless syllables, and which of them people and recognisers take for one another.

Near sounds are the classes that every pinyin input method offers as 模糊音 (fuzzy pinyin), for instance the spelling
algebra of Rime's 明月拼音 (`derive/^([zcs])h/$1/`, `derive/([ei])n$/$1ng/`): accents merge them.
"""

from __future__ import annotations

from functools import lru_cache

from pypinyin import Style, lazy_pinyin, pinyin

_INITIALS = {"zh": "z", "ch": "c", "sh": "s", "n": "l", "r": "l", "f": "h"}
_NASAL = ("ang", "eng", "ing")  # their g is what goes; `ong` has no other half


@lru_cache(maxsize=16384)
def readings(character: str) -> tuple[str, ...]:
    """Return the toneless syllables (at most the two usual ones) of a character, none for what is not Chinese."""
    if len(character) != 1 or character.isascii():
        return ()
    found = pinyin(character, style=Style.NORMAL, heteronym=True, errors="ignore", v_to_u=False)
    return tuple(dict.fromkeys(found[0]))[:2] if found else ()


@lru_cache(maxsize=16384)
def toned_readings(character: str) -> tuple[str, ...]:
    """Return the syllables of a character with their tones (`hao3`, neutral 5), none for what is not Chinese."""
    if len(character) != 1 or character.isascii():
        return ()
    found = pinyin(character, style=Style.TONE3, heteronym=True, errors="ignore", neutral_tone_with_five=True)
    return tuple(dict.fromkeys(found[0])) if found else ()


def syllables(word: str) -> tuple[str, ...] | None:
    """Return one toneless syllable for each character of `word`, read in context; None when one has no sound."""
    if not all(readings(character) for character in word):
        return None
    read = lazy_pinyin(word, v_to_u=False)
    return tuple(read) if len(read) == len(word) else tuple(readings(character)[0] for character in word)


@lru_cache(maxsize=2048)
def near_class(syllable: str) -> str:
    """Return the name of a syllable's class of near sounds: zhang and zan are in one, li and ni, xin and xing."""
    folded = syllable
    for initial, plain in _INITIALS.items():
        if folded.startswith(initial):
            folded = plain + folded[len(initial) :]
            break
    return folded[:-1] if folded.endswith(_NASAL) else folded

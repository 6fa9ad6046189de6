"""Sentences to speak: Mandarin with Latin letters and English words in it, in the accents of many regions.

misaki's Chinese phonemes are spelled from pinyin, so an accent is a change of pinyin before they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asr.training.datasets.latin import lexicon, units_of, words_of

VOICES = ("zf_xiaobei", "zf_xiaoxiao", "zm_yunjian", "zm_yunxi", "zm_yunxia", "zm_yunyang")
BLENDED = ("af_bella", "af_heart", "af_nova", "af_sky", "am_adam", "am_michael", "am_puck", "bf_emma", "bm_george")
"""Voices of other languages, for a part of a blend: other timbres, with a light accent."""
ACCENTS = (
    (r"^zh(?=[aeiou])", "z"),
    (r"^ch(?=[aeiou])", "c"),
    (r"^sh(?=[aeiou])", "s"),
    (r"^n(?=[aeiou])", "l"),
    (r"^l(?=[aeiou])", "n"),
    (r"^h(?=u[^5]?\d|ua|uo|ui)", "f"),
    (r"ing(?=\d)", "in"),
    (r"in(?=\d)", "ing"),
    (r"eng(?=\d)", "en"),
    (r"en(?=\d)", "eng"),
    (r"^r(?=[aeou])", "l"),
)
"""What some regions say for the initials and finals of the standard; the label stays the standard's."""
_PIECE = re.compile(r"[\u4e00-\u9fff]+|[A-Za-z]+|\d")
_DIGITS = dict(zip("0123456789", "零一二三四五六七八九", strict=True))


def write_mixed(path: Path, count: int, seed: int = 0) -> None:
    """Write a manifest for ``speak.speak``: id, audio_filepath, text, voice, speed, phonemes.

    Args:
        path: JSON lines to write.
        count: sentences; every term of latin.yaml comes about equally often.
        seed: the same one gives the same sentences.
    """
    rng = np.random.default_rng(seed)
    found = lexicon()
    terms = [(kind, term) for kind, terms in found["terms"].items() for term in terms]
    terms += [("any", word) for word in found["words"]] + [("any", letter) for letter in found["letters"]]
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            if number % len(terms) == 0:
                rng.shuffle(terms)
            kind, term = terms[number % len(terms)]
            carrier = str(rng.choice(found["carriers"][kind if rng.random() < 0.8 else "any"]))
            text = carrier.format(term)
            line = {
                "id": f"mixed-{number:05d}",
                "audio_filepath": f"mixed/{number:05d}.wav",
                "text": spoken_digits(text),
                "voice": random_voice(rng),
                "speed": round(float(rng.uniform(0.85, 1.25)), 2),
                "phonemes": phonemes(text, rng),
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def random_voice(rng: np.random.Generator) -> str:
    """A native voice, a blend of two, or one with a part of a voice of another language."""
    first = str(rng.choice(VOICES))
    if rng.random() < 0.3:
        return first
    second = str(rng.choice(VOICES if rng.random() < 0.5 else BLENDED))
    return f"{first}*{rng.uniform(0.55, 0.9):.2f}+{second}"


def spoken_digits(text: str) -> str:
    """4S店 → 四S店."""
    return "".join(_DIGITS.get(character, character) for character in text)


def phonemes(text: str, rng: np.random.Generator, accented: float = 0.3) -> str:
    """How a speaker says a text, in Kokoro's phonemes; an accent of up to three traits in a share of the cases."""
    traits = [ACCENTS[i] for i in rng.permutation(len(ACCENTS))[: int(rng.integers(1, 4))]]
    traits = traits if rng.random() < accented else []
    native = bool(rng.random() < 0.5)
    pieces = _PIECE.findall(spoken_digits(text))
    return " ".join(_said(piece, traits, rng, native=native) for piece in pieces)


def _said(piece: str, traits: Sequence[tuple[str, str]], rng: np.random.Generator, *, native: bool) -> str:
    if not piece.isascii():
        return _chinese(piece, traits)
    found: dict[str, Any] = lexicon()
    said = []
    for unit in units_of(piece, words_of(found["words"])):
        ways = found["words"].get(unit) or found["letters"][unit[0]]
        way = ways[0] if native else str(rng.choice(ways))
        said.append("".join(_syllable(s) for s in way.split()) if way[-1].isdigit() else way)
    return " ".join(said)


def _chinese(text: str, traits: Sequence[tuple[str, str]]) -> str:
    import jieba
    from pypinyin import Style, lazy_pinyin

    words = []
    for word in jieba.cut(text):
        read = lazy_pinyin(word, style=Style.TONE3, neutral_tone_with_five=True)
        for pattern, other in traits:
            read = [re.sub(pattern, other, syllable) for syllable in read]
        words.append("".join(_syllable(syllable) for syllable in read))
    return " ".join(words)


def _syllable(pinyin: str) -> str:
    from misaki.zh import ZHG2P  # here, because only those who make speech need to have it

    return str(ZHG2P.py2ipa(pinyin)).replace(chr(815), "")

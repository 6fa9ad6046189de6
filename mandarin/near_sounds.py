"""Which syllables sound alike: features of initials and finals, and the classes that accents merge.

A syllable is an initial and a final; tones are ignored (recognisers confuse them most). Initials are compared by the
accents' usual mergers (zh/z, ch/c, sh/s, n/l, f/h) and by place of articulation, finals by medial, nucleus and coda
(in/ing, en/eng, an/ang are near). The classes are those that every pinyin input method offers as 模糊音 (fuzzy
pinyin), for instance the spelling algebra of Rime's 明月拼音 (`derive/^([zcs])h/$1/`, `derive/([ei])n$/$1ng/`).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from pypinyin.contrib.tone_convert import to_finals, to_initials

Costs = npt.NDArray[np.float32]

_NEAR = ("zh z", "ch c", "sh s", "n l", "f h", "r l")
_RELATED = (
    *("b p", "d t", "g k", "g h", "k h", "j q", "j x", "q x", "z c", "z s", "c s", "zh ch", "zh sh", "ch sh"),
    *("m n", "zh j", "ch q", "sh x", "z j", "s x", "c q", "b m", "d n", "t n", "r n"),
)
_INITIALS: tuple[str, ...] = ("", *"bpmfdtnlgkhjqx", "zh", "ch", "sh", *"rzcs")

# final: medial, nucleus, coda ("-" for none)
_FINALS = {
    final: tuple("" if part == "-" else part for part in features.split())
    for final, features in {
        "a": "- a -",
        "o": "- o -",
        "e": "- e -",
        "i": "i - -",
        "u": "u - -",
        "v": "v - -",
        "er": "- e r",
        "ai": "- a i",
        "ei": "- e i",
        "ao": "- a u",
        "ou": "- o u",
        "an": "- a n",
        "en": "- e n",
        "ang": "- a ng",
        "eng": "- e ng",
        "ong": "u - ng",
        "ia": "i a -",
        "ie": "i e -",
        "iao": "i a u",
        "iou": "i o u",
        "ian": "i a n",
        "in": "i - n",
        "iang": "i a ng",
        "ing": "i - ng",
        "iong": "v - ng",
        "ua": "u a -",
        "uo": "u o -",
        "uai": "u a i",
        "uei": "u e i",
        "uan": "u a n",
        "uen": "u e n",
        "uang": "u a ng",
        "ueng": "u e ng",
        "ve": "v e -",
        "van": "v a n",
        "vn": "v - n",
    }.items()
}
_INITIAL_INDEX = {initial: index for index, initial in enumerate(_INITIALS)}
_FINAL_INDEX = {final: index for index, final in enumerate(_FINALS)}
_FOLDED_INITIAL = {"zh": "z", "ch": "c", "sh": "s", "n": "l", "f": "h", "r": "l"}
OPAQUE = -1


_CONFUSED = ("p t", "t k", "p k", "b d", "d g", "b g")  # by recognisers rather than by people


def _initial_costs() -> Costs:
    costs = np.full((len(_INITIALS), len(_INITIALS)), 0.6, dtype=np.float32)
    for pairs, cost in ((_CONFUSED, 0.45), (_RELATED, 0.35), (_NEAR, 0.12)):
        for pair in pairs:
            one, other = (_INITIAL_INDEX[name] for name in pair.split())
            costs[one, other] = costs[other, one] = cost
    np.fill_diagonal(costs, 0.0)
    return costs


def _final_costs() -> Costs:
    size = len(_FINALS)
    costs = np.zeros((size, size), dtype=np.float32)
    for row, (medial, nucleus, coda) in enumerate(_FINALS.values()):
        for column, (other_medial, other_nucleus, other_coda) in enumerate(_FINALS.values()):
            cost = 0.0 if medial == other_medial else 0.2 if "v" in (medial, other_medial) else 0.3
            cost += 0.0 if nucleus == other_nucleus else 0.35
            nasal = {coda, other_coda} == {"n", "ng"}
            cost += 0.0 if coda == other_coda else 0.12 if nasal else 0.25
            costs[row, column] = cost
    return costs


INITIAL_COSTS = _initial_costs()
FINAL_COSTS = _final_costs()


@lru_cache(maxsize=1024)
def parts(syllable: str) -> tuple[int, int]:
    """Return the rows of a toneless syllable's initial and final in the tables of costs, or twice OPAQUE for none."""
    initial = to_initials(syllable, strict=True)
    final = to_finals(syllable, strict=True, v_to_u=False).replace("ü", "v")
    if initial not in _INITIAL_INDEX or final not in _FINAL_INDEX:
        return OPAQUE, OPAQUE
    return _INITIAL_INDEX[initial], _FINAL_INDEX[final]


@lru_cache(maxsize=1024)
def near_class(syllable: str) -> str:
    """Return the name of a syllable's class of near sounds: zhang and zan are in one, li and ni, xin and xing."""
    initial, final = parts(syllable)
    if initial == OPAQUE:
        return syllable
    name = list(_FINAL_INDEX)[final]
    return _FOLDED_INITIAL.get(_INITIALS[initial], _INITIALS[initial]) + name.removesuffix("g" if "ng" in name else "")


def syllable_distance(one: str, other: str) -> float:
    """Return how differently two toneless syllables sound: 0 (the same) to 1 (nothing in common)."""
    if one == other:
        return 0.0
    (initial, final), (other_initial, other_final) = parts(one), parts(other)
    if OPAQUE in (initial, other_initial):
        return 1.0
    return float(min(1.0, INITIAL_COSTS[initial, other_initial] + FINAL_COSTS[final, other_final]))

"""What a person's correction of a transcript teaches: words to expect, and what was really said.

Nobody corrects whole words: of 寻枪 that should be 寻腔 one character changes. A change is therefore widened to the
words that it touches, and where it touches no common word, to the single characters beside it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise

from rapidfuzz.distance import Levenshtein

from asr.hotwords.list import Hotword
from asr.transcript import Transcript
from mandarin.spoken import written_out
from mandarin.words import common_words, segment

_SHORTEST, _LONGEST = 2, 8  # characters of a word that is suggested
_REWRITTEN = 0.7  # of a sentence: what differs more was not corrected but said anew
# Characters that are mostly words of their own: no part of a name or a term beside them.
_FUNCTION = frozenset(
    "的了是在和与也都就不很我你您他她它们这那有没要会能可请把被给对到从让叫个位吗呢吧啊呀么着过还再又将去来说姓只"
)
_IN_A_NUMBER = re.compile(r"[0-9.,:/%-]")
_NUMERALS = frozenset("零〇一二三四五六七八九十百千万亿两0123456789")


@dataclass(frozen=True)
class Suggestion:
    """A word that was misheard, and as what.

    `alias` is empty when what was heard is no form to look for: too short, or too far from the word. `alias_is_word`
    says that it is a common word itself, so that taking it would change sentences in which it is really said.
    """

    word: str
    alias: str = ""
    alias_is_word: bool = False


def suggest(heard: str, corrected: str, known: Collection[str] = ()) -> tuple[Suggestion, ...]:
    """Return the words that a correction is about.

    Args:
        heard: what was recognised; punctuation and spaces do not count.
        corrected: what a person made of it.
        known: words to know beside the common ones; they keep their ends.

    Returns:
        Words of two to eight characters, in order, each once; none when nearly the whole sentence is another.
    """
    before, _ = _plain(heard)
    after, edges = _plain(corrected)
    distance = Levenshtein.distance(before, after)
    if not distance or not before or (len(after) > _LONGEST and distance > _REWRITTEN * len(after)):
        return ()
    changed = _changed(before, after)
    found: dict[str, Suggestion] = {}
    for start, end in _widened(after, edges, changed, known):
        word = after[start:end]
        if all(after[place] in _NUMERALS for place in changed if start <= place < end):
            continue  # another number is no word to expect
        if not _SHORTEST <= len(word) <= _LONGEST or not _is_hotword(word):
            continue
        alias = before[slice(*_aligned(before, after, start, end))]
        if len(alias) < _SHORTEST or abs(len(alias) - len(word)) > 1 or alias == word or not _is_hotword(alias):
            alias = ""
        found.setdefault(word, Suggestion(word, alias, alias in common_words()))
    return tuple(found.values())


def corrected_speech(transcript: Transcript, corrected: str) -> str:
    """Return what was said, as a recogniser should learn to write it: without punctuation, numbers as spoken.

    Words of the written form that the correction leaves alone are taken in their spoken form (50% as 百分之五十);
    the rest is as the person wrote it.
    """
    written = "".join(word.text + word.punctuation for segment in transcript.segments for word in segment.words)
    kept = _kept_places(written, corrected)
    said: list[str] = []
    done = place = 0
    for part in transcript.segments:
        for word in part.words:
            here = range(place, place + len(word.text))
            place += len(word.text) + len(word.punctuation)
            targets = [kept.get(index) for index in here]
            first = targets[0]
            if first is None or targets != list(range(first, first + len(targets))) or first < done:
                continue
            if _cuts_a_number(corrected, first) or _cuts_a_number(corrected, first + len(targets)):
                continue
            said += [written_out(corrected[done:first]), *(token.text for token in part.tokens[word.first : word.last])]
            done = first + len(targets)
    return _plain("".join([*said, written_out(corrected[done:])]))[0]


def _plain(text: str) -> tuple[str, frozenset[int]]:
    """Drop what is not spoken; return the rest, and before which of its characters something was dropped."""
    kept: list[str] = []
    edges = set()
    for character in unicodedata.normalize("NFKC", text):
        if unicodedata.category(character)[0] in "LMN":
            kept.append(character)
        else:
            edges.add(len(kept))
    return "".join(kept), frozenset(edges)


def _cuts_a_number(text: str, place: int) -> bool:
    """Tell whether a number goes on from before `place` to behind it."""
    around = text[max(0, place - 1) : place + 1]
    return len(around) == 2 and all(_IN_A_NUMBER.match(one) for one in around) and any(one.isdigit() for one in around)


def _kept_places(before: str, after: str) -> dict[int, int]:
    """Return where the characters of `before` that were left alone are in `after`."""
    return {
        code.src_start + step: code.dest_start + step
        for code in Levenshtein.opcodes(before, after)
        if code.tag == "equal"
        for step in range(code.src_end - code.src_start)
    }


def _changed(before: str, after: str) -> list[int]:
    return [edit.dest_pos for edit in Levenshtein.editops(before, after) if edit.tag != "delete"]


def _widened(text: str, edges: frozenset[int], changed: list[int], known: Collection[str]) -> Iterator[tuple[int, int]]:
    """Widen changed characters to words; words that touch each other become one."""
    words: list[tuple[int, int]] = []
    cuts = sorted({0, len(text), *edges})
    for first, last in pairwise(cuts):
        for word in segment(text[first:last], known):
            words.append((first, first + len(word)))
            first += len(word)
    touched = [any(start <= place < end for place in changed) for start, end in words]
    index = 0
    while index < len(words):
        if not touched[index]:
            index += 1
            continue
        first = last = index
        while last + 1 < len(words) and touched[last + 1] and words[last + 1][0] not in edges:
            last += 1
        index = last + 1
        yield _joined(text, edges, words, first, last)


def _joined(text: str, edges: frozenset[int], words: list[tuple[int, int]], first: int, last: int) -> tuple[int, int]:
    """Take in the single characters beside what changed; beside a whole common word, only two or more of them."""

    def single(index: int) -> bool:
        start, end = words[index]
        return end - start == 1 and text[start] not in _FUNCTION and not text[start].isascii()

    left, right = first, last
    while left > 0 and words[left][0] not in edges and single(left - 1):
        left -= 1
    while right + 1 < len(words) and words[right + 1][0] not in edges and single(right + 1):
        right += 1
    whole = first == last and words[first][1] - words[first][0] > 1
    least = 2 if whole else 1
    if first - left >= least:
        first = left
    if right - last >= least:
        last = right
    return words[first][0], words[last][1]


def _aligned(before: str, after: str, start: int, end: int) -> tuple[int, int]:
    """Return the span of `before` that stands where `after` has `start` to `end`."""
    edits = Levenshtein.editops(before, after)
    inserted = {edit.dest_pos for edit in edits if edit.tag == "insert"}
    deleted = {edit.src_pos for edit in edits if edit.tag == "delete"}
    place, first, last = 0, len(before), 0
    for target in range(len(after)):
        while place in deleted:
            place += 1
        if target in inserted:
            continue
        if start <= target < end:
            first, last = min(first, place), place + 1
        place += 1
    return first, last


def _is_hotword(word: str) -> bool:
    try:
        Hotword(word)
    except ValueError:
        return False
    return True

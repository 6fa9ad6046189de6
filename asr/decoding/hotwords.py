"""Decoding: greedy candidates, what a language model makes of them, and the hotwords put in by lattice and by sound.

A list is made ready once and kept under its digest, so that a call costs only its search.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from threading import Lock

import numpy as np

from asr.decoding.automaton import HotwordScorer, Match, Pattern
from asr.decoding.beam import BeamSettings, Scorer, best_texts, search
from asr.decoding.frames import FrameDecoder, said_between, text_of, unmarked
from asr.decoding.greedy import NOT_TEXT, UNKNOWN, Candidates, rank, tokens_of
from asr.decoding.line import Edit, Line, renamed, spread
from asr.decoding.phonetic import (
    SHORT,
    PhoneticSettings,
    PhoneticWords,
    SoundMatch,
    SoundTable,
    crowding,
    exact_aliases,
)
from asr.decoding.posteriors import Frames, Posteriors
from asr.decoding.words import WordRescorer
from asr.hotwords.list import DEFAULT_WEIGHT, EMPTY, HotwordList
from asr.transcript import Change, Reading, Token, join_texts

_KEPT = 32  # lists made ready; a list of 5,000 words takes some 15 MB


class Tier(StrEnum):
    """The ways in which a hotword can get into a text; each can be used alone."""

    BIAS = "bias"
    LATTICE = "lattice"
    PHONETIC = "phonetic"


ALL_TIERS = frozenset(Tier)


@dataclass(frozen=True)
class HotwordSettings:
    """How hotwords are weighed in the lattice, in nats.

    `bonus` is what a unit of a word of weight 20 earns; `usual` what it costs a word of two characters to change one
    that belongs to a word that could not be more usual (less for longer words).
    """

    bonus: float = 2.0
    usual: float = 7.0
    beam: BeamSettings = field(default_factory=BeamSettings)
    phonetic: PhoneticSettings = field(default_factory=PhoneticSettings)


class HotwordDecoder:
    """Posteriors to tokens, for one vocabulary. Keeps nothing between calls but lists made ready; threads may share it.

    With an empty list and no language model the result is that of greedy decoding, exactly.
    """

    def __init__(
        self,
        units: tuple[str, ...],
        settings: HotwordSettings | None = None,
        language: WordRescorer | None = None,
        frames: FrameDecoder | None = None,
    ) -> None:
        """Prepare for one vocabulary.

        Args:
            units: the text of each of the model's units.
            settings: how hotwords are weighed; None is what was chosen on the hotword set.
            language: what knows which words are likely; None leaves every position to itself.
            frames: what decodes the frames of a CTC model; None decodes them without a language model.
        """
        self._units, self._frames = units, frames or FrameDecoder()
        self._settings = settings or HotwordSettings()
        self._language = language
        self._lists: OrderedDict[str, _Ready] = OrderedDict()
        self._lock = Lock()

    def decode(
        self,
        posteriors: Posteriors,
        hotwords: HotwordList = EMPTY,
        *,
        offset: float = 0.0,
        tiers: frozenset[Tier] = ALL_TIERS,
        alone: Callable[[], Posteriors] | None = None,
    ) -> tuple[tuple[Token, ...], tuple[Change, ...]]:
        """Decode one segment.

        Args:
            posteriors: of the segment, N positions over V units.
            hotwords: the words to expect.
            offset: seconds from the start of the audio to that of the segment.
            tiers: the ways that may be taken.
            alone: what the model hears without these words, when `posteriors` are already biased towards them; asked
                only when one of them is in the text.

        Returns:
            The tokens in order of time, and which hotwords were put where something else stood without them.
        """
        told = self._language.rescore(posteriors) if self._language else posteriors
        ranked = rank(told, self._units)
        tokens = tokens_of(ranked, told, self._units, offset=offset)
        if not hotwords or not tokens:
            return tokens, ()
        # A hotword is what a general language model does not expect: it needs only have been heard.
        posteriors = replace(posteriors, log_probs=np.maximum(posteriors.log_probs, told.log_probs))
        ready = self._ready(hotwords)
        line = Line(list(tokens), [candidates.units[0] for candidates in ranked])
        if alone is not None:
            ready.credit(line, ranked, alone)
        if Tier.LATTICE in tiers:
            ready.search(line, ranked, posteriors)
        if Tier.PHONETIC in tiers:
            ready.correct(line, ranked, posteriors)
        return line.finished()

    def decode_frames(
        self, frames: Frames, hotwords: HotwordList = EMPTY, *, offset: float = 0.0, tiers: frozenset[Tier] = ALL_TIERS
    ) -> tuple[tuple[Token, ...], tuple[Change, ...]]:
        """Decode one segment of a CTC model, n-grams and hotwords in one search; otherwise as `decode`."""
        plain = self._frames.decode(frames)
        ready = self._ready(hotwords) if hotwords else None
        searched = ready is not None and Tier.LATTICE in tiers
        told = self._frames.decode(frames, ready.scorer) if ready and searched else plain
        ranked = rank(told, self._units)
        tokens = tokens_of(ranked, told, self._units, offset=offset)
        if ready is None or not tokens:
            return unmarked(tokens, self._units), ()
        line = Line(list(tokens), [candidates.units[0] for candidates in ranked])
        if searched:
            ready.credit_search(line, tokens_of(rank(plain, self._units), plain, self._units, offset=offset))
        if Tier.PHONETIC in tiers:
            ready.correct(line, ranked, told)
        written, changes = line.finished()
        return unmarked(written, self._units), changes

    def readings(self, heard: Posteriors | Frames, hotwords: HotwordList = EMPTY, *, count: int) -> tuple[Reading, ...]:
        """Return the texts that model, language model and hotwords together like best, at most `count`.

        They are those of the search: what a hotword's sound puts in comes after it.
        """
        scorers: list[Scorer] = [self._ready(hotwords).scorer] if hotwords else []
        if isinstance(heard, Frames):
            found = [(one.units, one.score) for one in self._frames.best(heard, *scorers, count=count)]
        else:
            told = self._language.rescore(heard) if self._language else heard
            ranked = rank(told, self._units)
            log_probs = np.maximum(heard.log_probs, told.log_probs) if hotwords else told.log_probs
            beam = replace(self._settings.beam, width=max(self._settings.beam.width, 2 * count))
            found = list(best_texts(ranked, log_probs, scorers, beam, count=count)) if ranked else []
        return tuple(Reading(text_of(units, self._units), score) for units, score in found)

    def _ready(self, hotwords: HotwordList) -> _Ready:
        with self._lock:
            ready = self._lists.get(hotwords.digest)
            if ready is None:
                ready = _Ready(hotwords, self._units, self._sounds, self._settings)
                self._lists[hotwords.digest] = ready
                while len(self._lists) > _KEPT:
                    self._lists.popitem(last=False)
            self._lists.move_to_end(hotwords.digest)
            return ready

    @cached_property
    def _sounds(self) -> SoundTable:
        return SoundTable(self._units)


class _Ready:
    """A list made ready for one vocabulary."""

    def __init__(
        self, hotwords: HotwordList, units: tuple[str, ...], sounds: SoundTable, settings: HotwordSettings
    ) -> None:
        self._units = units
        self._settings = settings
        self._index = sounds.unit_index
        self._by_word = {hotword.word: hotword for hotword in hotwords}
        self.scorer = HotwordScorer(list(_patterns(hotwords, sounds.unit_index, settings)))
        self._count = len(hotwords)
        self._phonetic = PhoneticWords(hotwords, sounds, settings.phonetic)
        self._aliases = exact_aliases(hotwords)
        self._longest_alias = max(map(len, self._aliases), default=0)

    @cached_property
    def _words(self) -> HotwordScorer:
        """Finds every word that can be written, whatever its weight."""
        spelled = [(word, spell(word, self._index)) for word in self._by_word]
        return HotwordScorer([Pattern(word, units, float(len(units))) for word, units in spelled if units])

    def credit(self, line: Line, ranked: Sequence[Candidates], alone: Callable[[], Posteriors]) -> None:
        """Find the words that are there because the model was told of them."""
        matches = self._words.find(line.units)
        if not matches:
            return
        heard = {candidates.row: self._units[candidates.units[0]] for candidates in rank(alone(), self._units)}
        for match in matches:
            rows = [candidates.row for candidates in ranked[match.start : match.end]]
            before = join_texts(heard[row] for row in rows if row in heard)
            if before != line.written(match.start, match.end):
                tokens = tuple(line.tokens[match.start : match.end])
                line.edits.append(Edit(match.start, match.end, match.word, Tier.BIAS, tokens, before))

    def credit_search(self, line: Line, plain: Sequence[Token]) -> None:
        """Find the words that are there because the search over frames was told of them."""
        for match in self.scorer.find(line.units):
            tokens = tuple(line.tokens[match.start : match.end])
            before = said_between(plain, tokens[0].start, tokens[-1].end)
            if before != line.written(match.start, match.end):
                line.edits.append(Edit(match.start, match.end, match.word, Tier.LATTICE, tokens, before))

    def search(self, line: Line, ranked: Sequence[Candidates], posteriors: Posteriors) -> None:
        """Let the lattice search put words in."""
        chosen = search(ranked, posteriors.log_probs, [self.scorer], self._settings.beam)
        for match in self.scorer.find(chosen):
            span = range(match.start, match.end)
            hotword = self._by_word[match.word]
            if all(chosen[i] == line.units[i] for i in span) or not line.free(match.start, match.end):
                continue
            if line.in_context(hotword, match.start, match.end):
                continue
            bonus = self._settings.bonus * hotword.weight / DEFAULT_WEIGHT
            changed = [place for place in span if chosen[place] != line.units[place]]
            rows = [posteriors.log_probs[ranked[place].row] for place in changed]
            lost = sum(row[line.units[place]] - row[chosen[place]] for row, place in zip(rows, changed, strict=True))
            price = self._settings.usual * SHORT / len(span) * float(line.usual[changed].sum())
            if bonus * len(span) - crowding(self._count, len(span)) < lost + price:
                continue
            tokens = []
            for place in span:
                likely = float(posteriors.log_probs[ranked[place].row, chosen[place]])
                text = self._units[chosen[place]]
                tokens.append(renamed(line.tokens[place], text, _raised(likely, bonus)))
            line.edits.append(Edit(match.start, match.end, match.word, Tier.LATTICE, tuple(tokens)))

    def correct(self, line: Line, ranked: Sequence[Candidates], posteriors: Posteriors) -> None:
        """Put in words whose alias stands there, then words that sound like what stands there."""
        # A hotword that the model got right by itself is not taken apart for another one.
        right = self.scorer.find(line.units)
        for start, end, word in self._written_aliases(line):
            self._put(line, right, SoundMatch(word, start, end, 0.0, 1.0))
        log_probs = posteriors.log_probs[[candidates.row for candidates in ranked]]
        for match in self._phonetic.find(log_probs, np.array(line.units), line.usual):
            self._put(line, right, match)

    def _put(self, line: Line, right: Sequence[Match], found: SoundMatch) -> None:
        start, end = found.start, found.end
        if not line.free(start, end) or any(match.start < end and start < match.end for match in right):
            return
        if line.in_context(self._by_word[found.word], start, end) or line.written(start, end) == found.word:
            return
        tokens = tuple(spread(found.word, line.tokens[start:end], found.probability))
        line.edits.append(Edit(start, end, found.word, Tier.PHONETIC, tokens))

    def _written_aliases(self, line: Line) -> Iterable[tuple[int, int, str]]:
        for start in range(len(line.tokens) if self._aliases else 0):
            for end in range(min(len(line.tokens), start + self._longest_alias), start, -1):
                word = self._aliases.get(line.written(start, end))
                if word is not None:
                    yield start, end, word


def _patterns(hotwords: HotwordList, index: Mapping[str, int], settings: HotwordSettings) -> Iterable[Pattern]:
    for hotword in hotwords:
        units = spell(hotword.word, index)
        if units is not None:
            earned = settings.bonus * len(units) * hotword.weight / DEFAULT_WEIGHT
            earned -= crowding(len(hotwords), len(units))
            if earned > 0:
                yield Pattern(hotword.word, units, earned)


def spell(word: str, index: Mapping[str, int]) -> tuple[int, ...] | None:
    """Write a word in a model's units.

    Args:
        word: Chinese characters are units of their own; a Latin word is one unit, or pieces that end in "@@" up to
            the last one (FunASR's English units), the longest first. A letter that ends a word may have the mark too.
        index: unit, in small letters, to its place in the vocabulary.

    Returns:
        The units, or None when the vocabulary cannot write the word.
    """
    units: list[int] = []
    rest = word.lower()
    while rest:
        latin = 0
        while latin < len(rest) and rest[latin].isascii():
            latin += 1
        size = latin or 1
        if rest[:size] in index:
            unit = rest[:size]
        else:
            longest = max(latin - 1, min(latin, 1))
            size = next((n for n in range(longest, 0, -1) if f"{rest[:n]}@@" in index), 0)
            unit = f"{rest[:size]}@@"
        if not size or unit in NOT_TEXT or unit == UNKNOWN:
            return None
        units.append(index[unit])
        rest = rest[size:]
    return tuple(units)


def _raised(log_prob: float, bonus: float) -> float:
    """Return the probability of a unit when its odds against all others are raised by `bonus` nats."""
    probability = min(math.exp(log_prob), 1.0)
    raised = probability * math.exp(min(bonus, 50.0))
    return raised / (raised + 1.0 - probability)

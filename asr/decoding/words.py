"""Rescoring with a language model over words: which characters are likely, given all the words that they can form.

    positions   1        2        3
    candidates  设 0.6   定 0.9   多 0.5        the model's own, each for itself
                涉 0.3            度 0.4
    words       设定 ─────────┐   度 ...        every word of the language model that the candidates can spell
                设   定  涉   定  多

A text is a path of words through that lattice. It scores what its characters score in the acoustic model, plus the
weighted score of its words in the language model. A character's acoustic score is partly that of its sound: a decoder
has opinions of its own on which of the characters that sound the same is meant, learned from less text than the
language model's, and may all but rule out the right one.

The new probability of a character is the share of all paths that go through it (Wessel et al. 2001, "Confidence
measures for large vocabulary continuous speech recognition"), so that what follows, hotwords and the bot's
alternatives too, has probabilities as before, only better ones.

Paraformer gives one posterior a token, so the lattice has no time in it and the search is small: some milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from asr.decoding.greedy import Candidates, rank
from asr.decoding.homophones import Homophones
from asr.decoding.posteriors import Array, Posteriors
from asr.lm import NgramModel
from asr.lm.ngram import Ids

Floats = npt.NDArray[np.float64]

_IMPOSSIBLE = -30.0  # log-probability of what is in no path


@dataclass(frozen=True)
class LanguageSettings:
    """How a language model is used.

    `weight` multiplies its score; `sound` is the part that a syllable has in its characters' scores. `width` texts are
    followed at each position, with its `depth` best candidates but for those that are `margin` nats below the best;
    words have at most `longest` characters. `latin` is the log-probability of a Latin letter or English word, of which
    the language model knows none. Weight and sound were chosen on sentences in none of the sets that the model card
    reports.
    """

    weight: float = 0.7
    sound: float = 0.5
    width: int = 16
    depth: int = 16
    margin: float = 7.0
    longest: int = 6
    latin: float = -7.0


@dataclass(frozen=True)
class _Arcs:
    """The words that begin at one position: place in the model, acoustic score, position after, and candidates."""

    words: Ids
    scores: Floats
    ends: Ids
    choices: list[tuple[int, ...]]
    latin: npt.NDArray[np.bool_]


@dataclass
class _Edges:
    """What leads to the texts that end at one position."""

    before: Ids  # position where the word begins
    nodes: Ids  # the text before, among those that end there
    arcs: Ids  # the word, among those that begin there
    scores: Floats
    targets: Ids  # the text after, among those that end here


class WordRescorer:
    """Gives posteriors the knowledge of a language model. Keeps nothing between calls; threads may share it."""

    def __init__(self, model: NgramModel, units: tuple[str, ...], settings: LanguageSettings | None = None) -> None:
        """Prepare a model for one vocabulary.

        Args:
            model: n-grams over words that are written in the units.
            units: the text of each of the acoustic model's units.
            settings: None is what was chosen for the embedded model.
        """
        self._model = model
        self._units = units
        self._settings = settings or LanguageSettings()
        self._homophones = Homophones(units)
        # Every word's beginnings, and the word's place: -1 for what only begins words.
        self._beginnings: dict[str, int] = {}
        for index, word in enumerate(model.words):
            if len(word) <= self._settings.longest:
                for length in range(1, len(word)):
                    self._beginnings.setdefault(word[:length], -1)
                self._beginnings[word] = index

    def rescore(self, posteriors: Posteriors) -> Posteriors:
        """Return posteriors in which the candidates of each position have their share of the paths in the lattice.

        Positions without text (the best unit is a blank, say) stay as they are.
        """
        sounding = self._homophones.blend(posteriors, self._settings.sound)
        ranked = rank(sounding, self._units, depth=self._settings.depth)
        if not ranked:
            return posteriors
        costs = [self._costs(candidates, sounding.log_probs) for candidates in ranked]
        arcs = [self._arcs(ranked, costs, position) for position in range(len(ranked))]
        shares = self._shares(arcs, max(len(cost) for cost in costs))
        log_probs = posteriors.log_probs.copy()
        for candidates, cost, share in zip(ranked, costs, shares, strict=True):
            row = np.full(log_probs.shape[1], _IMPOSSIBLE, dtype=np.float32)
            row[list(candidates.units[: len(cost)])] = np.log(np.maximum(share[: len(cost)], np.exp(_IMPOSSIBLE)))
            log_probs[candidates.row] = row
        return replace(posteriors, log_probs=log_probs)

    def _costs(self, candidates: Candidates, log_probs: Array) -> list[float]:
        row = log_probs[candidates.row][list(candidates.units)].astype(np.float64)
        return [float(cost) for cost in row - row[0] if cost > -self._settings.margin]

    def _arcs(self, ranked: Sequence[Candidates], costs: Sequence[Sequence[float]], start: int) -> _Arcs:
        """Spell all words from `start` on."""
        words, scores, ends, choices, latin = [], [], [], [], []
        growing: list[tuple[str, float, tuple[int, ...]]] = [("", 0.0, ())]
        for position in range(start, len(ranked)):
            grown = []
            for text, score, chosen in growing:
                for choice, cost in enumerate(costs[position]):
                    longer = text + self._units[ranked[position].units[choice]]
                    index = self._beginnings.get(longer)
                    if index is not None:
                        grown.append((longer, score + cost, (*chosen, choice)))
                    # A single character is always a way on, known to the language model or not.
                    if (index is not None and index >= 0) or position == start:
                        words.append(-1 if index is None else index)
                        latin.append(index is None and longer.isascii())
                        scores.append(score + cost)
                        ends.append(position + 1)
                        choices.append((*chosen, choice))
            if not grown:
                break
            growing = grown
        return _Arcs(np.array(words, np.int64), np.array(scores), np.array(ends, np.int64), choices, np.array(latin))

    def _shares(self, arcs: Sequence[_Arcs], most: int) -> Floats:
        """Return (N, most): the share of all paths that take each candidate (forward-backward over the lattice)."""
        count = len(arcs)
        forward, edges = self._forward(arcs)
        backward = [np.full(len(scores), -np.inf) for scores in forward]
        backward[count] = np.zeros(len(forward[count]))
        total = np.logaddexp.reduce(forward[count])
        shares = np.zeros((count, most))
        for position in range(count, 0, -1):
            into = edges[position]
            after = into.scores + backward[position][into.targets]
            for before in np.unique(into.before).tolist():
                chosen = np.flatnonzero(into.before == before)
                nodes, words = into.nodes[chosen], into.arcs[chosen]
                np.logaddexp.at(backward[before], nodes, after[chosen])
                share = np.exp(forward[before][nodes] + after[chosen] - total)
                used = np.bincount(words, share, minlength=len(arcs[before].choices))
                for word in np.flatnonzero(used).tolist():
                    for step, choice in enumerate(arcs[before].choices[word]):
                        shares[before + step, choice] += used[word]
        return shares

    def _forward(self, arcs: Sequence[_Arcs]) -> tuple[list[Floats], list[_Edges]]:
        """Return for each position the scores of the texts that end there, and what led to them."""
        pending: list[list[tuple[Ids, _Edges]]] = [[] for _ in range(len(arcs) + 1)]
        forward: list[Floats] = [np.zeros(1)]
        edges = [_Edges(*(np.zeros(0, np.int64),) * 3, np.zeros(0), np.zeros(0, np.int64))]
        states = self._model.start()[None]
        for position, here in enumerate(arcs):
            if position:
                scores, states, into = self._merge(pending[position], [forward[p] for p in range(position)])
                forward.append(scores)
                edges.append(into)
            language, after = self._model.advance(states[:, None], here.words[None, :])
            language = np.where(here.latin, self._settings.latin, language)
            scores = here.scores[None, :] + self._settings.weight * language
            for end in np.unique(here.ends).tolist():
                chosen = np.flatnonzero(here.ends == end)
                nodes, words = np.divmod(np.arange(len(states) * len(chosen)), len(chosen))
                lasting = after[:, chosen].reshape(-1, after.shape[-1])
                came = np.full(len(nodes), position)
                pending[end].append((lasting, _Edges(came, nodes, chosen[words], scores[:, chosen].ravel(), nodes)))
        scores, _, into = self._merge(pending[-1], forward)
        return [*forward, scores], [*edges, into]

    def _merge(self, arrived: list[tuple[Ids, _Edges]], forward: Sequence[Floats]) -> tuple[Floats, Ids, _Edges]:
        """Put texts in the same state together and keep the best."""
        states = np.concatenate([lasting for lasting, _ in arrived])
        before, nodes, words = (
            np.concatenate([getattr(edge, name) for _, edge in arrived]) for name in ("before", "nodes", "arcs")
        )
        added = np.concatenate([edge.scores for _, edge in arrived])
        reached = np.concatenate([forward[int(edge.before[0])][edge.nodes] for _, edge in arrived]) + added
        _, firsts, targets = np.unique(states, axis=0, return_index=True, return_inverse=True)
        totals = np.full(len(firsts), -np.inf)
        np.logaddexp.at(totals, targets, reached)
        kept = np.sort(np.argsort(-totals, kind="stable")[: self._settings.width])
        renamed = np.full(len(firsts), -1)
        renamed[kept] = np.arange(len(kept))
        alive = renamed[targets] >= 0
        into = _Edges(before[alive], nodes[alive], words[alive], added[alive], renamed[targets][alive])
        return totals[kept], states[firsts[kept]], into

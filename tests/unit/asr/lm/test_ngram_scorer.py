"""Word n-grams as a scorer of characters."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.decoding.beam import BeamSettings, search
from asr.decoding.greedy import Candidates
from asr.decoding.ngram import NgramScorer, NgramSettings
from asr.lm import NgramModel, read_arpa
from asr.lm.kenlm import count_ngrams

UNITS = ("<blank>", "黏", "膜", "光", "滑", "年", "末", "▁hello", "生")
TEXTS = [["黏膜", "光滑"], ["年", "末", "光"], ["黏膜", "光"], ["末", "光滑"]] * 3


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> NgramModel:
    path = tmp_path_factory.mktemp("model") / "arpa"
    count_ngrams(TEXTS, path, order=2)
    return read_arpa(path, keep=lambda word: word not in {"</s>", "<unk>"})


def cuttings(text: str) -> Iterator[list[str]]:
    for edges in itertools.product((False, True), repeat=max(0, len(text) - 1)):
        places = [0, *(place for place, edge in enumerate(edges, 1) if edge), len(text)]
        yield [text[start:end] for start, end in itertools.pairwise(places)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=5))
def test_a_text_scores_what_its_best_cutting_scores(model: NgramModel, chosen: list[int]) -> None:
    scorer = NgramScorer(model, UNITS, NgramSettings(weight=1.0, length=0.0))
    state, total = scorer.start(), 0.0
    for unit in chosen:
        state, added = scorer.advance(state, unit)
        total += added
    text = "".join(UNITS[unit] for unit in chosen)
    # Words of more characters that are not in the model are no way to cut a text.
    best = max(
        model.score(words) for words in cuttings(text) if all(len(word) == 1 or word in model.ids for word in words)
    )
    assert total + scorer.finish(state) <= best + 1e-3
    # Bigrams: the best cutting up to a position may not be the beginning of the best one, but nearly so.
    assert total + scorer.finish(state) >= best - 1.0


def test_weight_and_length_are_as_set(model: NgramModel) -> None:
    plain, weighed = (NgramScorer(model, UNITS, NgramSettings(weight=w, length=b)) for w, b in ((1.0, 0.0), (0.5, 2.0)))
    (_, alone), (_, other) = plain.advance(plain.start(), 1), weighed.advance(weighed.start(), 1)
    assert other == pytest.approx(0.5 * alone + 2.0)


def test_texts_with_the_same_end_are_in_the_same_state(model: NgramModel) -> None:
    scorer = NgramScorer(model, UNITS, NgramSettings(longest=2))
    states = []
    for first in (5, 6):
        state = scorer.start()
        for unit in (first, 8, 8, 8):
            state, _ = scorer.advance(state, unit)
        states.append(state)
    assert states[0] == states[1]
    assert len({*states}) == 1


def test_in_the_lattice_it_puts_the_word_that_the_text_needs(model: NgramModel) -> None:
    probabilities = np.full((2, len(UNITS)), 0.01)
    probabilities[0, [5, 1]] = 0.5, 0.4
    probabilities[1, [6, 2]] = 0.5, 0.4
    log_probs = np.log(probabilities).astype(np.float32)
    ranked = (Candidates(0, (5, 1)), Candidates(1, (6, 2)))
    scorer = NgramScorer(model, UNITS, NgramSettings(weight=1.0))
    assert search(ranked, log_probs, [scorer], BeamSettings()) == (1, 2)
    assert search(ranked, log_probs, [], BeamSettings()) == (5, 6)


def test_a_latin_piece_is_read_without_its_marks(model: NgramModel) -> None:
    scorer = NgramScorer(model, UNITS)
    _, added = scorer.advance(scorer.start(), 7)
    assert math.isfinite(added)

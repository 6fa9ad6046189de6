"""CTC prefix beam search against the sum over all alignments, and the times and posteriors that come of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.decoding.ctc import CtcSettings, align, collapse, greedy, search
from asr.decoding.posteriors import Array, Frames

EXACT = CtcSettings(width=10_000, depth=99, margin=math.inf, skip=1.0)
BLANK = 0


def frames_of(rows: Array, seconds: float | None = None) -> Frames:
    shifted = rows - np.logaddexp.reduce(rows, axis=1, keepdims=True)
    return Frames(shifted.astype(np.float32), BLANK, 0.04, seconds or len(rows) * 0.04)


@st.composite
def some_frames(draw: st.DrawFn) -> Frames:
    count, units = draw(st.integers(1, 5)), draw(st.integers(2, 4))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    return frames_of(rng.standard_normal((count, units)) * 2)


def text_of(alignment: Sequence[int]) -> tuple[int, ...]:
    return tuple(unit for unit, _ in itertools.groupby(alignment) if unit != BLANK)


def by_alignments(frames: Frames) -> dict[tuple[int, ...], tuple[float, float]]:
    """For each text the log-probabilities of all its alignments together, and of the best one."""
    found: dict[tuple[int, ...], list[float]] = {}
    count, units = frames.log_probs.shape
    for alignment in itertools.product(range(units), repeat=count):
        score = float(frames.log_probs[range(count), alignment].sum())
        found.setdefault(text_of(alignment), []).append(score)
    return {text: (float(np.logaddexp.reduce(scores)), max(scores)) for text, scores in found.items()}


class Likes:
    """A scorer that gives `bonus` for each `unit`, and takes `ending` at the end after one."""

    def __init__(self, unit: int, bonus: float, ending: float = 0.0) -> None:
        self.unit, self.bonus, self.ending = unit, bonus, ending

    def wanted(self, costs: Array) -> Sequence[Collection[int]]:
        return [[self.unit]] * len(costs)

    def start(self) -> bool:
        return False

    def advance(self, state: bool, unit: int) -> tuple[bool, float]:
        return unit == self.unit, self.bonus if unit == self.unit else 0.0

    def finish(self, state: bool) -> float:
        return self.ending if state else 0.0


@settings(max_examples=60, deadline=None)
@given(some_frames())
def test_a_text_has_the_probability_of_all_its_alignments(frames: Frames) -> None:
    expected = by_alignments(frames)
    found = search(frames, (), EXACT, count=10_000)
    assert {one.units for one in found} == set(expected)
    for one in found:
        assert one.acoustic == pytest.approx(expected[one.units][0], abs=1e-4)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


@settings(max_examples=40, deadline=None)
@given(some_frames(), st.floats(-3, 3), st.floats(-3, 3))
def test_what_scorers_add_is_added_to_that(frames: Frames, bonus: float, ending: float) -> None:
    found = search(frames, [Likes(1, bonus, ending)], EXACT, count=10_000)
    for one in found:
        more = bonus * one.units.count(1) + (ending if one.units[-1:] == (1,) else 0.0)
        assert one.score == pytest.approx(one.acoustic + more, abs=1e-4)


@settings(max_examples=60, deadline=None)
@given(some_frames())
def test_times_are_those_of_the_best_alignment(frames: Frames) -> None:
    for text, (_, best) in by_alignments(frames).items():
        spans = align(frames, text)
        states = np.full(len(frames.log_probs), BLANK)
        for unit, (first, last) in zip(text, spans, strict=True):
            assert first < last
            states[first:last] = unit
        assert text_of(states.tolist()) == text
        assert float(frames.log_probs[range(len(states)), states].sum()) == pytest.approx(best, abs=1e-4)


@settings(max_examples=60, deadline=None)
@given(some_frames())
def test_greedy_takes_the_best_alignment(frames: Frames) -> None:
    best = max(by_alignments(frames).values(), key=lambda scores: scores[1])[1]
    found = greedy(frames)
    assert found.score == pytest.approx(best, abs=1e-4)
    assert found.units == text_of(frames.log_probs.argmax(axis=1).tolist())


def spoken(text: Sequence[int], sure: float = 9.0) -> Frames:
    """Each unit in one frame, three blank frames around it."""
    rows = np.zeros((4 * len(text) + 3, 6))
    rows[:, BLANK] = 12.0
    for place, unit in enumerate(text):
        rows[4 * place + 3, BLANK] = 0.0
        rows[4 * place + 3, unit] = sure
    return frames_of(rows)


def test_passing_over_blank_frames_does_not_change_a_clear_text() -> None:
    frames = spoken((1, 2, 2, 3))
    assert search(frames, (), CtcSettings(skip=0.98))[0].units == (1, 2, 2, 3)
    assert greedy(frames).units == (1, 2, 2, 3)


def test_a_scorer_decides_what_the_model_is_unsure_of() -> None:
    rows = np.full((3, 4), -9.0)
    rows[1, 1], rows[1, 2], rows[[0, 2], BLANK] = 1.0, 0.8, 5.0
    frames = frames_of(rows)
    assert search(frames)[0].units == (1,)
    assert search(frames, [Likes(2, 1.0)])[0].units == (2,)


def test_each_unit_becomes_one_posterior_with_its_time() -> None:
    frames = spoken((1, 2, 2))
    found = collapse(frames, search(frames, count=5))
    assert found.log_probs.shape == (3, 6)
    assert found.log_probs.argmax(axis=1).tolist() == [1, 2, 2]
    assert np.exp(found.log_probs).sum(axis=1) == pytest.approx(1.0, abs=1e-4)
    assert found.times[:, 0] == pytest.approx([0.12, 0.28, 0.44])
    assert (found.times[:-1, 1] <= found.times[1:, 0] + 1e-6).all()
    assert found.times.max() <= frames.seconds


def test_the_texts_own_unit_is_first_even_where_the_scorers_overruled_the_model() -> None:
    rows = np.full((3, 4), -9.0)
    rows[1, 1], rows[1, 2], rows[[0, 2], BLANK] = 3.0, 0.8, 5.0
    frames = frames_of(rows)
    hypotheses = search(frames, [Likes(2, 4.0)], count=4)
    posteriors = collapse(frames, hypotheses)
    assert posteriors.log_probs.argmax(axis=1).tolist() == [2]
    assert np.exp(posteriors.log_probs[0, 1]) > 0.05


def test_silence_and_no_sound_are_no_text() -> None:
    for frames in (spoken(()), Frames(np.zeros((0, 6), np.float32), BLANK, 0.04, 0.0)):
        found = search(frames, [Likes(1, 1.0)], count=3)
        assert found[0].units == ()
        assert greedy(frames).units == ()
        assert collapse(frames, found).log_probs.shape == (0, 6)

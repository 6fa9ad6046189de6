"""Mixing language models: the weighted mean of what they say, and probabilities that sum to one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from asr.lm import NgramModel, interpolate, read_arpa

# What follows a context sums to one in each, with the words that it backs off to.
GENERAL = """\\1-grams:
-0.30103\t我\t0
-0.60206\t想\t0
-0.60206\t你\t0
\\2-grams:
-0.30103\t我 想
-0.60206\t我 我
\\end\\
"""
FIELD = """\\1-grams:
-0.30103\t我\t0
-0.60206\t挂号\t0
-0.60206\t想\t0
\\2-grams:
-0.60206\t我 想\t-0.5620
-0.60206\t想 挂号\t0
\\3-grams:
-0.1\t我 想 挂号
\\end\\
"""


def model(tmp_path: Path, text: str) -> NgramModel:
    path = tmp_path / "model.arpa"
    path.write_text(text, encoding="utf-8")
    return read_arpa(path)


def probabilities(model: NgramModel, context: list[str]) -> dict[str, float]:
    """Return what may follow a context, in a model without sentence boundaries."""
    state = model.start()
    for word in context:
        _, state = model.advance(state, np.array(model.ids[word]))
    scores, _ = model.advance(state[None], np.arange(len(model.words)))
    return dict(zip(model.words, np.exp(scores).tolist(), strict=True))


def test_an_ngram_has_the_weighted_mean_of_what_the_models_give_it(tmp_path: Path) -> None:
    general, field = model(tmp_path, GENERAL), model(tmp_path, FIELD)
    mixed = interpolate([general, field], [3, 1])
    expected = 0.75 * probabilities(general, ["我"])["想"] + 0.25 * probabilities(field, ["我"])["想"]
    assert probabilities(mixed, ["我"])["想"] == pytest.approx(expected, rel=1e-4)
    assert probabilities(mixed, [])["挂号"] == pytest.approx(0.25 * 0.25, rel=1e-4)


@pytest.mark.parametrize("context", [[], ["我"], ["想"], ["我", "想"], ["挂号"]])
def test_what_may_follow_sums_to_one(tmp_path: Path, context: list[str]) -> None:
    mixed = interpolate([model(tmp_path, GENERAL), model(tmp_path, FIELD)], [0.6, 0.4])
    assert sum(probabilities(mixed, context).values()) == pytest.approx(1.0, abs=1e-3)


def test_a_model_mixed_with_itself_stays_the_same(tmp_path: Path) -> None:
    general = model(tmp_path, GENERAL)
    mixed = interpolate([general, general], [1, 2])
    for context in ([], ["我"], ["想"]):
        assert probabilities(mixed, context) == pytest.approx(probabilities(general, context), rel=0.01)


def test_words_are_numbered_by_frequency(tmp_path: Path) -> None:
    mixed = interpolate([model(tmp_path, FIELD), model(tmp_path, GENERAL)], [1, 1])
    scores = mixed.orders[0].scores
    assert (np.diff(scores) <= 0).all()
    assert mixed.order == 3


@pytest.mark.parametrize("weights", [[], [1.0], [1.0, 0.0], [1.0, -1.0]])
def test_each_model_needs_a_positive_weight(tmp_path: Path, weights: list[float]) -> None:
    both = [model(tmp_path, GENERAL), model(tmp_path, FIELD)]
    with pytest.raises(ValueError, match="positive weight"):
        interpolate(both, weights)

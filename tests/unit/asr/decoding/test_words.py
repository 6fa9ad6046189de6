"""Rescoring with a language model: the same as trying all texts, and only where it may."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.decoding import HotwordDecoder, WordRescorer, decode_greedily
from asr.decoding.posteriors import Posteriors
from asr.decoding.words import LanguageSettings
from asr.hotwords.list import parse_strictly
from asr.lm import NgramModel, read_arpa

UNITS = ("<blank>", "设", "涉", "定", "度", "多", "龘")
ALL = LanguageSettings(weight=0.7, sound=0.0, width=1000, margin=1e9)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> NgramModel:
    path = tmp_path_factory.mktemp("lm") / "model.arpa"
    path.write_text(
        "\\1-grams:\n-2.0\t设\t-0.3\n-3.5\t涉\n-2.2\t定\t-0.2\n-2.1\t度\n-1.8\t多\n-1.5\t设定\t-0.4\n-2.0\t定多\n"
        "\\2-grams:\n-0.3\t设定 度\n-1.4\t定 多\n\\end\\\n",
        encoding="utf-8",
    )
    return read_arpa(path)


def heard(*rows: dict[str, float]) -> Posteriors:
    """Make posteriors: what is named, the rest shared evenly."""
    probabilities = np.empty((len(rows), len(UNITS)))
    for place, row in enumerate(rows):
        left = (1 - sum(row.values())) / (len(UNITS) - len(row))
        probabilities[place] = [row.get(unit, left) for unit in UNITS]
    times = np.stack([np.arange(len(rows)), np.arange(len(rows)) + 1.0], axis=1)
    return Posteriors(np.log(probabilities).astype(np.float32), times.astype(np.float32))


def all_segmentations(text: str) -> list[list[str]]:
    if not text:
        return [[]]
    return [[text[:n], *rest] for n in range(1, len(text) + 1) for rest in all_segmentations(text[n:])]


def shares_by_trying_all(posteriors: Posteriors, model: NgramModel) -> np.ndarray:
    """Score every text in every segmentation; only words of the model and single characters are words."""
    shares = np.zeros((len(posteriors.log_probs), len(UNITS)))
    for chosen in itertools.product(range(1, len(UNITS)), repeat=len(shares)):
        text = [UNITS[unit] for unit in chosen]
        acoustic = sum(float(posteriors.log_probs[place, unit]) for place, unit in enumerate(chosen))
        for words in all_segmentations("".join(text)):
            if all(len(word) == 1 or word in model.ids for word in words):
                probability = np.exp(acoustic + ALL.weight * model.score(words))
                shares[range(len(shares)), chosen] += probability
    return shares / shares.sum(axis=1, keepdims=True)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), length=st.integers(1, 4))
def test_a_candidates_share_is_that_of_all_texts_that_hold_it(model: NgramModel, seed: int, length: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 2, (length, len(UNITS)))
    scores[:, 0] = -20  # blank is never the best: every position is text
    log_probs = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
    posteriors = Posteriors(log_probs.astype(np.float32), np.zeros((length, 2), np.float32))
    told = WordRescorer(model, UNITS, ALL).rescore(posteriors)
    expected = shares_by_trying_all(posteriors, model)
    assert np.exp(told.log_probs[:, 1:]) == pytest.approx(expected[:, 1:], abs=1e-4)


def test_a_likely_word_wins_over_a_likelier_character(model: NgramModel) -> None:
    posteriors = heard({"涉": 0.55, "设": 0.4}, {"定": 0.9}, {"多": 0.5, "度": 0.4})
    alone = decode_greedily(posteriors, UNITS)
    told, _ = HotwordDecoder(UNITS, language=WordRescorer(model, UNITS)).decode(posteriors)
    assert "".join(token.text for token in alone) == "涉定多"
    assert "".join(token.text for token in told) == "设定度"
    assert [token.start for token in told] == [token.start for token in alone]


def test_what_the_acoustic_model_is_sure_of_stays(model: NgramModel) -> None:
    posteriors = heard({"涉": 0.9999}, {"定": 0.9999}, {"多": 0.9999})
    told, _ = HotwordDecoder(UNITS, language=WordRescorer(model, UNITS)).decode(posteriors)
    assert "".join(token.text for token in told) == "涉定多"


def test_characters_that_sound_the_same_are_all_looked_at(model: NgramModel) -> None:
    # 涉 and 设 are both she4: the acoustic model has all but ruled out the one that makes a word.
    posteriors = heard({"涉": 0.9989, "设": 1e-4}, {"定": 0.99}, {"度": 0.99})
    by_letter = WordRescorer(model, UNITS, LanguageSettings(sound=0.0)).rescore(posteriors)
    by_sound = WordRescorer(model, UNITS, LanguageSettings(sound=0.8)).rescore(posteriors)
    assert UNITS[int(by_letter.log_probs[0].argmax())] == "涉"
    assert UNITS[int(by_sound.log_probs[0].argmax())] == "设"


def test_units_that_the_language_model_cannot_spell_stay(model: NgramModel) -> None:
    posteriors = heard({"龘": 0.99}, {"龘": 0.99})
    told, _ = HotwordDecoder(UNITS, language=WordRescorer(model, UNITS)).decode(posteriors)
    assert [token.text for token in told] == ["龘", "龘"]


def test_a_latin_letter_is_no_unlikely_word(model: NgramModel) -> None:
    units = (*UNITS, "T@@")
    log_probs = np.full((1, len(units)), -20.0, np.float32)
    log_probs[0, [1, -1]] = np.log([0.4, 0.6])
    posteriors = Posteriors(log_probs, np.zeros((1, 2), np.float32))
    unlikely = WordRescorer(model, units, LanguageSettings(latin=-30.0)).rescore(posteriors)
    usual = WordRescorer(model, units, LanguageSettings(latin=-4.0)).rescore(posteriors)
    assert units[int(unlikely.log_probs[0].argmax())] == "设"
    assert units[int(usual.log_probs[0].argmax())] == "T@@"


def test_positions_without_text_are_left_alone(model: NgramModel) -> None:
    posteriors = heard({"设": 0.9}, {"<blank>": 0.9}, {"定": 0.9})
    told = WordRescorer(model, UNITS).rescore(posteriors)
    assert (told.log_probs[1] == posteriors.log_probs[1]).all()
    nothing = heard({"<blank>": 0.9})
    assert WordRescorer(model, UNITS).rescore(nothing) is nothing


def test_a_hotword_needs_no_help_of_the_language_model(model: NgramModel) -> None:
    posteriors = heard({"涉": 0.5, "设": 0.45}, {"定": 0.9}, {"多": 0.6})
    decoder = HotwordDecoder(UNITS, language=WordRescorer(model, UNITS))
    tokens, (change,) = decoder.decode(posteriors, parse_strictly("涉定 60"))
    assert "".join(token.text for token in tokens)[:2] == "涉定"
    assert change.heard == "设定"


def test_the_shipped_model_can_be_opened_and_knows_chinese() -> None:
    from asr.lm import open_language_model
    from asr.recognizer import EMBEDDED, LANGUAGE_FILE

    path: Path = EMBEDDED / "language" / LANGUAGE_FILE
    model = open_language_model(path)
    assert model.score(["今天", "天气", "怎么样"]) > model.score(["今天", "天启", "怎么样"])

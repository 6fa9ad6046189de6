"""Counting n-grams with the real lmplz."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from asr.errors import LanguageTrainingFailed, TrainerMissing
from asr.lm import kenlm, read_arpa

SENTENCES = [["我", "想", "挂号"], ["我", "想", "改", "时间"], ["我", "要", "挂号"]] * 3


def test_what_was_seen_is_likelier_than_what_was_not(tmp_path: Path) -> None:
    kenlm.count_ngrams(SENTENCES, tmp_path / "model.arpa", order=3)
    model = read_arpa(tmp_path / "model.arpa")
    assert model.order == 3
    assert model.score(["我", "想", "挂号"]) > model.score(["挂号", "想", "我"])


def test_what_may_follow_sums_to_one(tmp_path: Path) -> None:
    kenlm.count_ngrams(SENTENCES, tmp_path / "model.arpa", order=2)
    model = read_arpa(tmp_path / "model.arpa")
    _, state = model.advance(model.start(), np.array(model.ids["我"]))
    scores, _ = model.advance(state[None], np.arange(len(model.words)))
    assert np.exp(scores).sum() == pytest.approx(1.0, abs=1e-3)


def test_nothing_to_count_is_said(tmp_path: Path) -> None:
    with pytest.raises(LanguageTrainingFailed, match="no sentence"):
        kenlm.count_ngrams([[]], tmp_path / "model.arpa")
    assert not list(tmp_path.iterdir())


def test_the_time_is_bounded(tmp_path: Path) -> None:
    with pytest.raises(LanguageTrainingFailed, match="longer"):
        kenlm.count_ngrams(SENTENCES * 1000, tmp_path / "model.arpa", timeout=0.001)


def test_without_kenlm_the_error_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(kenlm.sys, "executable", str(tmp_path / "python"))
    with pytest.raises(TrainerMissing, match="scripts/kenlm"):
        kenlm.count_ngrams(SENTENCES, tmp_path / "model.arpa")

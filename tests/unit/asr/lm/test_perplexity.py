"""How well a model expects a text, and the share of a field's model in a mixture."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from asr.lm import NgramModel, interpolate, read_arpa
from asr.lm.kenlm import count_ngrams
from asr.lm.perplexity import best_share, judge

FIELD = [["黏膜", "光滑"], ["黏膜", "充血"], ["未见", "息肉"]] * 5
GENERAL = [["今天", "天气", "好"], ["我", "想", "吃饭"], ["黏膜", "天气"]] * 5


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[NgramModel, NgramModel]:
    folder: Path = tmp_path_factory.mktemp("models")
    for name, sentences in (("field", FIELD), ("general", GENERAL)):
        count_ngrams(sentences, folder / name, order=2)
    keep = {"</s>", "<unk>"}
    field, general = (read_arpa(folder / name, keep=lambda word: word not in keep) for name in ("field", "general"))
    return general, field


def test_every_word_is_scored_as_in_its_sentence_alone(models: tuple[NgramModel, NgramModel]) -> None:
    general, _ = models
    judgement = judge(general, [["我", "想", "吃饭"], [], ["今天", "没有"]])
    assert judgement.characters == 8
    assert len(judgement.scores) == 5
    assert judgement.scores[:3].sum() == pytest.approx(general.score(["我", "想", "吃饭"]), rel=1e-5)
    assert judgement.perplexity == pytest.approx(math.exp(-judgement.scores.sum() / 8))


def test_no_text_has_no_perplexity(models: tuple[NgramModel, NgramModel]) -> None:
    assert judge(models[0], []).perplexity == math.inf


def test_the_share_makes_the_held_out_text_likeliest(models: tuple[NgramModel, NgramModel]) -> None:
    general, field = models
    held_out = [["黏膜", "光滑"], ["今天", "天气", "好"], ["黏膜", "充血"]]
    scores = [judge(model, held_out).scores for model in (general, field)]
    share = best_share(scores[0], scores[1])

    def likelihood(at: float) -> float:
        return float(np.log(at * np.exp(scores[1]) + (1 - at) * np.exp(scores[0])).sum())

    assert likelihood(share) >= max(likelihood(at) for at in np.linspace(0.01, 0.99, 99)) - 1e-3
    mixed = interpolate([general, field], [1 - share, share])
    assert judge(mixed, held_out).perplexity < min(judge(model, held_out).perplexity for model in models)

"""N-gram models: the ARPA format, look-ups with back-off, the file that ships."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from asr.errors import ModelFileMissing, ModelInvalid
from asr.lm import NgramModel, open_language_model, read_arpa, save_language_model

LN10 = math.log(10.0)
ARPA = """\\data\\
ngram 1=6
ngram 2=4
ngram 3=1

\\1-grams:
-99\t<s>\t-0.2
-1.5\t</s>
-1.0\t我\t-0.3
-1.2\t想\t-0.4
-2.0\t挂号\t-0.1
-3.0\tABC

\\2-grams:
-0.5\t<s> 我\t-0.6
-0.25\t我 想\t-0.7
-0.75\t想 挂号
-0.9\tABC 我

\\3-grams:
-0.125\t我 想 挂号

\\end\\
"""


@pytest.fixture
def arpa(tmp_path: Path) -> Path:
    path = tmp_path / "model.arpa"
    path.write_text(ARPA, encoding="utf-8")
    return path


@pytest.fixture
def model(arpa: Path) -> NgramModel:
    return read_arpa(arpa)


def test_the_longest_ngram_that_is_known_gives_the_score(model: NgramModel) -> None:
    # <s> 我 | 我 想 after a context without that trigram | 我 想 挂号 | </s> after two contexts that do not lead to it
    expected = -0.5 + (-0.6 - 0.25) - 0.125 + (0.0 - 0.1 - 1.5)
    assert model.score(["我", "想", "挂号"]) == pytest.approx(expected * LN10, rel=1e-5)


def test_an_unknown_word_scores_as_the_rarest_one_and_is_forgotten(model: NgramModel) -> None:
    score, state = model.advance(model.start(), np.array(-1))
    assert score == pytest.approx((-0.2 - 99) * LN10)
    assert (state == -1).all()


def test_texts_and_words_are_scored_all_against_all(model: NgramModel) -> None:
    words = np.array([model.ids["我"], model.ids["想"]])
    _, states = model.advance(model.start(), words)
    together, _ = model.advance(states[:, None], words[None, :])
    alone = [[float(model.advance(state, word)[0]) for word in words] for state in states]
    assert together.tolist() == alone


def test_words_that_are_not_wanted_take_their_ngrams_with_them(arpa: Path) -> None:
    model = read_arpa(arpa, keep=lambda word: not word.isascii())
    assert set(model.words) == {"我", "想", "挂号"}
    assert len(model) == 3 + 2 + 1


def test_a_model_comes_back_from_its_file(model: NgramModel, tmp_path: Path) -> None:
    path = tmp_path / "language.npz"
    save_language_model(model, path)
    again = open_language_model(path)
    assert again.words == model.words
    for ours, theirs in zip(again.orders, model.orders, strict=True):
        assert (ours.keys == theirs.keys).all()
        assert ours.scores == pytest.approx(theirs.scores)
    assert again.score(["我", "想", "挂号"]) == pytest.approx(model.score(["我", "想", "挂号"]))
    assert not list(tmp_path.glob(".*"))


def test_a_byte_a_score_loses_little(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = [f"{score:.4f}\tw{i}" for i, score in enumerate(rng.uniform(-7, -1, 2000))]
    arpa = tmp_path / "large.arpa"
    arpa.write_text("\\1-grams:\n" + "\n".join(lines) + "\n\\end\\\n", encoding="utf-8")
    model = read_arpa(arpa)
    save_language_model(model, tmp_path / "language.npz")
    lost = open_language_model(tmp_path / "language.npz").orders[0].scores - model.orders[0].scores
    assert np.abs(lost).mean() < 0.05


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\\1-grams:\nminus one\t我\n\\end\\\n", 2),
        ("\\1-grams:\n-1.0\t我 想 你\n\\end\\\n", 2),
        ("\\1-grams:\n-1.0\t我\n\\3-grams:\n\\end\\\n", 3),
        ("\\1-grams:\n-1.0\t我\n", 0),
        ("hello", 0),
    ],
    ids=["score", "fields", "order", "cut", "other"],
)
def test_a_file_that_is_no_arpa_names_the_line(tmp_path: Path, text: str, line: int) -> None:
    path = tmp_path / "bad.arpa"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ModelInvalid) as raised:
        read_arpa(path)
    assert raised.value.details["line"] == line


def test_bytes_that_are_no_text_are_no_arpa(tmp_path: Path) -> None:
    path = tmp_path / "bad.arpa"
    path.write_bytes(b"\\1-grams:\n\xff\xfe")
    with pytest.raises(ModelInvalid, match="UTF-8"):
        read_arpa(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileMissing) as raised:
        open_language_model(tmp_path / "language.npz")
    assert raised.value.details["file"] == "language.npz"


@pytest.mark.parametrize("content", [b"", b"no zip at all", None], ids=["empty", "text", "cut"])
def test_a_broken_file_is_named(model: NgramModel, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "language.npz"
    save_language_model(model, path)
    path.write_bytes(path.read_bytes()[:200] if content is None else content)
    with pytest.raises(ModelInvalid):
        open_language_model(path)

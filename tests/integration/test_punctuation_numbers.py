"""The punctuation runtime against FunASR's own torch models, on the same random weights and the same words."""

from __future__ import annotations

import itertools
import json
import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from asr.errors import ModelFileMissing, ModelInvalid, RecognitionFailed
from asr.text.punctuation import PERIOD, QUESTION, Punctuator

torch = pytest.importorskip("torch")
pytest.importorskip("funasr")

from tests.tiny_models import CHARACTERS, PUNCTUATION  # noqa: E402 -- it needs what is asked for above

Tiny = Callable[[str], Path]
TOLERANCE = 1e-3
LENGTHS = (1, 2, 3, 19, 20, 21, 40, 75, 260)


def words_of(length: int, seed: int = 0) -> list[str]:
    drawn = random.Random(f"{seed} {length}")
    return [drawn.choice([*CHARACTERS, "hello"]) for _ in range(length)]


def funasr_model(folder: Path) -> Any:
    from funasr import AutoModel

    return AutoModel(model=str(folder), device="cpu", disable_update=True, disable_pbar=True)


def plain(marks: Sequence[int]) -> list[str]:
    return ["" if PUNCTUATION[mark] in ("_", "<unk>") else PUNCTUATION[mark] for mark in marks]


def joined(words: Sequence[str], marks: Sequence[str]) -> str:
    return "".join(itertools.chain.from_iterable(zip(words, marks, strict=True)))


@pytest.fixture(scope="module")
def offline(tiny_model: Tiny) -> tuple[Punctuator, Any]:
    return Punctuator(tiny_model("punctuation")), funasr_model(tiny_model("punctuation"))


@pytest.fixture(scope="module")
def realtime(tiny_model: Tiny) -> tuple[Punctuator, Any]:
    return Punctuator(tiny_model("streaming_punctuation")), funasr_model(tiny_model("streaming_punctuation"))


def test_scores_are_those_of_torch(offline: tuple[Punctuator, Any]) -> None:
    ours, theirs = offline
    words = words_of(50)
    ids = torch.tensor([theirs.kwargs["tokenizer"].encode(words)])
    with torch.inference_mode():
        expected, _ = theirs.model.punc_forward(ids, torch.tensor([len(words)]))
    assert np.abs(ours.scores(words) - expected[0].numpy()).max() <= TOLERANCE
    assert not ours.realtime


@pytest.mark.parametrize("pause", [0, 1, 7, 30])
def test_realtime_scores_are_those_of_torch(realtime: tuple[Punctuator, Any], pause: int) -> None:
    ours, theirs = realtime
    words = words_of(30)
    ids = torch.tensor([theirs.kwargs["tokenizer"].encode(words)])
    with torch.inference_mode():
        expected, _ = theirs.model.punc_forward(ids, torch.tensor([len(words)]), vad_indexes=torch.tensor([pause]))
    assert np.abs(ours.scores(words, pause=pause) - expected[0].numpy()).max() <= TOLERANCE
    assert ours.realtime


@pytest.mark.parametrize("length", LENGTHS)
def test_texts_of_any_length_get_the_marks_of_funasr(offline: tuple[Punctuator, Any], length: int) -> None:
    ours, theirs = offline
    words = words_of(length)
    (expected,) = theirs.generate(input=" ".join(words))
    found = ours.marks(words, ends=False)
    assert list(found[:-1]) == plain(expected["punc_array"].tolist()[: length - 1])
    assert len(found) == length


def test_a_text_that_ends_has_a_full_stop(offline: tuple[Punctuator, Any]) -> None:
    ours, _ = offline
    for length in LENGTHS:
        words = words_of(length)
        assert ours.marks(words)[-1] in (PERIOD, QUESTION)
        assert ours.marks(words)[:-1] == ours.marks(words, ends=False)[:-1]
    assert ours.marks([]) == ()


def test_a_long_pause_brings_a_mark_and_fluent_speech_none(offline: tuple[Punctuator, Any]) -> None:
    ours, _ = offline
    words = words_of(40)
    plain_marks = ours.marks(words)
    fluent = ours.marks(words, pauses=[0.01] * 40)
    halting = ours.marks(words, pauses=[1.0] * 40)
    assert sum(map(bool, fluent)) < sum(map(bool, plain_marks)) < sum(map(bool, halting))
    assert ours.marks(words, pauses=[0.3] * 40) == plain_marks
    assert ours.marks(words, pauses=[0.0] * 40) == plain_marks  # times that nobody measured


def test_a_model_of_words_gets_those_that_its_dictionary_makes(tiny_model: Tiny, tmp_path: Path) -> None:
    """FunASR's ct-punc is one; its marks stand behind the last character of each word."""
    folder = tmp_path / "words"
    shutil.copytree(tiny_model("punctuation"), folder)
    tokens = json.loads((folder / "tokens.json").read_text(encoding="utf-8"))
    drawn = random.Random(0)
    known = ["".join(drawn.sample(CHARACTERS, 2 + number % 2)) for number in range(60)]
    tokens[100:160] = known
    (folder / "tokens.json").write_text(json.dumps(tokens, ensure_ascii=False), encoding="utf-8")
    (folder / "jieba_usr_dict").write_text("".join(f"{word} 100000\n" for word in known), encoding="utf-8")
    described = json.loads((folder / "configuration.json").read_text(encoding="utf-8"))
    described["file_path_metas"]["jieba_usr_dict"] = "jieba_usr_dict"
    (folder / "configuration.json").write_text(json.dumps(described), encoding="utf-8")
    words = [
        word
        for part in drawn.choices([*known, *CHARACTERS, "hello"], k=70)
        for word in ([part] if part == "hello" else part)
    ]
    ours, theirs = Punctuator(folder), funasr_model(folder)
    assert theirs.model.jieba_usr_dict is not None

    (expected,) = theirs.generate(input=" ".join(words))

    text = joined(words, ours.marks(words, ends=False))
    same_spelling = str.maketrans({",": "，", ".": "。", "?": "？", "H": "h", " ": None})
    # Where no sentence ends, FunASR puts a full stop behind the last word all the same.
    assert text.rstrip("，。？、") == expected["text"].replace("<unk>", "").translate(same_spelling).rstrip("，。？、")
    assert text != joined(words, Punctuator(tiny_model("punctuation")).marks(words, ends=False))


def test_pause_by_pause_the_marks_are_those_of_funasr(realtime: tuple[Punctuator, Any]) -> None:
    ours, theirs = realtime
    cache: dict[str, Any] = {}
    before: tuple[str, ...] = ()
    for part in range(6):
        words = [word for word in words_of(9 + 7 * part, part) if word != "hello"]
        (expected,) = theirs.generate(input="".join(words), cache=cache)
        between, marks, before = ours.marks_after(before, words)
        assert between + joined(words, marks) == expected["text"].replace("<unk>", "").replace(" ", "")
        assert list(before) == [word.strip() for word in cache["pre_text"]]
    assert ours.marks_after(before, []) == ("", (), before)


def test_folders_of_before_have_their_lists_in_punc_yaml(tiny_model: Tiny, tmp_path: Path) -> None:
    folder = tiny_model("punctuation")
    shutil.copy(folder / "model.onnx", tmp_path)
    lists = {"punc_list": PUNCTUATION, "token_list": json.loads((folder / "tokens.json").read_text(encoding="utf-8"))}
    (tmp_path / "punc.yaml").write_text(yaml.safe_dump(lists, allow_unicode=True), encoding="utf-8")
    assert Punctuator(tmp_path).marks(words_of(30)) == Punctuator(folder).marks(words_of(30))


def test_a_folder_that_is_incomplete_or_wrong_is_named(tiny_model: Tiny, tmp_path: Path) -> None:
    with pytest.raises(ModelFileMissing, match=r"config\.yaml or punc\.yaml"):
        Punctuator(tmp_path)
    (tmp_path / "config.yaml").write_text("model_conf: {punc_list: [a, b]}", encoding="utf-8")
    with pytest.raises(ModelInvalid, match="punc_list"):
        Punctuator(tmp_path)
    for file in ("model.onnx", "tokens.json"):
        shutil.copy(tiny_model("punctuation") / file, tmp_path)
    (tmp_path / "config.yaml").write_text("model_conf: {punc_list: [_, 。]}", encoding="utf-8")
    with pytest.raises(RecognitionFailed, match="6 scores"):
        Punctuator(tmp_path).marks(["你"])
    shutil.copy(tiny_model("vad") / "model.onnx", tmp_path)
    with pytest.raises(RecognitionFailed, match="failed on this text"):
        Punctuator(tmp_path).marks(["你"])

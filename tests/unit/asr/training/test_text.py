"""What the decoder learns from without audio: clauses, characters, syllables."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from asr.training.datasets.text import TextSet, Vocabulary, clauses, read_sentences, syllables


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary.build(["我想挂号", "我们是第一"], ["疼疼疼"], least=3)


def test_clauses_end_at_punctuation() -> None:
    assert list(clauses("你好，我想挂号。谢谢")) == ["你好", "我想挂号", "谢谢"]


def test_numbers_are_written_as_they_are_spoken() -> None:
    assert list(clauses("一共３０元")) == ["一共三十元"]


def test_clauses_with_other_scripts_and_single_characters_are_left_out() -> None:
    assert list(clauses("打开WiFi，好，没问题")) == ["没问题"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", '{"text": "今天下雨"}\n'),
        ("a.txt", "今天下雨\n"),
        ("a.yaml", "ask: [今天下雨]\nlimit: 3\n"),
        ("a.txt", "19980101-01-001/m  今天/t  下雨/v  \n"),
    ],
)
def test_sentences_are_read_from_json_lines_plain_and_tagged_text(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    assert [sentence.strip() for sentence in read_sentences(path)] == ["今天下雨"]


def test_sentences_are_read_from_zipped_dialogues(tmp_path: Path) -> None:
    path = tmp_path / "val.json.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("val.json", json.dumps({"1": {"messages": [{"content": "附近有餐厅吗"}]}}))
    assert list(read_sentences(path)) == ["附近有餐厅吗"]


def test_syllables_carry_the_tone_and_know_words() -> None:
    assert syllables("银行行长") == ["yin2", "hang2", "hang2", "zhang3"]
    assert syllables("我们") == ["wo3", "men5"]


def test_the_vocabulary_has_what_is_spoken_what_is_written_often_and_the_common_characters(
    vocabulary: Vocabulary,
) -> None:
    assert vocabulary.tokens[:3] == ["<blank>", "<s>", "</s>"]
    assert vocabulary.tokens[-1] == "<unk>"
    assert {"挂", "疼", "国"} <= set(vocabulary.tokens)
    assert 3_755 <= len(vocabulary.tokens) < 3_800


def test_characters_come_back_from_their_tokens_and_strangers_become_unknown(vocabulary: Vocabulary) -> None:
    assert vocabulary.decode(vocabulary.encode("我想挂号")) == "我想挂号"
    assert vocabulary.encode("龘")[0] == len(vocabulary.tokens) - 1


def test_latin_is_written_in_letters_and_words(vocabulary: Vocabulary) -> None:
    latin = vocabulary.with_latin()
    tokens = [latin.tokens[i] for i in latin.encode("我挂CT龘wifi")]
    assert tokens == ["我", "挂", "C@@", "T@@", "<unk>", "WiFi"]
    assert latin.decode(latin.encode("我挂CT")) == "我挂CT"
    assert len(latin.encode_syllables("我挂CT")) == 4
    assert latin.covers("我挂CT")
    assert not latin.covers("龘CT")
    assert latin.tokens[-1] == "<unk>"
    assert latin.encode("我想")[0] == vocabulary.encode("我想")[0]


def test_a_saved_vocabulary_is_the_same(vocabulary: Vocabulary, tmp_path: Path) -> None:
    vocabulary.save(tmp_path)
    loaded = Vocabulary.load(tmp_path)
    assert (loaded.tokens, loaded.syllables) == (vocabulary.tokens, vocabulary.syllables)


def test_neighbours_are_other_tones_and_near_sounds(vocabulary: Vocabulary) -> None:
    row = vocabulary.neighbours()[vocabulary.syllables.index("zhang1")]
    near = {vocabulary.syllables[i] for i in row}
    assert {"zhang3", "zhang4", "zang1", "zhan1"} <= near
    assert "zhang1" not in near


def test_text_keeps_only_what_the_vocabulary_covers(vocabulary: Vocabulary, tmp_path: Path) -> None:
    TextSet.build(["我想挂号", "龘龘", "我们"], vocabulary).save(tmp_path / "text.npz")
    text = TextSet.load(tmp_path / "text.npz")
    assert list(np.diff(text.starts)) == [4, 2]


def test_sampled_clauses_have_about_one_length_and_a_syllable_for_each_character(vocabulary: Vocabulary) -> None:
    text = TextSet.build(["我想挂号"] * 50 + ["我们"] * 50, vocabulary)
    tokens, heard = text.sample(10, np.random.default_rng(0))
    assert len(tokens) == 10
    assert [len(row) for row in tokens] == [len(row) for row in heard]
    assert len({len(row) for row in tokens}) <= 2

"""Punctuated text as the punctuation model learns from it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from asr.training.punctuation.text import MARKS, Document, Source, read_documents, sentences, split, utterance


def written(document: Document) -> str:
    """The text with its marks; ∅ where none is known."""
    pairs = [pair for one in document for pair in zip(one.characters, one.marks, strict=True)]
    return "".join(character + {0: "∅", 1: ""}.get(mark, MARKS[mark]) for character, mark in pairs)


@pytest.mark.parametrize(
    ("text", "learned"),
    [
        ("你好，世界。再见！", "你好，世界。再见。"),
        ("真的吗？！是的……", "真的吗？是的。"),
        ("他说：“走吧。”", "他说，走吧。"),
        ("苹果、梨；都要", "苹果、梨，都要∅"),
        ("你好,世界.", "你好，世界。"),
        ("新闻（记者张三）完。", "新闻完。"),
        ("超过50%，共120元。", "超过百分之五十，共一百二十元。"),
        ("１９９８年３月来的。", "一九九八年三月来的。"),
        ("电话010-63553377。", "电话零一零六三五五三三七七。"),
        ("人均100-150元。", "人均一百到一百五十元。"),
        ("用WiFi上网很方便。", "用<unk>上网很方便。"),
    ],
)
def test_marks_and_characters_of_a_text(text: str, learned: str) -> None:
    assert written(sentences(text)) == learned


@pytest.mark.parametrize("text", ["没有标点 只有空格 的文字", "很" * 50 + "。", "hello world foo。", "", "……"])
def test_text_that_nobody_punctuated_is_left_out(text: str) -> None:
    assert sentences(text) == []


@pytest.mark.parametrize(
    ("said", "ended"),
    [("我要挂号", "我要挂号。"), ("多少钱", "多少钱？"), ("有没有明天的号", "有没有明天的号？"), ("好的！", "好的！")],
)
def test_a_phrase_ends_as_it_would_be_written(said: str, ended: str) -> None:
    assert utterance(said) == ended


def test_every_kind_of_text_is_read(tmp_path: Path) -> None:
    (tmp_path / "tagged.txt").write_text(
        "北京/ns  很/d  大/a  。/w  [中国/ns 人/n]nz  好/a  。/w\n标题/n\n", encoding="utf-8"
    )
    with zipfile.ZipFile(tmp_path / "val.json.zip", "w") as archive:
        turns = [{"content": "有什么景点?"}, {"content": "有故宫, 天坛"}]
        archive.writestr("val.json", json.dumps({"1": {"messages": turns}}))
    (tmp_path / "talk").mkdir()
    (tmp_path / "talk" / "a.yml").write_text("conversations: [['你好吗?', 很好]]", encoding="utf-8")
    lines = [{"kind": "task", "punctuated": "挂号"}, {"kind": "words", "punctuated": "苹果梨"}]
    (tmp_path / "m.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    (tmp_path / "bot.yaml").write_text("a: {b: [我要挂号, '{slot}多少', x]}", encoding="utf-8")
    found = {
        kind: [written(document) for document in read_documents(tmp_path / path, kind)]
        for kind, path in (
            ("tagged", "tagged.txt"), ("crosswoz", "val.json.zip"), ("conversations", "talk"), ("manifest", "m.jsonl"),
            ("phrases", "bot.yaml"),
        )
    }  # fmt: skip
    assert found == {
        "tagged": ["北京很大。中国人好。"],
        "crosswoz": ["有什么景点？有故宫、天坛。"],
        "conversations": ["你好吗？很好。"],
        "manifest": ["挂号。"],
        "phrases": ["我要挂号。"],
    }
    with pytest.raises(ValueError, match="'prose'"):
        list(read_documents(tmp_path / "bot.yaml", "prose"))


def test_no_sentence_is_on_both_sides(tmp_path: Path) -> None:
    lines = [f"这是第{number}句话。我们都说过同样的话。" for number in range(300)]
    (tmp_path / "text.txt").write_text("\n".join(lines), encoding="utf-8")
    training, held_out = split([Source("text", "text.txt", "lines")], tmp_path, 10)
    assert 10 < len(held_out) < 60
    unseen = {sentence.key for _, document in held_out for sentence in document}
    learned = {sentence.key for _, document in training for sentence in document}
    assert len(learned) + len(unseen) == 301
    assert not learned & unseen

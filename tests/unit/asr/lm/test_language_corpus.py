"""What a language model learns from: sentences as they are spoken, and what is left out and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from asr.errors import LanguageCorpusTooLarge, LanguageCorpusTooSmall, LanguageJobInvalid
from asr.lm.corpus import Corpus, Limits, Source, SourceKind, read_counted, read_sources, write_counted

TEN = [f"{digit}号病人请进" for digit in "一二三四五六七八九十"]


def read(folder: Path, content: str | bytes, kind: SourceKind = "text", weight: int = 1) -> Corpus:
    """Read one source, after ten sentences that make the corpus large enough."""
    (folder / "ten").write_text("\n".join(TEN), encoding="utf-8")
    (folder / "source").write_bytes(content.encode() if isinstance(content, str) else content)
    sources = (Source("ten", "text", "ten"), Source("given", kind, "source", weight))
    return read_sources(sources, folder, Limits(longest=20, expansions=50))


def gained(corpus: Corpus) -> dict[str, int]:
    return {text: count for text, count in corpus.sentences.items() if text not in TEN}


def test_sentences_come_in_their_spoken_form(tmp_path: Path) -> None:
    corpus = read(tmp_path, "你好，我3点到。要做CT检查吗？\n息肉０.５厘米")
    assert list(gained(corpus)) == ["你好我三点到", "要做ct检查吗", "息肉零点五厘米"]


def test_a_sentence_counts_once_a_source_by_its_weight(tmp_path: Path) -> None:
    corpus = read(tmp_path, f"复查胃镜\n复查胃镜。\n{TEN[0]}", weight=3)
    assert gained(corpus) == {"复查胃镜": 3}
    assert corpus.sentences[TEN[0]] == 4
    assert corpus.sources[1].lines == 3
    assert corpus.sources[1].sentences == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x00\x01\x02", "binary"),
        (b"\xff\xfe\xff\xff\xff", "binary"),
        ("响铃\x07一下", "control-characters"),
        ("this is English", "other-language"),
        ("これはにほんごです", "other-language"),
        ("很" * 21, "too-long"),
        ("第٣个", "number"),
    ],
)
def test_a_line_that_cannot_be_used_is_told_by_number_and_reason(
    tmp_path: Path, content: str | bytes, reason: str
) -> None:
    raw = content.encode() if isinstance(content, str) else content
    corpus = read(tmp_path, "今天复查\n\n".encode() + raw)
    (problem,) = corpus.problems
    assert (problem.source, problem.line, problem.reason) == ("given", 3, reason)
    assert problem.text.isprintable()
    assert list(gained(corpus)) == ["今天复查"]


def test_one_sentence_over_and_over_is_pointed_out_and_counts_once(tmp_path: Path) -> None:
    corpus = read(tmp_path, "今天复查\n" * 500)
    assert gained(corpus) == {"今天复查": 1}
    assert [problem.reason for problem in corpus.problems] == ["repeated"]


def test_many_bad_lines_are_counted_and_some_of_them_told(tmp_path: Path) -> None:
    corpus = read(tmp_path, "only English\n" * 1000)
    assert corpus.reasons["other-language"] == 1000
    assert len(corpus.problems) == 200


def test_text_in_gb18030_is_read_too(tmp_path: Path) -> None:
    assert list(gained(read(tmp_path, "黏膜光滑".encode("gb18030")))) == ["黏膜光滑"]


def test_templates_become_sentences_and_their_wrong_lines_are_told(tmp_path: Path) -> None:
    corpus = read(tmp_path, "科室 = 骨科 | 眼科\n挂{科室}\n挂{号别}\n(坏", "template")
    assert list(gained(corpus)) == ["挂骨科", "挂眼科"]
    assert sorted((problem.line, problem.reason) for problem in corpus.problems) == [(3, "template"), (4, "template")]


def test_corrections_give_what_was_meant(tmp_path: Path) -> None:
    lines = [json.dumps({"before": "寻枪进境", "text": "循腔进镜"}), "{", json.dumps({"text": 3}), '"循腔"']
    corpus = read(tmp_path, "\n".join(lines), "corrections")
    assert list(gained(corpus)) == ["循腔进镜"]
    assert [problem.line for problem in corpus.problems] == [2, 3, 4]


@pytest.mark.parametrize("content", [b"", b"\n\n", "同一句话\n".encode() * 9999, b"\x00" * 999])
def test_too_few_different_sentences_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "source").write_bytes(content)
    with pytest.raises(LanguageCorpusTooSmall):
        read_sources([Source("given", "text", "source")], tmp_path)


@pytest.mark.parametrize("limits", [Limits(bytes=20), Limits(sentences=9)])
def test_more_than_the_limits_is_refused(tmp_path: Path, limits: Limits) -> None:
    (tmp_path / "source").write_text("\n".join(TEN), encoding="utf-8")
    with pytest.raises(LanguageCorpusTooLarge):
        read_sources([Source("given", "text", "source")], tmp_path, limits)


@pytest.mark.parametrize("file", ["missing", "../outside", "/etc/passwd"])
def test_only_files_of_the_job_are_read(tmp_path: Path, file: str) -> None:
    (tmp_path / "outside").write_text("\n".join(TEN), encoding="utf-8")
    (tmp_path / "job").mkdir()
    with pytest.raises(LanguageJobInvalid, match="no source"):
        read_sources([Source("given", "text", file)], tmp_path / "job")


def test_what_is_held_out_stays_held_out_when_the_corpus_grows() -> None:
    small = Corpus()
    small.sentences.update({f"第{number}句": 1 for number in range(400)})
    _, held_out = small.split()
    assert len(held_out) == 20
    larger = Corpus()
    larger.sentences.update(small.sentences)
    larger.sentences.update({f"另外第{number}句": 1 for number in range(400)})
    training, more = larger.split()
    assert len(more) == 40
    assert not set(training) & set(more)
    # The ones with the lowest hashes are held out, of which some are new now.
    old = [text for text in more if text in small.sentences]
    assert old == [text for text in held_out if text in more]


def test_counted_sentences_are_read_as_they_were_written(tmp_path: Path) -> None:
    write_counted({"黏膜光滑": 2, "未见异常": 1}, tmp_path / "counted")
    assert list(read_counted(tmp_path / "counted")) == [("黏膜光滑", 2), ("未见异常", 1)]

"""Counting errors, and the command that does it."""

from __future__ import annotations

from pathlib import Path

import pytest

from asr.evaluation.error_rate import Errors, count_errors, normalize, substitutions
from asr.evaluation.recognition import Result, read_manifest


@pytest.mark.parametrize(
    ("reference", "recognized", "counts"),
    [
        ("今天天气", "今天天气", (0, 0, 0)),
        ("今天天气", "今天天七", (1, 0, 0)),
        ("今天天气", "今天气", (0, 1, 0)),
        ("今天天气", "今天天气好", (0, 0, 1)),
        ("今天", "", (0, 2, 0)),
        ("", "嗯", (0, 0, 1)),
    ],
)
def test_edits_are_counted_by_kind(reference: str, recognized: str, counts: tuple[int, int, int]) -> None:
    errors = count_errors(reference, recognized)
    assert (errors.substitutions, errors.deletions, errors.insertions) == counts
    assert errors.characters == len(reference)


def test_punctuation_spaces_case_and_width_are_no_errors() -> None:
    assert normalize("好的，ＷｉＦｉ 打开！") == "好的wifi打开"
    assert count_errors("好的，WiFi。", "好的 wifi").cer == 0.0


def test_errors_of_sentences_add_up() -> None:
    total = count_errors("一二三四", "一二三五") + count_errors("五六", "五六")
    assert total == Errors(substitutions=1, characters=6, sentences=2, correct_sentences=1)
    assert total.cer == pytest.approx(1 / 6)
    assert total.sentence_accuracy == 0.5


def test_nothing_measured_has_no_rate() -> None:
    assert Errors().cer == 0.0
    assert Result("empty", Errors(), 0.0, 0.0).real_time_factor == 0.0


def test_audio_lies_beside_the_manifest_or_under_the_root(tmp_path: Path) -> None:
    manifest = tmp_path / "some.jsonl"
    manifest.write_text('{"id": "a", "audio_filepath": "x/a.wav", "text": "一"}\n\n')
    assert [utterance.audio for utterance in read_manifest(manifest)] == [tmp_path / "x/a.wav"]
    assert [utterance.audio for utterance in read_manifest(manifest, Path("/data"))] == [Path("/data/x/a.wav")]


def test_characters_taken_for_another_are_listed() -> None:
    assert list(substitutions("骨科，医生", "古科一生好")) == [("骨", "古"), ("医", "一")]


@pytest.mark.parametrize("line", ["not json", '{"id": "a"}', "[1]"])
def test_a_wrong_line_is_named(tmp_path: Path, line: str) -> None:
    manifest = tmp_path / "some.jsonl"
    manifest.write_text(f'{{"audio_filepath": "a.wav", "text": "一"}}\n{line}\n')
    with pytest.raises(ValueError, match=r"some\.jsonl:2: "):
        list(read_manifest(manifest))

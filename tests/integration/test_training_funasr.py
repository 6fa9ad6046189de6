"""FunASR's own training behind our command, in miniature: from recordings to a folder that recognises."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from typer.testing import CliRunner

from asr.audio.decoding import decode_audio
from asr.engines import open_engine
from asr.training import __main__ as command
from asr.training.errors import ConfigInvalid, InitInvalid
from asr.training.funasr.recipe import FunasrWorkshop, merged
from asr.training.runs import open_run
from tests import tiny_models

pytest.importorskip("funasr")

CONFIGS = Path(command.__file__).parent / "configs"
FEW_STEPS = {
    "dataset_conf": {"batch_size": 3},
    "train_conf": {"max_epoch": 2, "avg_nbest_model": 2, "log_interval": 1},
    "optim_conf": {"lr": 1e-3},
    "scheduler_conf": {"warmup_steps": 2},
}


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> Path:
    """A folder as an operator has it: prepared recordings, one of them a stretch of a longer file."""
    folder = tmp_path_factory.mktemp("recordings")
    lines = [json.loads(line) for line in (data_dir / "speech" / "manifest.jsonl").read_text("utf-8").splitlines()]
    lines[0] |= {"offset": 0.0}
    (folder / "list.jsonl").write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    arguments = ["prepare", str(folder / "list.jsonl"), "--root", str(data_dir / "speech"), "--out", str(folder)]
    result = CliRunner().invoke(command.app, [*arguments, "--new-vocabulary", "--valid-share", "0.3"])
    assert result.exit_code == 0, result.output
    return folder


def config_file(folder: Path, **settings: Any) -> Path:
    path = folder / "config.yaml"
    common = {"trainer": "funasr", "speech": ["train.jsonl"], "held_out": {"valid": "valid.jsonl"}}
    path.write_text(yaml.safe_dump(common | {"device": "cpu", "export": {"tolerance": 100}} | settings), "utf-8")
    return path


def run(step: str, config: Path, data: Path, *options: str) -> None:
    arguments = [step, str(config), "--data", str(data), "--work", str(config.parent / "work"), *options]
    result = CliRunner().invoke(command.app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output


def test_a_bicif_paraformer_is_trained_gone_on_with_exported_and_recognises(
    recordings: Path, tmp_path: Path, data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = config_file(tmp_path, funasr=merged(tiny_models.bicif(0), FEW_STEPS))
    caplog.set_level("INFO")
    run("train", config, recordings)
    assert re.findall(r"epoch (\d): held-out CER \d+\.\d\d %", caplog.text) == ["1", "2"]
    work, out = tmp_path / "work", tmp_path / "model"
    assert (work / "run" / "model.pt.ep2").is_file()
    more = {"train_conf": {"max_epoch": 3}}
    config_file(tmp_path, funasr=merged(merged(tiny_models.bicif(0), FEW_STEPS), more))
    before = (work / "run" / "model.pt.ep2").stat().st_mtime_ns
    run("train", config, recordings)
    assert (work / "run" / "model.pt.ep3").is_file()
    assert (work / "run" / "model.pt.ep2").stat().st_mtime_ns == before
    run("export", config, recordings, "--out", str(out))
    assert {path.name for path in out.iterdir()} == {
        "config.yaml", "tokens.json", "am.mvn", "model.onnx", "model_quant.onnx",
    }  # fmt: skip
    audio = decode_audio((data_dir / "speech" / "k001026.ogg").read_bytes())
    (heard,) = open_engine(out).listen([audio.samples])
    assert heard.posteriors.log_probs.shape[1] == len(json.loads((out / "tokens.json").read_text("utf-8")))
    assert "onnx" not in (out / "config.yaml").read_text("utf-8")
    assert str(tmp_path) not in (out / "config.yaml").read_text("utf-8")


def test_a_model_from_the_hub_is_fine_tuned_with_its_own_vocabulary(
    recordings: Path, tmp_path: Path, tiny_model: Callable[[str], Path]
) -> None:
    start = tiny_model("seaco")
    config = config_file(tmp_path, init=str(start), funasr=merged(FEW_STEPS, {"train_conf": {"max_epoch": 1}}))
    run("train", config, recordings)
    trained = tmp_path / "work" / "trained"
    assert json.loads((trained / "tokens.json").read_text("utf-8")) == json.loads(
        (start / "tokens.json").read_text("utf-8")
    )
    assert yaml.safe_load((trained / "config.yaml").read_text("utf-8"))["model"] == "SeacoParaformer"
    old = torch.load(start / "model.pt", map_location="cpu", weights_only=False)
    new = torch.load(trained / "model.pt", map_location="cpu", weights_only=False)["state_dict"]
    old = old.get("state_dict", old)
    assert set(new) == set(old)
    moved = [name for name in new if new[name].is_floating_point() and not torch.equal(new[name], old[name])]
    assert moved
    name = "encoder.encoders0.0.self_attn.linear_out.weight"
    assert torch.allclose(new[name], old[name], atol=0.05), "training began from other weights"


def test_a_streaming_paraformer_is_trained_and_recognises(recordings: Path, tmp_path: Path, data_dir: Path) -> None:
    config = config_file(tmp_path, funasr=merged(tiny_models.streaming(0), FEW_STEPS))
    run("all", config, recordings, "--out", str(tmp_path / "model"))
    audio = decode_audio((data_dir / "speech" / "k001026.ogg").read_bytes())
    (heard,) = open_engine(tmp_path / "model").listen([audio.samples])
    assert heard.posteriors.log_probs.shape[1] == len(
        json.loads((tmp_path / "model" / "tokens.json").read_text("utf-8"))
    )


@pytest.mark.parametrize("name", ["bicif", "streaming"])
def test_the_configurations_that_come_along_name_whole_models(recordings: Path, tmp_path: Path, name: str) -> None:
    from funasr import AutoModel

    run_of = open_run(CONFIGS / f"{name}.yaml", recordings, tmp_path)
    assert isinstance(run_of, FunasrWorkshop)
    for file in ("tokens.json", "am.mvn"):
        shutil.copy(recordings / file, tmp_path)
    model = AutoModel(**run_of.settings() | {"device": "cpu"}).model
    assert 2e6 < sum(parameter.numel() for parameter in model.parameters()) < 8e6


@pytest.mark.parametrize("name", ["embedded", "finetune", "finetune-funasr"])
def test_every_key_of_the_other_configurations_is_known(tmp_path: Path, name: str) -> None:
    assert open_run(CONFIGS / f"{name}.yaml", None, tmp_path)


def test_stretches_are_written_out_for_funasr_and_whole_files_are_not(recordings: Path, tmp_path: Path) -> None:
    config = config_file(tmp_path, funasr=tiny_models.bicif(0))
    run("gather", config, recordings)
    work = tmp_path / "work"
    lines = [
        json.loads(line) for name in ("train", "valid") for line in (work / f"{name}.jsonl").open(encoding="utf-8")
    ]
    assert len(lines) == 6
    assert all(Path(line["source"]).is_file() for line in lines)
    assert lines[0]["target"].count(" ") == lines[0]["target_len"] - 1
    assert {path.name for path in work.iterdir()} >= {"tokens.json", "am.mvn"}


def test_what_is_missing_is_named(recordings: Path, tmp_path: Path, tiny_model: Callable[[str], Path]) -> None:
    with pytest.raises(ConfigInvalid, match="model and model_conf"):
        open_run(config_file(tmp_path), recordings, tmp_path / "work").train()
    partial = tmp_path / "partial"
    shutil.copytree(tiny_model("bicif"), partial, ignore=shutil.ignore_patterns("model.pt"))
    with pytest.raises(InitInvalid, match=r"model\.pt"):
        open_run(config_file(tmp_path, init=str(partial)), recordings, tmp_path / "work").gather()
    with pytest.raises(ConfigInvalid, match="funnasr"):
        open_run(config_file(tmp_path, funnasr={}), recordings, tmp_path / "work")
    with pytest.raises(ConfigInvalid, match="espnet"):
        open_run(config_file(tmp_path, trainer="espnet"), recordings, tmp_path / "work")

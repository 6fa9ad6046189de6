"""From a handful of texts to a punctuation model that sets their marks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from typer.testing import CliRunner

from asr.text.punctuation import Punctuator
from asr.training.__main__ import app
from asr.training.errors import AccuracyLost, ConfigInvalid
from asr.training.punctuation.model import CTTransformer, PunctuationConfig
from asr.training.punctuation.recipe import PunctuationRecipe, PunctuationWorkshop

RECIPE = {
    "texts": [{"name": "talk", "path": "talk.txt", "kind": "lines"}],
    "held_out_percent": 10,
    "model": {"width": 32, "heads": 2, "hidden": 64, "layers": 2},
    "training": {
        "steps": 120, "batch_characters": 400, "learning_rate": 1e-2, "warmup": 10, "evaluate_every": 60,
        "average": 0.9, "bfloat16": False, "noisy": 0.0,
    },
}  # fmt: skip
TIMES = ("今天", "明天", "后天", "周一", "周二", "周三", "周五", "早上", "晚上", "中午")
THINGS = ("挂号", "看病", "订票", "吃饭", "开会", "取药", "拍片", "验血")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Talk in which a comma follows 好的 and 吗 asks."""
    folder = tmp_path_factory.mktemp("texts")
    lines = [f"好的，我{time}想{thing}。{time}能{thing}吗？" for time in TIMES for thing in THINGS]
    (folder / "talk.txt").write_text("\n".join(lines), encoding="utf-8")
    (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> PunctuationWorkshop:
    """A run that was stopped after half of its steps, and went on."""
    recipe = PunctuationRecipe.read(data / "recipe.yaml")
    work = tmp_path_factory.mktemp("run")
    half = PunctuationWorkshop(replace(recipe, training={**recipe.training, "steps": 60}), data, work)
    half.train()
    whole = PunctuationWorkshop(recipe, data, work)
    whole.train()
    return whole


def test_a_run_goes_on_where_it_was_stopped(trained: PunctuationWorkshop) -> None:
    entries = [json.loads(line) for line in (trained.work / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [entry["step"] for entry in entries] == [60, 120]
    assert entries[1]["loss"] < entries[0]["loss"]


def test_the_exported_model_sets_the_marks(trained: PunctuationWorkshop, data: Path, tmp_path: Path) -> None:
    measured = trained.export(tmp_path / "model")
    assert measured["talk"][2].f1 > 0.8
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [
        "config.yaml",
        "model_quant.onnx",
        "tokens.json",
    ]
    words = "好的我周三想拍片"
    marks = Punctuator(tmp_path / "model").marks(list(words))
    assert "".join(map("".join, zip(words, marks, strict=True))) == "好的，我周三想拍片。"
    shell = ["punctuation", "evaluate", str(data / "recipe.yaml"), str(tmp_path / "model")]
    done = CliRunner().invoke(app, shell)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1].split()[:2] == ["all", "，。？"]


def test_an_int8_model_that_falls_behind_is_not_published(
    trained: PunctuationWorkshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asr.training.punctuation.recipe._MOST_LOST", -1.0)
    with pytest.raises(AccuracyLost, match="F1"):
        trained.export(tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_wrong_recipe_is_named(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("texts: []\nlayers: 3\n", encoding="utf-8")
    with pytest.raises(ConfigInvalid, match=r"recipe\.yaml.*layers"):
        PunctuationRecipe.read(tmp_path / "recipe.yaml")
    done = CliRunner().invoke(app, ["punctuation", "train", str(tmp_path / "recipe.yaml")])
    assert done.exit_code == 1
    assert "layers" in done.stderr


def test_the_network_is_funasrs(tiny_model: Callable[[str], Path]) -> None:
    folder = tiny_model("punctuation")
    state = torch.load(folder / "model.pt", weights_only=True)["state_dict"]
    ours = CTTransformer(PunctuationConfig(600, 6, width=48, heads=4, hidden=128, layers=2)).eval()
    ours.load_state_dict(state)
    words = json.loads((folder / "tokens.json").read_text(encoding="utf-8"))[5:45]
    with torch.inference_mode():
        logits = ours(torch.arange(5, 45)[None], torch.tensor([40]))[0]
    assert np.abs(Punctuator(folder).scores(words) - logits.numpy()).max() < 1e-3

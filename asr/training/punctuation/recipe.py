"""The punctuation model, from texts to the files that ship.

    python -m asr.training punctuation train RECIPE --data DATA      # or goes on after a stop
    python -m asr.training punctuation export RECIPE OUT --data DATA
    python -m asr.training punctuation evaluate RECIPE MODEL --data DATA

RECIPE is a YAML file (asr/training/configs/punctuation.yaml is the embedded model's): `texts`, of which each has a
`name`, a `path` and a `kind` that `punctuation_text.read_documents` can read, `times` (how often an epoch has it);
`held_out_percent`; `model` (fields of PunctuationConfig) and `training` (fields of PunctuationTraining). Held-out
documents are the same in all three commands. A quarter of them sets how readily the model puts a mark at all; the
others alone are measured.
"""

from __future__ import annotations

import copy
import json
import shutil
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
import yaml
from onnxruntime.quantization import QuantType, quantize_dynamic

from asr.text.punctuation import Punctuator
from asr.training.errors import AccuracyLost, ConfigInvalid
from asr.training.punctuation.model import CTTransformer, PunctuationConfig
from asr.training.punctuation.text import COMMA, MARKS, NO_MARK, PERIOD, Document, Source, split
from asr.training.punctuation.trainer import (
    Characters,
    Counts,
    PunctuationTrainer,
    PunctuationTraining,
    count_marks,
    measure,
    together,
)
from asr.training.shell import plainly

app = typer.Typer(help="Train, export and measure the punctuation model.", no_args_is_help=True)

Documents = Sequence[tuple[Source, Document]]
Measured = dict[str, dict[int, Counts]]
"""Name of a text to what was found of each mark in it."""

_OPSET = 17
_MOST_LOST = 0.005  # of F1 by quantisation
_READINESS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)  # nats


@dataclass(frozen=True)
class PunctuationRecipe:
    """What the YAML file says."""

    texts: list[Source]
    held_out_percent: int = 4
    model: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> PunctuationRecipe:
        """Read a recipe; raises ConfigInvalid for unknown or missing keys."""
        try:
            entries = yaml.safe_load(path.read_text(encoding="utf-8"))
            return cls(**{**entries, "texts": [Source(**text) for text in entries["texts"]]})
        except (TypeError, KeyError, yaml.YAMLError) as error:
            raise ConfigInvalid(f"{path}: {error}") from error


class PunctuationWorkshop:
    """Runs a recipe: reads `data`, keeps the run in `work`."""

    def __init__(self, recipe: PunctuationRecipe, data: Path, work: Path) -> None:
        """Divide the texts into those to learn from, those to tune on and those to measure on."""
        self.recipe = recipe
        self.work = work
        self.training, held_out = split(recipe.texts, data, recipe.held_out_percent)
        self.tuning, self.measuring = held_out[::4], [one for i, one in enumerate(held_out) if i % 4]

    def train(self) -> Path:
        """Train, or go on training; returns the checkpoint."""
        characters = Characters.build(document for _, document in self.training)
        sizes = PunctuationConfig(len(characters.tokens), len(MARKS), **self.recipe.model)
        trainer = PunctuationTrainer(self.work, characters, sizes, PunctuationTraining(**self.recipe.training))
        trainer.train(self.training, self.tuning)
        return trainer.checkpoint

    def export(self, folder: Path) -> Measured:
        """Write config.yaml, tokens.json and model_quant.onnx to `folder` and measure them.

        Raises AccuracyLost when they set marks worse than the weights they were made from.
        """
        state = torch.load(self.work / "checkpoint.pt", map_location="cpu", weights_only=True)
        characters = Characters(state["tokens"])
        model = CTTransformer(PunctuationConfig(**state["config"]))
        model.load_state_dict(state["average"])
        model = balanced(model.eval(), characters, self.tuning)
        with tempfile.TemporaryDirectory() as made:
            fp32, int8 = Path(made) / "fp32", Path(made) / "int8"
            write(model, characters, fp32)
            shutil.copytree(fp32, int8)
            quantise(fp32 / "model.onnx", int8 / "model_quant.onnx")
            (int8 / "model.onnx").unlink()
            before, after = (self.evaluate(Punctuator(path)) for path in (fp32, int8))
            lost = overall(before).f1 - overall(after).f1
            if lost > _MOST_LOST:
                raise AccuracyLost(f"F1 falls by {lost:.4f} from fp32 to int8; at most {_MOST_LOST} is tolerated.")
            shutil.copytree(int8, folder, dirs_exist_ok=True)
        return after

    def evaluate(self, punctuator: Punctuator) -> Measured:
        """Set the marks of all documents to measure on."""
        found: dict[str, dict[int, Counts]] = defaultdict(lambda: {mark: Counts() for mark in range(COMMA, len(MARKS))})
        for source, document in self.measuring:
            words = [character for sentence in document for character in sentence.characters]
            expected = np.array([mark for sentence in document for mark in sentence.marks])
            marks = np.array([MARKS.index(mark) if mark else NO_MARK for mark in punctuator.marks(words)])
            for mark, counts in count_marks(expected, marks).items():
                found[source.name][mark] += counts
        return dict(found)


def balanced(model: CTTransformer, characters: Characters, documents: Documents) -> CTTransformer:
    """Return the model as ready to put a mark as finds most of them right on `documents`.

    Trained for likelihood it leaves a place empty when comma and full stop are each less likely than nothing, though
    one of them is there more likely than not.
    """

    def readier(nats: float) -> CTTransformer:
        changed = copy.deepcopy(model)
        with torch.no_grad():
            changed.decoder.bias[NO_MARK] -= nats
        return changed

    return max(map(readier, _READINESS), key=lambda one: together(measure(one, characters, documents)).f1)


def write(model: CTTransformer, characters: Characters, folder: Path) -> None:
    """Write a model folder in FunASR's layout: config.yaml, tokens.json, model.onnx."""
    folder.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer warns of every shape, and the shapes here are dynamic
        torch.onnx.export(
            model,
            (torch.zeros(2, 30, dtype=torch.int32), torch.tensor([30, 20], dtype=torch.int32)),
            str(folder / "model.onnx"),
            input_names=["inputs", "text_lengths"],
            output_names=["logits"],
            dynamic_axes={
                "inputs": {0: "batch_size", 1: "feats_length"},
                "text_lengths": {0: "batch_size"},
                "logits": {0: "batch_size", 1: "logits_length"},
            },
            opset_version=_OPSET,
            dynamo=False,
        )
    (folder / "tokens.json").write_text(json.dumps(characters.tokens, ensure_ascii=False), encoding="utf-8")
    config = model.config
    settings = {
        "model": "CTTransformer",
        "model_conf": {
            "ignore_id": 0,
            "embed_unit": config.width,
            "att_unit": config.width,
            "dropout_rate": config.dropout,
            "punc_list": list(MARKS),
            "punc_weight": [1.0] * len(MARKS),
            "sentence_end_id": PERIOD,
        },
        "encoder": "SANMEncoder",
        "encoder_conf": {
            "input_size": config.width,
            "output_size": config.width,
            "attention_heads": config.heads,
            "linear_units": config.hidden,
            "num_blocks": config.layers,
            "dropout_rate": config.dropout,
            "positional_dropout_rate": config.dropout,
            "attention_dropout_rate": config.dropout,
            "input_layer": "pe",
            "pos_enc_class": "SinusoidalPositionEncoder",
            "normalize_before": True,
            "kernel_size": config.kernel,
            "sanm_shfit": 0,
            "selfattention_layer_type": "sanm",
            "padding_idx": 0,
        },
        "tokenizer": "CharTokenizer",
        "tokenizer_conf": {"unk_symbol": "<unk>"},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(settings, allow_unicode=True, sort_keys=False), encoding="utf-8")


def quantise(source: Path, target: Path) -> None:
    """Weights of matrix products and of the embedding to int8; activations are quantised as they come."""
    quantize_dynamic(
        source,
        target,
        op_types_to_quantize=["MatMul", "Gather"],
        per_channel=True,
        weight_type=QuantType.QUInt8,  # signed ones overflow on processors with AVX2 but without VNNI
        extra_options={"MatMulConstBOnly": True},
    )


def overall(measured: Measured) -> Counts:
    """，。？ of all texts, summed up."""
    return sum(map(together, measured.values()), Counts())


def table(measured: Measured) -> str:
    """Precision, recall and F1 in percent, a line for each text and mark."""
    lines = [f"{'text':<12}{'mark':<6}{'precision':>10}{'recall':>8}{'F1':>7}{'marks':>8}"]

    def add(name: str, mark: str, counts: Counts) -> None:
        figures = f"{counts.precision:>10.1%}{counts.recall:>8.1%}{counts.f1:>7.1%}{counts.right + counts.missed:>8}"
        lines.append(f"{name:<12}{mark:<6}{figures}")

    for name, counts in sorted(measured.items()):
        for mark, found in counts.items():
            if found.right + found.missed:
                add(name, MARKS[mark], found)
        add(name, "，。？", together(counts))
    add("all", "，。？", overall(measured))
    return "\n".join(lines)


RecipeFile = Annotated[Path, typer.Argument(help="YAML: texts, sizes, training", exists=True, dir_okay=False)]
Data = Annotated[Path | None, typer.Option(help="folder that the recipe's paths are relative to; default: its own")]
Work = Annotated[Path, typer.Option(help="folder for the checkpoint and the log")]
_WORK = Path("work/punctuation")


@app.command()
@plainly
def train(recipe: RecipeFile, data: Data = None, work: Work = _WORK) -> None:
    """Train, or go on training after a stop."""
    _workshop(recipe, data, work).train()


@app.command()
@plainly
def export(
    recipe: RecipeFile,
    out: Annotated[Path, typer.Argument(help="model folder to write")],
    data: Data = None,
    work: Work = _WORK,
) -> None:
    """Write the int8 model, unless it is worse than the fp32 one, and print how well it does."""
    typer.echo(table(_workshop(recipe, data, work).export(out)))


@app.command()
@plainly
def evaluate(
    recipe: RecipeFile,
    model: Annotated[Path, typer.Argument(help="model folder, this project's or FunASR's", exists=True)],
    data: Data = None,
) -> None:
    """Print how well a model sets the marks of the recipe's held-out documents."""
    typer.echo(table(_workshop(recipe, data, _WORK).evaluate(Punctuator(model))))


def _workshop(recipe: Path, data: Path | None, work: Path) -> PunctuationWorkshop:
    return PunctuationWorkshop(PunctuationRecipe.read(recipe), data or recipe.parent, work)

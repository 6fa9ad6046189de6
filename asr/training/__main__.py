"""From recordings to a recogniser: prepare, train, export. docs/training.md walks through it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from asr.training.datasets.checks import LIMITS
from asr.training.datasets.preparation import HeldOut, Report
from asr.training.datasets.preparation import prepare as prepare_recordings
from asr.training.errors import ConfigInvalid
from asr.training.punctuation import recipe as punctuation
from asr.training.recipe import Workshop
from asr.training.runs import Run, open_run
from asr.training.shell import plainly

EMBEDDED = Path(__file__).parents[2] / "models" / "embedded" / "paraformer"
HAS_PROBLEMS = 3
"""Exit status of ``prepare`` when lines were left out; what is right was written all the same."""
_SHOWN = 100

app = typer.Typer(help=__doc__, no_args_is_help=True)
app.add_typer(punctuation.app, name="punctuation")

ConfigFile = Annotated[Path, typer.Argument(help="YAML; asr/training/configs has some", exists=True, dir_okay=False)]
Data = Annotated[
    Path | None, typer.Option(help="folder that the configuration's paths are relative to; default: its own folder")
]
Work = Annotated[Path, typer.Option(help="folder for everything made on the way")]
Out = Annotated[Path, typer.Option(help="model folder to write")]


@app.command()
@plainly
def prepare(
    sources: Annotated[list[Path], typer.Argument(help="manifests (JSON lines) or Kaldi data folders", exists=True)],
    out: Annotated[Path, typer.Option(help="folder to write: train.jsonl, valid.jsonl, am.mvn, report.json")],
    root: Annotated[Path | None, typer.Option(help="what audio paths are relative to; default: the manifest")] = None,
    model: Annotated[Path, typer.Option(help="model folder whose vocabulary the texts must keep to")] = EMBEDDED,
    new_vocabulary: Annotated[bool, typer.Option(help="make a tokens.json of the texts' characters instead")] = False,
    valid_share: Annotated[float, typer.Option(help="share of the sentences held out", min=0, max=0.9)] = 0.0,
    valid_speaker: Annotated[list[str] | None, typer.Option(help="speaker held out; repeat it")] = None,
    most_seconds: Annotated[float, typer.Option(help="longest recording taken", min=0.5)] = LIMITS.most_seconds,
) -> None:
    """Check recordings and texts, normalise the texts, compute CMVN, and report. Exit status 3: lines were left out."""
    vocabulary = None if new_vocabulary else json.loads((model / "tokens.json").read_text(encoding="utf-8"))
    report = prepare_recordings(
        sources,
        out,
        root=root,
        vocabulary=vocabulary,
        held_out=HeldOut(valid_share, frozenset(valid_speaker or ())),
        limits=replace(LIMITS, most_seconds=most_seconds),
    )
    _show(report, out)
    if report.problems:
        raise typer.Exit(HAS_PROBLEMS)


def _show(report: Report, out: Path) -> None:
    for problem in report.problems[:_SHOWN]:
        typer.echo(str(problem), err=True)
    if len(report.problems) > _SHOWN:
        typer.echo(f"... and {len(report.problems) - _SHOWN} more in {out / 'report.json'}", err=True)
    typer.echo(report.table())


@app.command()
@plainly
def gather(config: ConfigFile, data: Data = None, work: Work = Path("work")) -> None:
    """Everything before training: lists, vocabulary, weights to start from, features."""
    open_run(config, data, work).gather()


@app.command()
@plainly
def train(config: ConfigFile, data: Data = None, work: Work = Path("work")) -> None:
    """Train, or go on training after a stop; gathers first what is not there yet."""
    run = open_run(config, data, work)
    run.gather()
    run.train()


@app.command()
@plainly
def export(config: ConfigFile, out: Out, data: Data = None, work: Work = Path("work")) -> None:
    """Write the ONNX files, fp32 and int8, unless int8 recognises worse."""
    _export(open_run(config, data, work), out)


@app.command()
@plainly
def language(
    config: ConfigFile,
    out: Annotated[Path, typer.Argument(help="file to write: the language.npz of a model folder")],
    data: Data = None,
    work: Work = Path("work"),
) -> None:
    """Count which words follow which in the recipe's text, and mix that with a model of Chinese at large."""
    run = open_run(config, data, work)
    if not isinstance(run, Workshop):
        raise ConfigInvalid(f"{config} has no text of its own: only the embedded design's recipes have")
    run.language(out)


@app.command(name="all")
@plainly
def run_all(config: ConfigFile, out: Out, data: Data = None, work: Work = Path("work")) -> None:
    """Every step that is not done yet."""
    run = open_run(config, data, work)
    run.gather()
    run.train()
    _export(run, out)


def _export(run: Run, out: Path) -> None:
    for name, rates in run.export(out).items():
        typer.echo(f"{name}: CER {rates['fp32']:.2f} % in fp32, {rates['int8']:.2f} % in int8")
    typer.echo(f"written to {out}")


if __name__ == "__main__":
    app()

"""From a corpus to the shipped recogniser: ``python -m asr.training all RECIPE --data DATA --out FOLDER``."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from asr.training.recipe import Recipe, Workshop

app = typer.Typer(help=__doc__, no_args_is_help=True)

RecipeFile = Annotated[Path, typer.Argument(help="YAML: corpus, text, sizes, training", exists=True, dir_okay=False)]
Data = Annotated[
    Path, typer.Option(help="folder that the recipe's paths are relative to", exists=True, file_okay=False)
]
Work = Annotated[Path, typer.Option(help="folder for everything made on the way; about 10 GB")]
Out = Annotated[Path, typer.Option(help="model folder to write")]


@app.command()
def prepare(recipe: RecipeFile, data: Data, work: Work = Path("work")) -> None:
    """Unpack the corpus, fetch Whisper's weights, build the vocabulary, encode the text."""
    _workshop(recipe, data, work).prepare()


@app.command()
def extract(recipe: RecipeFile, data: Data, work: Work = Path("work")) -> None:
    """Pass every copy of the corpus through the frozen encoder."""
    _workshop(recipe, data, work).extract()


@app.command()
def train(recipe: RecipeFile, data: Data, work: Work = Path("work")) -> None:
    """Train, or go on training after a stop."""
    _workshop(recipe, data, work).train()


@app.command()
def export(recipe: RecipeFile, data: Data, out: Out, work: Work = Path("work")) -> None:
    """Write the ONNX files, fp32 and int8."""
    _workshop(recipe, data, work).export(out)


@app.command(name="all")
def run_all(recipe: RecipeFile, data: Data, out: Out, work: Work = Path("work")) -> None:
    """Every step that is not done yet."""
    workshop = _workshop(recipe, data, work)
    workshop.prepare()
    workshop.extract()
    workshop.train()
    workshop.export(out)


def _workshop(recipe: Path, data: Path, work: Path) -> Workshop:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    return Workshop(Recipe.read(recipe), data, work)


if __name__ == "__main__":
    app()

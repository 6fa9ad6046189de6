"""What the commands of the training have in common."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import typer

from asr.errors import AsrError
from asr.evaluation.manifests import ManifestUnknown
from asr.training.errors import TrainingError

P = ParamSpec("P")


def plainly(command: Callable[P, None]) -> Callable[P, None]:
    """What keeps a command from going on is said in a sentence, without a traceback."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
        logging.getLogger("asr").setLevel(logging.INFO)  # others tell more than anybody wants to know
        try:
            command(*args, **kwargs)
        except (TrainingError, ManifestUnknown, AsrError) as error:
            typer.secho(str(error), fg=typer.colors.RED, err=True)
            raise typer.Exit(1) from error

    return run

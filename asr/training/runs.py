"""Which trainer a configuration asks for: ours, for the embedded kind of model, or FunASR's for its own kinds."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import yaml

from asr.training.errors import ConfigInvalid
from asr.training.funasr.recipe import FunasrRecipe, FunasrWorkshop
from asr.training.recipe import Recipe, Workshop


class Run(Protocol):
    """The steps of a training run; each leaves its results in the work folder and is gone on with after a stop."""

    def gather(self) -> None:
        """Make ready what training reads."""
        ...

    def train(self) -> Path:
        """Train, or go on training; returns the checkpoint, or the folder of the model."""
        ...

    def export(self, folder: Path) -> dict[str, Any]:
        """Write a model folder unless int8 recognises worse; returns CER in percent, fp32 and int8, by held-out set."""
        ...


def open_run(config: Path, data: Path | None, work: Path) -> Run:
    """Read a configuration.

    Args:
        config: YAML; its key ``trainer`` is ``embedded`` (the default: fields of ``recipe.Recipe``) or ``funasr``
            (fields of ``funasr_recipe.FunasrRecipe``).
        data: what its paths are relative to; None is its own folder.
        work: folder for everything made on the way.

    Raises:
        ConfigInvalid: it is no YAML, or a key is unknown or missing; the message names it.
    """
    try:
        settings = dict(yaml.safe_load(config.read_text(encoding="utf-8")))
        trainer = settings.pop("trainer", "embedded")
        folder = data or config.parent
        if trainer == "embedded":
            return Workshop(Recipe.from_settings(settings), folder, work)
        if trainer == "funasr":
            return FunasrWorkshop(FunasrRecipe.from_settings(settings), folder, work)
    except (TypeError, ValueError, yaml.YAMLError) as error:
        raise ConfigInvalid(f"{config}: {error}") from None
    raise ConfigInvalid(f"{config}: there is no trainer {trainer!r}; embedded and funasr are known.")

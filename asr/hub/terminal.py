"""A model for a command in a terminal: found by its name, and downloaded under a progress bar where it is not there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from tqdm import tqdm

from asr.errors import HubError, HubUnreachable
from asr.hub.cache import DownloadProgress, fetch
from asr.hub.registry import AUTO, AUTO_MODEL, EMBEDDED, card_of
from asr.hub.source import Source


def fetch_shown(name: str, cache: Path | None = None, *, sources: Sequence[Source] | None = None) -> Path:
    """Do what `fetch` does, with a progress bar on standard error while something is downloaded."""
    with _bar(name) as show:
        return fetch(name, cache, sources=sources, report=show)


def wanted_model(name: str) -> Path | None:
    """Return the folder of the model that a command was asked for, as the app's TINGSHUO_MODEL is understood.

    Args:
        name: `embedded`, `auto`, or what `locate` takes.

    Returns:
        The folder; None for the embedded model, which `auto` comes to, with a word on standard error, where the hub
        cannot be reached.

    Raises:
        What `fetch` raises.
    """
    if name == EMBEDDED:
        return None
    if name != AUTO:
        return fetch_shown(name)
    try:
        return fetch_shown(AUTO_MODEL)
    except HubUnreachable as error:
        typer.echo(f"{error} The embedded model is used.", err=True)
        return None


def wanted_punctuation(name: str) -> Path | None:
    """Return the folder of the punctuation model that goes with a model found by `wanted_model`.

    Args:
        name: as for `wanted_model`.

    Returns:
        The folder; None where the model's own or the embedded one sets the marks, as it does, with a word on standard
        error, where the hub does not give the right one.
    """
    if name == EMBEDDED or Path(name).is_dir():
        return None
    punctuation = card_of(AUTO_MODEL if name == AUTO else name).punctuation
    try:
        return fetch_shown(punctuation) if punctuation else None
    except HubError as error:
        typer.echo(f"{error} The embedded punctuation model is used.", err=True)
        return None


@contextmanager
def _bar(name: str) -> Iterator[Any]:
    bars: list[tqdm[Any]] = []  # none before the first byte: what is on the disk needs no bar

    def show(progress: DownloadProgress) -> None:
        if not bars:
            bars.append(
                tqdm(total=progress.total, unit="B", unit_scale=True, unit_divisor=1024, desc=name, disable=None)
            )
        bars[0].update(progress.done - bars[0].n)

    try:
        yield show
    finally:
        for bar in bars:
            bar.close()

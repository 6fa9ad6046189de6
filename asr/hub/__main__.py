"""`python -m asr.hub list|download|verify|where|pack|unpack`: models in a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from asr.errors import AsrError
from asr.hub import default_cache, locate, open_sources, pack, registry, unpack, verify
from asr.hub.terminal import fetch_shown

commands = typer.Typer(no_args_is_help=True, add_completion=False, help="Models: list, download, verify, carry.")

Name = Annotated[str, typer.Argument(help="A short name, a ModelScope id (owner/name[@revision]), or a folder.")]
Names = Annotated[list[str], typer.Argument(help="Short names or ModelScope ids.")]
Cache = Annotated[Path | None, typer.Option(help="Where models are kept; by default TINGSHUO_MODEL_CACHE.")]


@contextmanager
def _sentences() -> Iterator[None]:
    """End with status 1 and one sentence when something is wrong."""
    try:
        yield
    except AsrError as error:
        typer.echo(f"{error.code}: {error}", err=True)
        raise typer.Exit(1) from error


@commands.command("list")
def list_models(cache: Cache = None) -> None:
    """Show the models that have a short name, and whether they are on this disk."""
    for name, card in registry().items():
        there = "✓" if locate(name, cache) else " "
        typer.echo(f"{there} {name:26}{card.kind:12}{card.about}")


@commands.command()
def where(name: Name, cache: Cache = None) -> None:
    """Print the folder of a model; status 1 when it is not on this disk."""
    with _sentences():
        folder = locate(name, cache)
    if folder is None:
        typer.echo(f"{name} is not on this disk: python -m asr.hub download {name}", err=True)
        raise typer.Exit(1)
    typer.echo(folder)


@commands.command()
def download(
    names: Names,
    cache: Cache = None,
    url: Annotated[str, typer.Option(help="A mirror of ModelScope; by default TINGSHUO_HUB_URL or ModelScope.")] = "",
    sources: Annotated[
        str, typer.Option(help="auto, modelscope, huggingface, or both in order; by default TINGSHUO_HUB_SOURCES.")
    ] = "",
) -> None:
    """Download models, going on where an earlier attempt stopped."""
    for name in names:
        with _sentences():
            typer.echo(fetch_shown(name, cache, sources=open_sources(sources, url)))


@commands.command("verify")
def verify_models(names: Names, cache: Cache = None) -> None:
    """Check downloaded models against their checksums."""
    damaged = False
    for name in names:
        with _sentences():
            folder = locate(name, cache)
            wrong = verify(folder) if folder else ["it is not on this disk"]
        damaged = damaged or bool(wrong)
        typer.echo(f"{name}: {'; '.join(wrong) or 'whole'}")
    if damaged:
        raise typer.Exit(1)


@commands.command("pack")
def pack_models(
    names: Names,
    output: Annotated[Path, typer.Option("--output", "-o", help="The tar file to write.")] = Path("models.tar"),
    cache: Cache = None,
) -> None:
    """Put downloaded models into one file, for machines without a network."""
    with _sentences():
        pack(names, output, cache or default_cache())
    typer.echo(output)


@commands.command("unpack")
def unpack_models(
    source: Annotated[Path, typer.Argument(help="The file that pack wrote.")], cache: Cache = None
) -> None:
    """Take the models out of a file that `pack` wrote."""
    with _sentences():
        for folder in unpack(source, cache or default_cache()):
            typer.echo(folder)


if __name__ == "__main__":
    commands()

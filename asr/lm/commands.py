"""`python -m asr lm`: trains a language model for a field, step by step; docs/lm.md has examples."""

from __future__ import annotations

import errno
import json
import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

from asr.errors import AsrError
from asr.evaluation.manifests import ManifestUnknown
from asr.lm.corpus import Source, SourceKind
from asr.lm.job import JOB_FILE, STEPS, JobSpec, Step, StepProgress, Tolerance, model_file, read_check, write_job

FAILED = 1

app = typer.Typer(help="Language models for a field's own way of speaking.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="of the job, with its job.json", file_okay=False)]


@app.command()
def prepare(folder: Folder) -> None:
    """Read the sources: what to learn from, what is held out, and which lines cannot be used."""
    _do("prepare", folder)


@app.command()
def train(folder: Folder) -> None:
    """Count n-grams, and mix them with the general model."""
    _do("train", folder)


@app.command()
def check(folder: Folder) -> None:
    """Compare the model with the one in use; a worse one is refused, with the figures."""
    _do("check", folder)


@app.command()
def run(folder: Folder) -> None:
    """Do all steps that are not done; it goes on where it was stopped."""
    for step in STEPS:
        _do(step, folder)
    verdict = read_check(folder)
    said = "accepted" if verdict["accepted"] else "refused: " + ", ".join(verdict["reasons"])
    typer.echo(f"{model_file(folder)} {said}", err=True)


@app.command()
def new(
    folder: Folder,
    text: Annotated[list[Path] | None, typer.Option(help="sentences, one a line; repeat it", dir_okay=False)] = None,
    template: Annotated[list[Path] | None, typer.Option(help="slots and patterns; repeat it", dir_okay=False)] = None,
    order: Annotated[int, typer.Option(help="words of the longest n-grams", min=2, max=5)] = 3,
    check_set: Annotated[Path | None, typer.Option(help="manifest of recordings", exists=True)] = None,
    tolerance: Annotated[float, typer.Option(help="added to the CER at most, 0.003 = 0.3 %", min=0.0)] = 0.003,
) -> None:
    """Set up a job: copy the sources into its folder and write job.json."""
    if (folder / JOB_FILE).exists():
        raise _failure({"error": "language_job_invalid", "message": f"{folder} has a {JOB_FILE} already."})
    try:
        sources: list[Source] = []
        given: tuple[tuple[SourceKind, list[Path]], ...] = (("text", text or []), ("template", template or []))
        for kind, paths in given:
            for path in paths:
                sources.append(Source(path.name, kind, f"{len(sources)}-{path.name}"))
        spec = JobSpec(
            tuple(sources),
            order=order,
            check_set=str(check_set.resolve()) if check_set else None,
            tolerance=Tolerance(cer=tolerance),
        )
        folder.mkdir(parents=True, exist_ok=True)
        for source, path in zip(sources, [*(text or []), *(template or [])], strict=True):
            with path.open("rb") as original, (folder / source.file).open("wb") as copy:
                shutil.copyfileobj(original, copy)  # which takes a pipe, too
        write_job(folder, spec)  # last: what could not be copied can be given again
    except AsrError as error:
        raise _failure(_error(error)) from error
    except OSError as error:
        message = f"The sources cannot be copied: {error}"
        raise _failure(
            {"error": "language_job_invalid", "message": message, "details": {"field": "sources"}}
        ) from error


def _do(step: Step, folder: Path) -> None:
    from asr.lm.steps import run_step  # with the recogniser behind it, which --help need not wait for

    try:
        run_step(step, folder, _tell)
    except (AsrError, OSError, ManifestUnknown, ValueError, MemoryError) as error:
        raise _failure({"step": step, **_error(error)}) from error


def _tell(progress: StepProgress) -> None:
    _print({"step": progress.step, "progress": round(progress.progress, 3), "message": progress.message})


def _error(error: Exception) -> dict[str, Any]:
    if isinstance(error, AsrError):
        return {"error": error.code, "message": str(error), "details": error.details}
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return {"error": "disk_full", "message": "The disk is full.", "details": {}}
    if isinstance(error, MemoryError):
        return {"error": "language_training_failed", "message": "The step needs more memory than it may take."}
    if isinstance(error, ValueError | ManifestUnknown):
        return {"error": "language_job_invalid", "message": str(error), "details": {"field": "check_set"}}
    return {"error": "language_training_failed", "message": str(error), "details": {}}


def _failure(record: dict[str, Any]) -> typer.Exit:
    _print(record)
    return typer.Exit(FAILED)


def _print(record: dict[str, Any]) -> None:
    typer.echo(json.dumps(record, ensure_ascii=False))

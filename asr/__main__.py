"""Recognition from a shell: `python -m asr transcribe FILE...`; docs/command-line.md has examples."""

from __future__ import annotations

import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from asr.audio.decoding import AudioLimits
from asr.audio.recording import Recording, decode_recording
from asr.errors import AsrError, HotwordsInvalid, ModelError
from asr.hotwords.list import EMPTY, HotwordList, parse_strictly
from asr.hub import EMBEDDED
from asr.hub.terminal import wanted_model, wanted_punctuation
from asr.lm.commands import app as language_commands
from asr.recognizer import Recognizer, open_recognizer
from asr.text.subtitles import to_json, to_srt, to_text, to_vtt
from asr.transcript import Formatting, Segment, Transcript
from mandarin.encodings import decode_text

SOME_FAILED = 1
MISUSED = 2

_LIMITS = AudioLimits(max_bytes=2**34, max_seconds=24 * 3600.0, decode_timeout=3600.0)


class Format(StrEnum):
    """How a transcript is written."""

    TXT = "txt"
    SRT = "srt"
    VTT = "vtt"
    JSON = "json"


_WRITERS: dict[Format, Callable[[Transcript], str]] = {
    Format.TXT: to_text,
    Format.SRT: to_srt,
    Format.VTT: to_vtt,
    Format.JSON: lambda transcript: to_json(transcript) + "\n",
}

app = typer.Typer(help="Mandarin speech to text.", no_args_is_help=True)
app.add_typer(language_commands, name="lm")


@app.callback()
def commands() -> None:
    """Mandarin speech to text."""


@app.command()
def transcribe(
    files: Annotated[list[Path], typer.Argument(help="recordings of any common format and length")],
    formats: Annotated[list[Format] | None, typer.Option("--format", help="repeat it for several; txt")] = None,
    output_dir: Annotated[Path | None, typer.Option(help="where NAME.FORMAT goes; else to standard output")] = None,
    hotwords: Annotated[Path | None, typer.Option(help="list of words to expect, one a line", dir_okay=False)] = None,
    model: Annotated[str, typer.Option(help="a folder, a short name (asr.hub list), owner/name, or auto")] = EMBEDDED,
    threads: Annotated[int, typer.Option(help="CPU threads", min=1)] = 1,
    punctuation: Annotated[bool, typer.Option(help="set punctuation marks")] = True,
    itn: Annotated[bool, typer.Option(help="write numbers in digits")] = True,
    split_channels: Annotated[bool, typer.Option(help="keep the two ends of a call apart")] = False,
    nbest: Annotated[int, typer.Option(help="give so many likely texts of each segment, in json", min=0, max=50)] = 0,
    force: Annotated[bool, typer.Option(help="replace files that are there already")] = False,
) -> None:
    """Write down what is said in recordings.

    Exit status: 0 when all files were transcribed, 1 when some were not, 2 when nothing was tried.
    """
    wanted = tuple(dict.fromkeys(formats or [Format.TXT]))
    _check_names(files, output_dir, wanted)
    if nbest and Format.JSON not in wanted:
        raise _misuse("--nbest needs --format json: no other format has a place for it.")
    words = _read_hotwords(hotwords)
    try:
        folder = wanted_model(model)
        marks = wanted_punctuation(model) if folder and punctuation else None
        recognizer = open_recognizer(folder, punctuation_dir=marks, threads=threads)
    except ModelError as error:
        raise _misuse(str(error)) from error
    transcriber = _Transcriber(recognizer, words, Formatting(punctuation=punctuation, itn=itn), split_channels, nbest)
    failed = 0
    for file in files:
        targets = {format_: output_dir / f"{file.stem}.{format_}" for format_ in wanted} if output_dir else {}
        standing = [path for path in targets.values() if path.exists() and not force]
        if standing:
            failed += _failure(file, f"{standing[0]} is there already; --force replaces it")
            continue
        try:
            transcript = transcriber.transcribe(file)
            for format_ in wanted:
                _write(_WRITERS[format_](transcript), targets.get(format_))
        except (AsrError, OSError) as error:
            failed += _failure(file, _reason(error))
    if failed:
        typer.echo(f"{failed} of {len(files)} files failed.", err=True)
        raise typer.Exit(SOME_FAILED)


class _Transcriber:
    """Whole files, of any length: decoded on the disk, recognised piece by piece."""

    def __init__(
        self, recognizer: Recognizer, hotwords: HotwordList, formatting: Formatting, split_channels: bool, nbest: int
    ) -> None:
        self._recognizer = recognizer
        self._hotwords = hotwords
        self._formatting = formatting
        self._split_channels = split_channels
        self._nbest = nbest

    def transcribe(self, file: Path) -> Transcript:
        """Transcribe a file under a progress bar; raises AsrError or OSError."""
        with tempfile.TemporaryDirectory(prefix="tingshuo-") as folder:
            recording = decode_recording(
                file, Path(folder) / "audio.wav", limits=_LIMITS, keep_channels=self._split_channels
            )
            if recording.claimed_seconds is not None:
                typer.echo(
                    f"{file}: its header says {recording.claimed_seconds:.2f} s, its sound lasts "
                    f"{recording.seconds:.2f} s.",
                    err=True,
                )
            segments: list[Segment] = []
            with typer.progressbar(length=round(recording.seconds * 1000), label=file.name, file=sys.stderr) as bar:
                for start, end in recording.pieces():
                    segments += self._piece(recording, start, end)
                    bar.update(round((end - start) * 1000))
            return Transcript(tuple(segments), recording.seconds)

    def _piece(self, recording: Recording, start: float, end: float) -> list[Segment]:
        found = list(self._channels(recording, start, end))
        return sorted(found, key=lambda segment: segment.start)

    def _channels(self, recording: Recording, start: float, end: float) -> Iterator[Segment]:
        for channel in (None,) if recording.channels == 1 else (0, 1):
            audio = recording.read(start, end, channel)
            segments = self._recognizer.segments(audio, self._hotwords, formatting=self._formatting, nbest=self._nbest)
            for segment in segments:
                yield replace(segment.shifted(start), channel=channel)


def _check_names(files: list[Path], output_dir: Path | None, formats: tuple[Format, ...]) -> None:
    if output_dir is None:
        if len(formats) > 1:
            raise _misuse("Several formats need --output-dir.")
        return
    twice = [stem for stem, times in Counter(file.stem for file in files).items() if times > 1]
    if twice:
        raise _misuse(f"Several files would be written to {output_dir / twice[0]}.{formats[0]}.")
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _misuse(f"{output_dir}: {_reason(error)}") from error


def _read_hotwords(path: Path | None) -> HotwordList:
    if path is None:
        return EMPTY
    try:
        return parse_strictly(decode_text(path.read_bytes()))
    except (OSError, UnicodeDecodeError, HotwordsInvalid) as error:
        raise _misuse(f"{path}: {_reason(error)}") from error


def _write(text: str, target: Path | None) -> None:
    if target is None:
        typer.echo(text, nl=False)
        return
    # Whoever watches the folder sees the whole file or none.
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def _failure(file: Path, reason: str) -> int:
    typer.secho(f"{file}: {reason}", fg=typer.colors.RED, err=True)
    return 1


def _misuse(reason: str) -> typer.Exit:
    typer.secho(reason, fg=typer.colors.RED, err=True)
    return typer.Exit(MISUSED)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)


if __name__ == "__main__":
    app()

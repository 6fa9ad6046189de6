"""How well, and how fast, a model recognises: `python -m asr.evaluate MANIFEST...`.

A manifest has one JSON object a line: `id`, `audio_filepath` (relative to the manifest, or to --root), `text`.
Errors are counted on characters, after punctuation and spaces are dropped and letters are made small, as is the
custom for Mandarin (character error rate, CER). With `--hotwords LIST` each manifest is measured without and with
that list instead (`asr.hotword_evaluation`).
"""

from __future__ import annotations

import json
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rapidfuzz.distance import Levenshtein

from asr.audio import AudioLimits, decode_audio
from asr.decoding import Tier
from asr.hotwords import parse_strictly
from asr.recognizer import Recognizer, open_recognizer
from asr.transcript import Transcript

_LIMITS = AudioLimits(max_bytes=2**30, max_seconds=4 * 3600.0, decode_timeout=600.0)


@dataclass(frozen=True)
class Utterance:
    """One line of a manifest."""

    id: str
    audio: Path
    text: str


@dataclass(frozen=True)
class Errors:
    """Edits that turn references into what was recognised, counted in characters."""

    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0
    characters: int = 0
    sentences: int = 0
    correct_sentences: int = 0

    def __add__(self, other: Errors) -> Errors:
        """Add up the counts."""
        return Errors(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    @property
    def cer(self) -> float:
        """Character error rate: edits by characters of the references (the insertions' count when there are none)."""
        return (self.substitutions + self.deletions + self.insertions) / max(1, self.characters)

    @property
    def sentence_accuracy(self) -> float:
        """Sentences without any error, 0 to 1."""
        return self.correct_sentences / max(1, self.sentences)


@dataclass(frozen=True)
class Result:
    """What one manifest gave: its errors, its audio's length and the time that recognition took, both in seconds."""

    name: str
    errors: Errors
    audio_seconds: float
    recognition_seconds: float

    @property
    def real_time_factor(self) -> float:
        """Time of recognition (decoding of the file not counted) by length of the audio."""
        return self.recognition_seconds / self.audio_seconds if self.audio_seconds else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return all figures for JSON."""
        return {
            "manifest": self.name,
            **asdict(self.errors),
            "cer": self.errors.cer,
            "sentence_accuracy": self.errors.sentence_accuracy,
            "audio_seconds": self.audio_seconds,
            "recognition_seconds": self.recognition_seconds,
            "real_time_factor": self.real_time_factor,
        }


def normalize(text: str) -> str:
    """Drop punctuation, symbols and spaces; make full-width forms and capital letters plain small ones."""
    plain = unicodedata.normalize("NFKC", text).lower()
    return "".join(char for char in plain if unicodedata.category(char)[0] in "LMN")


def count_errors(reference: str, recognized: str) -> Errors:
    """Compare one sentence with its reference, both normalised first."""
    expected, found = normalize(reference), normalize(recognized)
    kinds = [edit.tag for edit in Levenshtein.editops(expected, found)]
    return Errors(
        substitutions=kinds.count("replace"),
        deletions=kinds.count("delete"),
        insertions=kinds.count("insert"),
        characters=len(expected),
        sentences=1,
        correct_sentences=int(not kinds),
    )


def read_manifest(path: Path, root: Path | None = None) -> Iterator[Utterance]:
    """Read a manifest line by line.

    Args:
        path: the manifest.
        root: what its audio paths are relative to; None is the manifest's own folder.

    Raises:
        ValueError: a line is no JSON object, or lacks a field; the error names file and line.
    """
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            audio = (root or path.parent) / entry["audio_filepath"]
            yield Utterance(str(entry.get("id", audio.stem)), audio, str(entry["text"]))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}, line {number}: {error!r}") from error


def evaluate(
    recognizer: Recognizer,
    utterances: Iterable[Utterance],
    *,
    name: str = "",
    report: Callable[[Utterance, str, Errors], None] = lambda utterance, text, errors: None,
) -> Result:
    """Recognise all utterances, one after another, and count the errors.

    Args:
        recognizer: what is measured.
        utterances: audio with its text.
        name: kept in the result.
        report: called with each utterance, what was recognised, and its errors.

    Raises:
        AsrError: a recording could not be read or recognised.
    """
    errors = Errors()
    audio_seconds = recognition_seconds = 0.0
    for utterance in utterances:
        audio = decode_audio(utterance.audio.read_bytes(), limits=_LIMITS)
        begin = time.perf_counter()
        text = recognizer.transcribe(audio).spoken
        recognition_seconds += time.perf_counter() - begin
        audio_seconds += audio.seconds
        found = count_errors(utterance.text, text)
        errors += found
        report(utterance, text, found)
    return Result(name, errors, audio_seconds, recognition_seconds)


def main(
    manifests: Annotated[list[Path], typer.Argument(help="JSON lines: id, audio_filepath, text", exists=True)],
    root: Annotated[Path | None, typer.Option(help="what audio paths are relative to; default: the manifest")] = None,
    model: Annotated[Path | None, typer.Option(help="model folder; default: the embedded one")] = None,
    threads: Annotated[int, typer.Option(help="CPU threads", min=1)] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON, not a table")] = False,
    show_errors: Annotated[bool, typer.Option("--errors", help="print each sentence that has errors")] = False,
    hotwords: Annotated[Path | None, typer.Option(help="list of hotwords, one a line", exists=True)] = None,
    tiers: Annotated[list[Tier] | None, typer.Option("--tier", help="only this way for hotwords; repeat it")] = None,
) -> None:
    """Measure character error rate, sentence accuracy and real-time factor on manifests; or what hotwords gain."""
    recognizer = open_recognizer(model, threads=threads)
    if hotwords:
        _hotword_main(recognizer, manifests, root, hotwords, frozenset(tiers or Tier), as_json, show_errors)
        return

    def report(utterance: Utterance, text: str, errors: Errors) -> None:
        if show_errors and errors.cer:
            typer.echo(f"{utterance.id}\t{errors.cer:.1%}\n  {normalize(utterance.text)}\n  {text}", err=True)

    results = [evaluate(recognizer, read_manifest(path, root), name=str(path), report=report) for path in manifests]
    if as_json:
        typer.echo(json.dumps([{**result.to_dict(), "threads": threads} for result in results], indent=2))
    else:
        typer.echo(_table(results, threads))


def _hotword_main(
    recognizer: Recognizer,
    manifests: list[Path],
    root: Path | None,
    hotwords: Path,
    tiers: frozenset[Tier],
    as_json: bool,
    show_errors: bool,
) -> None:
    # It counts errors as this module does, and so imports it.
    from asr.hotword_evaluation import evaluate_hotwords, table

    words = parse_strictly(hotwords.read_text(encoding="utf-8"), vocabulary=recognizer.vocabulary)

    def report(utterance: Utterance, plain: Transcript, changed: Transcript) -> None:
        if show_errors and (changed.changes or normalize(changed.spoken) != normalize(utterance.text)):
            done = " ".join(f"{change.heard}→{change.word}({change.tier})" for change in changed.changes)
            typer.echo(
                f"{utterance.id}\n  {normalize(utterance.text)}\n  {plain.spoken}\n  {changed.spoken}\t{done}", err=True
            )

    results = [
        evaluate_hotwords(recognizer, read_manifest(path, root), words, name=path.name, tiers=tiers, report=report)
        for path in manifests
    ]
    if as_json:
        typer.echo(json.dumps([result.to_dict() for result in results], indent=2))
    else:
        typer.echo(table(results))


def _table(results: list[Result], threads: int) -> str:
    rows: list[tuple[str, ...]] = [
        ("manifest", "sentences", "CER", "sub", "del", "ins", "exact", "audio s", f"RTF ({threads} thr)")
    ]
    for result in results:
        errors = result.errors
        counts = (errors.substitutions, errors.deletions, errors.insertions)
        rows.append(
            (
                Path(result.name).name,
                str(errors.sentences),
                f"{errors.cer:.2%}",
                *(f"{count / max(1, errors.characters):.2%}" for count in counts),
                f"{errors.sentence_accuracy:.1%}",
                f"{result.audio_seconds:.0f}",
                f"{result.real_time_factor:.4f}",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) if not column else cell.rjust(width) for column, (cell, width) in enumerate(cells))
        for cells in (list(zip(row, widths, strict=True)) for row in rows)
    )


if __name__ == "__main__":
    typer.run(main)

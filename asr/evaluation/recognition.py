"""How well, and how fast, a model recognises: `python -m asr.evaluate MANIFEST...`.

A manifest is in any format that `asr.evaluation.manifests` reads; this project's has one JSON object a line: `id`,
`audio_filepath` (relative to the manifest, or to --root), `text`, and perhaps `speaker`. Errors are counted on
characters, after punctuation and spaces are dropped and letters are made small (character error rate, CER). With
`--hotwords LIST` each manifest is measured without and with that list instead (`asr.evaluation.hotwords`).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from pypinyin import Style, lazy_pinyin

from asr.audio.decoding import Audio, AudioLimits, decode_audio
from asr.decoding import Tier
from asr.errors import ModelError
from asr.evaluation.error_rate import Confusions, Errors, count_errors, normalize, substitutions
from asr.evaluation.manifests import ManifestFault, read_entries
from asr.hotwords.list import parse_strictly
from asr.hub import EMBEDDED
from asr.hub.terminal import wanted_model
from asr.recognizer import Recognizer, open_recognizer
from asr.transcript import Transcript

_LIMITS = AudioLimits(max_bytes=2**30, max_seconds=4 * 3600.0, decode_timeout=600.0)


@dataclass(frozen=True)
class ManifestUtterance:
    """One line of a manifest; `offset` and `duration`, in seconds, when it is a stretch of its file."""

    id: str
    audio: Path
    text: str
    speaker: str = ""
    offset: float | None = None
    duration: float | None = None

    def decode(self) -> Audio:
        """Return its sound; raises AudioError, and OSError when the file is not there."""
        audio = decode_audio(self.audio.read_bytes(), limits=_LIMITS)
        if self.offset is None:
            return audio
        start = round(self.offset * audio.sample_rate)
        length = None if self.duration is None else round(self.duration * audio.sample_rate)
        return replace(audio, samples=audio.samples[start : None if length is None else start + length])


@dataclass(frozen=True)
class Result:
    """What a set or a speaker gave: errors, length of the audio and time of recognition, both in seconds."""

    name: str
    errors: Errors
    audio_seconds: float
    recognition_seconds: float
    speakers: dict[str, Result] = field(default_factory=dict)
    """By speaker, where the manifest names them."""
    confusions: Confusions = field(default_factory=Confusions)

    @property
    def real_time_factor(self) -> float:
        """Time of recognition (decoding of the file not counted) by length of the audio."""
        return self.recognition_seconds / self.audio_seconds if self.audio_seconds else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return all figures for JSON."""
        figures: dict[str, Any] = {
            "name": self.name,
            **asdict(self.errors),
            "cer": self.errors.cer,
            "sentence_accuracy": self.errors.sentence_accuracy,
            "audio_seconds": self.audio_seconds,
            "recognition_seconds": self.recognition_seconds,
            "real_time_factor": self.real_time_factor,
        }
        if self.speakers:
            figures["speakers"] = [speaker.to_dict() for speaker in self.speakers.values()]
        if self.confusions:
            figures["confusions"] = [
                {"said": said, "recognized": found, "count": count}
                for (said, found), count in self.confusions.most_common()
            ]
        return figures


@dataclass
class _Tally:
    errors: Errors = field(default_factory=Errors)
    audio_seconds: float = 0.0
    recognition_seconds: float = 0.0

    def add(self, errors: Errors, audio_seconds: float, recognition_seconds: float) -> None:
        self.errors += errors
        self.audio_seconds += audio_seconds
        self.recognition_seconds += recognition_seconds

    def result(self, name: str) -> Result:
        return Result(name, self.errors, self.audio_seconds, self.recognition_seconds)


def read_manifest(path: Path, root: Path | None = None) -> Iterator[ManifestUtterance]:
    """Read a manifest line by line.

    Args:
        path: the manifest, or a Kaldi data folder.
        root: what its audio paths are relative to; None is the manifest's own folder.

    Raises:
        ManifestUnknown: it is in no format known.
        ValueError: a line cannot be read; the error names file and line.
    """
    for entry in read_entries(path, root):
        if isinstance(entry, ManifestFault):
            raise ValueError(str(entry))
        yield ManifestUtterance(entry.id, entry.audio, entry.text, entry.speaker, entry.offset, entry.duration)


def evaluate(
    recognizer: Recognizer,
    utterances: Iterable[ManifestUtterance],
    *,
    name: str = "",
    report: Callable[[ManifestUtterance, str, Errors], None] = lambda utterance, text, errors: None,
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
    total, speakers, confusions = _Tally(), dict[str, _Tally](), Confusions()
    for utterance in utterances:
        audio = utterance.decode()
        begin = time.perf_counter()
        text = recognizer.transcribe(audio).spoken
        seconds = time.perf_counter() - begin
        errors = count_errors(utterance.text, text)
        total.add(errors, audio.seconds, seconds)
        if utterance.speaker:
            speakers.setdefault(utterance.speaker, _Tally()).add(errors, audio.seconds, seconds)
        confusions.update(substitutions(utterance.text, text))
        report(utterance, text, errors)
    by_speaker = {speaker: tally.result(speaker) for speaker, tally in sorted(speakers.items())}
    return replace(total.result(name), speakers=by_speaker, confusions=confusions)


def peak_memory_mb() -> float | None:
    """The most memory that this process has taken so far (resident set), in MB; None where the system does not say."""
    if sys.platform == "win32":
        return None
    import resource  # Unix only

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def main(
    manifests: Annotated[list[Path], typer.Argument(help="JSON lines or Kaldi folders", exists=True)],
    root: Annotated[Path | None, typer.Option(help="what audio paths are relative to; default: the manifest")] = None,
    model: Annotated[str, typer.Option(help="a folder, a short name (asr.hub list), owner/name, or auto")] = EMBEDDED,
    threads: Annotated[int, typer.Option(help="CPU threads", min=1)] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON, not tables")] = False,
    show_errors: Annotated[bool, typer.Option("--errors", help="print each sentence that has errors")] = False,
    speakers: Annotated[bool, typer.Option(help="a line for every speaker")] = False,
    confusions: Annotated[int, typer.Option(help="so many of the most frequent confusions", min=0)] = 10,
    hotwords: Annotated[Path | None, typer.Option(help="list of hotwords, one a line", exists=True)] = None,
    tiers: Annotated[list[Tier] | None, typer.Option("--tier", help="only this way for hotwords; repeat it")] = None,
) -> None:
    """Measure character error rate, sentence accuracy, speed and memory on manifests; or what hotwords gain."""
    try:
        recognizer = open_recognizer(wanted_model(model), threads=threads)
    except ModelError as error:
        raise typer.BadParameter(str(error)) from error
    if hotwords:
        _hotword_main(recognizer, manifests, root, hotwords, frozenset(tiers or Tier), as_json, show_errors)
        return

    def report(utterance: ManifestUtterance, text: str, errors: Errors) -> None:
        if show_errors and errors.cer:
            typer.echo(f"{utterance.id}\t{errors.cer:.1%}\n  {normalize(utterance.text)}\n  {text}", err=True)

    try:
        results = [evaluate(recognizer, read_manifest(path, root), name=str(path), report=report) for path in manifests]
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    memory = peak_memory_mb()
    if as_json:
        sets = [result.to_dict() for result in results]
        typer.echo(
            json.dumps({"threads": threads, "peak_memory_mb": memory, "sets": sets}, ensure_ascii=False, indent=2)
        )
        return
    typer.echo(_table(results, threads, speakers=speakers))
    typer.echo(f"peak memory {memory:.0f} MB" if memory is not None else "peak memory not known on this system")
    if confusions:
        typer.echo(_confusion_table(results, confusions))


def _hotword_main(
    recognizer: Recognizer,
    manifests: list[Path],
    root: Path | None,
    hotwords: Path,
    tiers: frozenset[Tier],
    as_json: bool,
    show_errors: bool,
) -> None:
    # It reads utterances as this module does, and so imports it.
    from asr.evaluation.hotwords import evaluate_hotwords, table

    words = parse_strictly(hotwords.read_text(encoding="utf-8"), vocabulary=recognizer.vocabulary)

    def report(utterance: ManifestUtterance, plain: Transcript, changed: Transcript) -> None:
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


def _table(results: list[Result], threads: int, *, speakers: bool) -> str:
    rows: list[tuple[str, ...]] = [
        ("manifest", "sentences", "CER", "sub", "del", "ins", "exact", "audio s", f"RTF ({threads} thr)")
    ]
    for result in results:
        rows.append(_row(Path(result.name).name, result))
        if speakers:
            rows += [_row(f"  {name}", speaker) for name, speaker in result.speakers.items()]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) if not column else cell.rjust(width) for column, (cell, width) in enumerate(cells))
        for cells in (list(zip(row, widths, strict=True)) for row in rows)
    )


def _row(name: str, result: Result) -> tuple[str, ...]:
    errors = result.errors
    counts = (errors.substitutions, errors.deletions, errors.insertions)
    return (
        name,
        str(errors.sentences),
        f"{errors.cer:.2%}",
        *(f"{count / max(1, errors.characters):.2%}" for count in counts),
        f"{errors.sentence_accuracy:.1%}",
        f"{result.audio_seconds:.0f}",
        f"{result.real_time_factor:.4f}",
    )


def _confusion_table(results: list[Result], most: int) -> str:
    """The characters of all sets together that were most often taken for another, with how both are read."""
    together = sum((result.confusions for result in results), Confusions())
    lines = [
        f"{count:5}  {said} {lazy_pinyin(said, style=Style.TONE)[0]} → "
        f"{found} {lazy_pinyin(found, style=Style.TONE)[0]}"
        for (said, found), count in together.most_common(most)
    ]
    return "\n".join(["taken for another:", *lines]) if lines else "no character was taken for another"

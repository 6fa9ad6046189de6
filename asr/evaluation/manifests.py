"""Lists of recordings and their texts, in the formats of the field.

- JSON lines: FunASR's (``key``, ``source``, ``target``, or ``wav``, ``txt``), and NeMo's (``audio_filepath``,
  ``text``, and perhaps ``duration``, ``offset``, ``speaker``), which is also what this project writes.
- A Kaldi data folder: ``wav.scp`` and ``text``, and perhaps ``segments`` and ``utt2spk``.

Sources: FunASR, docs/tutorial "Data preparation"; NeMo, "Preprocessing ASR datasets"; Kaldi, "Data preparation"
(kaldi-asr.org/doc/data_prep.html).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ID_FIELDS = ("id", "key", "utt", "utt_id")
_AUDIO_FIELDS = ("audio_filepath", "source", "wav", "audio")
_TEXT_FIELDS = ("text", "target", "txt")
_SPEAKER_FIELDS = ("speaker", "speaker_id", "spk", "voice")


class ManifestUnknown(ValueError):
    """A file is no list of recordings in a format known here; the message names it and the formats."""


@dataclass(frozen=True)
class Place:
    """A line of a file: what a person opens to mend something."""

    file: Path
    line: int

    def __str__(self) -> str:
        """As compilers write it, FILE:LINE."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Entry:
    """One recording, or a stretch of one, and what is said in it."""

    place: Place
    id: str
    audio: Path
    text: str
    speaker: str = ""
    offset: float | None = None
    """Where the stretch begins, in seconds; None is the whole file."""
    duration: float | None = None
    """Its length in seconds as the list states it; None when it does not."""


@dataclass(frozen=True)
class ManifestFault:
    """What is wrong with one line."""

    place: Place
    kind: str
    """Stable name, as in the report: missing-audio, duplicate-id, ..."""
    detail: str

    def __str__(self) -> str:
        """FILE:LINE: what is wrong."""
        return f"{self.place}: {self.detail}"


def read_entries(source: Path, root: Path | None = None) -> Iterator[Entry | ManifestFault]:
    """Read a manifest of any known format, told by what it holds.

    Args:
        source: a JSON lines file, a Kaldi data folder or a ``wav.scp`` in one.
        root: what relative audio paths are relative to; None is the folder of the manifest, and for Kaldi, whose
            scripts write paths as seen from where they ran, the current folder after that.

    Returns:
        Entries in the order of the file, and a ManifestFault for each line that cannot be read as one.

    Raises:
        ManifestUnknown: it is none of these.
        OSError: it cannot be read.
    """
    if source.is_dir() or source.name == "wav.scp":
        return _read_kaldi(source if source.is_dir() else source.parent, root)
    first = next((line for _, line in _lines(source) if isinstance(line, str)), "")
    if not first.startswith("{"):
        raise ManifestUnknown(
            f"{source} is no manifest: known are JSON lines (FunASR: key, source, target; NeMo: audio_filepath, text) "
            "and Kaldi's folders with wav.scp and text."
        )
    return _read_json_lines(source, root or source.parent)


def _read_json_lines(path: Path, root: Path) -> Iterator[Entry | ManifestFault]:
    for place, line in _lines(path):
        if isinstance(line, ManifestFault):
            yield line
            continue
        try:
            fields = json.loads(line)
        except ValueError as error:
            yield ManifestFault(place, "unreadable-line", f"not JSON: {error}")
            continue
        yield _entry(place, fields, root)


def _entry(place: Place, fields: Any, root: Path) -> Entry | ManifestFault:
    if not isinstance(fields, dict):
        return ManifestFault(place, "unreadable-line", "not a JSON object")
    audio, text = _first(fields, _AUDIO_FIELDS), _first(fields, _TEXT_FIELDS)
    for name, value, known in (("audio", audio, _AUDIO_FIELDS), ("text", text, _TEXT_FIELDS)):
        if not isinstance(value, str):
            return ManifestFault(place, "unreadable-line", f"no {name}: one of {', '.join(known)} should be a string")
    path = root / str(audio)
    try:
        offset, duration = (None if fields.get(key) is None else float(fields[key]) for key in ("offset", "duration"))
    except (TypeError, ValueError):
        return ManifestFault(place, "unreadable-line", "offset and duration should be seconds")
    return Entry(
        place,
        str(_first(fields, _ID_FIELDS) or path.stem),
        path,
        str(text),
        str(_first(fields, _SPEAKER_FIELDS) or ""),
        offset,
        duration,
    )


def _first(fields: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((fields[name] for name in names if fields.get(name) is not None), None)


def _read_kaldi(folder: Path, root: Path | None) -> Iterator[Entry | ManifestFault]:
    for name in ("wav.scp", "text"):
        if not (folder / name).is_file():
            raise ManifestUnknown(f"{folder} is no Kaldi data folder: it has no {name}.")
    return _kaldi_entries(folder, root)


def _kaldi_entries(folder: Path, root: Path | None) -> Iterator[Entry | ManifestFault]:
    problems: list[ManifestFault] = []
    recordings = _table(folder / "wav.scp", problems)
    segments = _table(folder / "segments", problems)
    speakers = {key: value for _, key, value in _table(folder / "utt2spk", problems)}
    paths = {key: (place, value) for place, key, value in recordings}
    stretches = {key: (place, value) for place, key, value in segments}
    yield from problems
    spoken = set()
    for place, key, text in _table(folder / "text", []):
        spoken.add(key)
        recording, offset, duration = key, None, None
        if segments:
            if key not in stretches:
                yield ManifestFault(place, "missing-audio", f"{key} is not in segments")
                continue
            where, value = stretches[key]
            try:
                recording, start, end = value.split()
                offset, duration = float(start), float(end) - float(start)
            except ValueError:
                yield ManifestFault(where, "unreadable-line", "should be: UTTERANCE RECORDING START END")
                continue
        if recording not in paths:
            yield ManifestFault(place, "missing-audio", f"{recording} is not in wav.scp")
        elif paths[recording][1].endswith("|"):
            yield ManifestFault(
                paths[recording][0], "unreadable-line", "a command in place of a file; commands are not run"
            )
        else:
            audio = _kaldi_path(folder, root, paths[recording][1])
            yield Entry(place, key, audio, text, speakers.get(key, ""), offset, duration)
    for place, key, _ in segments or recordings:
        if key not in spoken:
            yield ManifestFault(place, "missing-text", f"{key} is not in text")


def _kaldi_path(folder: Path, root: Path | None, name: str) -> Path:
    if root is not None:
        return root / name
    beside = folder / name
    return beside if beside.exists() or not Path(name).exists() else Path(name)


def _table(path: Path, problems: list[ManifestFault]) -> list[tuple[Place, str, str]]:
    """Lines of KEY VALUE; none when the file is not there. Lines that cannot be read go to ``problems``."""
    if not path.is_file():
        return []
    rows = []
    for place, line in _lines(path):
        if isinstance(line, ManifestFault):
            problems.append(line)
        else:
            key, *value = line.split(maxsplit=1)
            rows.append((place, key, "".join(value)))
    return rows


def _lines(path: Path) -> Iterator[tuple[Place, str | ManifestFault]]:
    """Lines with something in them, stripped; a ManifestFault in place of one that is not UTF-8."""
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            place = Place(path, number)
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
            except UnicodeDecodeError:
                yield place, ManifestFault(place, "unreadable-line", "not UTF-8")
                continue
            if line:
                yield place, line

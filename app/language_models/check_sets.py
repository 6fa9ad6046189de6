"""Recordings with their texts, with which a language model is checked before it is published."""

from __future__ import annotations

import json
import secrets
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import numpy as np
import soundfile
from sqlmodel import col, delete, select

from app.language_models.errors import CheckSetInvalid, CheckSetUnknown
from app.recognition.decoding import Charge, decode, free
from app.storage.database import Clock, Database, guarded, utc_now
from app.storage.tables import CheckSetRecord
from asr import AudioLimits
from asr.errors import AudioError

SHIPPED = "shipped"
CORRECTIONS = "corrections"
SHIPPED_FOLDER = Path(__file__).parents[2] / "assets" / "check-set"
MANIFEST = "manifest.jsonl"
MAX_CLIPS = 500
MAX_SECONDS = 1800.0  # of all clips together
MAX_CLIP_SECONDS = 30.0
MAX_CLIP_BYTES = 10 * 2**20
MAX_TEXT = 200  # characters
MAX_MANIFEST_BYTES = 2**20
_DECODE_TIMEOUT = 30.0
_AUDIO_FIELDS = ("audio", "audio_filepath")


@dataclass(frozen=True)
class Clip:
    """A recording as it came, and what is said in it."""

    audio: bytes
    text: str


class CheckSets:
    """The check sets of one app; safe to share between threads. Every method raises StoreUnavailable.

    A check set of another owner is unknown: CheckSetUnknown.
    """

    def __init__(self, database: Database, folder: Path, clock: Clock = utc_now) -> None:
        """Keep recordings in `folder`, which is made if missing."""
        self._database = database
        self._folder = folder
        self._clock = clock
        with guarded():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def list(self, owner: str) -> list[CheckSetRecord]:
        """Return the check sets that `owner` sent, the newest first."""
        with self._database.session() as session:
            newest = col(CheckSetRecord.created_at).desc()
            return list(
                session.exec(select(CheckSetRecord).where(CheckSetRecord.owner == owner).order_by(newest)).all()
            )

    def manifest(self, owner: str, check_set_id: str) -> Path:
        """Return the list of recordings of a check set, the shipped one or one of `owner`'s."""
        if check_set_id == SHIPPED:
            return SHIPPED_FOLDER / MANIFEST
        with self._database.session() as session:
            found = session.get(CheckSetRecord, check_set_id)
        if found is None or found.owner != owner:
            raise CheckSetUnknown("There is no check set of this id.")
        return self._folder / found.id / MANIFEST

    def add(self, owner: str, name: str, clips: Iterator[Clip], charge: Charge = free) -> CheckSetRecord:
        """Keep a check set; raises CheckSetInvalid, TooMuchAudio, and then nothing of it is kept."""
        check_set_id = secrets.token_urlsafe(16)
        folder, draft = self._folder / check_set_id, self._folder / f"{check_set_id}.part"
        with guarded():
            draft.mkdir(mode=0o700)
            try:
                count, seconds = _write(draft, clips, charge)
                draft.replace(folder)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        record = CheckSetRecord(
            id=check_set_id, owner=owner, name=name, clips=count, seconds=seconds, created_at=self._clock()
        )
        with self._database.session() as session:
            session.add(record)
        return record

    def remove(self, owner: str, check_set_id: str) -> None:
        """Delete a check set of `owner`'s."""
        with self._database.session() as session:
            found = session.get(CheckSetRecord, check_set_id)
            if found is None or found.owner != owner:
                raise CheckSetUnknown("There is no check set of this id.")
            session.execute(delete(CheckSetRecord).where(col(CheckSetRecord.id) == check_set_id))
        shutil.rmtree(self._folder / check_set_id, ignore_errors=True)

    def sweep(self, before: datetime) -> None:
        """Delete the folders that no check set names and that were written `before`."""
        with self._database.session() as session:
            named = set(session.exec(select(CheckSetRecord.id)).all())
        for path in self._folder.iterdir():
            if path.name not in named and path.stat().st_mtime < before.timestamp():
                shutil.rmtree(path, ignore_errors=True)


@cache
def shipped_size() -> tuple[int, float]:
    """Return how many clips the shipped check set has, and how many seconds."""
    lines = (SHIPPED_FOLDER / MANIFEST).read_text("utf-8").splitlines()
    return len(lines), round(sum(json.loads(line)["duration"] for line in lines), 1)


def unpacked(archive: BinaryIO) -> Iterator[Clip]:
    """Yield the clips of a zip archive whose `manifest.jsonl` names them; raises CheckSetInvalid.

    Nothing is unpacked under the names that the archive gives, and no more is read of a file than a clip may have.
    """
    try:
        with zipfile.ZipFile(archive) as files:
            inside = {name.filename: name for name in files.infolist() if not name.is_dir()}
            manifest = next((name for name in inside if PurePosixPath(name).name == MANIFEST), None)
            if manifest is None:
                raise CheckSetInvalid("no manifest", reason=f"{MANIFEST} is missing")
            root = PurePosixPath(manifest).parent
            for number, line in enumerate(_read(files, inside[manifest], MAX_MANIFEST_BYTES).splitlines(), 1):
                if not line.strip():
                    continue
                audio, text = _entry(line, number)
                found = inside.get(str(root / audio)) or inside.get(audio)
                if found is None:
                    raise CheckSetInvalid("no such file", reason=f"{MANIFEST}:{number}: {audio[:100]} is missing")
                yield Clip(_read(files, found, MAX_CLIP_BYTES), text)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, UnicodeDecodeError) as error:
        raise CheckSetInvalid("no zip archive", reason="the archive cannot be read") from error


def _read(files: zipfile.ZipFile, name: zipfile.ZipInfo, most: int) -> bytes:
    with files.open(name) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise CheckSetInvalid("too large", reason=f"{name.filename[:100]} has more than {most} bytes")
    return data


def _entry(line: bytes, number: int) -> tuple[str, str]:
    try:
        entry = json.loads(line)
    except ValueError as error:
        raise CheckSetInvalid("no JSON", reason=f"{MANIFEST}:{number} is not JSON") from error
    audio = next((entry[name] for name in _AUDIO_FIELDS if name in entry), None) if isinstance(entry, dict) else None
    if not isinstance(audio, str) or not isinstance(entry.get("text"), str):
        raise CheckSetInvalid("fields", reason=f"{MANIFEST}:{number} needs audio and text")
    return audio, entry["text"]


def _write(folder: Path, clips: Iterator[Clip], charge: Charge) -> tuple[int, float]:
    """Write clips as WAV with a manifest of our own; return how many there are and how long they are in all."""
    lines: list[str] = []
    total = 0.0
    for number, clip in enumerate(clips):
        if number == MAX_CLIPS:
            raise CheckSetInvalid("too many", reason=f"more than {MAX_CLIPS} recordings")
        text = clip.text.strip()
        if not 0 < len(text) <= MAX_TEXT or not text.isprintable():
            raise CheckSetInvalid("text", reason=f"recording {number + 1}: a text has 1 to {MAX_TEXT} characters")
        seconds = _write_clip(folder / f"{number:03}.wav", clip, number, charge)
        total += seconds
        if total > MAX_SECONDS:
            raise CheckSetInvalid("too long", reason=f"more than {MAX_SECONDS:g} s in all")
        entry = {"id": f"{number:03}", "audio_filepath": f"{number:03}.wav", "duration": seconds, "text": text}
        lines.append(json.dumps(entry, ensure_ascii=False))
    if not lines:
        raise CheckSetInvalid("empty", reason="there is no recording")
    (folder / MANIFEST).write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return len(lines), round(total, 2)


def _write_clip(path: Path, clip: Clip, number: int, charge: Charge) -> float:
    limits = AudioLimits(max_bytes=MAX_CLIP_BYTES, max_seconds=MAX_CLIP_SECONDS, decode_timeout=_DECODE_TIMEOUT)
    try:
        audio = decode(clip.audio, charge, limits=limits)
    except AudioError as error:
        raise CheckSetInvalid("audio", reason=f"recording {number + 1}: {error}") from error
    soundfile.write(path, np.asarray(audio.samples), audio.sample_rate, subtype="PCM_16")
    return round(audio.seconds, 3)

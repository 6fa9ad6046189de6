"""A copy of all that is kept, in one archive, and the way back.

The archive holds `tingshuo.db`, `audio/`, and of `language/` the published language models and the check sets; what
trainings that are under way have written is left out. The database is copied by SQLite's own backup, so the app may
run meanwhile; files are copied after it and lie on the disk before a record names them, so none that the copy names
is missing, unless it was deleted in that moment. What comes back lies in the data folder; where recordings belong
into a bucket, `python -m app migrate` takes them there. Another database than SQLite has its own tools; then the
archive holds the files only.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tarfile
import tempfile
from contextlib import suppress
from pathlib import Path

from app.errors import BackupInvalid, DataPresent, StoreUnavailable
from app.storage.database import FILE_NAME, guarded, open_database
from app.storage.recordings import Recordings

_AUDIO = "audio"
_LANGUAGE = "language"
_KEPT_OF_LANGUAGE = ("versions", "check_sets")


def back_up(data_dir: Path, recordings: Recordings, target: Path, *, with_database: bool = True) -> int:
    """Write the archive `target`, which appears whole or not at all; return how many of `recordings` are in it.

    Raises StoreUnavailable.
    """
    unfinished = target.with_name(target.name + ".part")
    try:
        with guarded(), tempfile.TemporaryDirectory() as folder:
            if with_database:
                _copy_database(data_dir / FILE_NAME, Path(folder) / FILE_NAME)
            count = 0
            with tarfile.open(unfinished, "w") as archive:
                if with_database:
                    archive.add(Path(folder) / FILE_NAME, FILE_NAME)
                for kept in recordings.kept():
                    with suppress(FileNotFoundError), recordings.local(kept.name) as path:
                        archive.add(path, f"{_AUDIO}/{kept.name}")
                        count += 1
                for folder_kept in _KEPT_OF_LANGUAGE:
                    _add_folder(archive, data_dir, f"{_LANGUAGE}/{folder_kept}")
            unfinished.chmod(0o600)
            with unfinished.open("rb+") as written:
                os.fsync(written.fileno())
            unfinished.replace(target)
            return count
    finally:
        unfinished.unlink(missing_ok=True)


def restore(source: Path, data_dir: Path) -> int:
    """Put what is in the archive `source` into `data_dir`; return how many recordings came back.

    The tables are brought up to date on the way. Raises DataPresent when something is kept there already,
    BackupInvalid, StoreUnavailable; then `data_dir` is as it was.
    """
    present = (FILE_NAME, f"{_AUDIO}/*", *(f"{_LANGUAGE}/{folder}/*" for folder in _KEPT_OF_LANGUAGE))
    if any(any(data_dir.glob(pattern)) for pattern in present):
        raise DataPresent(f"There are data in {data_dir} already; restore into an empty folder.")
    with guarded():
        data_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=data_dir, prefix=".restore-") as folder:
            unpacked = Path(folder)
            try:
                with tarfile.open(source) as archive:
                    archive.extractall(unpacked, filter="data")
                _check(unpacked)
            except (tarfile.TarError, EOFError, sqlite3.Error) as error:
                raise BackupInvalid(f"{source} is not a whole backup: {error}") from error
            for name in (_AUDIO, _LANGUAGE):
                (unpacked / name).mkdir(exist_ok=True)
                shutil.rmtree(data_dir / name, ignore_errors=True)
                (unpacked / name).rename(data_dir / name)
                (data_dir / name).chmod(0o700)
            if (unpacked / FILE_NAME).exists():
                (unpacked / FILE_NAME).rename(data_dir / FILE_NAME)
    return sum(1 for _ in (data_dir / _AUDIO).iterdir())


def _add_folder(archive: tarfile.TarFile, data_dir: Path, name: str) -> None:
    """Add what is whole in a folder; what is being written has a name that begins with a dot or ends with .part."""
    for path in sorted((data_dir / name).glob("[!.]*")):
        if path.suffix != ".part":
            with suppress(FileNotFoundError):  # deleted in that moment
                archive.add(path, f"{name}/{path.name}")


def _copy_database(source: Path, target: Path) -> None:
    if not source.exists():
        raise StoreUnavailable(f"There is no database at {source}.")
    original, copy = sqlite3.connect(source), sqlite3.connect(target)
    try:
        original.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
    finally:
        copy.close()
        original.close()


def _check(unpacked: Path) -> None:
    strangers = [path.name for path in unpacked.iterdir() if path.name not in (FILE_NAME, _AUDIO, _LANGUAGE)]
    if strangers:
        raise tarfile.TarError(f"{strangers[0]} does not belong there")
    if not (unpacked / FILE_NAME).exists():
        return
    database = sqlite3.connect(unpacked / FILE_NAME)
    try:
        [(found,)] = database.execute("PRAGMA integrity_check").fetchall()[:1]
    finally:
        database.close()
    if found != "ok":
        raise tarfile.TarError("the database is damaged")
    open_database(unpacked).close()  # migrates
    for name in (f"{FILE_NAME}-wal", f"{FILE_NAME}-shm"):
        (unpacked / name).unlink(missing_ok=True)

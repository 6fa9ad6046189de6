"""The language models that were published: numbered files, and the order in which they ran.

Version 0 is the model folder's own language model. What is published is only ever added to: the current version is
that of the last publication, and each publication knows the one that a rollback goes back to, so that several
rollbacks go further and further back.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, func, select

from app.language_models.errors import LanguageVersionBroken, LanguageVersionUnknown, NothingBefore
from app.storage.database import Clock, Database, guarded, utc_now
from app.storage.tables import LanguageVersion, Publication

OWN = 0  # the number of the model folder's own language model


@dataclass(frozen=True)
class PublicationState:
    """What is published: the current version, the one before it (None where there is none), and all there are."""

    publication: int
    current: int
    previous: int | None
    versions: tuple[LanguageVersion, ...]


@dataclass(frozen=True)
class ModelFile:
    """A model that lies among the versions, but is not published yet."""

    name: str
    sha256: str
    size: int


class LanguageVersions:
    """The published models of one app; safe to share between threads and processes. Raises StoreUnavailable."""

    def __init__(self, database: Database, folder: Path, clock: Clock = utc_now) -> None:
        """Keep files in `folder`, which is made if missing."""
        self._database = database
        self._folder = folder
        self._clock = clock
        with guarded():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def standing(self) -> PublicationState:
        """Return what is published."""
        with self._database.session() as session:
            last = _last(session)
            versions = session.exec(select(LanguageVersion).order_by(col(LanguageVersion.number).desc())).all()
            previous = None
            if last is not None and last.previous is not None:
                before = session.get(Publication, last.previous)
                previous = before.version if before else OWN
            elif last is not None and last.version != OWN:
                previous = OWN
        return PublicationState(
            (last.id or 0) if last else 0, last.version if last else OWN, previous, tuple(versions)
        )  # fmt: skip

    def current(self) -> tuple[int, LanguageVersion | None]:
        """Return the number of the last publication, and the version that runs; None for the folder's own."""
        with self._database.session() as session:
            last = _last(session)
            if last is None:
                return 0, None
            return last.id or 0, session.get(LanguageVersion, last.version)

    def get(self, number: int) -> LanguageVersion:
        """Return one version; raises LanguageVersionUnknown."""
        with self._database.session() as session:
            found = session.get(LanguageVersion, number)
        if found is None:
            raise LanguageVersionUnknown("There is no language model of this number.", number=number)
        return found

    def path(self, version: LanguageVersion) -> Path:
        """Return the file of a version, whose bytes are those that were published; raises LanguageVersionBroken."""
        path = self._folder / version.file
        try:
            with path.open("rb") as file:
                whole = hashlib.file_digest(file, "sha256").hexdigest() == version.sha256
        except OSError:
            whole = False
        if not whole:
            raise LanguageVersionBroken(f"The file of version {version.number} is damaged.", number=version.number)
        return path

    def store(self, source: Path) -> ModelFile:
        """Copy a model among the versions, whole or not at all; `add` publishes it. Raises StoreUnavailable."""
        with guarded():
            draft = self._folder / f".{secrets.token_hex(8)}.part"
            try:
                shutil.copyfile(source, draft)
                with draft.open("rb+") as file:
                    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
                    os.fsync(file.fileno())
                target = self._folder / f"{sha256[:16]}-{secrets.token_hex(4)}.npz"
                size = draft.stat().st_size
                draft.replace(target)
            finally:
                draft.unlink(missing_ok=True)
        return ModelFile(target.name, sha256, size)

    def discard(self, model: ModelFile) -> None:
        """Delete a model that was not published after all."""
        with guarded():
            (self._folder / model.name).unlink(missing_ok=True)

    def add(
        self, model: ModelFile, name: str, report: Mapping[str, Any] | None = None, job_id: str | None = None
    ) -> Callable[[Session], int]:
        """Return a function that publishes a stored model within the caller's transaction and returns its number."""

        def publish(session: Session) -> int:
            number = 1 + (session.exec(select(func.max(LanguageVersion.number))).one() or 0)
            session.add(
                LanguageVersion(
                    number=number,
                    name=name,
                    file=model.name,
                    sha256=model.sha256,
                    size=model.size,
                    report=None if report is None else dict(report),
                    job_id=job_id,
                    published_at=self._clock(),
                )
            )
            self._put_in_front(session, number)
            return number

        return publish

    def mirror(self, model: ModelFile, name: str) -> int:
        """Publish a model that came from another node; return the number that it has here."""
        with self._database.session() as session:
            return self.add(model, name)(session)

    def publish(self, number: int) -> None:
        """Let a version run from now on; raises LanguageVersionUnknown, LanguageVersionBroken."""
        if number != OWN:
            self.path(self.get(number))
        with self._database.session() as session:
            self._put_in_front(session, number)

    def roll_back(self) -> None:
        """Let what ran before run again; raises NothingBefore."""
        with self._database.session() as session:
            last = _last(session)
            if last is None or (last.previous is None and last.version == OWN):
                raise NothingBefore("No other language model ran before this one.")
            before = session.get(Publication, last.previous) if last.previous is not None else None
            session.add(
                Publication(
                    version=before.version if before else OWN,
                    previous=before.previous if before else None,
                    at=self._clock(),
                )
            )

    def known(self, sha256: str) -> LanguageVersion | None:
        """Return the version with these bytes, if there is one."""
        with self._database.session() as session:
            return session.exec(select(LanguageVersion).where(LanguageVersion.sha256 == sha256)).first()

    def sweep(self, before: datetime) -> int:
        """Delete the files that no version names and that were written `before`; return how many."""
        with self._database.session() as session:
            named: Collection[str] = set(session.exec(select(LanguageVersion.file)).all())
        with guarded():
            left = [
                path
                for path in self._folder.iterdir()
                if path.name not in named and path.stat().st_mtime < before.timestamp()
            ]
            for path in left:
                path.unlink(missing_ok=True)
        return len(left)

    def _put_in_front(self, session: Session, number: int) -> None:
        last = _last(session)
        if (last.version if last else OWN) != number:
            session.add(Publication(version=number, previous=last.id if last else None, at=self._clock()))


def _last(session: Session) -> Publication | None:
    return session.exec(select(Publication).order_by(col(Publication.id).desc()).limit(1)).first()

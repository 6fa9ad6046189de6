"""What the app keeps of one person: how much it is, a copy of it, and its end.

Nothing here names a table: whatever has a column `owner` or `person`, and whatever hangs on such a row by a foreign
key, is that person's. A new kind of record is exported and deleted without a line being added here; its recordings
are those that app.storage.recording_names finds.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, false, or_, select

from app.errors import StorageFull
from app.storage.archive import ZipStream
from app.storage.database import Database, guarded
from app.storage.recording_names import all_names, names_in, names_of, tables
from app.storage.recordings import Recordings

OWNER_COLUMNS = ("owner", "person")
SECRET_COLUMNS = frozenset({"hash"})


class PersonalData:
    """The records of all persons, by person; every method raises StoreUnavailable when the database refuses."""

    def __init__(self, database: Database, recordings: Recordings) -> None:
        """Look into `database` and `recordings`."""
        self._database = database
        self._recordings = recordings

    def stored_bytes(self, owner: str) -> int:
        """Return how many bytes the recordings of `owner` take."""
        with self._database.session() as session:
            names = {name for table in tables() for name in names_in(session, table, belongs(table, owner))}
        return sum(self._recordings.size(name) for name in names)

    def check_room(self, owner: str, max_bytes: int) -> None:
        """Raise StorageFull when the recordings of `owner` take `max_bytes` or more; 0 is any amount."""
        if max_bytes and self.stored_bytes(owner) >= max_bytes:
            raise StorageFull(f"The recordings take more than {max_bytes} bytes.", max_bytes=max_bytes)

    def export(self, owner: str) -> Generator[bytes, None, int]:
        """Make a zip archive of all that is kept of `owner`, piece by piece; return how many records there are.

        Each table is a file of JSON lines; recordings lie in audio/ under the names that the records give.
        """
        count = 0
        names: set[str] = set()
        archive = ZipStream()
        for table in tables():
            with self._database.session() as session:  # not one for all: whoever reads slowly must not hold it
                rows = list(session.execute(select(table).where(belongs(table, owner))).mappings())
            names.update(name for row in rows for name in names_of(row))
            lines = [json.dumps(_plain(row), ensure_ascii=False, default=_written) for row in rows]
            if lines:
                yield from archive.add_text(f"{table.name}.jsonl", "\n".join(lines) + "\n")
            count += len(rows)
        for name in sorted(names):
            with guarded():
                yield from archive.add_recording(f"audio/{name}", self._recordings, name)
        yield from archive.end()
        return count

    def forget(self, owner: str) -> int:
        """Delete all that is kept of `owner`, recordings, keys and logins too; return how many records there were.

        The records go in one transaction, then the recordings; a crash in between leaves files that nothing names,
        and the next sweep takes those.
        """
        return self._delete(lambda table: belongs(table, owner))

    def forget_conversation(self, conversation_id: str) -> int:
        """Delete one conversation and all that hangs on it."""
        return self._delete(lambda table: hangs_on(table, "conversation", conversation_id))

    def forget_message(self, message_id: str) -> int:
        """Delete one message and all that hangs on it."""
        return self._delete(lambda table: hangs_on(table, "message", message_id))

    def forget_job(self, job_id: str) -> int:
        """Delete one transcription job and all that hangs on it."""
        return self._delete(lambda table: hangs_on(table, "transcription_job", job_id))

    def sweep(self, before: datetime) -> int:
        """Delete the recordings that no record names and that were written `before`; return how many."""
        with self._database.session() as session:
            named = all_names(session)
        return self._recordings.sweep(named, before)

    def _delete(self, condition: Any) -> int:
        with self._database.session() as session:
            names = {name for table in tables() for name in names_in(session, table, condition(table))}
            deleted = 0
            for table in reversed(tables()):
                deleted += session.execute(delete(table).where(condition(table))).rowcount  # type: ignore[attr-defined]
            session.flush()
            kept = all_names(session)
        for name in names - kept:
            self._recordings.remove(name)
        return deleted


def belongs(table: Table, owner: str) -> ColumnElement[bool]:
    """Return the condition for the rows of `table` that are `owner`'s, by themselves or through what they hang on."""
    for name in OWNER_COLUMNS:
        if name in table.c:
            return table.c[name] == owner
    return _through_parents(table, lambda parent: belongs(parent, owner))


def hangs_on(table: Table, root: str, key: str) -> ColumnElement[bool]:
    """Return the condition for the row `key` of the table `root`, and for what hangs on it."""
    if table.name == root:
        return table.c.id == key
    return _through_parents(table, lambda parent: hangs_on(parent, root, key))


def _through_parents(table: Table, condition: Any) -> ColumnElement[bool]:
    found = [
        constraint.parent.in_(select(constraint.column).where(condition(constraint.column.table)))
        for constraint in table.foreign_keys
        if constraint.column.table is not table
    ]
    return or_(*found) if found else false()


def _plain(row: Any) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in SECRET_COLUMNS}


def _written(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)

"""Which recordings the records name: in columns called `audio_name`, and in a card for its picture.

Nothing else here knows a table, so that a new kind of record is covered without a line being added.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Table, select, update
from sqlmodel import Session

from app.storage.database import Database, guarded
from app.storage.recordings import FolderRecordings, Recordings, agrees, says_its_content
from app.storage.tables import metadata

AUDIO_COLUMN = "audio_name"
CARD_COLUMN = "card"


def tables() -> list[Table]:
    """Return all tables of the app, each after those it hangs on."""
    return metadata.sorted_tables


def names_in(session: Session, table: Table, condition: ColumnElement[bool] | None = None) -> Iterator[str]:
    """Go through the names in the rows of `table` that meet `condition`, or in all."""
    for column in (AUDIO_COLUMN, CARD_COLUMN):
        if column in table.c:
            query = select(table.c[column]).where(table.c[column].is_not(None))
            found = session.execute(query if condition is None else query.where(condition)).scalars()
            yield from filter(None, map(_name, found))


def names_of(row: Any) -> Iterator[str]:
    """Go through the names in one row, a mapping of its columns."""
    yield from filter(None, (_name(row.get(column)) for column in (AUDIO_COLUMN, CARD_COLUMN)))


def all_names(session: Session) -> set[str]:
    """Return the names in all records."""
    return {name for table in tables() for name in names_in(session, table)}


def wrong(database: Database, recordings: Recordings) -> Iterator[tuple[str, str]]:
    """Go through the recordings that records name and that are `missing` or `damaged`, with that word."""
    with database.session() as session:
        names = sorted(all_names(session))
    for name in names:
        with guarded():
            try:
                with recordings.open(name) as recording:
                    found = "" if agrees(name, recording) else "damaged"
            except FileNotFoundError:
                found = "missing"
        if found:
            yield name, found


def move(database: Database, folder: FolderRecordings, target: Recordings) -> int:
    """Give the recordings in `folder` names of the present form in `target`, which may be the same; return how many.

    Nobody may work with them meanwhile. Each is copied, then named by its records, then deleted, so that it can begin
    again wherever it was cut off. Recordings that no record names are deleted.
    """
    with database.session() as session:
        named = all_names(session)
    moved = 0
    for kept in list(folder.kept()):
        if target is folder and says_its_content(kept.name):
            continue
        if kept.name in named:
            with guarded(), folder.open(kept.name) as recording:
                name = target.add(recording, Path(kept.name).suffix)
            _rename(database, kept.name, name)
            moved += 1
        with guarded():
            folder.remove(kept.name)
    return moved


def _rename(database: Database, old: str, new: str) -> None:
    with database.session() as session:
        for table in tables():
            if AUDIO_COLUMN in table.c:
                session.execute(update(table).where(table.c[AUDIO_COLUMN] == old).values({AUDIO_COLUMN: new}))
            if CARD_COLUMN in table.c:
                cards = session.execute(select(table.c.id, table.c.card).where(table.c.card.is_not(None))).all()
                for key, card in cards:
                    if _name(card) == old:
                        session.execute(update(table).where(table.c.id == key).values(card={**card, "file": new}))


def _name(value: Any) -> str | None:
    return value.get("file") if isinstance(value, dict) else value

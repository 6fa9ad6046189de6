"""The tables that a domain declares: one row for every task done, one column for every slot of the record.

Tables are made when they are first needed; a column that the domain has gained since is added to a table that is
there already. A row that is cancelled stays, with the time of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from threading import Lock
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Date,
    DateTime,
    Dialect,
    Engine,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    TypeDecorator,
    inspect,
    select,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateColumn

from bot.domains.domain import Domain
from bot.records.rows import FoundRow
from bot.records.schedules import Schedules
from bot.understanding.sounds import near_class, syllables

Parts = tuple[str, Sequence[Mapping[str, str]]]
"""The rows that belong to another one: their record ("" for none) and the values of each."""

NO_PARTS: Parts = ("", ())


CheckPlace = Callable[[Connection], None]
"""Raises PlaceTaken when what was written takes a place that is not there."""


class Number(TypeDecorator[int | str]):
    """A number; SQLite also keeps a range of numbers (3–5) as it was said, other databases refuse it."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: int | str | None, dialect: Dialect) -> int | str | None:
        """Return what is written."""
        return int(value) if isinstance(value, str) and value.isdigit() else value

    def process_result_value(self, value: object, dialect: Dialect) -> int | str | None:
        """Return what was written: an int, or the text of a range."""
        return None if value is None else int(str(value)) if str(value).isdigit() else str(value)


class Records:
    """The tables of one domain in one database. Safe to share between threads."""

    def __init__(self, domain: Domain, engine: Engine) -> None:
        """Describe the tables; nothing is opened yet."""
        self._engine = engine
        self._metadata = MetaData()
        self._tables = {name: _table(name, domain, self._metadata) for name in domain.records}
        self._people = {name: slot.type == "person" for name, slot in domain.slots.items()}
        self.schedules = Schedules(domain, engine, self._metadata, self._table)
        self._days = {name: record.day for name, record in domain.records.items()}
        self._ready = False
        self._lock = Lock()

    def prepare(self) -> None:
        """Make the tables and columns that are missing; every other method does so when it is the first."""
        with self._lock:
            if self._ready:
                return
            self._metadata.create_all(self._engine)
            for table in self._tables.values():
                self._add_missing_columns(table)
            self.schedules.fill()
            self._ready = True

    def add(
        self,
        record: str,
        key: str,
        values: Mapping[str, str],
        now: datetime,
        parts: Parts = NO_PARTS,
        check: CheckPlace | None = None,
    ) -> None:
        """Write a row and its `parts`, unless there is one with this key: the same confirmation, sent twice."""
        table, (part, entries) = self._table(record), parts
        with self._engine.connect() as connection:
            try:
                row = table.insert().values(key=key, created_at=now, **_row(table, values)).returning(table.c.id)
                written = connection.execute(row).scalar_one()
                for number, entry in enumerate(entries if part else (), 1):
                    lines = self._tables[part]
                    own = {"key": f"{key}-{number}", "created_at": now, record: written}
                    connection.execute(lines.insert().values(**own, **_row(lines, entry)))
                if check is not None:
                    check(connection)
                connection.commit()
            except IntegrityError:
                connection.rollback()
                if not connection.execute(select(table.c.id).where(table.c.key == key)).first():
                    raise

    def find(self, record: str, match: Mapping[str, str], now: datetime) -> list[FoundRow]:
        """Return the rows with these values that are not cancelled and whose day is not over, oldest first."""
        table, day = self._table(record), self._days[record]
        query = table.select().where(table.c.cancelled_at.is_(None))
        for name, value in match.items():
            if not self._people[name]:
                query = query.where(table.c[name] == _stored(table, name, value))
        if day:
            query = query.where(table.c[day] >= now.date()).order_by(table.c[day])
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(table.c.id)).mappings().all()
        # Nobody can hear how a name is written: one that sounds the same is the same.
        names = {name: _sound(value) for name, value in match.items() if self._people[name]}
        same = [row for row in rows if all(_sound(row[name] or "") == sound for name, sound in names.items())]
        return [FoundRow(str(row["id"]), _read(row)) for row in same]

    def change(self, record: str, row: str, values: Mapping[str, str], check: CheckPlace | None = None) -> None:
        """Give a row new values."""
        table = self._table(record)
        with self._engine.begin() as connection:
            connection.execute(table.update().where(table.c.id == int(row)).values(**_row(table, values)))
            if check is not None:
                check(connection)

    def cancel(self, record: str, row: str, now: datetime) -> None:
        """Mark a row as cancelled; once it is, the first time stays."""
        table = self._table(record)
        with self._engine.begin() as connection:
            open_row = (table.c.id == int(row)) & table.c.cancelled_at.is_(None)
            connection.execute(table.update().where(open_row).values(cancelled_at=now))

    def _table(self, record: str) -> Table:
        self.prepare()
        return self._tables[record]

    def _add_missing_columns(self, table: Table) -> None:
        there = {column["name"] for column in inspect(self._engine).get_columns(table.name)}
        quote = self._engine.dialect.identifier_preparer.format_table
        with self._engine.begin() as connection:
            for column in table.columns:
                if column.name not in there:
                    described = CreateColumn(column).compile(dialect=self._engine.dialect)
                    connection.exec_driver_sql(f"ALTER TABLE {quote(table)} ADD COLUMN {described}")


def _table(name: str, domain: Domain, metadata: MetaData) -> Table:
    whole = domain.records[name].part_of
    return Table(
        name,
        metadata,
        Column("id", Integer, primary_key=True),
        Column("key", String, unique=True, index=True, nullable=False),
        *(Column(slot, _type(domain.slots[slot].type)) for slot in domain.records[name].slots),
        *([Column(whole, ForeignKey(f"{whole}.id"), index=True, nullable=False)] if whole else []),
        Column("created_at", DateTime, nullable=False),
        Column("cancelled_at", DateTime),
    )


def _type(slot_type: str) -> type[Date] | type[Number] | type[String]:
    return Date if slot_type == "date" else Number if slot_type == "number" else String


def _stored(table: Table, name: str, value: str) -> date | str:
    column = table.c[name].type
    return date.fromisoformat(value) if isinstance(column, Date) else value


def _sound(name: str) -> tuple[str, ...]:
    return tuple(near_class(syllable) for syllable in syllables(name))


def _row(table: Table, values: Mapping[str, str]) -> dict[str, date | str]:
    return {name: _stored(table, name, value) for name, value in values.items() if name in table.c}


def _read(row: Mapping[Any, Any]) -> dict[str, str]:
    own = ("id", "key", "created_at", "cancelled_at")
    return {str(name): str(value) for name, value in row.items() if name not in own and value is not None}

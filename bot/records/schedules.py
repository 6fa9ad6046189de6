"""Who or what can be booked when, and how many places are left: a weekly timetable less what has been booked.

The timetable is a table of its own, filled from the domain when it is empty; from then on the table counts, so that
an operator changes it without touching the domain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Column, Connection, Engine, Integer, MetaData, String, Table, func, select

from bot.domains.domain import Domain
from bot.domains.parts import Schedule
from bot.errors import PlaceTaken
from bot.records.rows import FoundRow

TableOf = Callable[[str], Table]
"""Gives the table of a record, made when it is not there."""

WEEKDAYS = "一二三四五六日"
MOST_ALTERNATIVES = 4


class Schedules:
    """The timetables of one domain in one database. Safe to share between threads."""

    def __init__(self, domain: Domain, engine: Engine, metadata: MetaData, table_of: TableOf) -> None:
        """Describe the tables in `metadata`; `table_of` gives the table of a record, made when it is not there."""
        self._domain = domain
        self._engine = engine
        self._table_of = table_of
        self._tables = {name: _table(name, schedule, metadata) for name, schedule in domain.schedules.items()}

    def fill(self) -> None:
        """Write the rows of the domain into timetables that are empty."""
        for name, schedule in self._domain.schedules.items():
            table = self._tables[name]
            with self._engine.begin() as connection:
                if connection.execute(select(func.count()).select_from(table)).scalar_one() == 0:
                    rows = [row.columns() for row in schedule.rows]
                    connection.execute(table.insert(), [{"note": "", **row} for row in rows])

    def rows(self, name: str, match: Mapping[str, str]) -> list[FoundRow]:
        """Return the lines of a timetable that have the values of `match`, with their days."""
        schedule, table = self._domain.schedules[name], self._tables[name]
        self._table_of(schedule.booked)
        query = table.select().order_by(table.c.id)
        for slot, value in match.items():
            query = query.where(table.c[slot] == value)
        columns = (*schedule.slots, "days", "note")
        with self._engine.connect() as connection:
            found = connection.execute(query).mappings().all()
        return [FoundRow(str(row["id"]), {column: str(row[column]) for column in columns}) for row in found]

    def find(self, name: str, match: Mapping[str, str], now: datetime) -> list[FoundRow]:
        """Return what is free on the day that `match` names and fits its other values.

        When nothing is, return what comes nearest, giving up the day and as few of the flexible slots as it takes.
        """
        schedule = self._domain.schedules[name]
        booked = self._table_of(schedule.booked)
        wanted = date.fromisoformat(match[schedule.date])
        told = {slot: value for slot, value in match.items() if slot != schedule.date}
        with self._engine.connect() as connection:
            exact = list(self._free(connection, name, booked, wanted, told, now))
            if exact:
                return exact
            for loose in range(1, len(schedule.flexible) + 1):
                kept = {slot: value for slot, value in told.items() if slot not in schedule.flexible[:loose]}
                if nearest := self._nearest(connection, name, kept, match, now):
                    return nearest
        return []

    def _nearest(
        self, connection: Connection, name: str, kept: Mapping[str, str], match: Mapping[str, str], now: datetime
    ) -> list[FoundRow]:
        """Return what has the values in `kept` on any day, that which comes nearest to `match` first."""
        schedule = self._domain.schedules[name]
        booked, wanted = self._table_of(schedule.booked), date.fromisoformat(match[schedule.date])
        days = (now.date() + timedelta(days=number) for number in range(schedule.ahead))
        found = [one for day in days for one in self._free(connection, name, booked, day, kept, now)]

        def unlike(one: FoundRow) -> tuple[int, bool, int]:
            off = (date.fromisoformat(one.values[schedule.date]) - wanted).days
            return abs(off), off < 0, sum(one.values[slot] != value for slot, value in match.items())

        return sorted(found, key=unlike)[:MOST_ALTERNATIVES]

    def check(self, connection: Connection, place: str, name: str) -> None:
        """Raise PlaceTaken when more has been booked than there are places for; `place` is the id of what was found.

        To be called after the booking was written and before it is committed: the database lets only one do so.
        """
        row, _, day = place.partition("@")
        schedule, table = self._domain.schedules[name], self._tables[name]
        found = connection.execute(table.select().where(table.c.id == int(row))).mappings().first()
        booked = self._table_of(schedule.booked)
        if found is None or self._booked(connection, schedule, booked, found, day) > found["places"]:
            raise PlaceTaken("The last place has just been taken; choose another.")

    def _free(
        self, connection: Connection, name: str, booked: Table, day: date, told: Mapping[str, str], now: datetime
    ) -> Iterator[FoundRow]:
        schedule, table = self._domain.schedules[name], self._tables[name]
        if day < now.date():
            return
        query = table.select().where(table.c.days.contains(WEEKDAYS[day.weekday()]))
        for slot, value in told.items():
            query = query.where(table.c[slot] == value)
        for row in connection.execute(query.order_by(table.c.id)).mappings():
            left = row["places"] - self._booked(connection, schedule, booked, row, day.isoformat())
            if left > 0 and not self._over(schedule, row, day, now):
                values = {slot: str(row[slot]) for slot in schedule.slots}
                shown = {"left": str(left), "note": row["note"] or ""}
                yield FoundRow(f"{row['id']}@{day}", {**values, schedule.date: day.isoformat(), **shown})

    def _booked(
        self, connection: Connection, schedule: Schedule, booked: Table, row: Mapping[Any, Any], day: str
    ) -> int:
        same = [booked.c[slot] == row[slot] for slot in schedule.slots if slot in booked.c]
        on_day = booked.c[schedule.date] == date.fromisoformat(day)
        query = select(func.count()).select_from(booked).where(on_day, booked.c.cancelled_at.is_(None), *same)
        return int(connection.execute(query).scalar_one())

    def _over(self, schedule: Schedule, row: Mapping[Any, Any], day: date, now: datetime) -> bool:
        """Whether the clock has overtaken the time of day of a row."""
        values = {slot: {value.value: value for value in self._domain.slots[slot].values} for slot in schedule.slots}
        ends = [values[slot][row[slot]].ends for slot in schedule.slots if row[slot] in values[slot]]
        return day == now.date() and any(end is not None and now.time() >= end for end in ends)


def _table(name: str, schedule: Schedule, metadata: MetaData) -> Table:
    return Table(
        name,
        metadata,
        Column("id", Integer, primary_key=True),
        *(Column(slot, String, nullable=False) for slot in schedule.slots),
        Column("days", String, nullable=False),
        Column("places", Integer, nullable=False),
        Column("note", String, nullable=False),
    )

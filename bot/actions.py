"""What the bot does in the world: functions that a domain's tasks name, run against a database.

An action gets the frame's values and a key that stays the same when it is tried again, so that confirming twice
books once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlmodel import Field, Session, SQLModel, select

from bot.decision import ActionCall
from bot.errors import ActionFailed, ActionUnknown


class Appointment(SQLModel, table=True):
    """A booked appointment. `key` names the confirmed dialogue frame, `created_at` is in the clinic's time zone."""

    __tablename__ = "appointment"

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True, index=True)
    department: str
    date: date
    half_day: str
    patient: str
    phone: str
    created_at: datetime


def book_appointment(session: Session, call: ActionCall, now: datetime) -> None:
    """Write the appointment, unless this frame's is there already."""
    if _booked(session, call.key):
        return
    values = call.values
    session.add(
        Appointment(
            key=call.key,
            department=values["department"],
            date=date.fromisoformat(values["date"]),
            half_day=values["half_day"],
            patient=values["patient"],
            phone=values["phone"],
            created_at=now,
        )
    )
    try:
        session.commit()
    except IntegrityError:
        session.rollback()
        if not _booked(session, call.key):  # else: the same confirmation, sent twice at once
            raise


def _booked(session: Session, key: str) -> bool:
    return session.exec(select(Appointment).where(Appointment.key == key)).first() is not None


Action = Callable[[Session, ActionCall, datetime], None]

ACTIONS: Mapping[str, Action] = {"book_appointment": book_appointment}


class ActionRunner:
    """Runs actions on one database; tables are made when they are first needed. Safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        """Run on `engine`."""
        self._engine = engine
        self._ready = False

    @staticmethod
    def check(action: str) -> None:
        """Raise ActionUnknown when there is no such action."""
        if action not in ACTIONS:
            known = ", ".join(sorted(ACTIONS))
            raise ActionUnknown(f"There is no action {action!r}; choose one of: {known}.", action=action)

    def run(self, call: ActionCall, now: datetime) -> None:
        """Run the action; raises ActionFailed when the database refuses, and then nothing was written."""
        try:
            if not self._ready:
                SQLModel.metadata.create_all(self._engine, tables=[SQLModel.metadata.tables["appointment"]])
                self._ready = True
            with Session(self._engine) as session:
                ACTIONS[call.action](session, call, now)
        except SQLAlchemyError as error:
            raise ActionFailed(
                f"The action {call.action} could not write to the database; try again.", action=call.action
            ) from error

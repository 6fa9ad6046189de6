"""What the bot does in the world: the actions that a domain declares, run against its records.

An action gets the frame's values and a key that stays the same when it is tried again, so that confirming twice
books once.
"""

from __future__ import annotations

import logging
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from bot.domains.domain import Domain
from bot.errors import ActionFailed, ActionUnknown
from bot.records.calls import Calls
from bot.records.rows import FoundRow
from bot.records.tables import CheckPlace, Records
from bot.rules.decision import ActionCall

_log = logging.getLogger(__name__)


class ActionRunner:
    """Runs the actions of one domain on one database. Safe to share between threads."""

    def __init__(self, domain: Domain, engine: Engine) -> None:
        """Run on `engine`; raises ActionUnknown when a task names an action that the domain does not declare."""
        for task in domain.tasks.values():
            if task.action not in domain.actions:
                known = ", ".join(sorted(domain.actions))
                raise ActionUnknown(f"There is no action {task.action!r}; choose one of: {known}.", action=task.action)
        self._domain = domain
        self._records = Records(domain, engine)
        self._calls = Calls(domain.actions)

    def prepare(self) -> None:
        """Make the tables now; a database that cannot be reached yet is tried again when it is needed."""
        try:
            self._records.prepare()
        except SQLAlchemyError:
            _log.warning("the tables of %s are not there yet", self._domain.name, exc_info=True)

    def run(self, call: ActionCall, now: datetime) -> list[FoundRow]:
        """Run the action and return what it found; raises ActionFailed, and then nothing was written."""
        try:
            if call.knowledge is not None:
                return self._records.schedules.rows(call.knowledge.schedule, call.values)
            return self._look_up(call, now) if call.slot else self._act(call, now)
        except SQLAlchemyError as error:
            what = call.action or f"look-up of {call.slot}"
            raise ActionFailed(f"The {what} did not reach the database; try again.", action=call.action) from error

    def _look_up(self, call: ActionCall, now: datetime) -> list[FoundRow]:
        slot = self._domain.slots[call.slot]
        match = {name: call.values[name] for name in slot.match if name in call.values}
        if slot.schedule:
            return self._records.schedules.find(slot.schedule, match, now)
        return self._records.find(slot.record, match, now)

    def _place(self, call: ActionCall) -> CheckPlace | None:
        """Return what sees to it that the place the task has chosen is still free."""
        slot = self._domain.schedule_slot(call.task)
        if slot not in call.values:
            return None
        schedule = self._domain.slots[slot].schedule
        return lambda connection: self._records.schedules.check(connection, call.values[slot], schedule)

    def _act(self, call: ActionCall, now: datetime) -> list[FoundRow]:
        action = self._domain.actions[call.action]
        if action.do == "call":
            return self._calls.run(action, call)
        record = action.record
        if action.do == "add":
            self._records.add(record, call.key, call.values, now, (action.items, call.items), self._place(call))
        elif action.do == "find":
            return self._records.find(record, {name: call.values[name] for name in action.match}, now)
        else:
            rows = call.values[self._domain.record_slot(call.task, record)]
            if action.do == "change":
                self._records.change(record, rows, {name: call.values[name] for name in action.set}, self._place(call))
            else:
                for row in rows.split(","):
                    self._records.cancel(record, row, now)
        return []

"""A time of day and its day, brought together: the night after the day, and times of today that are over."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

from bot.domains.parts import Task
from bot.rules.context import TurnContext
from bot.rules.filling import Filling
from bot.state import Frame, SlotValue
from mandarin.clock import find_times

_HALF_A_DAY = timedelta(hours=12)


def settle_times(turn: TurnContext, task: Task, filling: Filling) -> tuple[Filling, str]:
    """Bring times that were said now together with their days.

    晚上十二点 of the 17th is 00:00 of the 18th. Of today, a bare hour that is over is the later one of its two; a time
    that is surely over is taken out again.

    Returns:
        The filling, and the slot of a time that is over, "" for none.
    """
    now = turn.understanding.now
    said_now = {*filling.filled, *filling.changed}
    for name in (step.slot for step in task.slots):
        day = turn.domain.slots[name].day
        time = filling.frame.slots.get(name)
        if turn.domain.slots[name].type != "time" or not day or time is None or not said_now & {name, day}:
            continue
        if len(said_now & {name, day}) == 1:
            filling = _of_the_night(filling, day, time)
        moment = _moment(filling.frame, day, time)
        if moment is None or moment.date() != now.date() or moment > now.replace(tzinfo=None):
            continue
        times = find_times(time.said)
        if times and times[0].bare and moment + _HALF_A_DAY > now.replace(tzinfo=None) and moment.hour < 12:
            later = replace(time, value=f"{moment + _HALF_A_DAY:%H:%M}")
            filling = replace(filling, frame=_with(filling.frame, name, later))
        else:
            filled = tuple(one for one in filling.filled if one != name)
            changed = tuple(one for one in filling.changed if one != name)
            return replace(filling, frame=filling.frame.without(name), filled=filled, changed=changed), name
    return filling, ""


def _of_the_night(filling: Filling, day: str, time: SlotValue) -> Filling:
    """Move the day on when the time is of the night that follows it."""
    times = find_times(time.said)
    value = filling.frame.slots.get(day)
    if not times or not times[0].days_later or value is None:
        return filling
    moved = date.fromisoformat(value.value) + timedelta(days=times[0].days_later)
    frame = _with(filling.frame, day, replace(value, value=moved.isoformat()))
    changed = filling.changed if day in filling.filled else tuple(dict.fromkeys((*filling.changed, day)))
    return replace(filling, frame=frame, changed=changed)


def _moment(frame: Frame, day: str, time: SlotValue) -> datetime | None:
    value = frame.slots.get(day)
    return datetime.fromisoformat(f"{value.value}T{time.value}") if value is not None else None


def _with(frame: Frame, slot: str, value: SlotValue) -> Frame:
    return replace(frame, slots={**frame.slots, slot: value})

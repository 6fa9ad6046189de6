"""A crisis or an emergency comes before everything: whom to call is said at once, and the task is kept."""

from __future__ import annotations

from dataclasses import replace

from bot.rules.context import TurnContext
from bot.rules.decision import Decision


def answer_alarm(turn: TurnContext) -> Decision | None:
    """Say whom to call. Nothing that was said with it is done; what is only a reason for caution goes on after that."""
    alarm = turn.understanding.alarm
    if alarm is None:
        return None
    lines = turn.domain.safety.lines()
    turn.say(f"alarm_{alarm.kind}", **lines)
    if alarm.kind == "caution":
        return None
    turn.understood()
    if turn.frame is not None:
        turn.say("alarm_after", task=turn.domain.tasks[turn.frame.task].title)
    turn.state = replace(turn.state, asked=0)
    return replace(turn.end(put=False), alarm=alarm.kind)

"""A question of the user, and an alarm: what is answered at once, before anything else is made of the utterance.

A crisis or an emergency comes before everything: whom to call is said, and the task is kept. A question is answered, or
it is said who knows, and nothing else comes of it.
"""

from __future__ import annotations

from dataclasses import replace

from bot.knowledge.index import NEAR_ENOUGH, VERY_NEAR
from bot.rules.context import TurnContext
from bot.rules.decision import Decision


def answer_question(turn: TurnContext) -> Decision | None:
    """Answer a question from what the domain knows or the task has; values stated beside it are taken afterwards."""
    heard = turn.understanding
    if not (heard.question or heard.requested):
        return None
    known = turn.frame.values if turn.frame else {}
    least = NEAR_ENOUGH if heard.question else VERY_NEAR
    about = [*heard.asked_about, *(() if heard.question else heard.mentions)]
    answer = turn.knowledge.find(heard.text, about, known, least)
    if answer is None and not heard.question:
        return None
    if answer is not None and not heard.question:
        turn.understanding = heard = replace(heard, mentions=(), intents=())
    if answer is not None and answer.entry is not None:
        turn.understood()
        return turn.look_up(answer.entry, answer.values)
    if answer is not None and answer.text:
        turn.say_text(answer.text)
    elif heard.top and not _only_agrees(turn):
        return None
    elif not _tell_from_frame(turn):
        turn.say("not_known")
        if not heard.mentions:
            turn.state = replace(turn.state, misunderstood=turn.state.misunderstood + 1)
            return turn.back_to_question()
    if heard.mentions:
        return None
    turn.understood()
    return turn.back_to_question()


def _only_agrees(turn: TurnContext) -> bool:
    return turn.understanding.top in ("affirm", "deny", "thanks", "greet", "unknown_answer", "finish", "pass")


def _tell_from_frame(turn: TurnContext) -> bool:
    """Say the values of the task that the question names: 医生是谁, 约的是几点."""
    frame = turn.frame
    if frame is None:
        return False
    told = False
    for name in turn.understanding.labels:
        label = turn.domain.slots[name].label
        if name in frame.slots:
            value = turn.wording.filled(name, frame.slots[name], turn.today)
            turn.say("known_value", label=label, value=value)
            told = True
    return told


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

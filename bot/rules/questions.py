"""Answers to what the bot asked with yes or no: did I hear that right, is all of it right, shall I stop."""

from __future__ import annotations

from dataclasses import replace

from bot.rules.agreement import agrees
from bot.rules.context import TurnContext
from bot.rules.decision import Decision
from bot.rules.filling import Filling
from bot.state import Frame, Question


def answer_to_intent(turn: TurnContext) -> Decision | None:
    """Settle whether the user wanted to stop."""
    question = turn.state.question
    if question is None or question.kind != "intent":
        return None
    if (turn.understanding.wants("affirm") or turn.understanding.wants("cancel")) and not turn.understanding.reserved:
        return turn.drop()
    if turn.understanding.question:
        return None
    turn.state = replace(turn.state, question=Question("slot", question.slot) if question.slot else None)
    if turn.understanding.wants("deny"):
        turn.say("go_on")
        return turn.advance()
    return None


def answer_to_heard(turn: TurnContext) -> Decision | None:
    """Settle, one way or the other, a value that was put to the user for confirmation."""
    question, frame = turn.state.question, turn.frame
    if question is None or question.kind != "heard" or question.candidate is None or frame is None:
        return None
    slot, candidate = question.slot, question.candidate
    others = [m for m in turn.understanding.mentions if m.slot == slot and m.value != candidate.value and not m.negated]
    denied = any(m.slot == slot and m.value == candidate.value and m.negated for m in turn.understanding.mentions)
    if turn.understanding.question and not turn.understanding.mentions:
        return None
    if denied or (turn.understanding.wants("deny") and not turn.understanding.wants("affirm")) or others:
        turn.frame = replace(frame, rejected=(*frame.rejected, (slot, candidate.value)))
        turn.state = replace(turn.state, question=Question("slot", slot))
        if others or (turn.understanding.mentions and not denied):
            return None
        turn.say("heard_wrong")
        return turn.ask(Question("slot", slot))
    agreed = turn.understanding.wants("affirm") and not turn.understanding.question
    repeated = any(m.slot == slot and m.value == candidate.value for m in turn.understanding.mentions)
    if agreed or repeated:
        settled = replace(frame, slots={**frame.slots, slot: replace(candidate, confidence=1.0)})
        turn.frame = settled
        turn.state = replace(turn.state, question=Question("slot", slot))
        if not [m for m in turn.understanding.mentions if m.slot != slot]:
            turn.acknowledge(Filling(frame=settled, filled=(slot,)))
            return turn.advance()
        return None
    # neither yes nor no, or a value of another slot, which says nothing about this one: it is asked for again
    turn.state = replace(turn.state, question=Question("slot", slot), asked=1)
    return None


def yes_or_no(turn: TurnContext) -> Decision | None:
    """Take a yes or no for an answer to the summary, or to nothing in particular."""
    frame, question = turn.frame, turn.state.question
    answer = turn.understanding.top
    summed_up = frame is not None and question is not None and question.kind == "summary"
    if frame is not None and summed_up and agrees(turn, frame):
        turn.understood()
        return _confirm(turn, frame)
    if answer not in ("affirm", "deny"):
        return None
    turn.understood()
    if frame is not None and question is None:
        return turn.advance()  # what failed is summed up again
    if frame is None or question is None:
        turn.say("nothing_to_confirm" if answer == "affirm" else "nothing_to_cancel")
        return turn.end()
    if question.kind == "summary":
        if answer == "deny":
            return turn.ask(Question("change"))
        return turn.resume()
    if question.kind == "change" or question.slot in frame.slots:
        return turn.resume() if question.kind == "change" and answer == "affirm" else turn.advance()
    return turn.ask(Question("change")) if answer == "deny" and frame.slots else turn.resume()


def _confirm(turn: TurnContext, frame: Frame) -> Decision:
    checked = turn.without_what_is_over(frame)
    if checked != frame:
        turn.frame = checked
        return turn.advance()
    return turn.act(frame)

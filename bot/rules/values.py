"""Values that were said, asked for or not, and slots that the user wants to change."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta

from bot.domains.parts import ListOf, Task
from bot.rules.context import TurnContext, missing_in_entry
from bot.rules.decision import Decision
from bot.rules.filling import Filling, fill
from bot.rules.lists import entries_said, lacks, open_entry, reopen_entry, values_of
from bot.rules.records import choose_anew, told_by
from bot.rules.times import settle_times
from bot.slots import Mention
from bot.state import Frame, Question, SlotValue
from bot.turn import QuickReply

MOSTLY_VALUES = 0.6
"""An utterance of which so much is values begins their task, although nobody asked: 后天下午."""

_ANY_DAY = re.compile(
    r"越[早快]越好|最早|最快|最近|尽快|尽早|赶紧|早点|哪天都|(?:哪天|什么时候)(?:有号|能看|方便|有空位|有)|随便|都可以|都行|无所谓|什么时候都|你看着(?:办|安排)|有号就行|不挑"
)
_NEXT_WEEK = re.compile(r"下个?(?:周|星期|礼拜)")
_ASK_THEMSELVES = frozenset({"date_vague", "name_incomplete", "name_needed"})
_PASSES = ("deny", "pass", "finish", "unknown_answer")
_WITH_A_DAY = frozenset({"date_past", "date_far"})


def take_values(turn: TurnContext) -> Decision | None:
    """Fill what was said into the frame, opening one when the values belong to a task."""
    absent = _leave_out_absent(turn)
    if not turn.understanding.mentions:
        return turn.back_to_question() if absent and turn.frame is not None else None
    frame = turn.frame
    if frame is None:
        opened = _task_of_values(turn)
        if not opened:
            return None
        frame = turn.open(opened)
    question = turn.state.question
    asked = question.slot if question and question.kind == "slot" else ""
    task = turn.domain.tasks[frame.task]
    telling = told_by(turn, frame)
    filling = fill(frame, [*(step.slot for step in task.slots), *telling], turn.understanding, asked)
    if task.items:
        filling = _fill_list(turn, task, task.items, filling, asked)
    if filling.untouched:
        return None
    filling, over = settle_times(turn, task, filling)
    turn.frame = _told_by_timetable(turn, _without_other_records(turn, filling))
    turn.notice()
    turn.understood()
    if filling.filled or filling.changed or filling.emptied:
        turn.state = replace(turn.state, asked=0)  # there is progress, so nobody is stuck
    if filling.emptied:
        denied = [turn.wording.filled(slot, frame.slots[slot], turn.today) for slot in filling.emptied]
        turn.say("taken_back", values="、".join(denied))
    turn.acknowledge(_without(_to_acknowledge(task, filling), telling))
    if over:
        turn.say("time_past")
        return turn.ask(Question("slot", over))
    if filling.problem:
        return _about(turn, filling.problem)
    if filling.unsure:
        mention = filling.unsure
        candidate = SlotValue(mention.value, mention.said, mention.confidence)
        return turn.ask(Question("heard", mention.slot, candidate))
    if filling.ambiguous:
        return _choose(turn, filling)
    return turn.advance()


def _leave_out_absent(turn: TurnContext) -> bool:
    """Say what was looked for and not found, and take it, with the place it was looked for in, for no entry."""
    mentions = turn.understanding.mentions
    absent = [one for one in mentions if one.absent]
    if not absent:
        return False
    turn.understood()
    turn.say("item_absent", item="、".join(dict.fromkeys(one.value or one.said for one in absent)))
    carried = {slot for task in turn.domain.tasks.values() if task.items for slot in task.items.carry}
    kept: list[Mention] = []
    for mention in mentions:
        after = [one for one in mentions if one.start >= mention.end and one.slot not in carried]
        if not mention.absent and not (mention.slot in carried and after and after[0].absent):
            kept.append(mention)
    turn.understanding = replace(turn.understanding, mentions=tuple(kept))
    return True


def _fill_list(turn: TurnContext, task: Task, items: ListOf, filling: Filling, asked: str) -> Filling:
    """Put the entries that were said into the task's list; the last one stays open for what it still needs."""
    heard, names = turn.understanding, items.names
    mentions = [mention for mention in heard.mentions if mention.slot in names]
    one_entry = heard.correcting or filling.frame.at is not None or any(one.negated for one in mentions)
    groups = [mentions] if one_entry else entries_said(items, mentions)
    if mentions and _adds_to_last(task, filling.frame, mentions):
        filling = replace(filling, frame=reopen_entry(task, filling.frame, len(filling.frame.items) - 1))
    for number, group in enumerate(group for group in groups if group):
        frame = filling.frame
        entry = values_of(open_entry(task, frame))
        begins = number > 0 or any(one.slot in entry and entry[one.slot] != one.value for one in group)
        if entry and begins and not one_entry and not lacks(task, frame):
            frame = turn.put_away(task, frame)
            filling = _without(filling, names)
        frame = replace(frame, closed=frame.closed and bool(open_entry(task, frame)))
        filling = fill(frame, names, replace(heard, mentions=tuple(group)), asked, filling)
    return filling


def _adds_to_last(task: Task, frame: Frame, mentions: Sequence[Mention]) -> bool:
    """Whether what was said completes the entry before: 取了活检, 大小0.5厘米."""
    if task.items is None or not frame.items or open_entry(task, frame):
        return False
    needed = {step.slot for step in task.items.slots if step.need == "required"}
    return not any(one.slot in needed for one in mentions)


def _to_acknowledge(task: Task, filling: Filling) -> Filling:
    """Leave out the values of an entry that is about to be read out as a whole; what was another before is said."""
    if task.items is None or filling.unsure or filling.ambiguous or missing_in_entry(task, filling.frame):
        return filling
    shown = _without(filling, task.items.names)
    return shown if filling.frame.at is not None else replace(shown, changed=filling.changed)


def _without(filling: Filling, slots: Collection[str]) -> Filling:
    filled = tuple(name for name in filling.filled if name not in slots)
    return replace(filling, filled=filled, changed=tuple(name for name in filling.changed if name not in slots))


def any_day(turn: TurnContext) -> Decision | None:
    """Look for the nearest free place when any day will do: 越早越好, 下周随便哪天都行."""
    frame, question, heard = turn.frame, turn.state.question, turn.understanding
    if frame is None or question is None or question.kind != "slot" or turn.domain.slots[question.slot].type != "date":
        return None
    chosen = [one for one in heard.mentions if one.slot == question.slot and one.value]
    if chosen or not turn.domain.schedule_slot(frame.task) or not _ANY_DAY.search(heard.text):
        return None
    later = 7 - turn.today.weekday() if _NEXT_WEEK.search(heard.text) else 1
    first = turn.today + timedelta(days=later)
    frame = replace(frame, slots={**frame.slots, question.slot: SlotValue(first.isoformat(), heard.text)})
    turn.understanding = replace(heard, mentions=tuple(one for one in heard.mentions if one.slot != question.slot))
    turn.frame = frame
    turn.understood()
    turn.acknowledge(Filling(frame=frame, filled=(question.slot,)))
    return take_values(turn) or turn.advance()


def name_instead(turn: TurnContext) -> Decision | None:
    """Take a name that was given where something else was asked for, when nothing else is to be made of it."""
    names = tuple(one for one in turn.understanding.named if turn.frame and one.slot in _open_slots(turn))
    if not names or turn.understanding.question:
        return None
    turn.understanding = replace(turn.understanding, mentions=names[:1])
    return take_values(turn)


def _open_slots(turn: TurnContext) -> list[str]:
    frame = turn.frame
    return [name for name in turn.domain.tasks[frame.task].names if name not in frame.slots] if frame else []


def skip(turn: TurnContext) -> Decision | None:
    """Pass over a slot that was only offered."""
    frame, question = turn.frame, turn.state.question
    if frame is None or question is None or question.kind != "slot" or turn.understanding.mentions:
        return None
    offered = turn.domain.tasks[frame.task].offers(question.slot)
    if not offered or question.slot in frame.slots or not any(map(turn.understanding.wants, _PASSES)):
        return None
    turn.frame = replace(frame, skipped=(*frame.skipped, question.slot))
    turn.understood()
    turn.say("skipped", label=turn.domain.slots[question.slot].label)
    return turn.advance()


def change(turn: TurnContext) -> Decision | None:
    """Ask anew for the slot that the user names, or which one it is."""
    frame, question = turn.frame, turn.state.question
    if frame is None:
        return None
    telling = told_by(turn, frame)
    slots = [name for name in turn.understanding.labels if name in {*turn.domain.tasks[frame.task].names, *telling}]
    changing = turn.understanding.wants("change") or turn.understanding.wants("deny")
    names_one = (
        question is not None and question.kind in ("change", "summary") and not turn.understanding.wants("affirm")
    )
    if slots and (changing or names_one):
        turn.understood()
        if slots[0] in telling or turn.domain.slots[slots[0]].type == "record":
            turn.frame = choose_anew(turn, frame, slots[0])
            return turn.advance()
        return turn.ask(Question("slot", slots[0]))
    if turn.understanding.top == "change":
        return turn.ask(Question("change")) if frame.slots else turn.resume()
    return None


def _task_of_values(turn: TurnContext) -> str:
    """Return the task that values said out of the blue belong to, "" for none."""
    domain, heard = turn.domain, turn.understanding
    opened = (domain.slots[m.slot].opens for m in heard.mentions if not m.negated)
    task = domain.task_of(heard.top) or next(filter(None, opened), "")
    if task or heard.top or heard.coverage < MOSTLY_VALUES:
        return task
    slots = {mention.slot for mention in heard.mentions}
    return next((name for name, model in domain.tasks.items() if slots <= set(model.names)), "")


def _without_other_records(turn: TurnContext, filling: Filling) -> Frame:
    """Return the frame without a record that was found by a value which has changed since.

    What it brought with it and nobody asked for goes, too: another half day may have another doctor.
    """
    frame = filling.frame
    changed = {*filling.filled, *filling.changed, *filling.emptied}
    unasked = {step.slot for step in turn.domain.tasks[frame.task].slots if step.need == "optional"}
    for name in turn.domain.tasks[frame.task].names:
        slot = turn.domain.slots[name]
        telling = set(turn.domain.telling(frame.task)) if slot.record else set()
        if not changed & {*slot.match, *telling}:
            continue
        chosen = frame.slots.get(name)
        for other in ((unasked | telling) & set(slot.fills)) - changed:
            if chosen and other in frame.slots and frame.slots[other].said == chosen.said:
                frame = frame.without(other)
        frame = replace(frame.without(name), options=())
    return frame


def _told_by_timetable(turn: TurnContext, frame: Frame) -> Frame:
    """Return the frame with what its values imply: who asks for a doctor need not say the department."""
    slot = turn.domain.schedule_slot(frame.task)
    if not slot:
        return frame
    schedule = turn.domain.schedules[turn.domain.slots[slot].schedule]
    names = [name for name in schedule.slots if name not in schedule.flexible and name not in frame.slots]
    known = {name: frame.slots[name].value for name in schedule.slots if name in frame.slots}
    rows = [row.columns() for row in schedule.rows]
    rows = [row for row in rows if all(row[name] == value for name, value in known.items())]
    for name in names if known else ():
        values = {str(row[name]) for row in rows}
        if len(values) == 1:
            frame = replace(frame, slots={**frame.slots, name: SlotValue(values.pop(), "")})
    return frame


def _about(turn: TurnContext, mention: Mention) -> Decision:
    """Say why a value cannot be used, and ask for another."""
    details = dict(mention.details)
    if mention.problem in _WITH_A_DAY:
        details["day"] = turn.wording.value(mention.slot, details["day"], turn.today)
    turn.say(mention.problem, **details)
    return turn.ask(Question("slot", mention.slot), put=mention.problem not in _ASK_THEMSELVES)


def _choose(turn: TurnContext, filling: Filling) -> Decision:
    slot, values = filling.ambiguous[0].slot, [m.value for m in filling.ambiguous]
    shown = [turn.wording.value(slot, value, turn.today) for value in values]
    turn.say("choose_one", values="、".join(shown))
    decision = turn.ask(Question("slot", slot), put=False)
    return replace(decision, buttons=tuple(QuickReply(text, text) for text in shown))

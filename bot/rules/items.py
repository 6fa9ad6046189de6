"""A list that is being filled: ending it, taking an entry out, going back to one that was wrong."""

from __future__ import annotations

from dataclasses import replace

from bot.domains.parts import Task
from bot.rules.context import TurnContext
from bot.rules.decision import Decision
from bot.rules.lists import find_entry, open_entry, reopen_entry, without_entry
from bot.slots import Mention
from bot.state import Frame, Question

_ENDINGS = ("finish", "deny", "pass")


def remove_item(turn: TurnContext) -> Decision | None:
    """Take out the entry that is spoken of: by its place, by its values, or else the one said last."""
    found = _list_of(turn)
    if found is None:
        return None
    task, frame = found
    heard = turn.understanding
    if heard.top != "remove" and not (heard.place and heard.top == "cancel"):
        return None
    if not heard.deleting or heard.reserved:  # only a word of deleting deletes; a question about it does not
        return None
    mentions = _of_list(turn, task)
    turn.understood()
    if open_entry(task, frame) and not heard.place and find_entry(frame, "", mentions) is None:
        turn.frame = without_entry(task, frame)
        turn.say("item_dropped")
        return turn.advance()
    index = find_entry(frame, heard.place or ("" if mentions else "last"), mentions)
    if index is None:
        turn.say("item_missing", label=task.items.label if task.items else "")
        return turn.resume()
    turn.say("item_removed", number=str(index + 1), item=turn.wording.item(task, frame.items[index], turn.today))
    at = None if frame.at is None else frame.at - (index < frame.at)
    turn.frame = replace(frame, items=(*frame.items[:index], *frame.items[index + 1 :]), at=at)
    return turn.advance()


def read_item(turn: TurnContext) -> Decision | None:
    """Read an entry out again, or say which one is meant when nothing is to be done with it."""
    found = _list_of(turn)
    if found is None or not turn.understanding.place or turn.understanding.deleting or turn.understanding.mentions:
        return None
    task, frame = found
    changing = (
        turn.understanding.correcting
        or turn.understanding.wants("change")
        or turn.understanding.wants("deny")
        or turn.understanding.labels
    )
    index = find_entry(frame, turn.understanding.place, ())
    if index is None or (changing and turn.understanding.top != "repeat"):
        return None
    turn.understood()
    turn.say("item_read", number=str(index + 1), item=turn.wording.item(task, frame.items[index], turn.today))
    return turn.back_to_question()


def correct_item(turn: TurnContext) -> Decision | None:
    """Take a finished entry back when something in it is to be changed; new values are then put into it as usual."""
    found = _list_of(turn)
    if found is None or not found[1].items:
        return None
    task, frame = found
    heard = turn.understanding
    mentions = _of_list(turn, task)
    named = [name for name in heard.labels if task.items and name in task.items.names]
    changing = heard.correcting or heard.wants("change") or heard.wants("deny")
    if open_entry(task, frame) and not heard.place:
        return None
    if not (mentions or named or heard.place) or not (changing or (heard.place and mentions)):
        return None
    index = find_entry(frame, heard.place, mentions)
    if index is None and heard.place:
        turn.understood()
        turn.say("item_missing", label=task.items.label if task.items else "")
        return turn.resume()
    turn.frame = frame = reopen_entry(task, frame, len(frame.items) - 1 if index is None else index)
    if any(frame.slots.get(one.slot) is None or frame.slots[one.slot].value != one.value for one in mentions):
        return None
    turn.understood()
    return turn.ask(Question("slot", named[0]) if named else Question("change"))


def end_items(turn: TurnContext) -> Decision | None:
    """Close the list when the user says that there are no more entries, or, asked for more, simply no."""
    found = _list_of(turn)
    if found is None or turn.understanding.mentions:
        return None
    task, frame = found
    question = turn.state.question
    asked_for_more = question is not None and question.kind == "more"
    if turn.understanding.top != "finish" and not (asked_for_more and any(map(turn.understanding.wants, _ENDINGS))):
        return None
    turn.understood()
    if question is not None and question.kind == "slot" and task.offers(question.slot):
        frame = replace(frame, skipped=(*frame.skipped, question.slot))
    turn.frame = replace(frame, closed=True)
    return turn.advance()


def _list_of(turn: TurnContext) -> tuple[Task, Frame] | None:
    """Return the task at hand and its frame when it fills a list."""
    frame = turn.frame
    task = turn.domain.tasks[frame.task] if frame else None
    return (task, frame) if frame and task and task.items else None


def _of_list(turn: TurnContext, task: Task) -> list[Mention]:
    names = task.items.names if task.items else ()
    return [mention for mention in turn.understanding.mentions if mention.slot in names and mention.value]

"""The list that a task may fill, entry by entry: a frame's open entry, its finished ones, and how they are told apart.

The slots of the open entry lie among the frame's own; when all that it needs is there it is moved to `frame.items`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from bot.domains.parts import ListOf, Task
from bot.slots import Mention
from bot.slots.record import LAST
from bot.state import Frame, SlotValue

Entry = Mapping[str, SlotValue]


def open_entry(task: Task, frame: Frame) -> dict[str, SlotValue]:
    """Return the values of the entry that is being filled; {} when there is none."""
    names = task.items.names if task.items else ()
    return {name: frame.slots[name] for name in names if name in frame.slots}


def values_of(entry: Entry) -> dict[str, str]:
    """Return the normalised values of an entry."""
    return {name: slot.value for name, slot in entry.items()}


def due_values(items: ListOf, entry: Entry) -> dict[str, str]:
    """Return the values of an entry that matter, given each other."""
    values = values_of(entry)
    return {step.slot: values[step.slot] for step in items.due(values) if step.slot in values}


def lacks(task: Task, frame: Frame) -> bool:
    """Whether the open entry still needs a value that is required."""
    entry = values_of(open_entry(task, frame))
    steps = task.items.due(entry) if task.items else []
    return any(step.need == "required" and step.slot not in entry for step in steps)


def close_entry(task: Task, frame: Frame) -> tuple[Frame, int]:
    """Move the open entry to the finished ones; return the frame and the entry's index."""
    entry = open_entry(task, frame)
    index = len(frame.items) if frame.at is None else min(frame.at, len(frame.items))
    items = (*frame.items[:index], entry, *frame.items[index:])
    return replace(without_entry(task, frame), items=items), index


def without_entry(task: Task, frame: Frame) -> Frame:
    """Return the frame with the open entry empty, and what was noted about its slots forgotten."""
    names = set(task.items.names) if task.items else set()
    return replace(
        frame,
        slots={name: value for name, value in frame.slots.items() if name not in names},
        checked=tuple(name for name in frame.checked if name not in names),
        rejected=tuple(pair for pair in frame.rejected if pair[0] not in names),
        skipped=tuple(name for name in frame.skipped if name not in names),
        at=None,
    )


def reopen_entry(task: Task, frame: Frame, index: int) -> Frame:
    """Take a finished entry back into the open; it will return to its place."""
    emptied = without_entry(task, frame)
    items = (*frame.items[:index], *frame.items[index + 1 :])
    offered = tuple(step.slot for step in task.items.slots if step.need == "offered") if task.items else ()
    skipped = (*emptied.skipped, *(name for name in offered if name not in frame.items[index]))
    return replace(emptied, slots={**emptied.slots, **frame.items[index]}, items=items, skipped=skipped, at=index)


def find_entry(frame: Frame, place: str, mentions: Sequence[Mention]) -> int | None:
    """Return the index of the finished entry that is spoken of, None when there is no such one.

    It is told by its `place` (a number from 1, or LAST), else by the values mentioned that it has; of several that
    have them it is the last.
    """
    if place:
        index = len(frame.items) - 1 if place == LAST else int(place) - 1
        return index if 0 <= index < len(frame.items) else None
    best, most = None, 0
    for index, entry in enumerate(frame.items):
        shared = sum(one.slot in entry and entry[one.slot].value == one.value for one in mentions)
        if shared and shared >= most:
            best, most = index, shared
    return best


def entries_said(items: ListOf, mentions: Sequence[Mention]) -> list[list[Mention]]:
    """Divide the mentions of one utterance into entries: a slot that is named again begins the next one.

    升结肠见息肉和憩室 are two of one place, 升结肠和直肠见息肉 one at each of two: what an entry lacks of the slots in
    `carry` it has from the one before, and an entry of nothing else takes the rest from the one after it.
    """
    groups: list[list[Mention]] = []
    for mention in mentions:
        last = groups[-1] if groups else None
        if last is None or any(one.slot == mention.slot and one.value != mention.value for one in last):
            groups.append([mention])
        else:
            last.append(mention)
    for before, group in pairwise(groups):
        while len(before) > 1 and before[-1].slot in items.leads:
            group.insert(0, before.pop())
    groups = _with_additions(items, groups)
    carried = set(items.carry)
    for before, group in pairwise(groups):
        named = {one.slot for one in group}
        group[:0] = [one for one in before if one.slot in carried - named]
    for group, after in reversed(list(pairwise(groups))):
        if {one.slot for one in group} <= carried:
            group += [one for one in after if one.slot not in carried]
    return groups


def _with_additions(items: ListOf, groups: list[list[Mention]]) -> list[list[Mention]]:
    """Return the groups, those that begin no entry joined to the one before: 圈套切除，钛夹夹闭."""
    needed = {step.slot for step in items.slots if step.need == "required"}
    joined: list[list[Mention]] = []
    for group in groups:
        if not joined or any(one.slot in needed for one in group):
            joined.append(group)
            continue
        last = joined[-1]
        for mention in group:
            index = next((place for place, one in enumerate(last) if one.slot == mention.slot), None)
            if index is None:
                last.append(mention)
            elif mention.how != "sound" and "word" in mention.details and "word" in last[index].details:
                both = f"{last[index].value}、{mention.value}"
                last[index] = replace(last[index], value=both, said=both)
    return joined

"""The same task for several people, and what is known from the task that was done before in the conversation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from bot.domains.domain import Domain
from bot.state import Frame, SlotValue

MOST_RUNS = 5

_EACH = re.compile(
    r"各(?:自)?(?:挂|订|约|买|来|要|看|给)?(?:了)?(?:一|1)?(?:个|张|份)|每人(?:挂|订|约|买)?一|一人一(?:个|张)|都(?:各|要|得)?(?:挂|约)(?:一|1)?个"
)
_SEVERAL = re.compile(r"(?P<count>[两二俩三四五])(?:个|口)?(?:人|孩子|老人|大人)|挂(?P<places>[两二三四五])个号")
_COUNTS = dict(zip("两二俩三四五", (2, 2, 2, 3, 4, 5), strict=True))
_SAME = re.compile(r"一样|同样|照(?:着|样|刚才)|也(?:给|帮|替)[^,。]{0,8}?(?:挂|约|订|买)")
_JUST = re.compile(r"刚才|刚刚|刚(?:挂|订|约|买)|方才|上一个")


def runs_wanted(text: str) -> int:
    """Return for how many people a task is wanted: 给我和我老伴各挂一个号 is for two."""
    several = _SEVERAL.search(text)
    if several and several["places"]:
        return _COUNTS[several["places"]]
    if not _EACH.search(text):
        return 1
    return _COUNTS[several["count"]] if several else 2 + text.count("、")


def next_run(domain: Domain, frame: Frame, key: str) -> Frame:
    """Return the frame for the next person: all that was said but the name, and what the place was chosen by."""
    task = domain.tasks[frame.task]
    kept = {name: value for name, value in frame.slots.items() if _is_shared(domain, name) and name in task.names}
    return Frame(frame.task, key, slots=kept, more=frame.more - 1)


def known_from(domain: Domain, task: str, done: Frame | None, text: str) -> Mapping[str, SlotValue]:
    """Return the values that a new run has from the one done before, when the user points back to it."""
    if done is None:
        return {}
    names = {*domain.tasks[task].names, *domain.telling(task)}
    if done.task == task and _SAME.search(text):
        return {name: value for name, value in done.slots.items() if _is_shared(domain, name)}
    records = [name for name in domain.tasks[task].names if domain.slots[name].record]
    if records and _JUST.search(text):
        wanted = set(domain.slots[records[0]].match) | set(domain.telling(task))
        return {name: value for name, value in done.slots.items() if name in wanted & names}
    return {}


def remembered(domain: Domain, frame: Frame, slot: str, done: Frame | None) -> tuple[Frame, SlotValue | None]:
    """Return the frame, with the number of the person who is known filled in, and a value to offer again for `slot`."""
    known = done.slots.get(slot) if done else None
    if done is None or known is None or (slot, known.value) in frame.rejected or slot in frame.checked:
        return frame, None
    kind = domain.slots[slot].type
    adds = domain.actions[domain.tasks[frame.task].action].do == "add"  # who looks up or cancels says who it is
    if kind == "person" and adds and frame.more == done.more == 0:
        return frame, replace(known, said="")
    people = [name for name in frame.slots if domain.slots[name].type == "person"]
    same = any(done.slots.get(name) and done.slots[name].value == frame.slots[name].value for name in people)
    if kind == "phone" and same:
        return replace(frame, slots={**frame.slots, slot: replace(known, said="")}), None
    return frame, None


def _is_shared(domain: Domain, name: str) -> bool:
    """Whether a value holds for the next person too; the place is looked up again, for it may have been the last."""
    return domain.slots[name].type not in ("person", "record")

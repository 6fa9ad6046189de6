"""Saying things: which variant of a phrase, and how values are read out.

Everything is decided by the dialogue's own numbers (the turn, how often a question was put), never by chance, so that
a dialogue played again is the same to the letter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from bot.domains.domain import Domain
from bot.domains.parts import Knowledge, Task
from bot.records.rows import FoundRow
from bot.rules.lists import due_values, open_entry
from bot.slots.model import placeholders
from bot.state import DialogueState, Frame, Question, SlotValue
from bot.turn import QuickReply, Table

_WEEKDAYS = "一二三四五六日"
_NEAR_DAYS = {0: "今天", 1: "明天", 2: "后天"}


def _week(days: str) -> str:
    """Return the days of a timetable in words: 周一三五, 每天."""
    return "每天" if len(days) == len(_WEEKDAYS) else f"周{days}"


def show_day(day: date, today: date) -> str:
    """Return a day as one says it: 明天（11月22日，周日）."""
    plain = f"{day.month}月{day.day}日"
    if day.year != today.year:
        plain = f"{day.year}年{plain}"
    near = _NEAR_DAYS.get((day - today).days)
    weekday = f"周{_WEEKDAYS[day.weekday()]}"
    return f"{near}（{plain}，{weekday}）" if near else f"{plain}（{weekday}）"


class Wording:
    """The phrases of one domain. Immutable."""

    def __init__(self, domain: Domain) -> None:
        """Speak for `domain`."""
        self._domain = domain

    def phrase(self, name: str, turn: int, **values: str) -> str:
        """Return the phrase `name`, its variant chosen by the number of the turn."""
        variants = self._domain.phrases[name]
        return variants[turn % len(variants)].format_map(values)

    def value(self, slot: str, value: str, today: date) -> str:
        """Return a normalised value in the words for it."""
        kind = self._domain.slots[slot].type
        if kind == "date":
            return show_day(date.fromisoformat(value), today)
        return f"{value[:3]} {value[3:7]} {value[7:]}" if kind == "phone" else value

    def filled(self, name: str, slot: SlotValue, today: date) -> str:
        """Return the value of a filled slot in words; a record is known by what was shown of it."""
        return slot.said if self._domain.slots[name].type == "record" else self.value(name, slot.value, today)

    def frame(self, frame: Frame, today: date) -> dict[str, str]:
        """Return the values of a frame that matter, in words, and the title of its task."""
        task = self._domain.tasks[frame.task]
        due = {step.slot for step in task.due(frame.values)}
        values = {name: self.filled(name, slot, today) for name, slot in frame.slots.items() if name in due}
        if task.items:
            lines = (self.item(task, entry, today) for entry in frame.items)
            listed = [f"{number}. {line}" for number, line in enumerate(lines, 1)]
            values["items"] = "\n".join(listed) or task.items.without
            values["entries"] = str(len(frame.items))
        return {**values, "task": task.title}

    def item(self, task: Task, entry: Mapping[str, SlotValue], today: date) -> str:
        """Return an entry of a task's list in words: the parts whose slots it has."""
        if task.items is None:
            return ""
        due = due_values(task.items, entry)
        values = {name: self.value(name, value, today) for name, value in due.items()}
        return "".join(part.format_map(values) for part in task.items.show if placeholders(part) <= values.keys())

    def table(self, frame: Frame, today: date) -> Table | None:
        """Return the list of a frame as a table: a column for each slot that any of its entries has."""
        items = self._domain.tasks[frame.task].items
        if items is None or not frame.items:
            return None
        rows = [
            {name: self.value(name, value, today) for name, value in due_values(items, entry).items()}
            for entry in frame.items
        ]
        used = [name for name in items.names if any(name in row for row in rows)]
        labels = tuple(self._domain.slots[name].label for name in used)
        return Table(items.label, labels, tuple(tuple(row.get(name, "") for name in used) for row in rows))

    def place(self, name: str, values: Mapping[str, str], today: date) -> str:
        """Return a free place of a schedule in words."""
        schedule = self._domain.schedules[name]
        known = {slot: self.value(slot, values[slot], today) for slot in (*schedule.slots, schedule.date)}
        return schedule.show.format_map({**known, "left": values["left"], "note": values["note"]})

    def rows(self, entry: Knowledge, values: Mapping[str, str], found: Sequence[FoundRow]) -> str:
        """Return the answer that the rows of a timetable give, "" when there are none."""
        shown = [entry.show.format_map({**row.values, "days": _week(row.values["days"])}) for row in found]
        return entry.answer.format_map({**values, "rows": "，".join(shown)}) if shown else ""

    def record(self, name: str, values: Mapping[str, str], today: date) -> str:
        """Return a record in words."""
        record = self._domain.records[name]
        words = dict.fromkeys(record.slots, "") | {slot: self.value(slot, v, today) for slot, v in values.items()}
        return record.show.format_map(words)

    def _summary(self, frame: Frame, today: date) -> str:
        values = self.frame(frame, today)
        lines = self._domain.tasks[frame.task].summary.splitlines()
        return "\n".join(line.format_map(values) for line in lines if placeholders(line) <= values.keys())

    def done(self, frame: Frame, turn: int, today: date, found: Sequence[Mapping[str, str]] = ()) -> str:
        """Return what is said when the task of a frame is done, and, of a look-up, the values of what was `found`."""
        action = self._domain.actions[self._domain.tasks[frame.task].action]
        if action.do == "find" and not found:
            return action.none or self.phrase("none_found", turn, task=self._domain.tasks[frame.task].title)
        values = {**self.frame(frame, today), "count": str(len(found))}
        if action.do == "find":
            values["found"] = "\n".join(self.record(action.record, row, today) for row in found)
        elif action.do == "call" and found:
            values |= found[0]
        variants = [text for text in self._domain.tasks[frame.task].done if placeholders(text) <= values.keys()]
        fullest = max(len(placeholders(text)) for text in variants)
        variants = [text for text in variants if len(placeholders(text)) == fullest]
        return variants[turn % len(variants)].format_map(values)

    def ack(self, slots: Sequence[str], hinted: Mapping[str, str], frame: Frame, today: date) -> str:
        """Return the values just understood, in one breath; `hinted` maps slots to the words that hinted at them."""
        parts = []
        for name in slots:
            model = self._domain.slots[name]
            value = self.filled(name, frame.slots[name], today)
            template = model.hint_ack if name in hinted else model.ack
            parts.append(template.format_map({"value": value, "said": hinted.get(name, "")}))
        return "，".join(parts)

    def question(self, state: DialogueState, today: date) -> tuple[str, ...]:
        """Return the bubbles that put the present question; () when there is none."""
        question, frame = state.question, state.frame
        if question is None or frame is None:
            return ()
        if question.kind == "slot":
            variants = self._domain.slots[question.slot].ask
            if frame.options:
                listed = [f"{number}. {option.shown}" for number, option in enumerate(frame.options, 1)]
                return ("\n".join((variants[max(0, state.asked - 1) % len(variants)], *listed)),)
            return (variants[max(0, state.asked - 1) % len(variants)],)
        if question.kind == "heard" and question.candidate:
            value = self.value(question.slot, question.candidate.value, today)
            if not question.candidate.said:
                return (self.phrase("same_again", state.turn, value=value),)
            label, confirm = self._domain.slots[question.slot].label, self._domain.slots[question.slot].confirm
            if confirm:
                return (confirm.format_map({"value": value}),)
            return (self.phrase("confirm_heard", state.turn, value=value, label=label),)
        if question.kind == "more":
            items = self._domain.tasks[frame.task].items
            variants = items.more if items and frame.items else items.ask if items else [""]
            return (variants[(len(frame.items) + max(0, state.asked - 1)) % len(variants)],)
        if question.kind == "summary":
            return self._summary(frame, today), self.phrase("confirm_summary", state.asked)
        if question.kind == "intent":
            return (self.phrase("confirm_cancel", state.turn, task=self._domain.tasks[frame.task].title),)
        return (self.phrase("which_wrong", state.turn),)

    def buttons(self, question: Question | None, frame: Frame | None) -> tuple[QuickReply, ...]:
        """Return the quick replies that go with a question."""
        if question is None or frame is None:
            return tuple(QuickReply(text, text) for text in self._domain.buttons)
        if question.kind == "slot" and frame.options:
            return tuple(QuickReply(o.shown, f"第{'一二三四五六七八九'[i]}个") for i, o in enumerate(frame.options))
        if question.kind == "slot":
            return tuple(QuickReply(text, text) for text in self._domain.slots[question.slot].buttons)
        if question.kind == "summary":
            return QuickReply("确认", "确认"), QuickReply("修改", "修改"), QuickReply("取消", "取消")
        if question.kind == "more":
            items = self._domain.tasks[frame.task].items
            offered = items.buttons[: None if frame.items else 0] if items else []
            return tuple(QuickReply(text, text) for text in offered)
        if question.kind == "change":
            return self._changes(frame)
        return QuickReply("是", "是"), QuickReply("不是", "不是")

    def _changes(self, frame: Frame) -> tuple[QuickReply, ...]:
        """Return what can be changed: the slots of the open entry, else those of the task and the entries."""
        task = self._domain.tasks[frame.task]
        if open_entry(task, frame) and task.items:
            names, entries = list(task.items.names), 0
        else:
            names, entries = [name for name in task.names if name in frame.slots], len(frame.items)
        labels = [self._domain.slots[name].label for name in names]
        labels += [f"第{number}条" for number in range(1, entries + 1)]
        return tuple(QuickReply(label, f"改{label}") for label in labels)

    def idle_help(self, state: DialogueState) -> str:
        """Return what the bot can do, for between tasks."""
        return self.phrase("help", state.turn) if "help" in self._domain.phrases else ""

    def help(self, question: Question | None, frame: Frame | None) -> str:
        """Return how the present question can be answered."""
        if question is None or frame is None:
            return ""
        items = self._domain.tasks[frame.task].items
        if question.kind == "more" and items:
            return items.help
        return self._domain.slots[question.slot].help if question.slot else ""

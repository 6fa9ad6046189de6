"""What a bot can talk about, as checked data: slots, tasks, intents, phrases. reading.py reads it from YAML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from bot.domains.parts import (
    HELPLINES,
    Action,
    Intent,
    Knowledge,
    Name,
    Record,
    Safety,
    Schedule,
    Step,
    Task,
    Timetable,
)
from bot.domains.words import Words
from bot.slots.model import Slot, Strict, Variants, check_placeholders, placeholders

PHRASES: Mapping[str, frozenset[str]] = {
    "greeting": frozenset({"title"}),
    "silent": frozenset(),
    "ack": frozenset({"values"}),
    "changed": frozenset({"values"}),
    "fallback_first": frozenset(),
    "fallback_second": frozenset({"help"}),
    "fallback_idle": frozenset(),
    "stuck": frozenset({"label"}),
    "stuck_summary": frozenset(),
    "cancelled": frozenset({"task"}),
    "confirm_cancel": frozenset({"task"}),
    "go_on": frozenset(),
    "nothing_to_cancel": frozenset(),
    "nothing_to_confirm": frozenset(),
    "confirm_heard": frozenset({"value", "label"}),
    "heard_wrong": frozenset(),
    "choose_one": frozenset({"values"}),
    "which_wrong": frozenset(),
    "confirm_summary": frozenset(),
    "action_failed": frozenset({"task"}),
    "date_past": frozenset({"day", "said"}),
    "date_far": frozenset({"day", "days"}),
    "date_impossible": frozenset({"said"}),
    "date_vague": frozenset({"said"}),
    "date_repeats": frozenset({"said"}),
    "half_day_over": frozenset({"value"}),
    "phone_length": frozenset({"count"}),
    "phone_prefix": frozenset({"number"}),
    "name_incomplete": frozenset({"family"}),
    "name_needed": frozenset(),
    "choice_refused": frozenset({"value", "reason"}),
    "number_small": frozenset({"number", "least"}),
    "number_large": frozenset({"number", "most"}),
    "time_impossible": frozenset({"said"}),
    "time_past": frozenset(),
    "text_long": frozenset({"count", "longest"}),
    "skipped": frozenset({"label"}),
    "taken_back": frozenset({"values"}),
    "back_to": frozenset({"task"}),
    "which_record": frozenset(),
    "none_found": frozenset({"task"}),
    "none_free": frozenset(),
    "backend_dead": frozenset(),
    "hand_off": frozenset(),
    "expired": frozenset({"task"}),
    "which_task": frozenset({"tasks"}),
    "then_task": frozenset({"task", "first"}),
    "place_taken": frozenset(),
    "item_added": frozenset({"number", "item"}),
    "item_changed": frozenset({"number", "item"}),
    "item_removed": frozenset({"number", "item"}),
    "item_dropped": frozenset(),
    "item_missing": frozenset({"label"}),
    "items_few": frozenset({"label", "least"}),
    "items_full": frozenset({"label", "most"}),
    "stuck_more": frozenset({"label"}),
    "alarm_crisis": HELPLINES,
    "alarm_emergency": HELPLINES,
    "alarm_danger": HELPLINES,
    "alarm_fire": HELPLINES,
    "alarm_caution": HELPLINES,
    "alarm_after": frozenset({"task"}),
    "not_known": frozenset(),
    "known_value": frozenset({"label", "value"}),
    "not_yet_known": frozenset({"label"}),
    "refused": frozenset({"values"}),
    "name_titled": frozenset({"family"}),
    "restarted": frozenset(),
    "changing": frozenset({"label"}),
    "puzzled": frozenset({"help"}),
    "several": frozenset({"count"}),
    "next_person": frozenset(),
    "same_again": frozenset({"value"}),
    "choice_unknown": frozenset({"said", "label"}),
    "nothing_to_delete": frozenset(),
    "which_delete": frozenset({"label"}),
    "item_absent": frozenset({"item"}),
    "item_read": frozenset({"number", "item"}),
    "phone_part": frozenset({"said", "left"}),
}
"""The phrases the policy speaks, each with the placeholders it may hold. A domain must have them all."""

COMMON = ("intents", "phrases", "words", "safety")
"""What `extends: common` brings, so that a domain need not write it."""

_FILLED_IN = ("task", "count", "found", "items", "entries")
_LIST_INTENTS = ("remove", "finish")


class Domain(Strict):
    """A whole domain, checked: every name that is referred to exists, every phrase the bot speaks is there.

    A task that nobody has gone on with for `expires_minutes` is put aside.
    """

    name: Name
    title: str
    language: Literal["zh"]
    timezone: str = "Asia/Shanghai"
    extends: str = ""
    buttons: list[str] = Field(default_factory=list)
    expires_minutes: int = Field(default=240, ge=1)
    slots: dict[Name, Slot] = Field(min_length=1)
    tasks: dict[Name, Task] = Field(min_length=1)
    records: dict[Name, Record] = Field(default_factory=dict)
    schedules: dict[Name, Schedule] = Field(default_factory=dict)
    actions: dict[Name, Action]
    intents: dict[Name, Intent]
    phrases: dict[Name, Variants]
    words: Words
    safety: Safety
    knowledge: list[Knowledge] = Field(default_factory=list)

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"{zone!r} is no time zone; write one like Asia/Shanghai") from error
        return zone

    @field_validator("phrases")
    @classmethod
    def _complete(cls, phrases: dict[str, list[str]]) -> dict[str, list[str]]:
        missing = sorted(PHRASES.keys() - phrases.keys())
        if missing:
            raise ValueError(f"missing: {', '.join(missing)}; write them, or begin with `extends: common`")
        for name, variants in phrases.items():
            for variant in variants:
                check_placeholders(variant, PHRASES.get(name, frozenset()), name)
        return phrases

    @model_validator(mode="after")
    def _refers_to_what_exists(self) -> Self:
        for name, task in self.tasks.items():
            _check_known(f"tasks.{name}.intent", task.intent, self.intents)
            self._check_steps(f"tasks.{name}.slots", task.slots)
            self._check_list(name, task)
            returned = self.actions[task.action].returns if task.action in self.actions else []
            for key, text in (("summary", task.summary), *(("done", variant) for variant in task.done)):
                check_placeholders(text, {*task.names, *_FILLED_IN, *returned}, f"tasks.{name}.{key}")
            if not any(placeholders(variant) <= {*task.always(), *_FILLED_IN} for variant in task.done):
                raise ValueError(f"tasks.{name}.done: add a variant without slots that may be empty")
            _check_known(f"tasks.{name}.action", task.action, self.actions)
            action = self.actions[task.action]
            if action.do in ("change", "cancel") and not self.record_slot(name, action.record):
                raise ValueError(f"tasks.{name}.slots: {task.action} needs a slot of type record to know which one")
        self._check_records()
        for name, slot_model in self.slots.items():
            if slot_model.opens:
                _check_known(f"slots.{name}.opens", slot_model.opens, self.tasks)
            if slot_model.day:
                _check_known(f"slots.{name}.day", slot_model.day, self.slots)
        for number, entry in enumerate(self.knowledge):
            self._check_knowledge(f"knowledge.{number}", entry)
        for name, intent in self.intents.items():
            if intent.reply:
                _check_known(f"intents.{name}.reply", intent.reply, self.phrases)
            for example in intent.examples:
                check_placeholders(example, set(self.slots), f"intents.{name}.examples")
        return self

    def _check_knowledge(self, where: str, entry: Knowledge) -> None:
        for text in entry.ask:
            check_placeholders(text, set(self.slots), f"{where}.ask")
        asked = {name for text in entry.ask for name in placeholders(text)}
        facts = {name for known in entry.facts.values() for name in known}
        rows = {"rows"} if entry.schedule else set()
        check_placeholders(entry.answer, {*asked, *facts, *rows}, f"{where}.answer")
        if entry.schedule:
            _check_known(f"{where}.schedule", entry.schedule, self.schedules)
            columns = {*self.schedules[entry.schedule].slots, "days", "note"}
            check_placeholders(entry.show, columns, f"{where}.show")
        if bool(entry.of) != bool(entry.facts):
            raise ValueError(f"{where}: `facts:` are known of the values of a slot; write its name as `of:`")
        if entry.of:
            _check_known(f"{where}.of", entry.of, self.slots)
            values = {value.value: value for value in self.slots[entry.of].values}
            for value in entry.facts:
                _check_known(f"{where}.facts", value, values)

    def _check_records(self) -> None:
        for name, record in self.records.items():
            for slot in (*record.slots, *filter(None, [record.day])):
                _check_known(f"records.{name}", slot, self.slots)
            check_placeholders(record.show, set(record.slots), f"records.{name}.show")
            if record.part_of:
                _check_known(f"records.{name}.part_of", record.part_of, self.records)
        for name, action in self.actions.items():
            if action.do == "call":
                continue
            _check_known(f"actions.{name}.record", action.record, self.records)
            if action.items:
                _check_known(f"actions.{name}.items", action.items, self.records)
                if self.records[action.items].part_of != action.record:
                    raise ValueError(f"actions.{name}.items: write `part_of: {action.record}` in that record")
            for slot in (*action.match, *action.set):
                _check_known(f"actions.{name}", slot, dict.fromkeys(self.records[action.record].slots))
        for name, schedule in self.schedules.items():
            self._check_schedule(f"schedules.{name}", schedule)
        for name, slot_model in self.slots.items():
            if slot_model.type == "record":
                columns = self._columns(f"slots.{name}", slot_model)
                for slot in (*slot_model.match, *slot_model.fills):
                    _check_known(f"slots.{name}", slot, columns)

    def _columns(self, where: str, slot: Slot) -> Mapping[str, object]:
        if slot.record:
            _check_known(f"{where}.record", slot.record, self.records)
            return dict.fromkeys(self.records[slot.record].slots)
        _check_known(f"{where}.schedule", slot.schedule, self.schedules)
        schedule = self.schedules[slot.schedule]
        if schedule.date not in slot.match:
            raise ValueError(f"{where}.match: a place is looked for on a day; add {schedule.date}")
        return dict.fromkeys([*schedule.slots, schedule.date])

    def _check_schedule(self, where: str, schedule: Schedule) -> None:
        _check_known(f"{where}.booked", schedule.booked, self.records)
        for slot in (*schedule.slots, schedule.date):
            _check_known(where, slot, self.slots)
        for slot in (schedule.date, *schedule.flexible):
            _check_known(where, slot, dict.fromkeys([*schedule.slots, schedule.date]))
        check_placeholders(schedule.show, {*schedule.slots, schedule.date, "left", "note"}, f"{where}.show")
        for number, row in enumerate(schedule.rows):
            columns = row.columns()
            for slot in schedule.slots:
                values = {value.value: value for value in self.slots[slot].values}
                _check_known(f"{where}.rows.{number}.{slot}", str(columns.pop(slot, "")), values)
            for name in columns.keys() - set(Timetable.model_fields):
                raise ValueError(f"{where}.rows.{number}: there is no column {name!r}; remove it")

    def _check_list(self, name: str, task: Task) -> None:
        where = f"tasks.{name}.items"
        if task.items is None:
            return
        self._check_steps(f"{where}.slots", task.items.slots)
        for slot in task.items.names:
            if slot in {step.slot for step in task.slots}:
                raise ValueError(f"{where}.slots: {slot} is a slot of the task itself; leave it out in one place")
            if self.slots[slot].type in ("record", "text", "person"):
                raise ValueError(f"{where}.slots: a {self.slots[slot].type} cannot stand in a list; use another type")
        for slot in task.items.carry:
            _check_known(f"{where}.carry", slot, dict.fromkeys(task.items.names))
        for part in task.items.show:
            check_placeholders(part, set(task.items.names), f"{where}.show")
        for intent in _LIST_INTENTS:
            _check_known(f"{where}: a list needs the intent", intent, self.intents)

    def _check_steps(self, place: str, steps: Sequence[Step]) -> None:
        earlier: dict[str, object] = {}
        for index, step in enumerate(steps):
            where = f"{place}.{index}"
            _check_known(where, step.slot, self.slots)
            if step.slot in earlier:
                raise ValueError(f"{where}: {step.slot} stands there twice; remove one")
            for slot, values in step.when.items():
                _check_known(f"{where}.when", slot, earlier)
                listed = {value.value: value for value in self.slots[slot].values}
                for value in values if listed else ():
                    _check_known(f"{where}.when.{slot}", value, listed)
            earlier[step.slot] = step

    def schedule_slot(self, task: str) -> str:
        """Return the slot of a task that chooses a place of a schedule, "" when it has none."""
        return next((name for name in self.tasks[task].names if self.slots[name].schedule), "")

    def record_slot(self, task: str, record: str) -> str:
        """Return the slot of a task that chooses a record of this kind, "" when it has none."""
        return next((name for name in self.tasks[task].names if self.slots[name].record == record), "")

    def telling(self, task: str) -> tuple[str, ...]:
        """Return the slots that tell the records of a task from each other, though it does not ask for them."""
        names = self.tasks[task].names
        tables = [self.records[self.slots[name].record] for name in names if self.slots[name].record]
        return tuple(dict.fromkeys(slot for table in tables for slot in table.slots if slot not in names))

    def task_of(self, intent: str) -> str:
        """Return the name of the task an intent begins, "" when it begins none."""
        return next((name for name, task in self.tasks.items() if task.intent == intent), "")


def _check_known(where: str, name: str, known: Mapping[str, object]) -> None:
    if name not in known:
        raise ValueError(f"{where}: there is no {name!r}; choose one of: {', '.join(known)}")


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a domain's YAML, for editors; what `extends: common` brings need not be written."""
    schema = Domain.model_json_schema()
    schema["title"] = "A domain of Tingshuo's bot"
    schema["required"] = [name for name in schema["required"] if name not in COMMON]
    schema["properties"]["words"] = {**schema["$defs"].pop("Words"), "required": []}  # each list can be replaced alone
    step = {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/Step"}]}
    schema["$defs"]["Task"]["properties"]["slots"]["items"] = step
    schema["properties"] = _with_single_texts(schema["properties"])
    schema["$defs"] = _with_single_texts(schema["$defs"])
    return schema


def _with_single_texts(part: Any) -> Any:
    """Allow a single text wherever a list of them may stand, as the models do."""
    if isinstance(part, list):
        return [_with_single_texts(item) for item in part]
    if not isinstance(part, dict):
        return part
    result = {key: _with_single_texts(value) for key, value in part.items()}
    if result.get("type") == "array" and result.get("items") == {"type": "string"} and "minItems" in result:
        return {"anyOf": [{"type": "string"}, result]}
    return result

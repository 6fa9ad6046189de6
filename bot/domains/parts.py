"""The parts of a domain: tasks with their steps and lists, records, schedules, actions, intents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from bot.slots.model import Strict, Variants, check_pattern

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


HELPLINES = frozenset({"ambulance", "police", "fire", "crisis"})
"""The numbers to call that every country's helplines name."""


class Step(Strict):
    """One slot of a task, and when it is wanted.

    `need`: a `required` slot is asked for until it is filled; an `offered` one once, and the user may pass; an
    `optional` one never, it is taken when it is said. `when` maps earlier slots to the values with which this one
    matters: `when: {kind: 专家号}`. While it does not, the slot is neither asked for nor used. A `late` slot is asked
    for when the task's list is complete.
    """

    slot: str
    need: Literal["required", "offered", "optional"] = "required"
    when: dict[str, Variants] = Field(default_factory=dict)
    late: bool = False


def _step(value: Any) -> Any:
    return {"slot": value} if isinstance(value, str) else value


class Record(Strict):
    """A table: a column for each of `slots`. `show` is how a row is read out, `day` the date after which it is over.

    `part_of` names the record whose rows have several of this one's: the entries of a list.
    """

    slots: list[str] = Field(min_length=1)
    show: str
    day: str = ""
    part_of: str = ""


class Timetable(BaseModel):
    """One line of a schedule: its slots, the `days` of the week (一三五), how many `places`, and a `note` to show."""

    model_config = ConfigDict(extra="allow", frozen=True)

    days: str = Field(default="一二三四五六日", pattern="^[一二三四五六日]+$")
    places: int = Field(ge=0)
    note: str = ""

    def columns(self) -> dict[str, str | int]:
        """Return the values of all columns."""
        return self.model_dump()


class Schedule(Strict):
    """Who or what can be booked when: a weekly timetable, less what is `booked` in a record.

    A place is told by `slots` (of type choice) and the day in the slot `date`. When there is none that day, others
    are offered up to `ahead` days from now; they may differ in the `flexible` slots, the first of them rather than the
    last. `show` reads a place out: it may
    hold the slots, {left} and {note}.
    """

    slots: list[str] = Field(min_length=1)
    date: str
    booked: str
    show: str
    flexible: list[str] = Field(min_length=1)
    ahead: int = Field(default=14, ge=1, le=90)
    rows: list[Timetable] = Field(min_length=1)


class Safety(Strict):
    """Whom to call in a crisis or an emergency: the numbers of each country, and the `country` that the domain is for.

    `numbers` are those of the domain itself (a ward's own line); they come before the country's.
    """

    country: str = "CN"
    helplines: dict[str, dict[str, str]] = Field(min_length=1)
    numbers: dict[str, str] = Field(default_factory=dict)

    def lines(self) -> dict[str, str]:
        """Return the numbers to call: ambulance, police, fire and crisis."""
        return {**self.helplines[self.country], **self.numbers}

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.country not in self.helplines:
            raise ValueError(f"there are no helplines of {self.country!r}; choose one of: {', '.join(self.helplines)}")
        for country, lines in self.helplines.items():
            if missing := sorted(HELPLINES - lines.keys()):
                raise ValueError(f"the helplines of {country} lack {', '.join(missing)}; write them")
        return self


class Knowledge(Strict):
    """Something that is known: an answer and a few wordings of the question that it answers.

    The wordings may hold {slot}: the answer then holds for the value that was asked about, and may hold {slot} too.
    `facts` are what is known of each value of `of`, a slot of type choice: {消化内科: {floor: 三楼}}; the answer may
    hold their names. `schedule` names a timetable instead: its rows with the value that was asked about are read out
    by `show`, and the answer holds them as {rows}.
    """

    ask: list[str] = Field(min_length=1)
    answer: str = Field(min_length=1)
    of: str = ""
    facts: dict[str, dict[str, str]] = Field(default_factory=dict)
    schedule: str = ""
    show: str = ""


class Action(Strict):
    """What is done with a record when a task is finished.

    `add` writes one with the task's values, and with `items` one of that record for each entry of its list. `find`
    finds those whose `match` slots have them (`none` is said when there are none), `change` gives the one that the
    task's slot of type record chose the values of `set`, `cancel` cancels it.

    `call` posts the values to a webhook at `url`, with the secret of the environment variable `secret_env` as bearer
    token; it has `timeout` seconds, and `retries` further tries when it does not answer or answers with an error of
    its own. The task's `done` may hold what it `returns`.
    """

    do: Literal["add", "find", "change", "cancel", "call"]
    record: str = ""
    items: str = ""
    match: list[str] = Field(default_factory=list)
    set: list[str] = Field(default_factory=list)
    none: str = ""
    url: str = Field(default="", pattern="^(https?://.+)?$")
    timeout: float = Field(default=5.0, gt=0, le=60)
    retries: int = Field(default=2, ge=0, le=5)
    secret_env: str = ""
    returns: list[Name] = Field(default_factory=list)

    @model_validator(mode="after")
    def _record_or_url(self) -> Self:
        needed, other = ("url", "record") if self.do == "call" else ("record", "url")
        if not getattr(self, needed) or getattr(self, other):
            raise ValueError(f"an action that does {self.do!r} needs `{needed}:` and takes no `{other}:`")
        return self


def _due(steps: Sequence[Step], values: Mapping[str, str]) -> list[Step]:
    """Return the steps that matter with the values that are known."""
    due: list[Step] = []
    for step in steps:
        known = {one.slot: values.get(one.slot) for one in due}
        if all(known.get(slot) in wanted for slot, wanted in step.when.items()):
            due.append(step)
    return due


Steps = Annotated[list[Annotated[Step, BeforeValidator(_step)]], Field(min_length=1)]


class ListOf(Strict):
    """A list that a task fills: the same slots over and over, until the user says that there are no more.

    `ask` asks for the first entry, `more` for another one; `show` are the parts that an entry is read out by, put
    together without those that hold an empty slot. An entry that does not name one of the slots in `carry` has it
    from the entry before it in the same sentence; those in `leads` stand before what they belong to (疑似肿物).
    `least` and `most` bound the number of entries, `without` is how a list without any is read out.
    """

    label: str = Field(min_length=1)
    slots: Steps
    without: str = ""
    leads: list[str] = Field(default_factory=list)
    ask: Variants
    more: Variants
    help: str
    show: Variants
    carry: list[str] = Field(default_factory=list)
    buttons: list[str] = Field(default_factory=list)
    least: int = Field(default=1, ge=0)
    most: int = Field(default=40, ge=1, le=200)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all slots of an entry, in order."""
        return tuple(step.slot for step in self.slots)

    def due(self, values: Mapping[str, str]) -> list[Step]:
        """Return the steps of an entry that matter with the values that are known."""
        return _due(self.slots, values)


class Notice(Strict):
    """What is said aloud when something was asked for that a task cannot give: `said` is a regular expression."""

    said: str = Field(min_length=1)
    say: str = Field(min_length=1)

    @model_validator(mode="after")
    def _compiles(self) -> Self:
        check_pattern(self.said)
        return self


class Task(Strict):
    """Something the bot gets done: the slots in the order they are asked, the summary to confirm, the action.

    `items` is a list that is filled after the slots. Without a summary nothing is confirmed: for a task that only
    looks something up; its `done` may hold {count} and {found}. With a list, both may hold {items} and {entries}, the
    number of them. Of the summary, lines with a slot that is empty are left out; of `done`, the variants with one.
    `notices` say what was asked for and cannot be had.
    """

    title: str
    intent: str
    slots: Steps
    items: ListOf | None = None
    summary: str = ""
    action: str
    done: Variants
    notices: list[Notice] = Field(default_factory=list)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all slots, in order, those of the list's entries after the task's own."""
        return (*(step.slot for step in self.slots), *(self.items.names if self.items else ()))

    def due(self, values: Mapping[str, str]) -> list[Step]:
        """Return the task's own steps that matter with the values that are known."""
        return _due(self.slots, values)

    def offers(self, slot: str) -> bool:
        """Whether the user may pass over a slot of the task or of its list."""
        steps = (*self.slots, *(self.items.slots if self.items else ()))
        return any(step.slot == slot and step.need == "offered" for step in steps)

    def always(self) -> set[str]:
        """Return the slots that are filled whenever the task is done."""
        return {step.slot for step in self.slots if step.need == "required" and not step.when}


class Intent(Strict):
    """What a user may want.

    `at: start` keywords count only at the beginning of an utterance (yes, no). `reply` names the phrase that answers
    it; `explain` adds the help of the slot being asked for.
    """

    examples: list[str] = Field(default_factory=list)
    keywords: list[str] = Field(default_factory=list)
    at: Literal["anywhere", "start"] = "anywhere"
    reply: str = ""
    explain: bool = False

    @model_validator(mode="after")
    def _recognisable(self) -> Self:
        if not self.examples and not self.keywords:
            raise ValueError("an intent needs `examples:` or `keywords:` to be recognised by")
        return self

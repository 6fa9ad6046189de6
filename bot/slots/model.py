"""One slot as the domain's YAML describes it."""

from __future__ import annotations

import re
from datetime import time
from importlib import import_module
from string import Formatter
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

SlotType = Literal[
    "choice",
    "date",
    "time",
    "number",
    "measure",
    "phone",
    "person",
    "place",
    "yesno",
    "text",
    "pattern",
    "record",
    "custom",
]

AFTER = "…"
"""A cue that begins with this follows its value."""

_OF_TYPE: dict[str, frozenset[str]] = {
    "values": frozenset({"choice", "place", "yesno"}),
    "within_days": frozenset({"date"}),
    "least": frozenset({"number"}),
    "most": frozenset({"number"}),
    "units": frozenset({"number", "measure"}),
    "converts": frozenset({"measure"}),
    "longest": frozenset({"text"}),
    "pattern": frozenset({"pattern"}),
    "others": frozenset({"choice"}),
    "record": frozenset({"record"}),
    "schedule": frozenset({"record"}),
    "fills": frozenset({"record"}),
    "match": frozenset({"record"}),
    "none": frozenset({"record"}),
    "reader": frozenset({"custom"}),
}
"""What may be written only for slots of certain types."""

_NEEDED: dict[str, tuple[str, str]] = {
    "choice": ("values", "list at least one"),
    "measure": ("units", "write the names of the unit that sizes are kept in, like [厘米, 公分]"),
    "pattern": ("pattern", "write a regular expression for the whole value"),
    "custom": ("reader", "write the reader as package.module:Class"),
}


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Variants = Annotated[list[str], BeforeValidator(_listed), Field(min_length=1)]


class Strict(BaseModel):
    """A part of a domain: frozen, and a misspelled key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Value(Strict):
    """One value of a choice: its words, and either why it cannot be had or when its time of day ends.

    `signs` hint at it by two words of one sentence, like 眼睛 眼 / 疼 花 模糊: any of the first with any of the second.
    What is hinted at by them goes before what is hinted at in `over`: 孩子 / 发烧 before the fever of adults.
    """

    value: str = Field(min_length=1)
    synonyms: list[str] = []
    hints: list[str] = []
    signs: list[str] = []
    over: list[str] = []
    patterns: list[str] = []
    refuse: str = ""
    ends: time | None = None

    @field_validator("signs")
    @classmethod
    def _two_sides(cls, signs: list[str]) -> list[str]:
        for sign in signs:
            if len(sides := sign.split("/")) != 2 or not all(side.split() for side in sides):
                raise ValueError(f"{sign!r} is no sign; write words on both sides of a slash, like 眼睛 眼 / 疼 花")
        return signs

    @field_validator("patterns")
    @classmethod
    def _compiles(cls, patterns: list[str]) -> list[str]:
        for pattern in patterns:
            check_pattern(pattern)
        return patterns


class Slot(Strict):
    """One thing a task needs to know, and the words to ask for it with.

    `confirm` asks whether a doubtful value is meant (else the phrase confirm_heard does). `ack` is how a filled value
    is repeated, `hint_ack` the same for one that was only hinted at. `opens` names the task that begins when a value
    is said out of the blue. `day` names the date slot a time of day belongs to. `cues` are words that, directly before
    a value (or after it: …出发), say that it is for this slot and no other of its type: 从 for where a train starts.
    With `only_cued` a value counts only beside one of them, or when it was asked for. A text is found behind its cues
    without having been asked for.

    By type: `values` (choice; place and yesno may have them), `others` (choice: what a value that is not among them
    looks like, as a regular expression in which {surname} is any surname; it is said that there is none),
    `within_days` (date), `least`, `most` and `units` (number), `units` and `converts` (measure: the names of the unit
    that values are kept in, and what others are in it, like {毫米: 0.1}), `longest` (text, in characters), `pattern`
    (pattern: a regular expression for the whole value, in small letters), `record`, `match` and `none` (record: which
    table, the slots whose values its rows must have, and what is said when there is none; `schedule` instead looks for
    free places; `fills` are other slots that get their values from the one that was chosen), `reader` (custom:
    `package.module:Class`, called with the slot's name, a SlotReader).
    """

    type: SlotType
    label: str = Field(min_length=1)
    aliases: list[str] = []
    ask: Variants
    help: str
    confirm: str = ""
    ack: str = "{value}"
    hint_ack: str = "{value}"
    buttons: list[str] = []
    opens: str = ""
    cues: list[str] = []
    only_cued: bool = False
    values: list[Value] = []
    within_days: int | None = Field(default=None, ge=1)
    day: str = ""
    least: int | None = None
    most: int | None = None
    units: list[str] = []
    converts: dict[str, Annotated[float, Field(gt=0)]] = {}
    longest: int | None = Field(default=None, ge=1)
    pattern: str = ""
    others: str = ""
    record: str = ""
    schedule: str = ""
    fills: list[str] = []
    match: list[str] = []
    none: str = ""
    reader: str = ""

    @model_validator(mode="after")
    def _fits_type(self) -> Self:
        if self.type == "record" and bool(self.record) == bool(self.schedule):
            raise ValueError("a slot of type record needs either `record:` or `schedule:`; name one of the domain's")
        if self.type in _NEEDED and not getattr(self, _NEEDED[self.type][0]):
            key, remedy = _NEEDED[self.type]
            raise ValueError(f"a slot of type {self.type} needs `{key}:`; {remedy}")
        for key, types in _OF_TYPE.items():
            if getattr(self, key) not in ("", [], {}, None) and self.type not in types:
                allowed = " or ".join(sorted(types))
                raise ValueError(f"`{key}:` belongs to slots of type {allowed}; a {self.type} takes no `{key}:`")
        names = [value.value for value in self.values]
        if len(set(names)) < len(names):
            raise ValueError(f"{next(n for n in names if names.count(n) > 1)} is listed twice; remove one")
        if self.type == "yesno" and not set(names) <= {"是", "否"}:
            raise ValueError("the values of a yesno are 是 and 否; write other words as their `synonyms:`")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError(f"`least: {self.least}` is more than `most: {self.most}`; exchange them")
        check_placeholders(self.ack, {"value"}, "ack")
        check_placeholders(self.confirm, {"value"}, "confirm")
        check_placeholders(self.hint_ack, {"value", "said"}, "hint_ack")
        return self

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        return check_pattern(pattern)

    @field_validator("reader")
    @classmethod
    def _can_be_imported(cls, reader: str) -> str:
        if reader:
            custom_reader(reader)
        return reader


def custom_reader(entry_point: str) -> type:
    """Return the class that `package.module:Class` names; raises ValueError when there is none."""
    module, _, name = entry_point.partition(":")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"{entry_point!r} cannot be imported ({error}); write package.module:Class") from error
    if not isinstance(found, type) or not hasattr(found, "read"):
        raise ValueError(f"{entry_point!r} is no class with a method `read`; see SlotReader in bot/slots/mention.py")
    return found


def check_pattern(pattern: str) -> str:
    """Return a regular expression that compiles; raises ValueError when it does not."""
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression ({error})") from error
    return pattern


def check_placeholders(text: str, allowed: set[str] | frozenset[str], where: str) -> None:
    """Raise ValueError when `text` has another placeholder than those allowed."""
    try:
        unknown = sorted(placeholders(text) - allowed)
    except ValueError as error:
        raise ValueError(f"{where}: unbalanced braces in {text!r}; write {{name}}") from error
    if unknown:
        options = ", ".join(f"{{{name}}}" for name in sorted(allowed)) or "none"
        raise ValueError(f"{where}: {{{unknown[0]}}} cannot be filled in here; placeholders allowed: {options}")


def placeholders(text: str) -> set[str]:
    """Return the names in braces; raises ValueError when the braces are unbalanced."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}

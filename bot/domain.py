"""What a bot can talk about, read from a YAML file: slots, tasks, intents and phrases.

A domain may say `extends: common`: it then begins with the intents and phrases of bot/domains/common.yaml and
replaces those it names itself. Whatever is wrong is reported with file, line and what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import time
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from bot.errors import DomainInvalid, DomainMissing
from bot.words import Words

_NAMED = re.compile(r"(?P<place>[a-z_]+(?:\.[a-z0-9_]+)*): ")

DOMAINS = Path(__file__).parent / "domains"

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
    "half_day_over": frozenset({"value"}),
    "phone_length": frozenset({"count"}),
    "phone_prefix": frozenset({"number"}),
    "name_incomplete": frozenset({"family"}),
    "name_needed": frozenset(),
    "choice_refused": frozenset({"value", "reason"}),
}
"""The phrases the policy speaks, each with the placeholders it may hold. A domain must have them all."""


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Variants = Annotated[list[str], BeforeValidator(_listed), Field(min_length=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Value(_Strict):
    """One value of a choice: its words, and either why it cannot be had or when its time of day ends."""

    value: str = Field(min_length=1)
    synonyms: list[str] = []
    hints: list[str] = []
    patterns: list[str] = []
    refuse: str = ""
    ends: time | None = None

    @field_validator("patterns")
    @classmethod
    def _compiles(cls, patterns: list[str]) -> list[str]:
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is not a regular expression ({error})") from error
        return patterns


class Slot(_Strict):
    """One thing a task needs to know, and the words to ask for it with.

    `confirm` asks whether a doubtful value is meant (else the phrase confirm_heard does).
    `ack` is how a filled value is repeated, `hint_ack` the same for one that was only hinted at. `opens` names the
    task that begins when a value is said out of the blue. `day` names the date slot a time of day belongs to.
    """

    type: Literal["choice", "date", "phone", "person"]
    label: str = Field(min_length=1)
    aliases: list[str] = []
    ask: Variants
    help: str
    confirm: str = ""
    ack: str = "{value}"
    hint_ack: str = "{value}"
    buttons: list[str] = []
    opens: str = ""
    values: list[Value] = []
    within_days: int | None = Field(default=None, ge=1)
    day: str = ""

    @model_validator(mode="after")
    def _fits_type(self) -> Self:
        if self.type == "choice" and not self.values:
            raise ValueError("a slot of type choice needs `values:`; list at least one")
        if self.type != "choice" and self.values:
            raise ValueError(f"a slot of type {self.type} takes no `values:`; remove them or make it a choice")
        if self.type != "date" and self.within_days is not None:
            raise ValueError("`within_days:` belongs to slots of type date; remove it")
        names = [value.value for value in self.values]
        if len(set(names)) < len(names):
            raise ValueError(f"{next(n for n in names if names.count(n) > 1)} is listed twice; remove one")
        _check_placeholders(self.ack, {"value"}, "ack")
        _check_placeholders(self.confirm, {"value"}, "confirm")
        _check_placeholders(self.hint_ack, {"value", "said"}, "hint_ack")
        return self


class Task(_Strict):
    """Something the bot gets done: the slots in the order they are asked, the summary to confirm, the action."""

    title: str
    intent: str
    slots: list[str] = Field(min_length=1)
    summary: str
    action: str
    done: Variants


class Intent(_Strict):
    """What a user may want.

    `at: start` keywords count only at the beginning of an utterance (yes, no). `reply` names the phrase that answers
    it; `explain` adds the help of the slot being asked for.
    """

    examples: list[str] = []
    keywords: list[str] = []
    at: Literal["anywhere", "start"] = "anywhere"
    reply: str = ""
    explain: bool = False

    @model_validator(mode="after")
    def _recognisable(self) -> Self:
        if not self.examples and not self.keywords:
            raise ValueError("an intent needs `examples:` or `keywords:` to be recognised by")
        return self


class Domain(_Strict):
    """A whole domain, checked: every name that is referred to exists, every phrase the bot speaks is there."""

    name: Name
    title: str
    language: Literal["zh"]
    timezone: str = "Asia/Shanghai"
    extends: str = ""
    buttons: list[str] = []
    slots: dict[Name, Slot] = Field(min_length=1)
    tasks: dict[Name, Task] = Field(min_length=1)
    intents: dict[Name, Intent]
    phrases: dict[Name, Variants]
    words: Words

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
                _check_placeholders(variant, PHRASES.get(name, frozenset()), name)
        return phrases

    @model_validator(mode="after")
    def _refers_to_what_exists(self) -> Self:
        for name, task in self.tasks.items():
            _check_known(f"tasks.{name}.intent", task.intent, self.intents)
            for slot in task.slots:
                _check_known(f"tasks.{name}.slots", slot, self.slots)
            for key, text in (("summary", task.summary), *(("done", variant) for variant in task.done)):
                _check_placeholders(text, {*task.slots, "task"}, f"tasks.{name}.{key}")
        for name, slot_model in self.slots.items():
            if slot_model.opens:
                _check_known(f"slots.{name}.opens", slot_model.opens, self.tasks)
            if slot_model.day:
                _check_known(f"slots.{name}.day", slot_model.day, self.slots)
        for name, intent in self.intents.items():
            if intent.reply:
                _check_known(f"intents.{name}.reply", intent.reply, self.phrases)
            for example in intent.examples:
                _check_placeholders(example, set(self.slots), f"intents.{name}.examples")
        return self

    def task_of(self, intent: str) -> str:
        """Return the name of the task an intent begins, "" when it begins none."""
        return next((name for name, task in self.tasks.items() if task.intent == intent), "")


def _check_known(where: str, name: str, known: Mapping[str, object]) -> None:
    if name not in known:
        raise ValueError(f"{where}: there is no {name!r}; choose one of: {', '.join(known)}")


def _check_placeholders(text: str, allowed: set[str] | frozenset[str], where: str) -> None:
    try:
        fields = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
    except ValueError as error:
        raise ValueError(f"{where}: unbalanced braces in {text!r}; write {{name}}") from error
    unknown = sorted(fields - allowed)
    if unknown:
        options = ", ".join(f"{{{name}}}" for name in sorted(allowed)) or "none"
        raise ValueError(f"{where}: {{{unknown[0]}}} cannot be filled in here; placeholders allowed: {options}")


def domain_names() -> list[str]:
    """Return the names of the domains that are shipped."""
    return sorted(path.stem for path in DOMAINS.glob("*.yaml") if path.stem != "common")


def load_domain(source: str | Path) -> Domain:
    """Load a shipped domain by name, or any by path.

    Raises DomainMissing when there is none, DomainInvalid when it is wrong (with file, line and what to write).
    """
    path = Path(source) if isinstance(source, Path) or str(source).endswith((".yaml", ".yml")) else _shipped(source)
    own, own_node = _read(path)
    data, files = dict(own), [(path, own_node)]
    if base := own.get("extends"):
        base_path = DOMAINS / f"{base}.yaml"
        common, common_node = _read(base_path)
        files.append((base_path, common_node))
        for section in ("intents", "phrases", "words"):
            if isinstance(own.get(section, {}), dict):
                data[section] = {**common.get(section, {}), **(own.get(section) or {})}
    try:
        return Domain.model_validate(data)
    except ValidationError as error:
        raise DomainInvalid(_explain(error, files), file=str(path)) from error


def _shipped(name: str) -> Path:
    if name not in domain_names():
        raise DomainMissing(f"There is no domain {name!r}; choose one of: {', '.join(domain_names())}.", name=name)
    return DOMAINS / f"{name}.yaml"


def _read(path: Path) -> tuple[dict[str, Any], yaml.Node]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DomainMissing(f"{path} cannot be read ({error.strerror}); check the path.", file=str(path)) from error
    except UnicodeDecodeError as error:
        raise DomainInvalid(f"{path} is not UTF-8; save it as UTF-8.", file=str(path)) from error
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(error, "problem", "") or "not YAML"
        raise DomainInvalid(f"{path}, line {line}: {problem}; correct the YAML.", file=str(path), line=line) from error
    if not isinstance(data, dict) or node is None:
        raise DomainInvalid(f"{path}, line 1: a domain is a mapping; begin with `name:`.", file=str(path), line=1)
    return data, node


def _explain(error: ValidationError, files: list[tuple[Path, yaml.Node]]) -> str:
    """Say of every problem in which file and line it is, and what to do."""
    lines = []
    for problem in error.errors():
        message = problem["msg"].removeprefix("Value error, ")
        location = [part for part in problem["loc"] if part != "[key]"]
        if match := _NAMED.match(message):  # a check of the whole domain: it names the place itself
            location += match["place"].split(".")
            message = message[match.end() :]
        path, line = max((_find(path, node, location) for path, node in files), key=lambda found: found[2])[:2]
        if problem["type"] == "missing":
            message = f"`{location[-1]}:` is missing; add it"
        elif problem["type"] == "extra_forbidden":
            message = f"`{location[-1]}:` is not known here; remove it or correct its spelling"
        lines.append(f"{path}, line {line}: {'.'.join(map(str, location)) or 'domain'}: {message}")
    return "\n".join(lines)


def _find(path: Path, node: yaml.Node, location: list[str | int]) -> tuple[Path, int, int]:
    """Return the file, the line (from 1) of the deepest part of `location` that is there, and its depth."""
    line, depth = 1, 0
    for part in location:
        found: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(part):
                    line, found = key.start_mark.line + 1, value
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            found = node.value[part]
            line = found.start_mark.line + 1
        if found is None:
            break
        node, depth = found, depth + 1
    return path, line, depth

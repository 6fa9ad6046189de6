"""Dialogues written down in YAML, played through a bot: what was said, and what is expected to come of it.

A file is a list of dialogues:

    - name: all at once
      now: 2026-11-21T09:00        # optional; the clock stands still at it
      turns:
        - say: 明天上午看消化内科     # typed; `hear:` is the same, but spoken
          slots: {department: 消化内科, date: 2026-11-22}
          asks: patient             # a slot, or heard, summary, change, intent, more, nothing
          items: [{site: 直肠}]      # the entries of the task's list, each with at least these values
          reply: 叫什么              # a part of what the bot says
          actions: []               # exactly these

All expectations are optional; `slots` names only those that matter, and null says that one is empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from sqlmodel import create_engine

from bot.dialogue import Dialogue
from bot.domains.domain import Domain
from bot.errors import DomainInvalid, DomainMissing
from bot.rules.lists import values_of
from bot.state import DialogueState, Frame
from bot.turn import Reply, Utterance

DEFAULT_NOW = datetime(2026, 11, 21, 9, 0)  # noqa: DTZ001 - the zone is the domain's, added when it is played


class Turn(BaseModel):
    """One user turn and what is expected of the bot's answer."""

    model_config = ConfigDict(extra="forbid")

    say: str | None = None
    hear: str | None = None
    slots: dict[str, str | None] = {}
    items: list[dict[str, str | None]] | None = None
    asks: str | None = None
    reply: str | None = None
    actions: list[str] | None = None

    @model_validator(mode="before")
    @classmethod
    def _dates_as_text(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("slots"), dict):
            slots = {name: None if value is None else str(value) for name, value in data["slots"].items()}
            return {**data, "slots": slots}
        return data

    @model_validator(mode="after")
    def _one_way(self) -> Turn:
        if (self.say is None) == (self.hear is None):
            raise ValueError("a turn has either `say:` or `hear:`")
        return self

    @property
    def utterance(self) -> Utterance:
        """What the user says in this turn."""
        return Utterance(self.say) if self.say is not None else Utterance(self.hear or "", "spoken", 0.9)


class Script(BaseModel):
    """A dialogue with its expectations."""

    model_config = ConfigDict(extra="forbid")

    name: str
    now: datetime = DEFAULT_NOW
    turns: list[Turn] = Field(min_length=1)


@dataclass(frozen=True)
class Played:
    """A script that was played: the replies, and a sentence for every expectation that was not met."""

    script: Script
    replies: tuple[Reply, ...]
    failures: tuple[str, ...]


def read_scripts(path: Path) -> list[Script]:
    """Read the dialogues of a file, or of all files of a folder.

    Raises DomainMissing when there are none, DomainInvalid when one is not written as it must be.
    """
    files = sorted(path.glob("*.yaml")) if path.is_dir() else [path] if path.exists() else []
    if not files:
        raise DomainMissing(f"There are no dialogues in {path}; write a YAML file there.", path=str(path))
    scripts: list[Script] = []
    for file in files:
        try:
            scripts += TypeAdapter(list[Script]).validate_python(yaml.safe_load(file.read_text(encoding="utf-8")))
        except (ValidationError, yaml.YAMLError) as error:
            raise DomainInvalid(f"{file}: {error}", file=str(file)) from error
    return scripts


def play(script: Script, domain: Domain) -> Played:
    """Play one dialogue on a database of its own, in memory; the state goes through its stored form at every turn."""
    now = script.now.replace(tzinfo=ZoneInfo(domain.timezone))
    dialogue = Dialogue(domain, create_engine("sqlite://"), clock=lambda: now, new_key=lambda: script.name)
    replies = [dialogue.start()]
    failures: list[str] = []
    for number, turn in enumerate(script.turns, 1):
        state = DialogueState.from_dict(replies[-1].state.to_dict())
        replies.append(dialogue.respond(turn.utterance, state))
        failures += [f"turn {number} ({turn.utterance.text}): {what}" for what in _unmet(turn, replies[-1])]
    return Played(script, tuple(replies), tuple(failures))


def _unmet_items(wanted: list[dict[str, str | None]], frame: Frame | None) -> list[str]:
    there = [values_of(entry) for entry in frame.items] if frame else []
    if len(there) != len(wanted):
        return [f"the list has {len(there)} entries ({there}), expected {len(wanted)}"]
    return [
        f"{name} of entry {number} is {entry.get(name)}, expected {value}"
        for number, (entry, expected) in enumerate(zip(there, wanted, strict=True), 1)
        for name, value in expected.items()
        if entry.get(name) != value
    ]


def _unmet(turn: Turn, reply: Reply) -> list[str]:
    failures = []
    filled = {name: value.value for name, value in reply.state.frame.slots.items()} if reply.state.frame else {}
    for name, value in turn.slots.items():
        if filled.get(name) != value:
            failures.append(f"{name} is {filled.get(name)}, expected {value}")
    if turn.items is not None:
        failures += _unmet_items(turn.items, reply.state.frame)
    question = reply.state.question
    asks = "nothing" if question is None else question.slot if question.kind == "slot" else question.kind
    if turn.asks is not None and asks != turn.asks:
        failures.append(f"asks {asks}, expected {turn.asks}")
    if turn.reply is not None and turn.reply not in "\n".join(reply.texts):
        failures.append(f"says {' | '.join(reply.texts)!r}, expected {turn.reply!r} in it")
    if turn.actions is not None and list(reply.actions) != turn.actions:
        failures.append(f"does {list(reply.actions)}, expected {turn.actions}")
    return failures

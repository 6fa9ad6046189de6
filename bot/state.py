"""The state of a dialogue: a plain, frozen value that goes to JSON and back.

Nothing here depends on the domain's Python objects: slots are strings in their normalised form (a choice's value,
an ISO 8601 date, eleven digits), so a stored dialogue survives a restart and an update of the domain's wording.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, cast, get_args

from bot.errors import StateInvalid, StateTooNew

STATE_VERSION = 1

QuestionKind = Literal["slot", "heard", "summary", "change", "intent", "more"]


@dataclass(frozen=True)
class SlotValue:
    """A filled slot: the normalised `value`, the words it was `said` with, and how sure that was (0 to 1)."""

    value: str
    said: str = ""
    confidence: float = 1.0


@dataclass(frozen=True)
class Question:
    """What the bot asked last, and therefore how the next utterance is to be read.

    `slot`: the value of a slot, with the part of a number said so far as `candidate`;
    `heard`: whether `candidate` is what the user said for `slot`; `summary`: whether
    the whole frame is right; `change`: which slot of the frame is wrong; `intent`: whether the user meant `intent`
    (`slot` is then the one whose question it interrupts); `more`: the next entry of the task's list.
    """

    kind: QuestionKind
    slot: str = ""
    candidate: SlotValue | None = None
    intent: str = ""


@dataclass(frozen=True)
class Option:
    """A record that a slot may be filled with: its number, how it is shown, and its values."""

    id: str
    shown: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class Frame:
    """One run through a task: what has been collected so far.

    `key` is unique to this run and makes its action idempotent. `checked` names the slots for which the user has
    been asked "did you say ...?": never twice. `rejected` holds (slot, value) pairs the user has said no to.
    `skipped` names slots that were offered and passed over, `options` are
    the records to choose one of. `items` are the finished entries of the task's list, `closed` says that there are
    no more, and `at` where an entry that was taken back for a change belongs. `more` is for how many
    further people the same is to be done.
    """

    task: str
    key: str
    slots: Mapping[str, SlotValue] = field(default_factory=dict)
    checked: tuple[str, ...] = ()
    rejected: tuple[tuple[str, str], ...] = ()
    skipped: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    items: tuple[Mapping[str, SlotValue], ...] = ()
    closed: bool = False
    at: int | None = None
    more: int = 0

    @property
    def values(self) -> dict[str, str]:
        """The normalised values of the filled slots."""
        return {name: slot.value for name, slot in self.slots.items()}

    def without(self, slot: str) -> Frame:
        """Return the frame with `slot` empty."""
        return replace(self, slots={name: value for name, value in self.slots.items() if name != slot})


@dataclass(frozen=True)
class DialogueState:
    """Where a dialogue stands. `frames` is a stack, the current task last; `turn` counts the user's turns.

    `misunderstood` counts turns in a row that could not be used, `asked` how often in a row the present question
    has been put. `last_texts` and `last_buttons` are what the bot said last, for a user who asks to hear it again.
    `touched` is the time of the last turn (ISO 8601); `history` holds the last turns as (role, text) where another
    bot must be told. `done` is the task that was done last, for a user who points back to it.
    """

    domain: str
    key: str
    turn: int = 0
    frames: tuple[Frame, ...] = ()
    question: Question | None = None
    misunderstood: int = 0
    asked: int = 0
    last_texts: tuple[str, ...] = ()
    last_buttons: tuple[tuple[str, str], ...] = ()
    touched: str = ""
    history: tuple[tuple[str, str], ...] = ()
    done: Frame | None = None

    @property
    def frame(self) -> Frame | None:
        """The task being worked on; None between tasks."""
        return self.frames[-1] if self.frames else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, strings and numbers, ready for JSON."""
        return {"version": STATE_VERSION, **asdict(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> DialogueState:
        """Rebuild what `to_dict` gave.

        Raises StateTooNew when a later version wrote it, StateInvalid when it is damaged.
        """
        version = data.get("version") if isinstance(data, Mapping) else None
        if not isinstance(version, int):
            raise StateInvalid("The stored dialogue has no version number; begin a new one.")
        if version > STATE_VERSION:
            raise StateTooNew(
                f"The stored dialogue has version {version}, this program reads up to {STATE_VERSION}; update it.",
                version=version,
            )
        try:
            return cls(
                domain=str(data["domain"]),
                key=str(data["key"]),
                turn=int(data["turn"]),
                frames=tuple(_frame(frame) for frame in data["frames"]),
                question=_question(data["question"]),
                misunderstood=int(data["misunderstood"]),
                asked=int(data["asked"]),
                last_texts=tuple(str(text) for text in data["last_texts"]),
                last_buttons=tuple((str(title), str(text)) for title, text in data["last_buttons"]),
                touched=str(data.get("touched", "")),
                done=None if data.get("done") is None else _frame(data["done"]),
                history=tuple((str(role), str(text)) for role, text in data.get("history", ())),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise StateInvalid(f"The stored dialogue is damaged ({error!r}); begin a new one.") from error


def _value(data: Mapping[str, Any]) -> SlotValue:
    return SlotValue(str(data["value"]), str(data["said"]), float(data["confidence"]))


def _question(data: Mapping[str, Any] | None) -> Question | None:
    if data is None:
        return None
    if data["kind"] not in get_args(QuestionKind):
        raise ValueError(f"unknown question {data['kind']!r}")
    candidate = data["candidate"]
    return Question(
        kind=cast(QuestionKind, data["kind"]),
        slot=str(data["slot"]),
        candidate=None if candidate is None else _value(candidate),
        intent=str(data["intent"]),
    )


def _frame(data: Mapping[str, Any]) -> Frame:
    return Frame(
        task=str(data["task"]),
        key=str(data["key"]),
        slots={str(name): _value(value) for name, value in data["slots"].items()},
        checked=tuple(str(name) for name in data["checked"]),
        rejected=tuple((str(slot), str(value)) for slot, value in data["rejected"]),
        skipped=tuple(str(name) for name in data.get("skipped", ())),
        options=tuple(_option(option) for option in data.get("options", ())),
        items=tuple({str(name): _value(value) for name, value in entry.items()} for entry in data.get("items", ())),
        closed=bool(data.get("closed", False)),
        at=None if data.get("at") is None else int(data["at"]),
        more=int(data.get("more", 0)),
    )


def _option(data: Mapping[str, Any]) -> Option:
    values = {str(name): str(value) for name, value in data["values"].items()}
    return Option(id=str(data["id"]), shown=str(data["shown"]), values=values)

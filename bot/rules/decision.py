"""What the policy hands back for one turn: the next state, the words, and the action to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bot.domains.parts import Knowledge
from bot.state import DialogueState
from bot.turn import QuickReply, Table


@dataclass(frozen=True)
class ActionCall:
    """An action to run: its name in the domain, the frame's values, and a key that is the same when it is retried.

    `items` are the values of the entries of the task's list.
    With `slot` it is no action but the look-up of the records that this slot may be filled with, with `knowledge` that
    of the rows of a timetable which answer a question.
    """

    task: str
    action: str
    key: str
    values: Mapping[str, str]
    slot: str = ""
    items: tuple[Mapping[str, str], ...] = ()
    knowledge: Knowledge | None = None


@dataclass(frozen=True)
class Prefill:
    """A task to begin, and texts to read values for some of its slots from."""

    task: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class Decision:
    """The next state, what to say and show, and the action to run first (then `Policy.finish` or `failed`)."""

    state: DialogueState
    texts: tuple[str, ...] = ()
    buttons: tuple[QuickReply, ...] = ()
    run: ActionCall | None = None
    cards: tuple[Table, ...] = ()
    alarm: str = ""

    def remembered(self) -> Decision:
        """Return the same, with what is said kept in the state for a user who asks to hear it again."""
        if not self.texts:
            return self
        buttons = tuple((button.title, button.text) for button in self.buttons)
        return replace(self, state=replace(self.state, last_texts=self.texts, last_buttons=buttons))

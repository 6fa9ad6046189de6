"""One turn of a dialogue: what the user said, and what the bot answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bot.state import DialogueState

Source = Literal["typed", "spoken"]


@dataclass(frozen=True)
class Utterance:
    """What the user said in one turn.

    `confidence` is the recogniser's mean probability, 0 to 1 (1.0 when typed). `alternatives` holds, for every
    character of `text`, the candidates as (character, probability), most probable first; empty when typed or
    when the recogniser gives none.
    """

    text: str
    source: Source = "typed"
    confidence: float = 1.0
    alternatives: tuple[tuple[tuple[str, float], ...], ...] = ()


@dataclass(frozen=True)
class QuickReply:
    """A button under a reply: it shows `title`, and pressing it sends `text` as a typed utterance."""

    title: str
    text: str


@dataclass(frozen=True)
class Table:
    """What is better seen in rows: a `title`, the names of the columns, and rows of as many plain texts each."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Image:
    """A picture: its bytes, their type (image/png, ...), and what stands for it where it is not shown."""

    data: bytes
    media_type: str
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """The bot's answer: one bubble for each of `texts` (plain text), and the state to hand in with the next turn.

    `cards` are shown after the texts, a bubble each. `actions` names what was done on the way (for tests and logs),
    successful actions only. `alarm` is the kind of emergency that was heard ("" for none), so that a person can be
    called to look: crisis, emergency, danger or fire.
    """

    texts: tuple[str, ...]
    quick_replies: tuple[QuickReply, ...] = ()
    state: DialogueState
    cards: tuple[Table | Image, ...] = ()
    actions: tuple[str, ...] = ()
    alarm: str = ""

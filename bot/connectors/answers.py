"""What another bot answers, made safe to show: plain texts, quick replies, pictures, bounded in number and length."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from bot.connectors.exchange import Exchange
from bot.rules.decision import Prefill
from bot.state import DialogueState
from bot.turn import Image, QuickReply, Utterance

MAX_TEXTS, MAX_TEXT = 8, 2000
MAX_BUTTONS, MAX_TITLE, MAX_PAYLOAD = 12, 40, 500
MAX_IMAGES = 4


@dataclass(frozen=True)
class Answer:
    """What another bot says; with `hand_over` it wants the built-in one to answer, `begin` names a task for it."""

    texts: tuple[str, ...] = ()
    buttons: tuple[QuickReply, ...] = ()
    images: tuple[Image, ...] = ()
    hand_over: bool = False
    begin: Prefill | None = None


class Connector(Protocol):
    """Another bot. Safe to share between threads."""

    def ask(self, utterance: Utterance, state: DialogueState) -> Answer:
        """Return its answer to one utterance of a conversation; raises BackendFailed."""
        ...


@dataclass
class Collected:
    """An answer being put together from the messages of a backend."""

    exchange: Exchange
    texts: list[str] = field(default_factory=list)
    buttons: list[QuickReply] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)

    def text(self, text: object) -> None:
        """Add a text; anything else and empty ones are left out."""
        if isinstance(text, str) and (plain := text.strip()) and len(self.texts) < MAX_TEXTS:
            self.texts.append(plain[:MAX_TEXT])

    def button(self, title: object, payload: object) -> None:
        """Add a quick reply; one without a title is left out."""
        sent = payload if isinstance(payload, str) and payload.strip() else title
        if isinstance(title, str) and title.strip() and isinstance(sent, str) and len(self.buttons) < MAX_BUTTONS:
            self.buttons.append(QuickReply(title.strip()[:MAX_TITLE], sent[:MAX_PAYLOAD]))

    def image(self, url: object, text: str = "") -> None:
        """Add a picture of the backend's own server; one from elsewhere is left out."""
        if isinstance(url, str) and len(self.images) < MAX_IMAGES and (picture := self.exchange.image(url, text)):
            self.images.append(picture)

    def answer(self, *, hand_over: bool = False) -> Answer:
        """Return what was put together."""
        return Answer(tuple(self.texts), tuple(self.buttons), tuple(self.images), hand_over)


def mappings(value: object) -> Iterable[Mapping[str, Any]]:
    """Return the mappings among the items of a list; () for what is no list."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else ()

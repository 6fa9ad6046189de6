"""Other bots behind the same door: a Rasa assistant, a language model, any webhook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import httpx

from bot.connectors.completions import CompletionsConnector
from bot.connectors.connected import ConnectedDialogue, Role
from bot.connectors.exchange import Exchange
from bot.connectors.rasa import RasaConnector
from bot.connectors.webhook import WebhookConnector
from bot.dialogue import Dialogue

Kind = Literal["rasa", "openai", "webhook"]

__all__ = ["Backend", "ConnectedDialogue", "Kind", "Role", "connect"]


@dataclass(frozen=True)
class Backend:
    """Another bot: where it is, how it is spoken to, and whether it answers first or only stands in."""

    kind: Kind
    url: str
    key: str = ""
    model: str = ""
    timeout: float = 10.0
    role: Role = "front"


def connect(dialogue: Dialogue, backend: Backend, transport: httpx.BaseTransport | None = None) -> ConnectedDialogue:
    """Return `dialogue` with `backend` before or behind it; nothing is asked yet."""
    exchange = Exchange(backend.url, timeout=backend.timeout, key=backend.key, transport=transport)
    match backend.kind:
        case "rasa":
            return ConnectedDialogue(dialogue, RasaConnector(exchange), backend.role)
        case "openai":
            model = CompletionsConnector(exchange, backend.model, dialogue.domain)
            return ConnectedDialogue(dialogue, model, backend.role)
        case "webhook":
            return ConnectedDialogue(dialogue, WebhookConnector(exchange), backend.role)

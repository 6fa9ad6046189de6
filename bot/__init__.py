"""A task-oriented dialogue bot that knows its text may come from a recogniser."""

from __future__ import annotations

from bot.connectors import Backend
from bot.dialogue import Dialogue, open_dialogue
from bot.dialogues import Dialogues, DomainCard, open_dialogues
from bot.domains.domain import Domain
from bot.domains.reading import domain_names, load_domain
from bot.errors import BotError, DomainMissing
from bot.state import DialogueState
from bot.turn import Image, QuickReply, Reply, Table, Utterance

__all__ = [
    "Backend",
    "BotError",
    "Dialogue",
    "DialogueState",
    "Dialogues",
    "Domain",
    "DomainCard",
    "DomainMissing",
    "Image",
    "QuickReply",
    "Reply",
    "Table",
    "Utterance",
    "domain_names",
    "load_domain",
    "open_dialogue",
    "open_dialogues",
]

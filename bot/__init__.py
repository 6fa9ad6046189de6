"""A task-oriented dialogue bot that knows its text may come from a recogniser."""

from __future__ import annotations

from bot.errors import BotError
from bot.state import DialogueState
from bot.turn import QuickReply, Reply, Utterance

__all__ = ["BotError", "DialogueState", "QuickReply", "Reply", "Utterance"]

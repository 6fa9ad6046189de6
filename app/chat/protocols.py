"""What a conversation asks of a bot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bot import DialogueState, DomainCard, Reply, Utterance


class Dialogue(Protocol):
    """Utterance to reply; bot.Dialogues is one."""

    @property
    def cards(self) -> Sequence[DomainCard]:
        """The domains that a conversation can be begun in, the default first."""
        ...

    def start(self, domain: str = "") -> Reply:
        """Return the greeting and a fresh state in `domain`, "" for the default; raises DomainMissing."""
        ...

    def respond(self, utterance: Utterance, state: DialogueState) -> Reply:
        """Return the answer and the next state; called from several threads at once."""
        ...

    def lexicon(self, state: DialogueState) -> Sequence[str]:
        """Return the words to expect in the next utterance."""
        ...

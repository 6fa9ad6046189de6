"""Several bots behind one door: each conversation stays with the domain it was begun in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from bot.connectors import Backend, ConnectedDialogue, connect
from bot.dialogue import Clock, Dialogue, open_dialogue
from bot.domains.reading import domain_names
from bot.errors import DomainMissing
from bot.state import DialogueState
from bot.turn import Reply, Utterance


@dataclass(frozen=True)
class DomainCard:
    """What a user chooses a domain by."""

    name: str
    title: str
    timezone: str  # in which its "tomorrow" begins, such as Asia/Shanghai


class Dialogues:
    """The dialogues of several domains. It holds nothing of a conversation; safe to share between threads."""

    def __init__(self, dialogues: Iterable[Dialogue | ConnectedDialogue]) -> None:
        """Offer `dialogues`, the first of them to who does not choose; of two of one name the first is taken."""
        self._dialogues: dict[str, Dialogue | ConnectedDialogue] = {}
        for dialogue in dialogues:
            self._dialogues.setdefault(dialogue.domain.name, dialogue)
        self.default = next(iter(self._dialogues))

    @property
    def cards(self) -> tuple[DomainCard, ...]:
        """The domains there are, the default first."""
        return tuple(DomainCard(name, one.domain.title, one.domain.timezone) for name, one in self._dialogues.items())

    def start(self, domain: str = "") -> Reply:
        """Begin a conversation in `domain` ("" for the default): the greeting; raises DomainMissing."""
        return self._dialogue(domain or self.default).start()

    def respond(self, utterance: Utterance, state: DialogueState) -> Reply:
        """Answer in the domain that the conversation is in; one that is no longer there begins anew in the default."""
        return self._of(state).respond(utterance, state)

    def lexicon(self, state: DialogueState) -> tuple[str, ...]:
        """Return the words to expect next; see Dialogue.lexicon."""
        return self._of(state).lexicon(state)

    def _of(self, state: DialogueState) -> Dialogue | ConnectedDialogue:
        return self._dialogues.get(state.domain) or self._dialogues[self.default]

    def _dialogue(self, name: str) -> Dialogue | ConnectedDialogue:
        if name not in self._dialogues:
            known = ", ".join(self._dialogues)
            raise DomainMissing(f"There is no domain {name!r} here; choose one of: {known}.", name=name)
        return self._dialogues[name]


def open_dialogues(
    default: str | Path = "clinic",
    database: Path | Engine = Path("data/bookings.db"),
    clock: Clock | None = None,
    backend: Backend | None = None,
) -> Dialogues:
    """Return the dialogues of all shipped domains, and of `default`, which may be the path of another.

    With `backend` another bot has its say in each of them.

    Raises DomainMissing, DomainInvalid or ActionUnknown when one of them cannot be used.
    """
    first = open_dialogue(default, database, clock)
    others = [name for name in domain_names() if name != first.domain.name]
    dialogues = [first, *(open_dialogue(name, database, clock) for name in others)]
    return Dialogues([connect(one, backend) for one in dialogues] if backend else dialogues)

"""The bot as its users see it: `start`, then `respond` to one utterance after another."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Engine
from sqlmodel import create_engine

from bot.actions import ActionRunner
from bot.decision import Decision
from bot.domain import Domain
from bot.domain_file import load_domain
from bot.errors import ActionFailed, PlaceTaken
from bot.lexicon import lexicon
from bot.nlu import Nlu
from bot.policy import Policy
from bot.state import DialogueState
from bot.turn import Reply, Utterance

_log = logging.getLogger(__name__)

Clock = Callable[[], datetime]


class Dialogue:
    """A bot for one domain. It holds nothing of a conversation: that is in the state. Safe to share between threads."""

    def __init__(
        self,
        domain: Domain,
        database: Path | Engine,
        clock: Clock | None = None,
        new_key: Callable[[], str] = lambda: secrets.token_hex(8),
        *,
        phonetic: bool = True,
    ) -> None:
        """Speak about `domain` and act on `database` (an SQLite file, made with its folder when absent, or an engine).

        `clock` gives the present time with its zone (default: now, in the domain's zone); `new_key` names a new
        conversation. `phonetic` off takes what was spoken by its spelling only, to measure what matching by sound
        gives. Raises ActionUnknown when a task of the domain names an action that does not exist.
        """
        self.domain = domain
        self._nlu = Nlu(domain, phonetic=phonetic)
        self._policy = Policy(domain)
        self._actions = ActionRunner(domain, _engine(database) if isinstance(database, Path) else database)
        self._clock: Clock = clock or (lambda: datetime.now(ZoneInfo(domain.timezone)))
        self._new_key = new_key

    def prepare(self) -> None:
        """Make the tables of the domain before the first action needs them, so that an operator finds them there."""
        self._actions.prepare()

    def start(self) -> Reply:
        """Begin a conversation: the greeting."""
        return _reply(self._policy.start(DialogueState(domain=self.domain.name, key=self._new_key())))

    def respond(self, utterance: Utterance, state: DialogueState) -> Reply:
        """Answer one utterance; any text is answered, none raises.

        The same utterance, state and time give the same reply. A state of another domain, or of one that has since
        lost the tasks or slots it speaks of, is begun anew.
        """
        if not self._fits(state):
            state = self.start().state
        now = self._clock()
        asked = state.question.slot if state.question and state.question.kind != "summary" else ""
        decision = self._policy.decide(state, self._nlu.understand(utterance, asked, now))
        done: list[str] = []
        while (run := decision.run) is not None:  # a look-up may be followed by another, of the task returned to
            try:
                found = self._actions.run(run, now)
            except PlaceTaken:
                decision = self._policy.taken(decision, now)
            except ActionFailed:
                _log.exception("action %s failed", run.action or run.slot)
                return _reply(self._policy.failed(decision, now), *done)
            else:
                done += filter(None, [run.action])
                decision = self._policy.finish(decision, found, now)
        return _reply(decision, *done)

    def lexicon(self, state: DialogueState) -> tuple[str, ...]:
        """Return the words to expect in the next utterance, the likeliest first: they narrow with what is asked."""
        return lexicon(self.domain, state if self._fits(state) else DialogueState(self.domain.name, ""))

    def _fits(self, state: DialogueState) -> bool:
        slots = {slot for frame in state.frames for slot in frame.slots} | (
            {state.question.slot} if state.question else set()
        )
        return (
            state.domain == self.domain.name
            and all(frame.task in self.domain.tasks for frame in state.frames)
            and slots - {""} <= self.domain.slots.keys()
        )


def open_dialogue(
    domain_name: str | Path = "clinic", database: Path | Engine = Path("data/bookings.db"), clock: Clock | None = None
) -> Dialogue:
    """Return the dialogue of a shipped domain by name, or of any by path.

    Raises DomainMissing, DomainInvalid or ActionUnknown when the domain cannot be used.
    """
    dialogue = Dialogue(load_domain(domain_name), database, clock)
    dialogue.prepare()
    return dialogue


def _engine(path: Path) -> Engine:
    path.parent.mkdir(parents=True, exist_ok=True)
    return create_engine(f"sqlite:///{path}")


def _reply(decision: Decision, *actions: str) -> Reply:
    return Reply(
        texts=decision.texts,
        quick_replies=decision.buttons,
        state=decision.state,
        cards=decision.cards,
        actions=actions,
    )

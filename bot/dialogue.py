"""The bot as its users see it: `start`, then `respond` to one utterance after another."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Engine
from sqlmodel import create_engine

from bot.domains.domain import Domain
from bot.domains.reading import load_domain
from bot.errors import ActionFailed, PlaceTaken
from bot.policy import Policy
from bot.records.actions import ActionRunner
from bot.rules.decision import Decision, Prefill
from bot.state import DialogueState
from bot.turn import Reply, Utterance
from bot.understanding.lexicon import lexicon
from bot.understanding.nlu import Nlu

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
        started = self._policy.start(DialogueState(domain=self.domain.name, key=self._new_key()))
        return _reply(started, self._clock())

    def respond(self, utterance: Utterance, state: DialogueState) -> Reply:
        """Answer one utterance; any text is answered, none raises.

        The same utterance, state and time give the same reply. A state of another domain, or of one that has since
        lost the tasks or slots it speaks of, is begun anew.
        """
        now = self._clock()
        state, note = self._current(state, now)
        asked = state.question.slot if state.question and state.question.kind != "summary" else ""
        decision = self._policy.decide(state, self._nlu.understand(utterance, asked, now))
        reply = self._carry_out(decision, now)
        return replace(reply, texts=(*note, *reply.texts))

    def alarmed_by(self, utterance: Utterance) -> bool:
        """Whether there are words of a crisis or an emergency in an utterance."""
        alarm = self._nlu.alarm(utterance)
        return alarm is not None and alarm.kind != "caution"

    def begin(self, wanted: Prefill, state: DialogueState) -> Reply:
        """Begin a task that somebody else has understood is wanted, and ask for what is missing.

        The texts for its slots are read like typed answers: what cannot be read is asked for.
        """
        now = self._clock()
        state, _ = self._current(state, now)
        return self._carry_out(self._policy.begin(state, wanted.task, self._nlu.read(wanted.values, now)), now)

    def question(self, state: DialogueState) -> tuple[str, ...]:
        """Return the bubbles that put the present question; () when there is none."""
        return self._policy.question(state, self._clock().date())

    def phrase(self, name: str, state: DialogueState) -> str:
        """Return a phrase of the domain that has nothing to fill in."""
        return self._policy.phrase(name, state)

    def _carry_out(self, decision: Decision, now: datetime) -> Reply:
        """Run the actions that `decision` leads to and return the answer; a failed action is told of in it."""
        done: list[str] = []
        while (run := decision.run) is not None:  # a look-up may be followed by another, of the task returned to
            try:
                found = self._actions.run(run, now)
            except PlaceTaken:
                decision = self._policy.taken(decision, now)
            except ActionFailed:
                _log.exception("action %s failed", run.action or run.slot)
                decision = self._policy.failed(decision, now)
            else:
                done += filter(None, [run.action])
                decision = self._policy.finish(decision, found, now)
        return _reply(decision, now, *done)

    def _current(self, state: DialogueState, now: datetime) -> tuple[DialogueState, tuple[str, ...]]:
        """Return the state to go on from, and what there is to say about it: begun anew, or a task put aside."""
        if not self._fits(state):
            return self.start().state, ()
        touched = _moment(state.touched)
        if touched is None or now - touched < timedelta(minutes=self.domain.expires_minutes) or not state.frames:
            return state, ()
        titles = dict.fromkeys(self.domain.tasks[frame.task].title for frame in reversed(state.frames))
        note = self._policy.phrase("expired", state, task="和".join(titles))
        return DialogueState(self.domain.name, self._new_key(), turn=state.turn, history=state.history), (note,)

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


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _reply(decision: Decision, now: datetime, *actions: str) -> Reply:
    state = replace(decision.state, touched=now.isoformat(timespec="seconds"))
    return Reply(
        texts=decision.texts,
        quick_replies=decision.buttons,
        state=state,
        cards=decision.cards,
        actions=actions,
        alarm=decision.alarm,
    )

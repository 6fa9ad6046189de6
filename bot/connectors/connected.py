"""A dialogue in which another bot has its say, and the built-in one stands behind it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from bot.connectors.answers import Answer, Connector
from bot.dialogue import Dialogue
from bot.domains.domain import Domain
from bot.errors import BackendFailed
from bot.rules.talk import HAND_OFF_AFTER
from bot.state import DialogueState
from bot.turn import QuickReply, Reply, Utterance

Role = Literal["front", "fallback"]

REST = 30.0
"""So many seconds a backend that failed is left alone, so that not every turn waits for it."""
MAX_HISTORY, MAX_REMEMBERED = 12, 500

_log = logging.getLogger(__name__)


@dataclass
class _Rest:
    """Until when a backend is left alone; shared by all conversations."""

    until: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


class ConnectedDialogue:
    """Asks another bot, in one of two roles. Safe to share between threads.

    `front`: it answers everything, until it hands a turn or a task over; a task then stays with the built-in bot to
    its end. `fallback`: the built-in bot answers, and the other one what was not understood for the third time.
    """

    def __init__(
        self,
        dialogue: Dialogue,
        connector: Connector,
        role: Role = "front",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Put `connector` before or behind `dialogue`; `clock` gives seconds, to know when to try a dead one again."""
        self._dialogue = dialogue
        self._connector = connector
        self._role = role
        self._clock = clock
        self._rest = _Rest()

    @property
    def domain(self) -> Domain:
        """The domain of the built-in bot."""
        return self._dialogue.domain

    def start(self) -> Reply:
        """Begin a conversation: the greeting of the built-in bot."""
        return self._dialogue.start()

    def lexicon(self, state: DialogueState) -> tuple[str, ...]:
        """Return the words to expect next; see Dialogue.lexicon."""
        return self._dialogue.lexicon(state)

    def respond(self, utterance: Utterance, state: DialogueState) -> Reply:
        """Answer one utterance; any text is answered, none raises. A dead backend is told of, and stood in for."""
        if self._dialogue.alarmed_by(utterance):  # whom to call is never left to another bot
            reply = self._dialogue.respond(utterance, state)
        elif self._role == "front" and not state.frames and utterance.text.strip():
            reply = self._in_front(utterance, state)
        else:
            reply = self._behind(utterance, state)
        return _remembered(utterance, reply)

    def _in_front(self, utterance: Utterance, state: DialogueState) -> Reply:
        answer, note = self._ask(utterance, state)
        if answer is None or answer.hand_over:
            reply = self._dialogue.respond(utterance, state)
            return replace(reply, texts=(*note, *reply.texts))
        if answer.begin is not None:
            return self._dialogue.begin(answer.begin, state)
        return _said(answer, replace(state, turn=state.turn + 1, misunderstood=0, last_buttons=()))

    def _behind(self, utterance: Utterance, state: DialogueState) -> Reply:
        """Let the built-in bot answer, and the other one speak where it did not understand."""
        reply = self._dialogue.respond(utterance, state)
        enough = 1 if self._role == "front" or _pressed(utterance, state) else HAND_OFF_AFTER
        if reply.state.misunderstood < enough or not utterance.text.strip():
            return reply
        answer, _ = self._ask(utterance, state)
        if answer is None or answer.hand_over or answer.begin is not None:
            return reply
        question = self._dialogue.question(reply.state)
        said = _said(answer, replace(reply.state, misunderstood=0))
        return replace(said, texts=(*said.texts, *question), quick_replies=said.quick_replies or reply.quick_replies)

    def _ask(self, utterance: Utterance, state: DialogueState) -> tuple[Answer | None, tuple[str, ...]]:
        """Return the backend's answer, None when it is dead or resting, and the note that says so when it just died."""
        with self._rest.lock:
            if self._clock() < self._rest.until:
                return None, ()
        asked = replace(utterance, text=_pressed(utterance, state) or utterance.text)
        try:
            return self._connector.ask(asked, state), ()
        except BackendFailed as error:
            _log.warning("the bot elsewhere failed: %s", error)
            with self._rest.lock:
                self._rest.until = self._clock() + REST
            return None, (self._dialogue.phrase("backend_dead", state),)


def _said(answer: Answer, state: DialogueState) -> Reply:
    """Return what the backend says; what its buttons mean is kept, so that the user sends, or says, their titles."""
    buttons = tuple((button.title, button.text) for button in answer.buttons)
    return Reply(
        texts=answer.texts,
        quick_replies=tuple(QuickReply(button.title, button.title) for button in answer.buttons),
        cards=answer.images,
        state=replace(state, last_buttons=buttons or state.last_buttons),
    )


def _pressed(utterance: Utterance, state: DialogueState) -> str:
    """Return what the button means that was pressed, or whose title was said; "" when it was none."""
    return next((text for title, text in state.last_buttons if title == utterance.text.strip()), "")


def _remembered(utterance: Utterance, reply: Reply) -> Reply:
    """Keep what was said in the state, for a model that must be told it again."""
    turns = (("user", utterance.text[:MAX_REMEMBERED]), ("assistant", "\n".join(reply.texts)[:MAX_REMEMBERED]))
    return replace(reply, state=replace(reply.state, history=(*reply.state.history, *turns)[-MAX_HISTORY:]))

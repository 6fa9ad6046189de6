"""What to do next: state × understanding → state × words × action, a pure function of its arguments.

Rules are tried in order and the first that applies answers the turn. Nothing that was filled is lost without being
said. The rules stand in bot/rules/, the steps they are made of in bot/course.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from bot.course import Course
from bot.decision import Decision
from bot.domain import Domain
from bot.nlu import Understanding
from bot.rules.questions import answer_to_heard, answer_to_intent, yes_or_no
from bot.rules.talk import begin, cancel, fallback, repeat, silence, small_talk
from bot.rules.values import change, take_values
from bot.state import DialogueState
from bot.wording import Wording

RULES: tuple[Callable[[Course], Decision | None], ...] = (
    silence,
    answer_to_intent,
    answer_to_heard,
    cancel,
    repeat,
    take_values,
    change,
    yes_or_no,
    begin,
    small_talk,
)


class Policy:
    """The dialogue policy of one domain. Immutable, safe to share."""

    def __init__(self, domain: Domain) -> None:
        """Decide for `domain`."""
        self._domain = domain
        self._wording = Wording(domain)

    def start(self, state: DialogueState) -> Decision:
        """Return the greeting."""
        greeting = self._wording.phrase("greeting", 0, title=self._domain.title)
        return Decision(state, (greeting,), self._wording.buttons(None, None)).remembered()

    def decide(self, state: DialogueState, understanding: Understanding) -> Decision:
        """Return what follows from one understood utterance."""
        turn = Course(self._domain, self._wording, replace(state, turn=state.turn + 1), understanding)
        for rule in RULES:
            decision = rule(turn)
            if decision is not None:
                return decision.remembered()
        return fallback(turn).remembered()

    def finish(self, state: DialogueState, succeeded: bool, now: datetime) -> Decision:
        """Return what follows when the action of the current frame has been run."""
        frame = state.frame
        if frame is None:
            return Decision(state)
        values = self._wording.frame(frame, now.date())
        if not succeeded:
            text = self._wording.phrase("action_failed", state.turn, task=values["task"])
            return Decision(state, (text,), self._wording.buttons(state.question, frame)).remembered()
        variants = self._domain.tasks[frame.task].done
        done = variants[state.turn % len(variants)].format_map(values)
        state = replace(state, frames=state.frames[:-1], question=None, misunderstood=0, asked=0)
        return Decision(state, (done,), self._wording.buttons(None, None)).remembered()

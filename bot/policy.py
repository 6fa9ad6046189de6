"""What to do next: state × understanding → state × words × action, a pure function of its arguments.

Rules are tried in order and the first that applies answers the turn. Nothing that was filled is lost without being
said. The rules stand in bot/rules/, the steps they are made of in bot/rules/course.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime

from bot.domains.domain import Domain
from bot.knowledge.index import KnowledgeIndex
from bot.records.rows import FoundRow
from bot.rules.asking import answer_alarm, answer_question
from bot.rules.context import TurnContext
from bot.rules.decision import Decision
from bot.rules.items import correct_item, end_items, read_item, remove_item
from bot.rules.numbers_in_parts import join_number
from bot.rules.questions import answer_to_heard, answer_to_intent, yes_or_no
from bot.rules.records import choose_record, offer
from bot.rules.several import next_run
from bot.rules.talk import begin, begin_two, cancel, digress, fallback, repeat, restart, silence, small_talk
from bot.rules.values import any_day, change, name_instead, skip, take_values
from bot.state import DialogueState
from bot.understanding.nlu import Understanding
from bot.wording import Wording

RULES: tuple[Callable[[TurnContext], Decision | None], ...] = (
    answer_alarm,
    silence,
    answer_question,
    answer_to_intent,
    answer_to_heard,
    remove_item,
    read_item,
    restart,
    cancel,
    repeat,
    choose_record,
    begin_two,
    digress,
    end_items,
    skip,
    join_number,
    correct_item,
    any_day,
    take_values,
    change,
    yes_or_no,
    begin,
    small_talk,
    name_instead,
)


class Policy:
    """The dialogue policy of one domain. Immutable, safe to share."""

    def __init__(self, domain: Domain) -> None:
        """Decide for `domain`."""
        self._domain = domain
        self._wording = Wording(domain)
        self._knowledge = KnowledgeIndex(domain.knowledge, domain.slots)

    def start(self, state: DialogueState) -> Decision:
        """Return the greeting."""
        greeting = self._wording.phrase("greeting", 0, title=self._domain.title)
        return Decision(state, (greeting,), self._wording.buttons(None, None)).remembered()

    def decide(self, state: DialogueState, understanding: Understanding) -> Decision:
        """Return what follows from one understood utterance."""
        turn = TurnContext(
            self._domain, self._wording, self._knowledge, replace(state, turn=state.turn + 1), understanding
        )
        for rule in RULES:
            decision = rule(turn)
            if decision is not None:
                return decision.remembered()
        return fallback(turn).remembered()

    def begin(self, state: DialogueState, task: str, understanding: Understanding) -> Decision:
        """Return what follows when a task is begun with values that somebody else understood."""
        turn = TurnContext(
            self._domain, self._wording, self._knowledge, replace(state, turn=state.turn + 1), understanding
        )
        turn.open(task)
        return (take_values(turn) or turn.advance()).remembered()

    def question(self, state: DialogueState, today: date) -> tuple[str, ...]:
        """Return the bubbles that put the present question; () when there is none."""
        return self._wording.question(state, today)

    def phrase(self, name: str, state: DialogueState, **values: str) -> str:
        """Return a phrase, its variant chosen by the turn."""
        return self._wording.phrase(name, state.turn, **values)

    def finish(self, decision: Decision, found: Sequence[FoundRow], now: datetime) -> Decision:
        """Return what follows when what `decision` wanted run has been run, and `found` this."""
        turn = self._after(decision, now)
        frame, run = turn.frame, decision.run
        if run is not None and run.knowledge is not None:
            turn.say_text(self._wording.rows(run.knowledge, run.values, found) or self.phrase("not_known", turn.state))
            return turn.back_to_question().remembered()
        if frame is None or run is None:
            return turn.end()
        if run.slot:
            return offer(turn, run.slot, found).remembered()
        table = self._wording.table(frame, turn.today)
        turn.show(*([table] if table else ()))
        turn.say_text(self._wording.done(frame, turn.state.turn, turn.today, [one.values for one in found]))
        turn.state = replace(turn.state, done=frame)
        if frame.more:
            turn.frame = next_run(self._domain, frame, f"{frame.key}-{frame.more}")
            turn.say("next_person")
            turn.state = replace(turn.state, question=None, misunderstood=0, asked=0)
            return turn.advance().remembered()
        return turn.leave().remembered()

    def failed(self, decision: Decision, now: datetime) -> Decision:
        """Return what follows when it could not be run: all that was collected is kept."""
        turn = self._after(decision, now)
        if turn.frame is not None:
            turn.say("action_failed", task=self._domain.tasks[turn.frame.task].title)
        return turn.end(put=False).remembered()

    def taken(self, decision: Decision, now: datetime) -> Decision:
        """Return what follows when somebody else took the place that was chosen: others are looked for."""
        turn = self._after(decision, now)
        frame = turn.frame
        if frame is None:
            return turn.end()
        turn.frame = replace(frame.without(self._domain.schedule_slot(frame.task)), options=())
        turn.say("place_taken")
        return turn.advance()

    def _after(self, decision: Decision, now: datetime) -> TurnContext:
        turn = TurnContext(self._domain, self._wording, self._knowledge, decision.state, Understanding.of_nothing(now))
        for text in decision.texts:
            turn.say_text(text)
        return turn

"""What to do next: state × understanding → state × words × action, a pure function of its arguments.

Rules are tried in order and the first that applies answers the turn:
silence, an open yes/no question, cancelling, repeating, values, changing a slot, yes or no, a task, chit-chat, and
at last the fallback in two stages. Nothing that was filled is lost without being said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

from bot.decision import ActionCall, Decision
from bot.domain import Domain
from bot.filling import Filling, fill
from bot.nlu import Understanding
from bot.slots import SURE
from bot.slots.date import day_problem
from bot.state import DialogueState, Frame, Question, SlotValue
from bot.turn import QuickReply
from bot.wording import Wording

MAX_ASKED = 3
"""One question is put at most so often in a row; then the bot says how else to go on."""


MOSTLY_VALUES = 0.6
"""An utterance of which so much is values begins their task, although nobody asked: 后天下午."""


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
        turn = _Turn(self._domain, self._wording, replace(state, turn=state.turn + 1), understanding)
        return turn.decide().remembered()

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


class _Turn:
    """One turn being decided: it lives as long as the call and gathers what will be said."""

    def __init__(self, domain: Domain, wording: Wording, state: DialogueState, understanding: Understanding) -> None:
        self._domain = domain
        self._wording = wording
        self._state = state
        self._heard = understanding
        self._said: list[str] = []

    def decide(self) -> Decision:
        if self._heard.silent:
            self._say("silent")
            return self._resume()
        rules: tuple[Callable[[], Decision | None], ...] = (
            self._answer_to_intent,
            self._answer_to_heard,
            self._cancel,
            self._repeat,
            self._values,
            self._change,
            self._yes_or_no,
            self._begin,
            self._chat,
        )
        for rule in rules:
            decision = rule()
            if decision is not None:
                return decision
        return self._fallback()

    # the rules

    def _answer_to_intent(self) -> Decision | None:
        question = self._state.question
        if question is None or question.kind != "intent":
            return None
        if self._heard.wants("affirm") or self._heard.wants("cancel"):
            return self._drop_frame()
        self._state = replace(self._state, question=Question("slot", question.slot) if question.slot else None)
        if self._heard.wants("deny"):
            self._say("go_on")
            return self._advance()
        return None

    def _answer_to_heard(self) -> Decision | None:
        """A value was put to the user for confirmation: it is settled by this turn, one way or the other."""
        question, frame = self._state.question, self._state.frame
        if question is None or question.kind != "heard" or question.candidate is None or frame is None:
            return None
        slot, candidate = question.slot, question.candidate
        others = [m for m in self._heard.mentions if m.slot == slot and m.value != candidate.value and not m.negated]
        denied = any(m.slot == slot and m.value == candidate.value and m.negated for m in self._heard.mentions)
        if denied or (self._heard.wants("deny") and not self._heard.wants("affirm")) or others:
            self._frame = replace(frame, rejected=(*frame.rejected, (slot, candidate.value)))
            self._state = replace(self._state, question=Question("slot", slot))
            if others or (self._heard.mentions and not denied):
                return None
            self._say("heard_wrong")
            return self._ask(Question("slot", slot))
        if self._heard.wants("affirm") or self._heard.mentions:
            settled = replace(frame, slots={**frame.slots, slot: replace(candidate, confidence=1.0)})
            self._frame = settled
            self._state = replace(self._state, question=Question("slot", slot))
            if not [m for m in self._heard.mentions if m.slot != slot]:
                self._acknowledge(Filling(frame=settled, filled=(slot,)))
                return self._advance()
            return None
        # neither yes nor no: the same thing is never asked about twice, so the slot is asked for instead
        self._state = replace(self._state, question=Question("slot", slot), asked=1)
        return None

    def _cancel(self) -> Decision | None:
        frame = self._state.frame
        if self._heard.top == "cancel" and not self._heard.mentions:
            if frame is None:
                self._say("nothing_to_cancel")
                return self._finish_turn()
            if self._heard.spoken and len(frame.slots) > 1 and dict(self._heard.intents)["cancel"] < SURE:
                return self._ask(self._about_cancelling())
            return self._drop_frame()
        if frame is not None and self._heard.might_want("cancel") and not self._heard.mentions:
            return self._ask(self._about_cancelling())
        return None

    def _repeat(self) -> Decision | None:
        if self._heard.top != "repeat" or not self._state.last_texts:
            return None
        buttons = tuple(QuickReply(title, text) for title, text in self._state.last_buttons)
        return Decision(replace(self._state, misunderstood=0), self._state.last_texts, buttons)

    def _values(self) -> Decision | None:
        if not self._heard.mentions:
            return None
        frame = self._state.frame
        if frame is None:
            task = self._task_of_values()
            if not task:
                return None
            frame = self._open(task)
        question = self._state.question
        asked = question.slot if question and question.kind == "slot" else ""
        filling = fill(frame, self._domain.tasks[frame.task].slots, self._heard, asked)
        if filling.untouched:
            return None
        self._frame = filling.frame
        self._state = replace(self._state, misunderstood=0)
        if filling.filled or filling.changed or filling.emptied:
            self._state = replace(self._state, asked=0)  # there is progress, so nobody is stuck
        self._acknowledge(filling)
        if filling.problem:
            mention = filling.problem
            details = dict(mention.details)
            if mention.problem in ("date_past", "date_far"):
                details["day"] = self._wording.value(mention.slot, details["day"], self._today)
            self._say(mention.problem, **details)
            asks_itself = mention.problem in ("date_vague", "name_incomplete", "name_needed")
            return self._ask(Question("slot", mention.slot), put=not asks_itself)
        if filling.unsure:
            mention = filling.unsure
            candidate = SlotValue(mention.value, mention.said, mention.confidence)
            return self._ask(Question("heard", mention.slot, candidate))
        if filling.ambiguous:
            return self._choose(filling)
        return self._advance()

    def _change(self) -> Decision | None:
        frame, question = self._state.frame, self._state.question
        if frame is None:
            return None
        slots = [name for name in self._heard.labels if name in self._domain.tasks[frame.task].slots]
        changing = self._heard.wants("change") or self._heard.wants("deny")
        names_one = question is not None and question.kind in ("change", "summary") and not self._heard.wants("affirm")
        if slots and (changing or names_one):
            self._state = replace(self._state, misunderstood=0)
            return self._ask(Question("slot", slots[0]))
        if self._heard.top == "change":
            return self._ask(Question("change")) if frame.slots else self._resume()
        return None

    def _yes_or_no(self) -> Decision | None:
        frame, question = self._state.frame, self._state.question
        answer = self._heard.top
        if answer not in ("affirm", "deny"):
            return None
        self._state = replace(self._state, misunderstood=0)
        if frame is None or question is None:
            self._say("nothing_to_confirm" if answer == "affirm" else "nothing_to_cancel")
            return self._finish_turn()
        if question.kind == "summary":
            return self._confirm(frame) if answer == "affirm" else self._ask(Question("change"))
        if question.kind == "change" or question.slot in frame.slots:
            return self._resume() if question.kind == "change" and answer == "affirm" else self._advance()
        return self._ask(Question("change")) if answer == "deny" and frame.slots else self._resume()

    def _begin(self) -> Decision | None:
        task = self._domain.task_of(self._heard.top)
        if not task:
            return None
        self._state = replace(self._state, misunderstood=0)
        if self._state.frame is not None:
            return self._resume()
        self._open(task)
        return self._advance()

    def _chat(self) -> Decision | None:
        intent = self._domain.intents.get(self._heard.top)
        if intent is None or not intent.reply:
            return None
        self._state = replace(self._state, misunderstood=0)
        self._say(intent.reply)
        if intent.explain and (explanation := self._wording.help(self._state.question)):
            self._said.append(explanation)
        return self._resume()

    def _fallback(self) -> Decision:
        self._state = replace(self._state, misunderstood=self._state.misunderstood + 1)
        if self._state.frame is None:
            self._say("fallback_idle")
            return self._finish_turn()
        explanation = self._wording.help(self._state.question)
        if self._state.asked >= MAX_ASKED:
            return self._resume()
        if self._state.misunderstood > 1 and explanation:
            self._say("fallback_second", help=explanation)
        else:
            self._say("fallback_first")
        return self._resume()

    # the steps they are made of

    @property
    def _today(self) -> date:
        return self._heard.now.date()

    @property
    def _frame(self) -> Frame | None:
        return self._state.frame

    @_frame.setter
    def _frame(self, frame: Frame) -> None:
        self._state = replace(self._state, frames=(*self._state.frames[:-1], frame))

    def _say(self, name: str, **values: str) -> None:
        self._said.append(self._wording.phrase(name, self._state.turn, **values))

    def _task_of_values(self) -> str:
        """Return the task that values said out of the blue belong to, "" for none."""
        opened = (self._domain.slots[m.slot].opens for m in self._heard.mentions if not m.negated)
        task = self._domain.task_of(self._heard.top) or next(filter(None, opened), "")
        if task or self._heard.top or self._heard.coverage < MOSTLY_VALUES:
            return task
        slots = {mention.slot for mention in self._heard.mentions}
        return next((name for name, model in self._domain.tasks.items() if slots <= set(model.slots)), "")

    def _about_cancelling(self) -> Question:
        """Return the question whether to cancel; it keeps the slot it interrupts, which may be answered instead."""
        question = self._state.question
        return Question("intent", slot=question.slot if question else "", intent="cancel")

    def _open(self, task: str) -> Frame:
        frame = Frame(task=task, key=f"{self._state.key}-{self._state.turn}")
        self._state = replace(self._state, frames=(*self._state.frames, frame), question=None, asked=0)
        return frame

    def _drop_frame(self) -> Decision:
        frame = self._state.frame
        if frame is not None:
            self._say("cancelled", task=self._domain.tasks[frame.task].title)
        self._state = replace(self._state, frames=self._state.frames[:-1], question=None, misunderstood=0, asked=0)
        return self._finish_turn()

    def _acknowledge(self, filling: Filling) -> None:
        for slots, phrase in ((filling.filled, "ack"), (filling.changed, "changed")):
            if slots:
                values = self._wording.ack(slots, filling.hinted, filling.frame, self._today)
                self._say(phrase, values=values)

    def _choose(self, filling: Filling) -> Decision:
        slot, values = filling.ambiguous[0].slot, [m.value for m in filling.ambiguous]
        shown = [self._wording.value(slot, value, self._today) for value in values]
        self._say("choose_one", values="、".join(shown))
        decision = self._ask(Question("slot", slot), put=False)
        return replace(decision, buttons=tuple(QuickReply(text, text) for text in shown))

    def _advance(self) -> Decision:
        """Ask for what is missing; when nothing is, sum up."""
        frame = self._state.frame
        if frame is None:
            return self._finish_turn()
        frame = self._frame = self._without_what_is_over(frame)
        missing = [name for name in self._domain.tasks[frame.task].slots if name not in frame.slots]
        return self._ask(Question("slot", missing[0]) if missing else Question("summary"))

    def _without_what_is_over(self, frame: Frame) -> Frame:
        """Drop, aloud, a day or a time of day that the clock has overtaken since it was said."""
        for name, value in frame.slots.items():
            slot = self._domain.slots[name]
            if slot.type == "date" and day_problem(date.fromisoformat(value.value), self._today, None):
                self._say("date_past", day=self._wording.value(name, value.value, self._today), said=value.said)
                return _without(frame, name)
            if slot.day in frame.slots and frame.slots[slot.day].value == self._today.isoformat():
                open_values = [v.value for v in slot.values if v.ends and self._heard.now.time() < v.ends]
                if value.value not in open_values:
                    self._say("half_day_over", value=value.value)
                    return _without(frame, name if open_values else slot.day)
        return frame

    def _confirm(self, frame: Frame) -> Decision:
        checked = self._without_what_is_over(frame)
        if checked != frame:
            self._frame = checked
            return self._advance()
        task = self._domain.tasks[frame.task]
        values = {name: slot.value for name, slot in frame.slots.items()}
        return Decision(self._state, run=ActionCall(frame.task, task.action, frame.key, values))

    def _resume(self) -> Decision:
        """Put the present question again, after something else has been answered."""
        return self._ask(self._state.question) if self._state.question else self._advance()

    def _ask(self, question: Question, *, put: bool = True) -> Decision:
        """Make `question` the present one and put it in words, unless what was said already does."""
        before = self._state.question
        same = before is not None and (before.kind, before.slot) == (question.kind, question.slot)
        frame = self._state.frame
        if question.kind == "heard" and frame is not None:
            self._frame = replace(frame, checked=(*frame.checked, question.slot))
        self._state = replace(self._state, question=question, asked=self._state.asked + 1 if same else 1)
        if self._state.asked > MAX_ASKED:
            return self._stuck(question)
        return self._finish_turn(put=put)

    def _stuck(self, question: Question) -> Decision:
        """Say how else to go on instead of putting the same question a fourth time."""
        self._state = replace(self._state, asked=0)
        if question.kind in ("change", "intent"):
            self._state = replace(self._state, question=None)
            self._say("go_on")
            return self._advance()
        if question.kind == "summary":
            self._say("stuck_summary")
        else:
            self._say("stuck", label=self._domain.slots[question.slot].label)
        return self._finish_turn(put=False)

    def _finish_turn(self, *, put: bool = True) -> Decision:
        bubbles = self._wording.question(self._state, self._today) if put else ()
        lead = "".join(self._said)
        if len(bubbles) == 1:
            texts = (lead + bubbles[0],)
        else:
            texts = (*((lead,) if lead else ()), *bubbles)
        return Decision(self._state, texts, self._wording.buttons(self._state.question, self._state.frame))


def _without(frame: Frame, slot: str) -> Frame:
    return replace(frame, slots={name: value for name, value in frame.slots.items() if name != slot})

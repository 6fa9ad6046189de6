"""The context of one turn: the state as it changes, what will be said, and the steps that the rules are made of.

A context lives as long as one call of the policy. Nothing outside it changes: its result is the Decision.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from bot.domains.domain import Domain
from bot.domains.parts import Knowledge, ListOf, Step, Task
from bot.knowledge.index import KnowledgeIndex
from bot.rules.decision import ActionCall, Decision
from bot.rules.filling import Filling
from bot.rules.lists import close_entry, due_values, open_entry, values_of
from bot.rules.several import MOST_RUNS, known_from, remembered, runs_wanted
from bot.slots.date import day_problem
from bot.state import DialogueState, Frame, Question
from bot.turn import Table
from bot.understanding.nlu import Understanding
from bot.wording import Wording

MAX_ASKED = 3
"""One question is put at most so often in a row; then the bot says how else to go on."""


class TurnContext:
    """A turn being decided: rules read `state` and `understanding`, change them by the steps, end with a Decision."""

    def __init__(
        self,
        domain: Domain,
        wording: Wording,
        knowledge: KnowledgeIndex,
        state: DialogueState,
        understanding: Understanding,
    ) -> None:
        """Begin with the state before the turn and what was understood."""
        self.knowledge = knowledge
        self.domain = domain
        self.wording = wording
        self.state = state
        self.understanding = understanding
        self._said: list[str] = []
        self._cards: list[Table] = []

    @property
    def today(self) -> date:
        """The day the turn is taken on."""
        return self.understanding.now.date()

    @property
    def frame(self) -> Frame | None:
        """The task being worked on; setting it replaces the top of the stack."""
        return self.state.frame

    @frame.setter
    def frame(self, frame: Frame) -> None:
        self.state = replace(self.state, frames=(*self.state.frames[:-1], frame))

    def say(self, name: str, **values: str) -> None:
        """Add a phrase to what is said before the question."""
        self._said.append(self.wording.phrase(name, self.state.turn, **values))

    def say_text(self, text: str) -> None:
        """Add a text that is no phrase: the help of a slot."""
        self._said.append(text)

    def show(self, *tables: Table) -> None:
        """Add tables to what is shown with the answer."""
        self._cards += tables

    def acknowledge(self, filling: Filling) -> None:
        """Repeat what was filled and what was changed."""
        for slots, phrase in ((filling.filled, "ack"), (filling.changed, "changed")):
            if slots:
                values = self.wording.ack(slots, filling.hinted, filling.frame, self.today)
                self.say(phrase, values=values)

    def notice(self) -> None:
        """Say what of the utterance cannot be had in the present task: a train's time, a reminder every day."""
        frame = self.frame
        for notice in self.domain.tasks[frame.task].notices if frame else ():
            if re.search(notice.said, self.understanding.text):
                self.say_text(notice.say)

    def understood(self) -> None:
        """Count this turn as one that could be used."""
        self.state = replace(self.state, misunderstood=0)

    def open(self, task: str) -> Frame:
        """Put a new frame for `task` on the stack."""
        text = self.understanding.text
        known = known_from(self.domain, task, self.state.done, text)
        people = any(self.domain.slots[name].type == "person" for name in self.domain.tasks[task].names)
        acts = self.domain.actions[self.domain.tasks[task].action].do == "add"
        runs = min(MOST_RUNS, runs_wanted(text)) if people and acts else 1
        frame = Frame(task=task, key=f"{self.state.key}-{self.state.turn}", slots=known, more=runs - 1)
        if runs > 1:
            self.say("several", count=str(runs))
        self.state = replace(self.state, frames=(*self.state.frames, frame), question=None, asked=0)
        return frame

    def drop(self) -> Decision:
        """Take the current frame off the stack, aloud."""
        frame = self.state.frame
        if frame is not None:
            self.say("cancelled", task=self.domain.tasks[frame.task].title)
        return self.leave()

    def leave(self) -> Decision:
        """Take the current frame off the stack and return to the one beneath, if there is one."""
        self.state = replace(self.state, frames=self.state.frames[:-1], question=None, misunderstood=0, asked=0)
        if self.frame is None:
            return self.end()
        self.say("back_to", task=self.domain.tasks[self.frame.task].title)
        return self.advance()

    def advance(self) -> Decision:
        """Ask for what is missing; when nothing is, sum up, or act when there is nothing to confirm."""
        frame = self.state.frame
        if frame is None:
            return self.end()
        frame = self.frame = self.without_what_is_over(frame)
        task = self.domain.tasks[frame.task]
        if task.items:
            frame = self.frame = self._fill_list(task, task.items, frame)
        missing = missing_slots(task, frame)
        if not missing and task.items and not frame.closed:
            return self.ask(Question("more"))
        if not missing:
            return self.ask(Question("summary")) if task.summary else self.act(frame)
        if self.domain.slots[missing[0]].type == "record" and not frame.options:
            return Decision(
                self.state, self._lead(), run=ActionCall(frame.task, "", frame.key, frame.values, missing[0])
            )
        self.frame, offered = remembered(self.domain, frame, missing[0], self.state.done)
        if self.frame != frame:
            return self.advance()
        return self.ask(Question("heard", missing[0], offered) if offered else Question("slot", missing[0]))

    def _fill_list(self, task: Task, items: ListOf, frame: Frame) -> Frame:
        """Put the open entry away, aloud, and see whether there may be so few or so many."""
        if open_entry(task, frame) and not missing_in_entry(task, frame):
            frame = self.put_away(task, frame)
        if frame.closed and len(frame.items) < items.least:
            self.say("items_few", label=items.label, least=str(items.least))
            return replace(frame, closed=False)
        if not frame.closed and len(frame.items) >= items.most:
            self.say("items_full", label=items.label, most=str(items.most))
            return replace(frame, closed=True)
        return frame

    def put_away(self, task: Task, frame: Frame) -> Frame:
        """Return the frame with its open entry among the finished ones, and say so."""
        changed = frame.at is not None
        frame, index = close_entry(task, frame)
        shown = self.wording.item(task, frame.items[index], self.today)
        self.say("item_changed" if changed else "item_added", number=str(index + 1), item=shown)
        return frame

    def act(self, frame: Frame) -> Decision:
        """Have the action of the frame's task run with the values that matter."""
        task = self.domain.tasks[frame.task]
        due = {step.slot for step in task.due(frame.values)}
        values = {name: value for name, value in frame.values.items() if name in due}
        items = tuple(due_values(task.items, entry) for entry in frame.items) if task.items else ()
        return Decision(
            self.state, self._lead(), run=ActionCall(frame.task, task.action, frame.key, values, items=items)
        )

    def look_up(self, entry: Knowledge, values: Mapping[str, str]) -> Decision:
        """Have the rows of a timetable looked up that answer a question about `values`."""
        return Decision(self.state, self._lead(), run=ActionCall("", "", "", values, knowledge=entry))

    def _lead(self) -> tuple[str, ...]:
        lead = "".join(self._said)
        return (lead,) if lead else ()

    def without_what_is_over(self, frame: Frame) -> Frame:
        """Drop, aloud, a day or a time of day that the clock has overtaken since it was said."""
        for name, value in frame.slots.items():
            slot = self.domain.slots[name]
            if slot.type == "date" and day_problem(date.fromisoformat(value.value), self.today, None):
                self.say("date_past", day=self.wording.value(name, value.value, self.today), said=value.said)
                return frame.without(name)
            if (
                slot.type != "time"
                and slot.day in frame.slots
                and frame.slots[slot.day].value == self.today.isoformat()
            ):
                open_values = [v.value for v in slot.values if v.ends and self.understanding.now.time() < v.ends]
                if value.value not in open_values:
                    self.say("half_day_over", value=value.value)
                    return frame.without(name if open_values else slot.day)
        return frame

    def resume(self) -> Decision:
        """Put the present question again, after something else has been answered."""
        return self.ask(self.state.question) if self.state.question else self.advance()

    def back_to_question(self) -> Decision:
        """Come back to the present question after an answer; a summary is not read out again, for nothing changed."""
        question = self.state.question
        if question is None:
            return self.advance() if self.frame is not None else self.end()
        if self.state.asked >= MAX_ASKED:
            self.state = replace(self.state, asked=0)
            return self.end(put=False)
        self.state = replace(self.state, asked=self.state.asked + 1)
        if question.kind == "summary":
            self.say("confirm_summary")
            return self.end(put=False)
        return self.end()

    def ask(self, question: Question, *, put: bool = True) -> Decision:
        """Make `question` the present one and put it in words, unless what was said already does."""
        before = self.state.question
        same = before is not None and (before.kind, before.slot) == (question.kind, question.slot)
        frame = self.state.frame
        if question.kind == "heard" and frame is not None:
            self.frame = replace(frame, checked=(*frame.checked, question.slot))
        self.state = replace(self.state, question=question, asked=self.state.asked + 1 if same else 1)
        if self.state.asked > MAX_ASKED:
            return self._stuck(question)
        return self.end(put=put)

    def _stuck(self, question: Question) -> Decision:
        """Say how else to go on instead of putting the same question a fourth time."""
        self.state = replace(self.state, asked=0)
        if question.kind in ("change", "intent"):
            self.state = replace(self.state, question=None)
            self.say("go_on")
            return self.advance()
        if question.kind == "summary":
            self.say("stuck_summary")
        elif question.kind == "more":
            self.say("stuck_more", label=self._list_label())
        else:
            self.say("stuck", label=self.domain.slots[question.slot].label)
        return self.end(put=False)

    def _list_label(self) -> str:
        items = self.domain.tasks[self.frame.task].items if self.frame else None
        return items.label if items else ""

    def end(self, *, put: bool = True) -> Decision:
        """Return the decision: what was said, and the present question unless `put` is False."""
        bubbles = self.wording.question(self.state, self.today) if put else ()
        lead = "".join(self._said)
        texts = (lead + bubbles[0],) if len(bubbles) == 1 else (*((lead,) if lead else ()), *bubbles)
        buttons = self.wording.buttons(self.state.question, self.state.frame)
        return Decision(self.state, texts, buttons, cards=tuple(self._cards))


def missing_slots(task: Task, frame: Frame) -> list[str]:
    """Return the slots that have still to be asked for, in order: an entry that was begun comes first."""
    steps = [step for step in task.due(frame.values) if not step.late or frame.closed or not task.items]
    return [*missing_in_entry(task, frame), *_missing(steps, frame)]


def missing_in_entry(task: Task, frame: Frame) -> list[str]:
    """Return the slots that the open entry of the task's list has still to be asked for; [] when none is open."""
    entry = values_of(open_entry(task, frame))
    return _missing(task.items.due(entry), frame) if task.items and entry else []


def _missing(steps: Sequence[Step], frame: Frame) -> list[str]:
    return [
        step.slot
        for step in steps
        if step.need != "optional" and step.slot not in frame.slots and step.slot not in frame.skipped
    ]

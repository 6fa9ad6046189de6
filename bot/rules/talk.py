"""What is neither a value nor a yes or no: silence, stopping, repeating, beginning a task, small talk, and the rest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from bot.domains.parts import Step
from bot.rules.context import MAX_ASKED, TurnContext
from bot.rules.decision import Decision
from bot.rules.filling import fill
from bot.rules.records import choose_anew
from bot.slots import SURE
from bot.state import Frame, Question
from bot.turn import QuickReply
from bot.understanding.intents import POSSIBLE

DEEPEST = 3
"""So many tasks may be begun within each other."""
_WITHDRAWS = re.compile(r"取消|退|不去|去不了|不来|来不了|不看")
HAND_OFF_AFTER = 3
"""After so many turns in a row that were not understood, a human is named who can help."""


def silence(turn: TurnContext) -> Decision | None:
    """Ask again when nothing was said."""
    if not turn.understanding.silent:
        return None
    if turn.understanding.spoken or not turn.understanding.text.strip():
        turn.say("silent")
    else:
        turn.say(
            "puzzled", help=turn.wording.help(turn.state.question, turn.frame) or turn.wording.idle_help(turn.state)
        )
    return turn.back_to_question()


def cancel(turn: TurnContext) -> Decision | None:
    """Stop the task; what was heard with doubt is asked about first when there is something to lose."""
    frame, heard = turn.frame, turn.understanding
    if heard.top == "cancel" and not heard.mentions:
        if frame is None:
            return _cancel_a_record(turn)
        if heard.reserved:
            return turn.ask(_about_cancelling(turn))
        if heard.spoken and len(frame.slots) > 1 and dict(heard.intents)["cancel"] < SURE:
            return turn.ask(_about_cancelling(turn))
        return turn.drop()
    if frame is not None and heard.might_want("cancel") and not heard.mentions:
        return turn.ask(_about_cancelling(turn))
    return None


def _cancel_a_record(turn: TurnContext) -> Decision:
    """Begin the task that cancels what was done before, when there is one: nothing else can be meant."""
    undoing = [name for name, task in turn.domain.tasks.items() if turn.domain.actions[task.action].do == "cancel"]
    if len(undoing) == 1 and not turn.understanding.reserved and _WITHDRAWS.search(turn.understanding.text):
        turn.understood()
        turn.open(undoing[0])
        return turn.advance()
    turn.say("nothing_to_cancel")
    return turn.end()


def _about_cancelling(turn: TurnContext) -> Question:
    """Return the question whether to cancel; it keeps the slot it interrupts, which may be answered instead."""
    question = turn.state.question
    return Question("intent", slot=question.slot if question else "", intent="cancel")


def restart(turn: TurnContext) -> Decision | None:
    """Begin the task anew, or go back to the slot that was filled last."""
    frame, heard = turn.frame, turn.understanding
    if frame is None or heard.top not in ("restart", "back") or heard.reserved:
        return None
    turn.understood()
    if heard.top == "back":
        filled = [name for name in frame.slots if turn.domain.slots[name].type != "record" and frame.slots[name].said]
        asked = [name for name in filled if any(step.slot == name and step.need != "optional" for step in _steps(turn))]
        if not asked:
            return turn.resume()
        turn.frame = (
            choose_anew(turn, frame, asked[-1]) if _tells_a_place(turn, asked[-1]) else frame.without(asked[-1])
        )
        turn.say("changing", label=turn.domain.slots[asked[-1]].label)
        return turn.ask(Question("slot", asked[-1]))
    turn.say("restarted")
    turn.frame = Frame(task=frame.task, key=f"{turn.state.key}-{turn.state.turn}")
    turn.state = replace(turn.state, question=None, asked=0)
    return turn.advance()


def _steps(turn: TurnContext) -> Sequence[Step]:
    return turn.domain.tasks[turn.frame.task].slots if turn.frame else ()


def _tells_a_place(turn: TurnContext, slot: str) -> bool:
    """Whether a slot decides which free place is taken, so that the place goes with it."""
    return bool(turn.frame) and any(
        slot in model.match and model.schedule
        for name in (turn.frame.slots if turn.frame else ())
        if (model := turn.domain.slots[name])
    )


def repeat(turn: TurnContext) -> Decision | None:
    """Say the last thing again, and after so many times how else to go on."""
    state = turn.state
    if turn.understanding.top != "repeat" or not state.last_texts:
        return None
    turn.understood()
    if state.question is not None and state.asked >= MAX_ASKED:
        return turn.resume()
    turn.state = replace(turn.state, asked=state.asked + 1)
    buttons = tuple(QuickReply(title, text) for title, text in state.last_buttons)
    return Decision(turn.state, state.last_texts, buttons)


def begin_two(turn: TurnContext) -> Decision | None:
    """Begin two tasks that were wanted in one sentence, the first on top; what was said for the other is kept."""
    tasks = [turn.domain.task_of(intent) for intent, _ in turn.understanding.wanted]
    if turn.frame is not None or len(tasks) < 2:
        return None
    first, second = turn.domain.tasks[tasks[0]], turn.domain.tasks[tasks[1]]
    own = [step.slot for step in second.slots if step.slot not in first.names]
    begins = turn.understanding.wanted[1][1]
    theirs = tuple(one for one in turn.understanding.mentions if one.start >= begins)
    frame = fill(turn.open(tasks[1]), own, turn.understanding, "").frame
    turn.frame = fill(frame, second.names, replace(turn.understanding, mentions=theirs), "").frame
    shared = tuple(one for one in turn.understanding.mentions if one.start < begins or one.slot in own)
    turn.understanding = replace(turn.understanding, mentions=shared)
    turn.say("then_task", task=second.title, first=first.title)
    turn.open(tasks[0])
    return None


def begin(turn: TurnContext) -> Decision | None:
    """Begin the task that the user wants."""
    task = turn.domain.task_of(turn.understanding.top)
    if not task:
        return None
    turn.understood()
    if turn.frame is not None:
        return turn.resume()
    turn.open(task)
    turn.notice()
    return turn.advance()


def digress(turn: TurnContext) -> Decision | None:
    """Begin another task in the midst of one; the first is taken up again afterwards. What was said with it counts."""
    frame, task = turn.frame, turn.domain.task_of(turn.understanding.top)
    if frame is None or not task or len(turn.state.frames) >= DEEPEST:
        return None
    if any(open_frame.task == task for open_frame in turn.state.frames):
        return None
    turn.understood()
    turn.open(task)
    return None if turn.understanding.mentions else turn.advance()


def small_talk(turn: TurnContext) -> Decision | None:
    """Answer an intent that has a phrase for its answer, and come back to the question."""
    intent = turn.domain.intents.get(turn.understanding.top)
    if intent is None or not intent.reply:
        return None
    turn.understood()
    turn.say(intent.reply)
    if intent.explain and (explanation := turn.wording.help(turn.state.question, turn.frame)):
        turn.say_text(explanation)
    return turn.back_to_question()


def fallback(turn: TurnContext) -> Decision:
    """Say that nothing was understood, the second time with how the question can be answered."""
    turn.state = replace(turn.state, misunderstood=turn.state.misunderstood + 1)
    if turn.frame is None:
        return _which_task(turn) or _not_understood(turn)
    explanation = turn.wording.help(turn.state.question, turn.frame)
    if turn.state.asked >= MAX_ASKED:
        _hand_off(turn)
        return turn.resume()
    if turn.state.misunderstood > 1 and explanation:
        turn.say("fallback_second", help=explanation)
    else:
        turn.say("fallback_first")
    return turn.resume()


def _which_task(turn: TurnContext) -> Decision | None:
    """Ask which of the tasks was meant that the words come near to."""
    near = [turn.domain.task_of(name) for name, confidence in turn.understanding.intents if confidence >= POSSIBLE]
    tasks = [turn.domain.tasks[name] for name in dict.fromkeys(filter(None, near))][:2]
    if not tasks or turn.state.misunderstood > 1:
        return None
    words = {task.title: turn.domain.intents[task.intent] for task in tasks}
    buttons = tuple(QuickReply(title, [*intent.keywords, *intent.examples][0]) for title, intent in words.items())
    turn.say("which_task", tasks="”或者“".join(button.text for button in buttons))
    return replace(turn.end(), buttons=buttons)


def _not_understood(turn: TurnContext) -> Decision:
    turn.say("fallback_idle")
    _hand_off(turn)
    return turn.end()


def _hand_off(turn: TurnContext) -> None:
    """Name the human help there is, after two stages that came to nothing."""
    if turn.state.misunderstood >= HAND_OFF_AFTER:
        turn.say("hand_off")

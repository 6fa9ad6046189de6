"""Choosing one of the records that were found: by its place in the list, or by what tells it from the others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from bot.records.rows import FoundRow
from bot.rules.context import TurnContext
from bot.rules.decision import Decision
from bot.slots.record import LAST
from bot.state import Frame, Option, Question, SlotValue

_ALL = re.compile(
    r"(?<!不)(?:都|全|所有|一起|[两三四几]个(?:都|全)?)(?:部|都)?(?:退|取消|不要|不看|不去|要退|是|删|撤|给我退|$)"
)
MOST = 9
"""So many records are listed; who has more can be read none of them."""


def choose_record(turn: TurnContext) -> Decision | None:
    """Take the answer to a list of records."""
    question, frame = turn.state.question, turn.frame
    if question is None or frame is None or question.kind != "slot" or not frame.options:
        return None
    if turn.domain.slots[question.slot].type != "record":
        return None
    if _all_are_meant(turn, frame):
        turn.understood()
        every = SlotValue(",".join(one.id for one in frame.options), "；".join(one.shown for one in frame.options))
        turn.frame = replace(frame, slots={**frame.slots, question.slot: every}, options=())
        return turn.advance()
    left = _left(turn, frame, question.slot)
    if left is None:
        return None
    turn.understood()
    if len(left) == 1:
        _choose(turn, frame, question.slot, left[0])
        return turn.advance()
    turn.say("which_record")
    return turn.ask(question)


def _all_are_meant(turn: TurnContext, frame: Frame) -> bool:
    """Whether all the records listed are to be cancelled: 都退了吧. Nothing else can be done to several at once."""
    cancels = turn.domain.actions[turn.domain.tasks[frame.task].action].do == "cancel"
    return cancels and not turn.understanding.reserved and bool(_ALL.search(turn.understanding.text))


def offer(turn: TurnContext, slot: str, found: Sequence[FoundRow]) -> Decision:
    """Go on with what a look-up found: nothing, the only one, or several to choose from."""
    frame = turn.frame
    if frame is None:
        return turn.end()
    if turn.domain.slots[slot].schedule:
        return _offer_places(turn, frame, slot, found)
    if not found:
        none = turn.domain.slots[slot].none
        if none:
            turn.say_text(none)
        else:
            turn.say("none_found", task=turn.domain.tasks[frame.task].title)
        return turn.leave()
    shown = [turn.wording.record(turn.domain.slots[slot].record, one.values, turn.today) for one in found]
    options = tuple(Option(one.id, text, one.values) for one, text in zip(found, shown, strict=True))[:MOST]
    told = _told(turn, frame, slot)
    left = tuple(one for one in options if told.items() <= one.values.items())
    if len(left) == 1:
        _choose(turn, frame, slot, left[0])
        return turn.advance()
    if not left:  # not even the only one is taken for what the user did not say
        turn.say("which_record")
    turn.frame = replace(frame, options=left or options)
    return turn.ask(Question("slot", slot))


def _told(turn: TurnContext, frame: Frame, slot: str) -> dict[str, str]:
    """Return what the user said of the record that is meant: 皮肤科的那个."""
    names = {*turn.domain.telling(frame.task), *turn.domain.slots[slot].fills}
    return {name: value for name, value in frame.values.items() if name in names}


def told_by(turn: TurnContext, frame: Frame) -> tuple[str, ...]:
    """Return the slots that only tell which record is meant; once one was chosen, nothing but a correction does."""
    question = turn.state.question
    correcting = turn.understanding.correcting or (question is not None and question.kind in ("summary", "change"))
    if _chosen(turn, frame) and not correcting:
        return ()
    unusable = {mention.slot for mention in turn.understanding.mentions if mention.problem}
    return tuple(name for name in turn.domain.telling(frame.task) if name not in unusable)


def choose_anew(turn: TurnContext, frame: Frame, slot: str) -> Frame:
    """Return the frame without the record of `slot`, or that `slot` tells of, nor what is known of it."""
    telling = turn.domain.telling(frame.task)
    records = _chosen(turn, frame) if slot in telling else [slot]
    models = [turn.domain.slots[name] for name in records]
    for name in {*records, *telling, *(filled for model in models if model.record for filled in model.fills)}:
        frame = frame.without(name)
    return replace(frame, options=())


def _chosen(turn: TurnContext, frame: Frame) -> list[str]:
    return [name for name in frame.slots if turn.domain.slots[name].record]


def _offer_places(turn: TurnContext, frame: Frame, slot: str, found: Sequence[FoundRow]) -> Decision:
    """Take the only free place, list several, or, when none is as wanted, those that come nearest."""
    model = turn.domain.slots[slot]
    shown = [turn.wording.place(model.schedule, one.values, turn.today) for one in found]
    options = tuple(Option(one.id, text, one.values) for one, text in zip(found, shown, strict=True))[:MOST]
    wanted = {name: frame.slots[name].value for name in model.match if name in frame.slots}
    exact = all(one.values.get(name) == value for one in found for name, value in wanted.items())
    if len(options) == 1 and exact:
        _choose(turn, frame, slot, options[0])
        return turn.advance()
    if not exact or not found:
        if model.none:
            turn.say_text(model.none)
        else:
            turn.say("none_free")
    if not found:
        day = turn.domain.schedules[model.schedule].date
        turn.frame = frame.without(day)
        return turn.advance()
    turn.frame = replace(frame, options=options)
    return turn.ask(Question("slot", slot))


def _left(turn: TurnContext, frame: Frame, slot: str) -> list[Option] | None:
    """Return the options that the answer leaves, None when it says nothing about them."""
    options = list(frame.options)
    places = [mention.value for mention in turn.understanding.mentions if mention.slot == slot]
    if places:
        index = len(options) - 1 if places[-1] == LAST else int(places[-1]) - 1
        return [options[index]] if 0 <= index < len(options) else []
    telling = [
        mention for mention in turn.understanding.mentions if mention.value and mention.slot in options[0].values
    ]
    if not telling:
        return None
    return [
        option
        for option in options
        if all((option.values.get(one.slot) == one.value) != one.negated for one in telling)
    ]


def _choose(turn: TurnContext, frame: Frame, slot: str, option: Option) -> None:
    chosen = {slot: SlotValue(option.id, option.shown)}
    for name in turn.domain.slots[slot].fills:
        known = frame.slots.get(name)
        if name in option.values and (known is None or known.value != option.values[name]):
            chosen[name] = SlotValue(option.values[name], option.shown)
    turn.frame = replace(frame, slots={**frame.slots, **chosen}, options=())

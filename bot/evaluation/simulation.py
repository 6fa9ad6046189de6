"""A user who wants something: says it, answers what is asked, puts right what was misheard, and gives up at last.

The dialogues come from two sources: the test dialogues (followed until the bot, having misheard, stands somewhere
else than it did on clean text) and openings sampled from the examples of the domain. From there on the user answers
the bot's questions from the goal.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from random import Random

import cn2an

from bot.dialogue import Dialogue
from bot.domains.domain import Domain
from bot.domains.parts import ListOf
from bot.evaluation.rehearsal import Played
from bot.rules.lists import values_of
from bot.slots.model import Slot, placeholders
from bot.slots.readers import BARE
from bot.state import DialogueState, Frame, Question
from bot.turn import Reply, Utterance
from bot.understanding.sounds import near_class, syllables

PATIENCE = 8
"""A user gives up after so many turns more than the same dialogue takes on clean text."""
LONGEST = 30
"""No dialogue takes more turns than this."""
_MENDED = 2  # so many wrong values of an entry are corrected one by one
CONFIDENCE = 0.9
"""What the recogniser is said to report; it does not know about its errors."""

_DAYS = ("明天", "后天", "下周二", "下周五", "周三", "二十八号", "十二月三号", "三天后")
_TIMES = ("上午十点", "下午三点半", "晚上七点", "中午十二点", "八点一刻")
_SIZES = ("零点三", "零点五", "一", "一点二", "两", "三", "八", "十五", "二十", "三十")
_USUAL_COUNTS = 11  # so many more than the least: a report has a dozen polyps, not two hundred
_NAMES = ("王小明", "李娜", "张伟", "刘洋", "陈静", "赵敏", "孙丽", "周杰", "吴刚", "郑爽", "何平", "罗兰")
_SPOKEN_DIGITS = "零幺二三四五六七八九"

Hearing = Callable[[str], str]


@dataclass(frozen=True)
class Goal:
    """What the user wants: a task with the words for its slots, and the values they had on clean text.

    `entries` are the words for each entry of the task's list, `items` the values those had; `rows` is what a look-up
    found.
    """

    task: str
    words: Mapping[str, str]
    values: Mapping[str, str]
    entries: tuple[Mapping[str, str], ...] = ()
    items: tuple[Mapping[str, str], ...] = ()
    rows: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A dialogue to be held: the turns to begin with and, for each, where the bot stood before it on clean text.

    `before` are the turns, heard without errors, that do what the task needs done: book what is to be cancelled.
    """

    name: str
    goal: Goal
    turns: tuple[str, ...]
    stands: tuple[tuple[object, ...], ...]
    length: int = 0
    before: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """How a dialogue went: whether the task was done as wanted, in how many turns, and which rows a look-up found."""

    success: bool
    turns: int
    frame: Frame | None
    rows: tuple[str, ...] = ()


def plan_from_script(played: Played, domain: Domain, random: Random) -> Plan | None:
    """Return the plan of a test dialogue that was played, None when it leads to no task or is misheard itself."""
    if any(turn.hear is not None for turn in played.script.turns):
        return None
    replies = played.replies
    last = max((index for index, reply in enumerate(replies) if reply.state.frame), default=0)
    frame = replies[last].state.frame
    done = last + 1 < len(replies) and replies[last + 1].actions
    if frame is None or (last + 1 < len(replies) and not done):
        return None
    begin = 0 if _can_stand_alone(domain, frame.task) else _after_what_it_needs(replies[: last + 1])
    if begin == 0 and not _can_stand_alone(domain, frame.task):
        return None
    known = [reply.state.frame for reply in replies[:last] if begin and reply.state.frame] + [frame]
    said = {n: v.said for one in known for n, v in one.slots.items() if domain.slots[n].type != "record"}
    words = sample_words(domain, frame.task, random) | said
    turns = tuple(turn.utterance.text for turn in played.script.turns)
    stands = tuple(_stand(reply.state) for reply in replies[: len(turns)])
    entries = tuple({name: slot.said for name, slot in entry.items()} for entry in frame.items)
    if domain.tasks[frame.task].items and not entries:
        entries = (_entry(domain, frame.task, random),)
    goal = Goal(frame.task, words, {}, entries)
    return Plan(played.script.name, goal, turns[begin:], stands[begin:], before=turns[:begin])


def _after_what_it_needs(replies: Sequence[Reply]) -> int:
    """Return the turn after the last one that did something, from 0; 0 when none did."""
    return max((index for index, reply in enumerate(replies) if reply.actions), default=0)


def sample_plan(domain: Domain, number: int, random: Random, open_dialogue: Callable[[], Dialogue]) -> Plan:
    """Return a plan that opens with an example of a task, its slots filled with words of the domain.

    A task that needs an earlier one (cancelling a booking) comes after one of those, held in a dialogue of its own.
    """
    task = random.choice(list(domain.tasks))
    if _can_stand_alone(domain, task):
        return _opening(domain, task, number, sample_words(domain, task, random), random)
    needed = _needed(domain, task)
    ((earlier, _),) = clean_goals(
        [_opening(domain, needed, number, sample_words(domain, needed, random), random)], open_dialogue
    )
    said: list[str] = []

    def hearing(text: str) -> str:
        said.append(text)
        return text

    converse(earlier, open_dialogue(), hearing)
    words = sample_words(domain, task, random)
    told_again = {name: earlier.goal.words[name] for name in _matched(domain, task) & earlier.goal.words.keys()}
    return replace(_opening(domain, task, number, words | told_again, random), before=tuple(said))


def _opening(domain: Domain, task: str, number: int, words: Mapping[str, str], random: Random) -> Plan:
    intent = domain.intents[domain.tasks[task].intent]
    usable = [text for text in intent.examples if set(re.findall(r"{(\w+)}", text)) <= words.keys()]
    opening = random.choice(usable or intent.keywords).format_map(words)
    items = domain.tasks[task].items
    entries = tuple(_entry(domain, task, random) for _ in range(random.randint(1, 3))) if items else ()
    return Plan(f"sampled {number}", Goal(task, words, {}, entries), (opening,), ((),))


def _entry(domain: Domain, task: str, random: Random) -> dict[str, str]:
    """Return words for an entry of a task's list: all that is required, and half of the rest."""
    items = domain.tasks[task].items
    steps = items.slots if items else []
    return {
        step.slot: _words(domain.slots[step.slot], random)
        for step in steps
        if step.need == "required" or (not step.when and random.random() < 0.5)
    }


def _can_stand_alone(domain: Domain, task: str) -> bool:
    """Whether a task needs nothing that was done before: looking up and cancelling do."""
    action = domain.actions.get(domain.tasks[task].action)
    chooses = any(domain.slots[name].record for name in domain.tasks[task].names)
    return not chooses and not (action and action.do == "find")


def _needed(domain: Domain, task: str) -> str:
    """Return the task that adds to the records which `task` looks up."""
    record = domain.actions[domain.tasks[task].action].record
    adds = {name for name, action in domain.actions.items() if (action.do, action.record) == ("add", record)}
    return next(name for name, one in domain.tasks.items() if one.action in adds)


def _matched(domain: Domain, task: str) -> set[str]:
    """Return the slots by which `task` finds the records of an earlier one: they must be told as they were."""
    looked_up = [domain.slots[name].match for name in domain.tasks[task].names if domain.slots[name].record]
    return {name for names in (*looked_up, domain.actions[domain.tasks[task].action].match) for name in names}


def sample_words(domain: Domain, task: str, random: Random) -> dict[str, str]:
    """Return words for all slots of a task."""
    return {name: _words(domain.slots[name], random) for name in domain.tasks[task].names}


def _words(slot: Slot, random: Random) -> str:
    if slot.type == "date":
        return random.choice(_DAYS)
    if slot.type == "person":
        return random.choice(_NAMES)
    if slot.type == "phone":
        return "幺" + "".join(_SPOKEN_DIGITS[d] for d in (random.randint(3, 9), *random.choices(range(10), k=9)))
    if slot.type == "number":
        least = slot.least or 1
        return str(cn2an.an2cn(random.randint(least, min(slot.most or 9, least + _USUAL_COUNTS))))
    if slot.type == "measure":
        return random.choice(_SIZES) + slot.units[0]
    if slot.type == "time":
        return random.choice(_TIMES)
    if slot.type == "yesno":
        return random.choice(("要", "不要"))
    if not slot.values:
        advised: list[str] = re.findall("“(.+?)”", slot.help)
        return random.choice([*advised, *slot.buttons] or [slot.label])
    value = random.choice([value for value in slot.values if not value.refuse])
    return random.choice([value.value, *value.synonyms])


def _aloud(slot: Slot, value: str) -> str:
    """Return a normalised value as somebody says it."""
    return f"{date.fromisoformat(value):%m月%d号}" if slot.type == "date" else value


def converse(plan: Plan, dialogue: Dialogue, hearing: Hearing) -> Outcome:
    """Hold a dialogue; `hearing` stands between what the user says and what the bot gets."""
    reply = dialogue.start()
    for text in plan.before:
        reply = dialogue.respond(Utterance(text, "spoken", CONFIDENCE), reply.state)
    following, turns = True, 0
    while turns < (plan.length + PATIENCE if plan.length else LONGEST):
        following = following and turns < len(plan.turns) and plan.stands[turns] in ((), _stand(reply.state))
        text = plan.turns[turns] if following else answer(plan.goal, reply, dialogue.domain)
        before = reply.state.frame
        reply = dialogue.respond(Utterance(hearing(text), "spoken", CONFIDENCE), reply.state)
        turns += 1
        if following and (turns < len(plan.turns) or (before is not None and before.task != plan.goal.task)):
            continue  # the script does something else first
        if reply.actions and before is not None:
            rows = _rows(dialogue.domain, before.task, reply)
            wanted = _as_wanted(before, plan.goal, dialogue.domain) and rows == plan.goal.rows
            return Outcome(wanted, turns, before, rows)
    return Outcome(success=False, turns=turns, frame=None)


def _rows(domain: Domain, task: str, reply: Reply) -> tuple[str, ...]:
    """Return the rows that a look-up has found: the lines of the answer after the first."""
    action = domain.actions.get(domain.tasks[task].action)
    return tuple("\n".join(reply.texts).splitlines()[1:]) if action and action.do == "find" else ()


def answer(goal: Goal, reply: Reply, domain: Domain) -> str:
    """Return what the user says to the bot's question."""
    question, frame = reply.state.question, reply.state.frame
    if frame is None or question is None:
        intent = domain.intents[domain.tasks[goal.task].intent]
        return next((text for text in intent.examples if "{" not in text), [*intent.keywords, ""][0])
    if frame.task != goal.task:
        return "取消"
    own = domain.tasks[goal.task].items
    if own and question.slot in own.names:
        return _about_open_entry(goal, frame, own, question)
    if question.kind == "heard" and question.candidate is not None:
        right = _same(question.slot, question.candidate.value, goal, domain)
        return "是的" if right else f"不是，是{goal.words[question.slot]}"
    if question.kind == "slot":
        return _of_the_list(goal, frame, question.slot) or goal.words[question.slot]
    if own and question.kind in ("more", "summary") and (said := _about_entries(goal, frame, domain, question.kind)):
        return said
    wrong = [name for name, slot in frame.slots.items() if not _same(name, slot.value, goal, domain)]
    if question.kind == "summary" and wrong and domain.slots[wrong[0]].type == "record":
        return f"改{domain.slots[wrong[0]].label}"  # to be shown the list again
    if question.kind == "summary":
        return f"不对，{domain.slots[wrong[0]].label}是{goal.words[wrong[0]]}" if wrong else "确认"
    if question.kind == "change":
        return f"改{domain.slots[wrong[0]].label}" if wrong else "不改了"
    return "不是"


def _of_the_list(goal: Goal, frame: Frame, slot: str) -> str:
    """Return what chooses, of the records that are listed, the one that is wanted; "" when it is not among them."""
    places = (place for place, option in enumerate(frame.options, 1) if option.id == goal.values.get(slot))
    return next((f"第{cn2an.an2cn(place)}个" for place in places), "")


def _about_open_entry(goal: Goal, frame: Frame, items: ListOf, question: Question) -> str:
    """Return what the user says to a question about the entry that is being filled: it is the nearest one missing."""
    open_values = {name: value.value for name, value in frame.slots.items() if name in items.names}
    meant = _nearest(goal, _missing(goal, frame), open_values)
    if meant is None:
        return "这条不要了"
    words, values = goal.entries[meant], goal.items[meant] if goal.items else {}
    if question.kind == "heard" and question.candidate is not None:
        right = question.candidate.value == values.get(question.slot, "" if values else question.candidate.value)
        return "是的" if right else f"不是，是{words[question.slot]}" if question.slot in words else "不是"
    return words.get(question.slot, "跳过")


def _about_entries(goal: Goal, frame: Frame, domain: Domain, asked: str) -> str:
    """Return what the user says about the task's list: what is wrong is put right, what is missing comes, that is all.

    An entry in which one or two values are wrong is corrected, value by value; any other wrong one is to be deleted.
    """
    missing = _missing(goal, frame)
    there = [values_of(entry) for entry in frame.items]
    for number, entry in enumerate(there, 1):
        if not goal.items or entry in goal.items:
            continue
        place = f"第{cn2an.an2cn(number)}条"
        meant = _nearest(goal, missing, entry)
        wrong = _wrong(entry, goal.items[meant]) if meant is not None else []
        if meant is None or len(wrong) > _MENDED or not set(wrong) <= goal.entries[meant].keys():
            return f"删掉{place}"
        return f"{place}{domain.slots[wrong[0]].label}改成{goal.entries[meant][wrong[0]]}"
    if missing:
        return _read_out(goal.entries[missing[0]], domain, domain.tasks[goal.task].items)
    return "完成" if asked == "more" else ""


def _missing(goal: Goal, frame: Frame) -> list[int]:
    """Return which entries of the goal are not among the finished ones."""
    there = [values_of(entry) for entry in frame.items]
    if not goal.items:
        return list(range(len(there), len(goal.entries)))
    return [index for index, entry in enumerate(goal.items) if entry not in there]


def _nearest(goal: Goal, among: Sequence[int], entry: Mapping[str, str]) -> int | None:
    return min(among, key=lambda index: len(_wrong(entry, goal.items[index])) if goal.items else index, default=None)


def _wrong(entry: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    return [name for name in dict.fromkeys((*wanted, *entry)) if entry.get(name) != wanted.get(name)]


def _read_out(words: Mapping[str, str], domain: Domain, items: ListOf | None) -> str:
    parts = items.show if items else []
    said = "".join(part.format_map(words) for part in parts if placeholders(part) <= words.keys())
    for unit in (unit for name in words for unit in domain.slots[name].units):
        said = said.replace(unit * 2, unit)  # the entry is shown with the unit, and the words may hold it already
    return re.sub("[（）]", "", said)


def _same(slot: str, value: str, goal: Goal, domain: Domain) -> bool:
    wanted = goal.values.get(slot)
    return wanted is None or same_value(domain.slots[slot], value, wanted)


def same_value(slot: Slot, value: str, wanted: str) -> bool:
    """Whether a value is the one that was meant.

    Nobody can hear how a name or any other free text is written: one that sounds the same is right.
    """
    return value == wanted or (slot.type in BARE and _sound(value) == _sound(wanted))


def _sound(text: str) -> list[str]:
    return [near_class(syllable) for syllable in syllables(text)]


def _as_wanted(frame: Frame, goal: Goal, domain: Domain) -> bool:
    telling = domain.telling(goal.task)  # need not be said: another word may have told which record is meant
    wanted = [name for name in goal.values if name not in telling]
    same = all(name in frame.slots and _same(name, frame.slots[name].value, goal, domain) for name in wanted)
    there = sorted(sorted(values_of(entry).items()) for entry in frame.items)
    listed = not goal.items or there == sorted(sorted(entry.items()) for entry in goal.items)
    return frame.task == goal.task and same and listed


def _stand(state: DialogueState) -> tuple[object, ...]:
    """Return where a dialogue stands: its task and question, and which slots are filled."""
    question, frame = state.question, state.frame
    asks = (question.kind, question.slot) if question else ()
    return (frame.task, asks, frozenset(frame.slots)) if frame else ("", asks)


def clean_goals(plans: Iterable[Plan], open_dialogue: Callable[[], Dialogue]) -> list[tuple[Plan, Outcome]]:
    """Hold every dialogue on clean text; what it came to is what the user wants when the text is noisy."""
    result = []
    for plan in plans:
        dialogue = open_dialogue()
        domain = dialogue.domain
        outcome = converse(plan, dialogue, lambda text: text)
        slots = outcome.frame.slots if outcome.frame else {}
        values = {name: slot.value for name, slot in slots.items()}
        # what a choice brought with it was said in no words of its own
        said = Counter(slot.said for slot in slots.values())
        words = {
            name: slot.said if said[slot.said] == 1 else _aloud(domain.slots[name], slot.value)
            for name, slot in slots.items()
            if domain.slots[name].type != "record"
        }
        listed = outcome.frame.items if outcome.frame else ()
        items = tuple(values_of(entry) for entry in listed)
        entries = tuple({name: slot.said for name, slot in entry.items()} for entry in listed)
        goal = Goal(
            plan.goal.task, {**plan.goal.words, **words}, values, entries or plan.goal.entries, items, outcome.rows
        )
        result.append((replace(plan, goal=goal, length=outcome.turns), outcome))
    return result

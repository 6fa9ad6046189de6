"""What no sequence of inputs may do: crash, lose a filled slot without telling, put one question over and over.

The sequences are always the same ones; raise `max_examples` to look for more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlmodel import create_engine

from bot import Dialogue, DialogueState, Reply, Utterance, load_domain
from bot.domains.domain import Domain
from bot.evaluation.noise import garble
from bot.evaluation.rehearsal import read_scripts
from bot.evaluation.simulation import sample_words
from bot.rules.context import MAX_ASKED
from bot.slots.model import placeholders
from bot.state import Frame
from bot.wording import Wording

START = datetime(2026, 11, 21, 9, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
DOMAINS = {name: load_domain(name) for name in ("clinic", "daily", "endoscopy")}
DIALOGUES = Path(__file__).parents[2] / "data/dialogues"

YES_OR_NO = ["是", "是的", "对", "好", "确认", "不", "不是", "不对", "没有", "不用了", "都可以", "不知道"]
INTERRUPTIONS = [
    "你好",
    "谢谢",
    "等一下",
    "再说一遍",
    "你能做什么",
    "你是谁",
    "算了",
    "取消",
    "修改",
    "跳过",
    "人工",
    "再见",
]
PLACES = ["第一个", "第二个", "最后一个", "第九个", "上一条删掉", "第一条删掉", "第二条", "完成", "没有了"]
UNITS = ["", "位", "点", "号", "毫米"]
GARBAGE = ["", " ", "。", "阿巴阿巴", "呃那个嗯", "😀", "\x00", "null", "{department}", "1" * 300, "啊" * 300]


@dataclass(frozen=True)
class Said:
    """An input: a text, how it came, and how long after the one before."""

    text: str
    spoken: bool
    errors: float
    after: timedelta

    def utterance(self) -> Utterance:
        if not self.spoken:
            return Utterance(self.text)
        heard = garble(self.text, self.errors, Random(self.text))
        candidates = tuple(((character, 0.6), ("一", 0.3)) for character in heard)
        return Utterance(heard, "spoken", 0.9, candidates if self.errors else ())


def texts_of(domain: Domain, dialogues: Path) -> st.SearchStrategy[str]:
    """Everything people say of a domain: test dialogues, examples, values, corrections, interruptions, nonsense."""
    words = {name: value for task in domain.tasks for name, value in sample_words(domain, task, Random(1)).items()}
    words |= {name: slot.values[-1].value for name, slot in domain.slots.items() if slot.values}
    values = sorted({value.value for slot in domain.slots.values() for value in slot.values} | set(words.values()))
    labels = sorted({slot.label for slot in domain.slots.values()})
    intents = domain.intents.values()
    examples = [text for intent in intents for text in intent.examples if placeholders(text) <= words.keys()]
    dialogue_texts = sorted({turn.utterance.text for script in read_scripts(dialogues) for turn in script.turns})
    value, label = st.sampled_from(values), st.sampled_from(labels)
    return st.one_of(
        st.sampled_from(dialogue_texts),
        st.sampled_from([text.format_map(words) for text in examples]),
        st.sampled_from(YES_OR_NO + INTERRUPTIONS + PLACES),
        st.sampled_from(GARBAGE),
        value,
        st.builds("不对，是{}".format, value),
        st.builds("不要{}".format, value),
        st.builds("改{}".format, label),
        st.builds("{}改成{}".format, label, value),
        st.builds("{}{}".format, st.text("零一二两十百点半幺3", min_size=1, max_size=5), st.sampled_from(UNITS)),
        st.text(max_size=12),
    )


INPUTS = {
    name: st.lists(
        st.builds(
            Said,
            text=texts_of(domain, DIALOGUES / name),
            spoken=st.booleans(),
            errors=st.sampled_from([0.0, 0.2, 0.5]),
            after=st.sampled_from([timedelta(), timedelta(minutes=1), timedelta(hours=1), timedelta(hours=9)]),
        ),
        min_size=1,
        max_size=12,
    )
    for name, domain in DOMAINS.items()
}


def opened(domain: Domain, clock: list[datetime]) -> Dialogue:
    dialogue = Dialogue(domain, create_engine("sqlite://"), clock=lambda: clock[0], new_key=lambda: "key")
    dialogue.prepare()
    return dialogue


@pytest.mark.parametrize("domain", sorted(DOMAINS))
@settings(max_examples=20, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
@given(data=st.data())
def test_nothing_is_lost_unsaid_and_nothing_asked_four_times(domain: str, data: st.DataObject) -> None:
    clock = [START]
    dialogue = opened(DOMAINS[domain], clock)
    reply = dialogue.start()
    asked = 0
    for said in data.draw(INPUTS[domain]):
        clock[0] += said.after
        before, kept = reply, DialogueState.from_dict(reply.state.to_dict())
        reply = dialogue.respond(said.utterance(), kept)
        assert reply.texts
        assert all(text.strip() for text in reply.texts)
        for frame in before.state.frames:
            _check_that_nothing_is_lost_unsaid(frame, reply, Wording(DOMAINS[domain]), clock[0].date())
        same = _stands_where_it_stood(before, reply)
        asked = (asked + 1 if same else 1) if _puts_its_question(dialogue, reply) else 0
        assert asked <= MAX_ASKED, reply.texts


def _check_that_nothing_is_lost_unsaid(frame: Frame, reply: Reply, wording: Wording, today: date) -> None:
    """A task that went was done or is named; a value or an entry that went or changed is named, or asked for anew."""
    domain = DOMAINS[reply.state.domain]
    told = "\n".join(reply.texts)
    if "从头来" in told:  # that all of it goes is what was asked for, and said
        return
    after = next((one for one in reply.state.frames if one.key == frame.key and one.task == frame.task), None)
    if after is None:
        assert reply.actions or domain.tasks[frame.task].title in told or _nothing_was_found(domain, told), told
        return
    for entry in frame.items:
        there = entry in after.items or entry.items() <= after.slots.items()
        assert there or any(word in told for word in ("已删掉", "改为", "改成")), (entry, told)
    for name, value in frame.slots.items():
        now = [entry[name] for entry in (after.slots, *after.items) if name in entry]
        if any(one.value == value.value for one in now):
            continue
        asks_for_it = reply.state.question is not None and reply.state.question.slot == name
        named = [wording.filled(name, one, today) for one in (value, *now)]
        brought = value.said == "" or domain.slots[name].type == "record" or _came_with_a_record(frame, name, domain)
        told_of = any(one in told for one in (*named, domain.slots[name].label))
        assert told_of or asks_for_it or brought or "这一条不要了" in told, (name, value, now, told)


def _came_with_a_record(frame: Frame, name: str, domain: Domain) -> bool:
    """Whether nobody said a value: it came with the free place that was chosen, and goes with it."""
    return any(
        name in domain.slots[other].fills and frame.slots[name].said == chosen.said
        for other, chosen in frame.slots.items()
    )


def _nothing_was_found(domain: Domain, told: str) -> bool:
    return any(slot.none and slot.none in told for slot in domain.slots.values())


def _puts_its_question(dialogue: Dialogue, reply: Reply) -> bool:
    question = dialogue.question(reply.state)
    return bool(question) and reply.texts[-1].endswith(question[-1])


def _stands_where_it_stood(before: Reply, after: Reply) -> bool:
    one, other = ([replace(frame, options=()) for frame in reply.state.frames] for reply in (before, after))
    return before.state.question == after.state.question and one == other

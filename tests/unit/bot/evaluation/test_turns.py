"""Two tasks in a sentence, tasks that are not clear, tasks put aside, and what no sequence of turns may do."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import create_engine

from bot import Dialogue, Reply, Utterance, load_domain
from bot.evaluation.rehearsal import read_scripts
from bot.evaluation.slot_scores import slot_scores
from bot.evaluation.timing import enlarged, measure

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
DOMAINS = {name: load_domain(name) for name in ("clinic", "daily", "endoscopy")}
DIALOGUES = Path(__file__).parents[3] / "data/dialogues"
SAID = {
    name: sorted({turn.utterance.text for script in read_scripts(DIALOGUES / name) for turn in script.turns})
    for name in DOMAINS
}


def opened(domain: str, clock: list[datetime] | None = None) -> Dialogue:
    times = clock or [NOW]
    return Dialogue(DOMAINS[domain], create_engine("sqlite://"), clock=lambda: times[0], new_key=lambda: "key")


@pytest.fixture(scope="module")
def dialogues() -> dict[str, Dialogue]:
    return {name: opened(name) for name in DOMAINS}


def say(dialogue: Dialogue, *texts: str, reply: Reply | None = None) -> Reply:
    reply = reply or dialogue.start()
    for text in texts:
        reply = dialogue.respond(Utterance(text), reply.state)
    return reply


def test_two_tasks_in_one_sentence_are_done_one_after_the_other() -> None:
    dialogue = opened("clinic")
    both = say(dialogue, "查我的预约，再帮我挂一个骨科")
    assert "先查预约，再挂号" in both.texts[0]
    after = say(dialogue, "王小明 13800138000", reply=both)
    assert after.actions == ("find_appointments",)
    assert "我们接着挂号" in after.texts[0]
    assert after.state.frame is not None
    assert after.state.frame.slots["department"].value == "骨科"


def test_the_values_of_the_first_task_are_kept() -> None:
    reply = say(opened("daily"), "明天晚上七点订老成都火锅，然后设个提醒")
    assert [frame.task for frame in reply.state.frames] == ["remind", "book_table"]
    assert reply.state.frame is not None
    assert reply.state.frame.slots["restaurant"].value == "老成都火锅"


def test_words_that_come_near_to_two_tasks_are_answered_with_both() -> None:
    reply = say(opened("clinic"), "我的号")
    assert [button.title for button in reply.quick_replies] == ["改预约", "退号"]
    chosen = say(opened("clinic"), reply.quick_replies[1].text)
    assert chosen.state.frame is not None
    assert chosen.state.frame.task == "cancel_appointment"


def test_a_task_that_was_left_too_long_is_put_aside_aloud() -> None:
    clock = [NOW]
    dialogue = opened("clinic", clock)
    begun = say(dialogue, "挂骨科")
    clock[0] += timedelta(hours=3)
    assert say(dialogue, "明天", reply=begun).state.frame is not None
    clock[0] += timedelta(hours=5)
    late = say(dialogue, "你好", reply=begun)
    assert "挂号先放下了" in late.texts[0]
    assert late.state.frames == ()
    begun_again = say(dialogue, "挂眼科", reply=late)
    assert "先放下" not in begun_again.texts[0]


def test_all_tasks_that_were_left_too_long_are_named() -> None:
    clock = [NOW]
    dialogue = opened("clinic", clock)
    begun = say(dialogue, "挂骨科", "查我的预约")
    clock[0] += timedelta(hours=9)
    assert "查预约和挂号先放下了" in say(dialogue, "你好", reply=begun).texts[0]


def test_a_value_that_is_not_wanted_any_more_is_named() -> None:
    reply = say(opened("clinic"), "挂骨科", "不要骨科")
    assert "不要骨科" in reply.texts[0]
    assert reply.state.frame is not None
    assert "department" not in reply.state.frame.slots


def test_a_question_is_said_again_twice_and_then_what_else_there_is_to_do() -> None:
    dialogue = opened("clinic")
    asked = say(dialogue, "挂骨科")
    again = say(dialogue, "你刚才说什么", "再说一遍", reply=asked)
    assert again.texts == asked.texts
    assert "打字" in say(dialogue, "再说一遍", reply=again).texts[0]


def test_three_misunderstandings_name_a_human() -> None:
    dialogue = opened("clinic")
    assert "导诊台" in say(dialogue, "阿巴阿巴", "阿巴阿巴", "阿巴阿巴").texts[0]
    assert "导诊台" in say(dialogue, "挂骨科", "阿巴阿巴", "阿巴阿巴", "阿巴阿巴").texts[0]


def test_slot_values_are_scored_against_the_clean_text() -> None:
    scripts = read_scripts(DIALOGUES / "clinic" / "step_by_step.yaml")
    dialogue = opened("clinic")
    clean, noisy = slot_scores(DOMAINS["clinic"], scripts, lambda: dialogue, rates=(0.0, 0.4), seed=1)
    assert clean.f1 == 1.0
    assert clean.values == noisy.values > 20
    assert noisy.recall < 1.0


def test_a_lexicon_is_made_as_large_as_it_is_to_be() -> None:
    large = enlarged(DOMAINS["clinic"], 700, Random(1))
    words = sum(1 + len(v.synonyms) + len(v.hints) for slot in large.slots.values() for v in slot.values)
    assert 690 <= words <= 700
    timing = measure(DOMAINS["clinic"], read_scripts(DIALOGUES / "clinic" / "talk.yaml")[:2], 700, 1)
    assert 0 < timing.median <= timing.p95

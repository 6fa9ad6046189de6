"""Measuring a bot: the error channel, the simulated user, the table."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path
from random import Random

import pytest
from sqlmodel import create_engine
from typer.testing import CliRunner

from bot import Dialogue, load_domain
from bot.__main__ import app
from bot.evaluation.evaluate import evaluate, table
from bot.evaluation.noise import garble
from bot.evaluation.rehearsal import play, read_scripts
from bot.evaluation.simulation import Goal, Plan, clean_goals, converse, plan_from_script, sample_plan
from bot.understanding.sounds import near_class, syllables

CLINIC = load_domain("clinic")
SENTENCE = "我想明天上午看消化内科电话是幺三八零零幺三八零零零" * 40

SCRIPTS = """\
- name: books
  turns: [{say: 明天上午看骨科}, {say: 王小明}]
- name: thinks better of it
  turns: [{say: 挂骨科}, {say: 算了}]
- name: misheard
  turns: [{hear: 挂谷科}]
"""


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.2])
def test_the_channel_makes_as_many_errors_as_it_is_told(rate: float) -> None:
    noisy = garble(SENTENCE, rate, Random(1))
    assert noisy == garble(SENTENCE, rate, Random(1)) != garble(SENTENCE, rate, Random(2))
    kept = sum(character in noisy for character in SENTENCE) / len(SENTENCE)
    assert kept > 0.9
    wrong = _distance(SENTENCE[:400], garble(SENTENCE[:400], rate, Random(3))) / 400
    assert rate / 2 < wrong < rate * 1.6


def test_the_channel_changes_nothing_at_rate_zero_and_no_punctuation() -> None:
    assert garble(SENTENCE, 0.0, Random(1)) == SENTENCE
    assert garble("，。！ ", 1.0, Random(1)) == "，。！ "


def test_most_of_what_the_channel_replaces_sounds_alike() -> None:
    pairs = [(character, garble(character, 1.0, Random(seed))) for seed, character in enumerate(SENTENCE[:400])]
    replaced = [(one, other) for one, other in pairs if len(other) == 1]
    alike = [near_class(syllables(one)[0]) == near_class(syllables(other)[0]) for one, other in replaced]
    assert len(replaced) > 200
    assert sum(alike) / len(alike) > 0.9


def _dialogue() -> Dialogue:
    return Dialogue(CLINIC, create_engine("sqlite://"), new_key=lambda: "key")


def _plans(folder: Path) -> list[object]:
    path = folder / "scripts.yaml"
    path.write_text(SCRIPTS, encoding="utf-8")
    return [plan_from_script(play(script, CLINIC), CLINIC, Random(1)) for script in read_scripts(path)]


def test_a_test_dialogue_is_carried_to_its_end_unless_it_wants_nothing_or_is_misheard(tmp_path: Path) -> None:
    books, better, misheard = _plans(tmp_path)
    assert (better, misheard) == (None, None)
    ((plan, outcome),) = clean_goals([books], _dialogue)  # type: ignore[list-item]
    assert (outcome.success, outcome.turns) == (True, 4)
    assert (plan.goal.values["department"], plan.goal.values["patient"]) == ("骨科", "王小明")


def _sampled(task: str) -> Plan:
    return next(plan for seed in count() if (plan := sample_plan(CLINIC, 0, Random(seed), _dialogue)).goal.task == task)


def test_what_a_task_needs_done_is_done_before_it_without_errors() -> None:
    ((plan, clean),) = clean_goals([_sampled("cancel_appointment")], _dialogue)
    assert plan.before
    assert clean.frame is not None
    assert clean.frame.values["patient"] == plan.goal.words["patient"]
    assert converse(plan, _dialogue(), lambda text: text).success


def test_a_look_up_succeeds_only_when_it_finds_what_was_booked() -> None:
    ((plan, clean),) = clean_goals([_sampled("find_appointments")], _dialogue)
    assert len(clean.rows) == 1
    assert not converse(replace(plan, before=()), _dialogue(), lambda text: text).success


def test_one_wrong_value_of_an_entry_is_put_right_and_the_entry_kept() -> None:
    endoscopy = load_domain("endoscopy")

    def opened() -> Dialogue:
        return Dialogue(endoscopy, create_engine("sqlite://"), new_key=lambda: "key")

    words = {"preparation": "准备好", "reached": "回盲部", "advice": "没有"}
    entry = {"site": "升结肠", "finding": "息肉", "count": "三枚", "size": "五毫米"}
    goal = Goal("report", words, {}, (entry,))
    ((plan, _),) = clean_goals([Plan("dictated", goal, ("开始报告",), ((),))], opened)
    heard: list[str] = []

    def mishears_the_count_once(text: str) -> str:
        heard.append(text)
        return text.replace("三枚", "两枚") if sum("三枚" in one for one in heard) == 1 else text

    assert converse(plan, opened(), mishears_the_count_once).success
    assert any(text.startswith("第一条数量改成") for text in heard)


def test_the_user_puts_right_what_was_misheard() -> None:
    ((plan, clean),) = clean_goals([_sampled("book_appointment")], _dialogue)
    department = plan.goal.words["department"]
    heard: list[str] = []

    def mishears_the_first_department(text: str) -> str:
        heard.append(text)
        return text.replace(department, "皮肤科") if len(heard) <= 2 else text

    outcome = converse(plan, _dialogue(), mishears_the_first_department)
    assert outcome.success
    assert any(text.startswith("不对，科室是") for text in heard) or outcome.turns == clean.turns


def test_the_table_has_a_line_for_every_rate(tmp_path: Path) -> None:
    rows = list(evaluate(CLINIC, None, sampled=3, seeds=[1], rates=(0.0, 0.1)))
    assert [(row.rate, row.phonetic) for row in rows] == [(0.0, True), (0.0, False), (0.1, True), (0.1, False)]
    assert rows[0].success == 1.0
    assert rows == list(evaluate(CLINIC, None, sampled=3, seeds=[1], rates=(0.0, 0.1)))
    assert table(rows).splitlines()[2].startswith("| 0% | 100.0% | 100.0% | 0.00 |")


def test_evaluate_prints_the_table(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["evaluate", "clinic", "--sampled", "1", "--seed", "3"])
    assert result.exit_code == 0
    assert "1 dialogues, seed 3" in result.output
    missing = CliRunner().invoke(app, ["evaluate", "clinic", str(tmp_path)])
    assert (missing.exit_code, "There are no dialogues" in missing.output) == (1, True)


def _distance(one: str, other: str) -> int:
    row = list(range(len(other) + 1))
    for index, character in enumerate(one, 1):
        last, row[0] = row[0], index
        for column, compared in enumerate(other, 1):
            last, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, last + (character != compared))
    return row[-1]

"""The dialogue as its users see it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, Row, event
from sqlalchemy import text as sql
from sqlmodel import create_engine

from bot import Dialogue, DialogueState, Reply, Utterance, load_domain, open_dialogue
from bot.errors import ActionUnknown, StateInvalid, StateTooNew
from bot.evaluation.rehearsal import Script, play, read_scripts
from bot.rules.context import MAX_ASKED
from bot.state import Frame, Question, SlotValue

CHINA = timezone(timedelta(hours=8))
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=CHINA)
CLINIC = load_domain("clinic")
DIALOGUES = Path(__file__).parents[2] / "data/dialogues"
SCRIPTS = read_scripts(DIALOGUES / "clinic")
DAILY = load_domain("daily")
ALL_AT_ONCE = "我叫王小明，电话13800138000，后天下午挂皮肤科"


def dialogue_on(database: Path | Engine) -> Dialogue:
    return Dialogue(CLINIC, database, clock=lambda: NOW, new_key=lambda: "key")


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return create_engine(f"sqlite:///{tmp_path / 'bookings.db'}")


@pytest.fixture(scope="module")
def shared() -> Dialogue:
    """One for all examples of a property: it holds nothing of a conversation."""
    return dialogue_on(create_engine("sqlite://"))


@pytest.fixture
def dialogue(engine: Engine) -> Dialogue:
    return dialogue_on(engine)


def say(dialogue: Dialogue, *texts: str, reply: Reply | None = None) -> Reply:
    reply = reply or dialogue.start()
    for text in texts:
        reply = dialogue.respond(Utterance(text), reply.state)
    return reply


def appointments(engine: Engine) -> list[Row[Any]]:
    with engine.connect() as connection:
        return list(connection.execute(sql("SELECT * FROM appointment ORDER BY id")))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_rehearsed(script: Script) -> None:
    assert play(script, CLINIC).failures == ()


@pytest.mark.parametrize("script", read_scripts(DIALOGUES / "daily"), ids=lambda script: script.name)
def test_rehearsed_of_daily_life(script: Script) -> None:
    assert play(script, DAILY).failures == ()


@pytest.mark.parametrize("name", ["李四", "张三", "刘洋", "谢霆锋"])
def test_a_bare_name_is_one_whatever_else_it_is_like(shared: Dialogue, name: str) -> None:
    reply = say(shared, "我要挂号", "骨科", "后天", "下午", name)
    assert f"病人{name}" in "".join(reply.texts)


def test_the_names_of_the_rehearsed_dialogues_are_their_own() -> None:
    assert len({script.name for script in SCRIPTS}) == len(SCRIPTS) >= 25


def test_a_booking_is_in_the_database(dialogue: Dialogue, engine: Engine) -> None:
    reply = say(dialogue, ALL_AT_ONCE, "确认")
    (booked,) = appointments(engine)
    assert reply.actions == ("book_appointment",)
    assert (booked.department, str(booked.date), booked.half_day) == ("皮肤科", "2026-11-23", "下午")
    assert (booked.patient, booked.phone, booked.key) == ("王小明", "13800138000", "key-1")


def test_the_same_confirmation_sent_twice_books_once(dialogue: Dialogue, engine: Engine) -> None:
    summary = say(dialogue, ALL_AT_ONCE)
    first, second = say(dialogue, "确认", reply=summary), say(dialogue, "确认", reply=summary)
    assert first == second
    assert len(appointments(engine)) == 1


def test_a_failed_booking_keeps_what_was_said_and_can_be_tried_again(dialogue: Dialogue, tmp_path: Path) -> None:
    summary = say(dialogue, ALL_AT_ONCE)
    folder = tmp_path / "later.db"
    folder.mkdir()  # a folder where the database should be: SQLite cannot open it
    failing = dialogue_on(create_engine(f"sqlite:///{folder}"))
    failed = say(failing, "确认", reply=summary)
    assert failed.actions == ()
    assert "没有成功" in failed.texts[0]
    assert failed.state.frame is not None
    assert failed.state.frame.slots["patient"].value == "王小明"
    folder.rmdir()
    assert say(failing, "确认", reply=failed).actions == ("book_appointment",)


def test_a_look_up_that_failed_is_tried_again(tmp_path: Path) -> None:
    folder = tmp_path / "later.db"
    folder.mkdir()
    failing = dialogue_on(create_engine(f"sqlite:///{folder}"))
    failed = say(failing, ALL_AT_ONCE)
    assert "没有成功" in failed.texts[0]
    folder.rmdir()
    tried = say(failing, "确认", reply=failed)
    assert tried.state.question is not None
    assert tried.state.question.kind == "summary"


def test_the_database_gets_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "new" / "bookings.db"
    assert say(dialogue_on(path), ALL_AT_ONCE, "确认").actions
    assert path.exists()


def test_a_dialogue_played_again_is_the_same_to_the_letter(dialogue: Dialogue) -> None:
    for script in SCRIPTS[::9]:
        assert play(script, CLINIC).replies == play(script, CLINIC).replies


def test_the_state_goes_to_json_and_back(dialogue: Dialogue) -> None:
    for text in ("小瓦内课", "明天", "我姓张", "13800138000"):
        state = dialogue.respond(Utterance(text, "spoken"), say(dialogue, "我要挂号").state).state
        assert DialogueState.from_dict(json.loads(json.dumps(state.to_dict()))) == state


@pytest.mark.parametrize(
    "damage",
    [{"frames": 3}, {"question": {"kind": "riddle"}}, {"turn": "many"}, {"version": None}, {"question": [1]}],
)
def test_a_damaged_state_is_refused(dialogue: Dialogue, damage: dict[str, object]) -> None:
    with pytest.raises(StateInvalid):
        DialogueState.from_dict({**dialogue.start().state.to_dict(), **damage})


def test_a_state_of_a_later_version_is_refused(dialogue: Dialogue) -> None:
    with pytest.raises(StateTooNew, match="update"):
        DialogueState.from_dict({**dialogue.start().state.to_dict(), "version": 99})


def test_what_is_no_mapping_is_no_state() -> None:
    with pytest.raises(StateInvalid):
        DialogueState.from_dict(["clinic"])  # type: ignore[arg-type]


def test_a_state_of_another_domain_begins_anew(dialogue: Dialogue) -> None:
    reply = dialogue.respond(Utterance("挂骨科"), DialogueState(domain="restaurant", key="old"))
    assert reply.state.domain == "clinic"
    assert reply.state.question is not None


def test_a_domain_with_an_unknown_action_is_refused(engine: Engine) -> None:
    task = CLINIC.tasks["book_appointment"].model_copy(update={"action": "fly"})
    with pytest.raises(ActionUnknown, match="book_appointment"):
        Dialogue(CLINIC.model_copy(update={"tasks": {"book_appointment": task}}), engine)


def test_an_opened_dialogue_has_its_tables_and_survives_a_database_that_is_not_there(tmp_path: Path) -> None:
    open_dialogue("clinic", engine := create_engine(f"sqlite:///{tmp_path / 'bookings.db'}"))
    assert appointments(engine) == []
    assert open_dialogue("clinic", create_engine(f"sqlite:///{tmp_path}")).start().texts


def test_the_clock_of_a_domain_is_in_its_own_zone(tmp_path: Path) -> None:
    dialogue = open_dialogue("clinic", tmp_path / "bookings.db")
    reply = say(dialogue, "今天看骨科")
    assert reply.texts


def test_a_day_that_passes_before_the_confirmation_is_asked_for_again(engine: Engine) -> None:
    clock = [NOW]
    patient = CLINIC.model_copy(update={"expires_minutes": 60 * 24 * 30})
    dialogue = Dialogue(patient, engine, clock=lambda: clock[0])
    summary = say(dialogue, ALL_AT_ONCE)
    clock[0] = NOW + timedelta(days=5)
    late = say(dialogue, "确认", reply=summary)
    assert late.actions == ()
    assert "已经过去" in late.texts[0]
    assert say(dialogue, "明天", "确认", reply=late).actions == ("book_appointment",)
    assert [str(booked.date) for booked in appointments(engine)] == ["2026-11-27"]


def test_choices_come_as_buttons(dialogue: Dialogue) -> None:
    assert [button.text for button in dialogue.start().quick_replies] == ["我要挂号", "查我的预约", "你能做什么"]
    assert [button.text for button in say(dialogue, "明天看骨科").quick_replies] == ["上午", "下午"]
    assert [button.text for button in say(dialogue, ALL_AT_ONCE).quick_replies] == ["确认", "修改", "取消"]
    assert ("日期", "改日期") in [(b.title, b.text) for b in say(dialogue, ALL_AT_ONCE, "修改").quick_replies]


def test_nothing_of_the_users_markup_comes_back(dialogue: Dialogue) -> None:
    for text in ("<script>alert(1)</script>", "我叫<b>王小明</b>", "{title}", "%s"):
        reply = say(dialogue, "明天上午看骨科", text)
        assert "<" not in "".join(reply.texts)


WORDS = (
    "我要挂号 明天 昨天 下周 小瓦内课 消化内科 不是 是 确认 取消 不对 改日期 修改 王小明 豆豆 我姓张 13800138000 "
    "一三八零 阿巴阿巴 你好 再说一遍 没听清 肚子疼头晕 晚上 上午 不要骨科 骨科 谢谢 不知道 等一下 二月三十号 去消 "
    "我要退号 查我的预约 改预约 第二个 最后一个 不是这个号 13900139000 "
    "我叫王小明，电话13800138000，后天下午挂皮肤科 我叫李娜，电话13800138000，明天上午挂骨科 "
    "😀 \x00 <b> {title}"
)
PIECES = st.sampled_from(["", *WORDS.split(" ")])
SOURCES = st.sampled_from(["typed", "spoken"])


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(turns=st.lists(st.tuples(st.one_of(PIECES, st.text(max_size=40)), SOURCES), max_size=14))
def test_no_sequence_of_turns_breaks_the_dialogue(shared: Dialogue, turns: list[tuple[str, str]]) -> None:
    dialogue = shared
    reply = dialogue.start()
    for text, source in turns:
        reply = dialogue.respond(Utterance(text, source), DialogueState.from_dict(reply.state.to_dict()))  # type: ignore[arg-type]
        assert all(reply.texts)
        assert reply.texts
        assert reply.state.asked <= MAX_ASKED


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=300), source=SOURCES, confidence=st.floats(-1, 2))
def test_any_text_is_answered(shared: Dialogue, text: str, source: str, confidence: float) -> None:
    dialogue = shared
    for state in (dialogue.start().state, say(dialogue, "明天上午看骨科").state, say(dialogue, ALL_AT_ONCE).state):
        assert dialogue.respond(Utterance(text, source, confidence), state).texts  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["", " ", "长" * 10_000, "1" * 10_000, "\x00\x07", "\ud800", "明天" * 3000, "周一" * 99]
)
@pytest.mark.parametrize("source", ["typed", "spoken"])
def test_extreme_texts_are_answered(dialogue: Dialogue, text: str, source: str) -> None:
    for before in ([], ["我要挂号"], ["明天上午看骨科"], ["明天上午看骨科", "王小明"]):
        reply = say(dialogue, *before)
        assert dialogue.respond(Utterance(text, source), reply.state).texts  # type: ignore[arg-type]


def test_two_confirmations_at_the_same_moment_book_once(dialogue: Dialogue, engine: Engine, tmp_path: Path) -> None:
    summary = say(dialogue, ALL_AT_ONCE)
    rival = dialogue_on(create_engine(f"sqlite:///{tmp_path / 'bookings.db'}"))
    rivals = iter([rival])

    @event.listens_for(engine, "before_cursor_execute")
    def confirm_elsewhere_first(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("INSERT"):
            for other in rivals:  # once: the rival has none left
                say(other, "确认", reply=summary)

    reply = say(dialogue, "确认", reply=summary)
    assert reply.actions == ("book_appointment",)
    assert len(appointments(engine)) == 1


def test_a_cancelled_appointment_stays_in_the_database_with_its_time(dialogue: Dialogue, engine: Engine) -> None:
    say(dialogue, ALL_AT_ONCE, "确认", "我要退号", "王小明 13800138000", "确认")
    (row,) = appointments(engine)
    assert str(row.cancelled_at).startswith("2026-11-21 09:00")


def test_a_table_of_an_earlier_version_gets_its_new_column(dialogue: Dialogue, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            sql(
                "CREATE TABLE appointment (id INTEGER PRIMARY KEY, key VARCHAR NOT NULL, department VARCHAR, date DATE,"
                " half_day VARCHAR, patient VARCHAR, phone VARCHAR, created_at DATETIME NOT NULL)"
            )
        )
    say(dialogue, ALL_AT_ONCE, "确认")
    assert [row.cancelled_at for row in appointments(engine)] == [None]


def test_a_state_of_the_time_before_there_were_several_tasks_is_taken_up(dialogue: Dialogue) -> None:
    stored = say(dialogue, ALL_AT_ONCE).state.to_dict()
    for frame in stored["frames"]:
        del frame["skipped"], frame["options"]
    state = DialogueState.from_dict(json.loads(json.dumps(stored)))
    assert dialogue.respond(Utterance("确认"), state).actions == ("book_appointment",)


def test_a_list_of_records_goes_to_json_and_back(dialogue: Dialogue) -> None:
    listed = say(dialogue, ALL_AT_ONCE, "确认", "再挂一个号", "明天上午骨科", "王小明", "13800138000", "确认", "退号")
    listed = say(dialogue, "王小明 13800138000", reply=listed)
    assert [button.text for button in listed.quick_replies] == ["第一个", "第二个"]
    assert DialogueState.from_dict(json.loads(json.dumps(listed.state.to_dict()))) == listed.state


def test_a_state_that_speaks_of_what_the_domain_has_lost_begins_anew(dialogue: Dialogue) -> None:
    state = say(dialogue, "挂骨科").state
    frame = Frame("book_appointment", "key-1", {"surgeon": SlotValue("华佗")})
    for stale in (
        replace(state, frames=(frame,)),
        replace(state, question=Question("slot", "surgeon")),
        replace(state, frames=(Frame("operate", "key-2"),)),
    ):
        reply = dialogue.respond(Utterance("挂眼科"), stale)
        assert reply.state.frame is not None
        assert set(reply.state.frame.slots) == {"department"}


def test_a_slot_may_have_its_own_words_to_confirm_with(dialogue: Dialogue) -> None:
    assert say(dialogue, "后天下午挂皮肤科", "豆豆").texts == ("病人叫豆豆，对吗？",)


def test_a_plain_yes_is_a_yes_whatever_else_the_recogniser_considered(dialogue: Dialogue) -> None:
    alternatives = ((("是", 0.4), ("骨", 0.38)), (("的", 0.4), ("科", 0.38)))
    summary = say(dialogue, ALL_AT_ONCE)
    heard = Utterance("是的", "spoken", 0.4, alternatives)
    assert dialogue.respond(heard, summary.state).actions == ("book_appointment",)

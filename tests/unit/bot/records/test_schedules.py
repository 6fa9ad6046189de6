"""Places that can be booked: what is free, what is taken, what comes nearest."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine
from sqlalchemy import text as sql
from sqlmodel import create_engine

from bot import Dialogue, Reply, Utterance, load_domain
from bot.domains.reading import DOMAINS
from bot.errors import DomainInvalid

CLINIC = load_domain("clinic")
SATURDAY = datetime(2026, 11, 21, 9, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
EXPERT = "下周二下午挂神经内科专家号"  # one place


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return create_engine(f"sqlite:///{tmp_path / 'bookings.db'}")


@pytest.fixture
def dialogue(engine: Engine) -> Dialogue:
    return opened(engine)


def opened(engine: Engine, now: datetime = SATURDAY) -> Dialogue:
    keys = iter(range(100))
    return Dialogue(CLINIC, engine, clock=lambda: now, new_key=lambda: f"key{next(keys)}")


def say(dialogue: Dialogue, *texts: str, reply: Reply | None = None) -> Reply:
    reply = reply or dialogue.start()
    for text in texts:
        reply = dialogue.respond(Utterance(text), reply.state)
    return reply


def test_the_last_place_goes_to_who_confirms_first(dialogue: Dialogue, engine: Engine) -> None:
    first = say(dialogue, f"我叫王小明，电话13800138000，{EXPERT}")
    second = say(dialogue, f"我叫李娜，电话13900139000，{EXPERT}")
    assert say(dialogue, "确认", reply=first).actions == ("book_appointment",)
    late = say(dialogue, "确认", reply=second)
    assert late.actions == ()
    assert "刚刚被约走" in late.texts[0]
    assert late.state.frame is not None
    assert late.state.frame.slots["patient"].value == "李娜"
    booked = say(dialogue, "第一个", "确认", reply=late)
    assert booked.actions == ("book_appointment",)
    with engine.connect() as connection:
        rows = connection.execute(sql("SELECT patient, date, doctor FROM appointment ORDER BY id")).all()
    assert [tuple(row) for row in rows] == [
        ("王小明", "2026-11-24", "褚卫东医生"),
        ("李娜", "2026-11-26", "褚卫东医生"),
    ]


def test_the_timetable_in_the_database_counts_once_it_is_there(engine: Engine) -> None:
    opened(engine).prepare()
    with engine.begin() as connection:
        connection.execute(sql("UPDATE consultation SET places = 0 WHERE doctor = '施德明医生'"))
    reply = say(opened(engine), "明天上午看骨科")
    assert "没有号了" in reply.texts[0]
    assert "张慧敏医生" in reply.texts[0]


def test_a_half_day_that_is_over_is_not_offered(engine: Engine) -> None:
    noon = SATURDAY.replace(hour=13)
    reply = say(opened(engine, noon), "明天下午看中医")  # the expert of Saturday morning has gone home
    assert "11月21日" not in reply.texts[0]
    assert "11月23日" in reply.texts[0]


def test_a_doctor_of_another_department_gives_way(dialogue: Dialogue) -> None:
    reply = say(dialogue, "挂施德明医生的号", "眼科", "明天上午")
    assert "没有号了" in reply.texts[0]
    assert reply.state.frame is not None
    assert reply.state.frame.options


def test_when_nothing_is_free_at_all_the_day_is_asked_for_again(engine: Engine) -> None:
    opened(engine).prepare()
    with engine.begin() as connection:
        connection.execute(sql("UPDATE consultation SET places = 0"))
    reply = say(opened(engine), "明天上午看骨科")
    assert reply.state.question is not None
    assert reply.state.question.slot == "date"


@pytest.mark.parametrize(
    ("old", "new", "remedy"),
    [
        ("booked: appointment", "booked: visit", "there is no 'visit'"),
        ("match: [department, date, half_day, kind, doctor]", "match: [department]", "add date"),
        ("doctor: 王建国医生, kind", "doctor: 华佗, kind", "there is no '华佗'"),
        ("    schedule: consultation\n", "", "either `record:` or `schedule:`"),
        ("flexible: [half_day, doctor, kind]", "flexible: [phone]", "there is no 'phone'"),
        ("half_day: 上午, places: 20}", "half_day: 上午, places: 20, room: 3}", "no column 'room'"),
    ],
)
def test_a_schedule_that_is_wrong_is_refused_with_its_remedy(tmp_path: Path, old: str, new: str, remedy: str) -> None:
    text = (DOMAINS / "clinic.yaml").read_text("utf-8")
    assert old in text
    path = tmp_path / "clinic.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DomainInvalid, match=remedy):
        load_domain(path)

"""Actions that are another system's, over a webhook."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import create_engine

from bot import Dialogue, Reply, Utterance, load_domain
from bot.domains.parts import Action
from bot.errors import ActionFailed, DomainInvalid
from bot.records.calls import Calls
from bot.rules.decision import ActionCall
from tests.backend_server import BackendServer, Told, running, told

TAXI = """\
name: taxi
title: 叫车
language: zh
extends: common
slots:
  place: {type: place, label: 地点, ask: 去哪里？, help: 比如“火车站”。, values: [{value: 火车站}, {value: 机场}]}
actions:
  order: {do: call, url: "URL/order", timeout: 2, retries: 2, secret_env: TAXI_SECRET, returns: [number, minutes]}
tasks:
  ride:
    title: 叫车
    intent: ride
    slots: [place]
    summary: "去{place}"
    action: order
    done: ["好的，车牌{number}，{minutes}分钟后到。", 车叫好了。]
intents:
  ride: {keywords: [叫车, 打车]}
phrases:
  greeting: 您好。
  help: 我可以叫车。
"""
CALL = ActionCall("ride", "order", "key-1", {"place": "机场"})


@pytest.fixture
def backend() -> Iterator[BackendServer]:
    with running() as server:
        yield server


@pytest.fixture
def calls(tmp_path: Path, backend: BackendServer) -> Calls:
    path = tmp_path / "taxi.yaml"
    path.write_text(TAXI.replace("URL", backend.url), encoding="utf-8")
    return Calls(load_domain(path).actions, sleep=lambda _: None)


@pytest.fixture
def dialogue(tmp_path: Path, backend: BackendServer, monkeypatch: pytest.MonkeyPatch) -> Dialogue:
    monkeypatch.setenv("TAXI_SECRET", "hush")
    path = tmp_path / "taxi.yaml"
    path.write_text(TAXI.replace("URL", backend.url).replace("retries: 2", "retries: 0"), encoding="utf-8")
    return Dialogue(load_domain(path), create_engine("sqlite://"), new_key=lambda: "key")


def say(dialogue: Dialogue, *texts: str, reply: Reply | None = None) -> Reply:
    reply = reply or dialogue.start()
    for text in texts:
        reply = dialogue.respond(Utterance(text), reply.state)
    return reply


def test_what_was_collected_is_posted_and_what_is_returned_is_said(dialogue: Dialogue, backend: BackendServer) -> None:
    backend.answers["/order"] = told({"number": "京A12345", "minutes": 5, "other": "x"})
    done = say(dialogue, "叫车", "机场", "确认")
    assert done.actions == ("order",)
    assert done.texts == ("好的，车牌京A12345，5分钟后到。",)
    (asked,) = backend.asked
    assert asked.body["values"] == {"place": "机场"}
    assert asked.headers["Idempotency-Key"] == asked.body["key"] == "key-1"
    assert asked.headers["Authorization"] == "Bearer hush"


def test_a_service_that_returns_nothing_is_thanked_all_the_same(dialogue: Dialogue, backend: BackendServer) -> None:
    backend.answers["/order"] = Told(status=204)
    assert say(dialogue, "叫车", "机场", "确认").texts == ("车叫好了。",)


def test_a_failed_call_is_told_of_and_keeps_what_was_collected(dialogue: Dialogue, backend: BackendServer) -> None:
    backend.answers["/order"] = [Told(status=503), told({})]
    failed = say(dialogue, "叫车", "机场", "确认")
    assert failed.actions == ()
    assert "没有成功" in failed.texts[0]
    assert failed.state.frame is not None
    assert failed.state.frame.slots["place"].value == "机场"
    assert say(dialogue, "确认", reply=failed).actions == ("order",)
    assert len({asked.headers["Idempotency-Key"] for asked in backend.asked}) == 1


def test_a_service_in_trouble_is_tried_again_with_the_same_key(calls: Calls, backend: BackendServer) -> None:
    backend.answers["/order"] = [Told(status=502), Told(status=429), told({"number": "1"})]
    (found,) = calls.run(_action(backend), CALL)
    assert found.values == {"number": "1"}
    assert [asked.headers["Idempotency-Key"] for asked in backend.asked] == ["key-1"] * 3


def test_a_service_that_stays_in_trouble_fails_at_last(calls: Calls, backend: BackendServer) -> None:
    backend.answers["/order"] = Told(status=500)
    with pytest.raises(ActionFailed):
        calls.run(_action(backend), CALL)
    assert len(backend.asked) == 3


@pytest.mark.parametrize("answer", [Told(status=422), Told(status=302, headers={"Location": "/elsewhere"})])
def test_a_refusal_is_not_tried_again(calls: Calls, backend: BackendServer, answer: Told) -> None:
    backend.answers["/order"] = answer
    with pytest.raises(ActionFailed):
        calls.run(_action(backend), CALL)
    assert [asked.path for asked in backend.asked] == ["/order"]


@pytest.mark.parametrize(
    ("old", "new", "remedy"),
    [
        ('url: "URL/order", ', "", "needs `url:`"),
        ("do: call", "do: add", "needs `record:`"),
        ("URL/order", "ftp://host/", "url"),
        ("{number}", "{plate}", "cannot be filled in here"),
    ],
)
def test_a_call_that_is_wrong_is_refused_with_its_remedy(tmp_path: Path, old: str, new: str, remedy: str) -> None:
    path = tmp_path / "taxi.yaml"
    path.write_text(TAXI.replace(old, new).replace("URL", "http://127.0.0.1"), encoding="utf-8")
    with pytest.raises(DomainInvalid, match=remedy):
        load_domain(path)


def _action(backend: BackendServer) -> Action:
    return Action(do="call", url=f"{backend.url}/order", retries=2, returns=["number", "minutes"])

"""Other bots, each speaking its real protocol on a loopback port."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlmodel import create_engine

from bot import Backend, Dialogue, DialogueState, Reply, Utterance, load_domain
from bot.connectors import ConnectedDialogue, connect
from tests.backend_server import Asked, BackendServer, Told, running, streamed, told

CLINIC = load_domain("clinic")
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 64
REST = "/webhooks/rest/webhook"
COMPLETIONS = "/v1/chat/completions"


@pytest.fixture
def backend() -> Iterator[BackendServer]:
    with running() as server:
        yield server


def connected(backend: BackendServer, kind: Any, path: str = "", **fields: Any) -> ConnectedDialogue:
    builtin = Dialogue(CLINIC, create_engine("sqlite://"), new_key=lambda: "key")
    return connect(builtin, Backend(kind, backend.url + path, **{"timeout": 2.0, **fields}))


def say(dialogue: ConnectedDialogue, *texts: str, reply: Reply | None = None) -> Reply:
    reply = reply or dialogue.start()
    for text in texts:
        state = DialogueState.from_dict(json.loads(json.dumps(reply.state.to_dict())))
        reply = dialogue.respond(Utterance(text), state)
    return reply


def test_rasas_texts_buttons_and_pictures_are_shown(backend: BackendServer) -> None:
    backend.answers[REST] = told(
        [
            {"recipient_id": "key", "text": "您好，要点什么？"},
            {"recipient_id": "key", "image": "/menu.png"},
            {"recipient_id": "key", "text": "选一个", "buttons": [{"title": "面", "payload": '/order{"dish": "面"}'}]},
        ]
    )
    backend.answers["/menu.png"] = Told(PNG, media_type="image/png")
    reply = say(connected(backend, "rasa"), "你好")
    assert reply.texts == ("您好，要点什么？", "选一个")
    assert [(button.title, button.text) for button in reply.quick_replies] == [("面", "面")]
    (picture,) = reply.cards
    assert vars(picture)["data"] == PNG
    assert backend.asked[0].body["sender"] == "key"
    assert backend.asked[0].body["message"] == "你好"


@pytest.mark.parametrize("role", ["front", "fallback"])
def test_who_presses_a_button_or_says_its_title_sends_what_it_means(backend: BackendServer, role: str) -> None:
    asks = [{"text": "选一个", "buttons": [{"title": "面", "payload": '/order{"dish": "面"}'}]}]
    backend.answers[REST] = [told(asks), told([{"text": "好"}])]
    not_understood = ["阿巴"] * (1 if role == "front" else 3)
    dialogue = connected(backend, "rasa", role=role)
    asked = say(dialogue, *not_understood)
    assert say(dialogue, "面", reply=asked).texts[0] == "好"
    assert backend.asked[-1].body["message"] == '/order{"dish": "面"}'
    say(dialogue, "面", reply=replace(asked, state=replace(asked.state, last_buttons=())))
    assert [request.body["message"] for request in backend.asked[2:]] == (["面"] if role == "front" else [])


def test_a_picture_of_another_host_is_not_asked_for(backend: BackendServer) -> None:
    with running() as other:
        other.answers["/spy.png"] = Told(PNG, media_type="image/png")
        backend.answers[REST] = told([{"text": "看", "image": f"{other.url}/spy.png"}])
        assert say(connected(backend, "rasa"), "你好").cards == ()
        assert other.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        Told(b"<svg onload='alert(1)'/>", media_type="image/svg+xml"),
        Told(b"<html>", media_type="image/png"),
        Told(PNG + b"0" * 3 * 2**20, media_type="image/png"),
        Told(b"", status=302, headers={"Location": "/other.png"}),
    ],
    ids=["svg", "no png", "too large", "redirected"],
)
def test_what_is_no_safe_picture_is_left_out(backend: BackendServer, answer: Told) -> None:
    backend.answers[REST] = told([{"text": "看", "image": "/menu.png"}])
    backend.answers["/menu.png"] = answer
    backend.answers["/other.png"] = Told(PNG, media_type="image/png")
    reply = say(connected(backend, "rasa"), "你好")
    assert (reply.texts, reply.cards) == (("看",), ())


@pytest.mark.parametrize(
    "answer",
    [
        Told(status=500),
        Told(b"not json"),
        told({"text": "no list"}),
        Told(b"", status=307, headers={"Location": "http://127.0.0.1:1/"}),
        told([{"text": "长" * 300_000}]),
        told([{"text": "慢"}], wait=1.5),
        told([{"text": "滴" * 50}], wait=0.1, pieces=30),
    ],
    ids=["error", "no json", "other shape", "redirect", "too large", "too slow", "dripping"],
)
def test_a_backend_that_fails_is_told_of_and_stood_in_for(backend: BackendServer, answer: Told) -> None:
    backend.answers[REST] = answer
    dialogue = connected(backend, "rasa", timeout=0.6)
    reply = say(dialogue, "我要挂号")
    assert "联系不上" in reply.texts[0]
    assert "哪个科" in reply.texts[1]
    assert len(backend.asked) == 1


def test_a_dead_backend_is_left_alone_for_a_while_and_then_asked_again(backend: BackendServer) -> None:
    backend.answers[REST] = [Told(status=500), told([{"text": "我回来了"}])]
    clock = [100.0]
    built = connected(backend, "rasa")
    dialogue = ConnectedDialogue(built._dialogue, built._connector, clock=lambda: clock[0])
    first = say(dialogue, "你好")
    second = say(dialogue, "你好", reply=first)
    assert "联系不上" not in second.texts[0]
    assert len(backend.asked) == 1
    clock[0] += 31
    assert say(dialogue, "你好", reply=second).texts == ("我回来了",)


def test_a_webhook_gets_what_was_heard_and_may_hand_over(backend: BackendServer) -> None:
    def answer(asked: Asked) -> Told:
        if asked.body["text"] == "我要挂号":
            return told({"messages": [], "hand_over": True})
        return told({"messages": [{"text": "嗯", "buttons": [{"title": "好", "text": "好的"}, {"title": 3}]}, 5]})

    backend.answers["/hook"] = answer
    dialogue = connected(backend, "webhook", "/hook", key="secret")
    reply = dialogue.respond(Utterance("你", "spoken", 0.7, ((("你", 0.7), ("泥", 0.2)),)), dialogue.start().state)
    assert reply.texts == ("嗯",)
    assert [button.title for button in reply.quick_replies] == ["好"]
    assert backend.asked[0].headers["Authorization"] == "Bearer secret"
    assert backend.asked[0].body["alternatives"] == [[["你", 0.7], ["泥", 0.2]]]
    task = say(dialogue, "我要挂号", "骨科", reply=reply)
    assert task.state.frame is not None
    assert "department" in task.state.frame.slots
    assert len(backend.asked) == 2  # the task stays with the built-in bot


def test_a_model_speaks_in_a_stream(backend: BackendServer) -> None:
    backend.answers[COMPLETIONS] = streamed({"role": "assistant"}, {"content": "今天"}, {"content": "晴。\n\n出门吧。"})
    dialogue = connected(backend, "openai", "/v1", key="sk", model="qwen")
    reply = say(dialogue, "天气怎么样")
    assert reply.texts == ("今天晴。", "出门吧。")
    body = backend.asked[0].body
    assert (body["model"], body["stream"]) == ("qwen", True)
    assert {tool["function"]["name"] for tool in body["tools"]} == set(CLINIC.tasks)
    say(dialogue, "谢谢", reply=reply)
    assert [message["content"] for message in backend.asked[1].body["messages"]][1:] == [
        "天气怎么样",
        "今天晴。\n出门吧。",
        "谢谢",
    ]


def test_a_model_hands_a_task_to_the_built_in_bot_and_gets_the_rest_back(backend: BackendServer) -> None:
    backend.answers[COMPLETIONS] = [
        streamed(
            {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "book_appointment", "arguments": ""}}]},
            {"tool_calls": [{"index": 0, "function": {"arguments": '{"department": "骨科", "date": "明天", '}}]},
            {"tool_calls": [{"index": 0, "function": {"arguments": '"half_day": "上午", "phone": "110", "x": 1}'}}]},
        ),
        streamed({"content": "月亮离地球38万公里。"}),
        streamed({"content": "不客气。"}),
    ]
    dialogue = connected(backend, "openai", "/v1", model="qwen")
    begun = say(dialogue, "我膝盖不舒服，明早想看看")
    assert begun.state.frame is not None
    assert begun.state.frame.slots["department"].value == "骨科"
    assert "phone" not in begun.state.frame.slots  # 110 is nobody's
    digression = say(dialogue, "王小明", "月亮有多远阿巴阿巴", reply=begun)
    assert digression.texts[0] == "月亮离地球38万公里。"
    assert "手机号" in digression.texts[1]
    booked = say(dialogue, "13800138000", "确认", reply=digression)
    assert booked.actions == ("book_appointment",)
    assert say(dialogue, "谢谢", reply=booked).texts == ("不客气。",)


@pytest.mark.parametrize("data", [b"data: {oops\n\n", b'data: {"error": {"message": "quota"}}\n\n'])
def test_a_stream_that_breaks_off_is_a_failure(backend: BackendServer, data: bytes) -> None:
    backend.answers[COMPLETIONS] = Told(data, media_type="text/event-stream")
    assert "联系不上" in say(connected(backend, "openai", "/v1"), "我要挂号").texts[0]


def test_arguments_that_are_no_json_begin_the_task_without_values(backend: BackendServer) -> None:
    call = {"index": 0, "function": {"name": "book_appointment", "arguments": "{"}}
    backend.answers[COMPLETIONS] = streamed({"tool_calls": [call]})
    reply = say(connected(backend, "openai", "/v1"), "挂号")
    assert reply.state.frame is not None
    assert reply.state.frame.slots == {}


def test_behind_the_built_in_bot_only_what_it_does_not_understand_is_asked(backend: BackendServer) -> None:
    backend.answers[REST] = told([{"text": "我是人工客服。"}])
    dialogue = connected(backend, "rasa", role="fallback")
    asked = say(dialogue, "挂骨科", "阿巴阿巴", "阿巴阿巴")
    assert backend.asked == []
    handed = say(dialogue, "阿巴阿巴", reply=asked)
    assert handed.texts[0] == "我是人工客服。"
    assert "哪天" in handed.texts[1]
    assert handed.state.frame is not None
    assert "department" in handed.state.frame.slots


def test_silence_is_no_business_of_the_backends(backend: BackendServer) -> None:
    assert say(connected(backend, "rasa"), "").texts
    assert backend.asked == []


def test_the_words_to_expect_are_those_of_the_built_in_bot(backend: BackendServer) -> None:
    dialogue = connected(backend, "rasa")
    assert "消化内科" in dialogue.lexicon(dialogue.start().state)

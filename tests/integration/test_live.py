"""Speaking in a conversation while being heard: the page's WebSocket against the running server, embedded models."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from app.factory import build
from app.settings import Settings
from asr import Recognizer
from tests.integration.client import SECOND_OF_SILENCE, Chat, spoken

Message = dict[str, Any]
Open = Callable[..., ClientConnection]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, embedded: Recognizer) -> FastAPI:
    settings = Settings(data_dir=tmp_path_factory.mktemp("live"), workers=2, max_record_seconds=20.0)
    return build(settings, recognizer=embedded, page=None)


@pytest.fixture
def chat(server: httpx.Client) -> Chat:
    return Chat(server)


@pytest.fixture
def live(chat: Chat) -> Iterator[Open]:
    with ExitStack() as opened:

        def open_one(conversation_id: str = chat.id, **begin: Any) -> ClientConnection:
            url = f"ws://127.0.0.1:{chat.client.base_url.port}/api/conversations/{conversation_id}/live"
            socket = opened.enter_context(connect(url))
            socket.send(json.dumps({"type": "begin", "client_id": "one", **begin}))
            return socket

        yield open_one


@pytest.fixture(scope="module")
def pcm(data_dir: Path) -> bytes:
    """我要挂号 and then, after a second, 明天上午, with silence around."""
    return SECOND_OF_SILENCE + spoken(data_dir, "doctor-tomorrow", "book-when") + SECOND_OF_SILENCE


def speak(socket: ClientConnection, pcm: bytes, size: int = 1_024) -> None:
    for start in range(0, len(pcm), size):
        socket.send(pcm[start : start + size])


def until(socket: ClientConnection, kind: str) -> list[Message]:
    messages: list[Message] = []
    while not messages or messages[-1]["type"] not in (kind, "error"):
        messages.append(json.loads(socket.recv(timeout=30)))
    return messages


def users(messages: list[Message]) -> list[Message]:
    return [one["message"] for one in messages if one["type"] == "message" and one["message"]["role"] == "user"]


def test_what_is_said_becomes_an_ordinary_message_and_is_answered(live: Open, chat: Chat, pcm: bytes) -> None:
    socket = live()
    speak(socket, pcm)
    socket.send('{"type": "end"}')
    messages = until(socket, "done")

    assert messages[-1] == {"type": "done"}
    assert messages[0] == {"type": "speech"}
    assert [message["status"] for message in users(messages)] == ["answering", "done"]
    kept = chat.messages()
    assert [message["role"] for message in kept[:3]] == ["bot", "user", "bot"]
    spoken = kept[1]
    assert (spoken["kind"], spoken["status"]) == ("voice", "done")
    assert spoken["text"].endswith("明天上午。")
    assert spoken["seconds"] == pytest.approx(len(pcm) / 32_000)
    audio = chat.client.get("/" + spoken["audio_url"])
    assert audio.content[44:] == pcm


def test_the_text_is_what_the_uploaded_recording_gives(live: Open, chat: Chat, pcm: bytes) -> None:
    socket = live()
    speak(socket, pcm, size=777)
    socket.send('{"type": "end"}')
    said = users(until(socket, "done"))[-1]
    recording = chat.client.get("/" + said["audio_url"]).content

    uploaded = Chat(chat.client).say(recording)

    assert [update["text"] for update in uploaded if update["status"] == "done" and update["role"] == "user"] == [
        said["text"]
    ]


def test_partials_grow_and_their_stable_part_stays(live: Open, data_dir: Path) -> None:
    utterance = SECOND_OF_SILENCE + spoken(data_dir, "doctor-tomorrow")
    half = len(utterance) // 4 * 2 + 8_000
    socket = live()
    speak(socket, utterance[:half])
    partials = [until(socket, "partial")[-1]]
    speak(socket, utterance[half:])
    partials.append(until(socket, "partial")[-1])
    socket.send('{"type": "end"}')
    messages = until(socket, "done")
    partials += [message for message in messages if message["type"] == "partial"]
    for before, after in pairwise(partials):
        stable = before["stable"]
        assert len(before["text"]) < len(after["text"]) or before["text"] == after["text"]
        assert stable <= after["stable"]
        assert after["text"][:stable] == before["text"][:stable]
    assert len(partials[0]["text"]) < len(partials[-1]["text"])


def test_hands_free_sends_each_utterance_and_goes_on_listening(live: Open, chat: Chat, pcm: bytes) -> None:
    socket = live(hands_free=True, client_id="free")
    speak(socket, pcm)
    messages = until(socket, "message")
    speak(socket, pcm)
    socket.send('{"type": "end"}')
    messages += until(socket, "done")

    done = [message for message in users(messages) if message["status"] == "done"]
    assert len(done) == 4
    assert [message["text"] for message in done[:2]] == [message["text"] for message in done[2:]]
    assert all(message["seconds"] < 5 for message in done)
    # Two may be answered at once, so their updates may alternate; each tells the same place every time.
    places = {(one["message"]["id"], one["until"]) for one in messages if one["type"] == "message"}
    places = {(name, until) for name, until in places if name in {message["id"] for message in done}}
    assert len(places) == len({until for _, until in places}) == 4
    assert all(0 < until <= len(pcm) / 16_000 for _, until in places)


def test_a_recording_sent_again_after_the_connection_broke_is_said_once(live: Open, chat: Chat, pcm: bytes) -> None:
    socket = live(client_id="again")
    speak(socket, pcm)
    socket.send('{"type": "end"}')
    until(socket, "message")
    socket.close()

    headers = {"Idempotency-Key": "again"}
    with chat.client.stream("POST", chat.path, files={"audio": ("a.wav", b"?")}, headers=headers) as response:
        assert response.status_code == 200
        response.read()

    kept = chat.messages()
    assert [message["role"] for message in kept].count("user") == 1
    assert kept[1]["status"] == "done"


def test_a_text_sent_twice_is_said_once_and_both_get_the_answer(chat: Chat) -> None:
    first, again = (
        chat.updates(chat.path, json={"text": "我要挂号"}, headers={"Idempotency-Key": "text"}) for _ in range(2)
    )
    assert first[-1]["role"] == again[-1]["role"] == "bot"
    assert first[-1]["id"] == again[-1]["id"]
    assert len(chat.messages()) == len({message["id"] for message in first}) + len(chat.greeting)


def test_a_failed_message_sent_again_is_tried_again(chat: Chat) -> None:
    for _ in range(2):
        updates = chat.updates(
            chat.path, files={"audio": ("a.wav", b"no audio at all")}, headers={"Idempotency-Key": "bad"}
        )
        assert updates[-1]["status"] == "failed"
    assert "recognizing" in [update["status"] for update in updates]
    assert len(chat.messages()) == 1 + len(chat.greeting)


def test_silence_becomes_a_message_that_failed(live: Open) -> None:
    socket = live()
    speak(socket, b"\0" * 64_000, size=16_000)
    socket.send('{"type": "end"}')
    said = users(until(socket, "done"))[-1]
    assert (said["status"], said["error"]["code"]) == ("failed", "no_speech")


def test_another_rate_is_taken(live: Open, pcm: bytes) -> None:
    socket = live(sample_rate=48_000)
    speak(socket, np.repeat(np.frombuffer(pcm, "<i2"), 3).tobytes(), size=9_600)
    socket.send('{"type": "end"}')
    assert users(until(socket, "done"))[-1]["status"] == "done"


def test_the_place_is_free_again_when_the_speaker_is_gone(live: Open, app: FastAPI, pcm: bytes) -> None:
    socket = live()
    speak(socket, pcm[:96_000])
    until(socket, "speech")
    assert app.state.services.live.active >= 1
    socket.socket.close()
    deadline = time.monotonic() + 20
    while app.state.services.live.active:
        assert time.monotonic() < deadline, "the speaker who left still has a place"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("begin", "code"),
    [
        ({"type": "start"}, "invalid_request"),
        ({"sample_rate": 96_000}, "invalid_request"),
        ({"client_id": ""}, "invalid_request"),
        ({"conversation_id": "unknown"}, "conversation_unknown"),
    ],
)
def test_what_cannot_begin_is_told_why(live: Open, begin: Message, code: str) -> None:
    (told,) = until(live(**begin, language="en") if code != "invalid_request" else live(**begin), "done")
    assert told["type"] == "error"
    assert told["error"]["code"] == code
    assert told["error"]["message"]


def test_a_recording_longer_than_the_button_can_be_held_is_refused(live: Open) -> None:
    socket = live()
    speak(socket, b"\0" * (32_000 * 22), size=64_000)
    told = until(socket, "done")[-1]
    assert told["error"]["code"] == "session_too_long"


def test_a_page_of_another_site_is_refused(chat: Chat) -> None:
    url = f"ws://127.0.0.1:{chat.client.base_url.port}/api/conversations/{chat.id}/live"
    with pytest.raises(InvalidStatus, match="403"), connect(url, origin="https://elsewhere.example"):  # type: ignore[arg-type]
        pass

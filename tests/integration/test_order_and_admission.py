"""Messages keep their order, and what is too much is refused at once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.factory import build
from app.settings import Settings
from tests.integration.client import Chat, GatedRecognizer, Serve, wav


@pytest.fixture
def recognizer() -> GatedRecognizer:
    return GatedRecognizer()


@pytest.fixture
def busy_chat(settings: Settings, serve: Serve, recognizer: GatedRecognizer) -> Chat:
    """One worker and two places to wait."""
    narrow = settings.model_copy(update={"workers": 1, "max_waiting": 2})
    return Chat(serve(build(narrow, recognizer=recognizer, page=None)))


def _wait_for_messages(chat: Chat, count: int) -> None:
    deadline = time.monotonic() + 10
    while sum(message["role"] == "user" for message in chat.messages()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_messages_of_one_conversation_are_answered_in_the_order_they_came(
    settings: Settings, serve: Serve, recognizer: GatedRecognizer
) -> None:
    chat = Chat(serve(build(settings, recognizer=recognizer, page=None)))
    with ThreadPoolExecutor(3) as clients:
        first = clients.submit(chat.say, wav(0.5))
        assert recognizer.begun.acquire(timeout=10)
        second = clients.submit(chat.say, wav(0.7))
        _wait_for_messages(chat, 2)
        third = clients.submit(chat.write, "你好")
        _wait_for_messages(chat, 3)
        # Two workers are there, and yet the second waits for the first.
        assert not recognizer.begun.acquire(timeout=0.3)
        recognizer.gate.set()
        ids = [updates.result()[0]["id"] for updates in (first, second, third)]
    assert recognizer.heard == [0.5, 0.7]
    listed = [m["id"] for m in chat.messages() if m["role"] == "user"]
    assert listed == ids


def test_one_conversation_does_not_hold_up_another(
    settings: Settings, serve: Serve, recognizer: GatedRecognizer
) -> None:
    client = serve(build(settings, recognizer=recognizer, page=None))
    slow, quick = Chat(client), Chat(client)
    with ThreadPoolExecutor(1) as clients:
        waiting = clients.submit(slow.say, wav())
        assert recognizer.begun.acquire(timeout=10)
        assert quick.write("你好")[-1]["role"] == "bot"
        assert client.get("/health").status_code == 200
        assert not waiting.done()
        recognizer.gate.set()
        assert waiting.result()[-1]["role"] == "bot"


def test_above_the_limit_a_client_is_told_when_to_come_again(busy_chat: Chat, recognizer: GatedRecognizer) -> None:
    others = [Chat(busy_chat.client) for _ in range(3)]
    with ThreadPoolExecutor(3) as clients:
        working = [clients.submit(other.say, wav()) for other in others]
        for other in others:
            _wait_for_messages(other, 1)
        for refused in (
            busy_chat.client.post(busy_chat.path, files={"audio": ("a.wav", wav())}),
            busy_chat.client.post(busy_chat.path, json={"text": "你好"}),
        ):
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "busy")
            assert int(refused.headers["retry-after"]) == refused.json()["error"]["details"]["retry_after"] >= 1
        assert busy_chat.messages() == busy_chat.greeting
        recognizer.gate.set()
        assert all(updates.result()[-1]["role"] == "bot" for updates in working)
    assert busy_chat.write("你好")[-1]["role"] == "bot"


def test_of_two_retries_at_the_same_moment_one_is_taken(
    settings: Settings, serve: Serve, recognizer: GatedRecognizer
) -> None:
    recognizer.text = ""
    recognizer.gate.set()
    chat = Chat(serve(build(settings, recognizer=recognizer, page=None)))
    failed = chat.say(wav())[-1]
    recognizer.text = "我要挂号"
    together = threading.Barrier(2)

    def retry(_: int) -> int:
        together.wait()
        return chat.client.post(f"{chat.path}/{failed['id']}/retry").status_code

    with ThreadPoolExecutor(2) as clients:
        assert sorted(clients.map(retry, range(2))) == [200, 409]


def test_a_refused_message_does_not_hold_up_the_next(busy_chat: Chat, recognizer: GatedRecognizer) -> None:
    recognizer.gate.set()
    for _ in range(10):
        assert busy_chat.client.post(f"{busy_chat.path}/nothing/retry").status_code == 404
    assert busy_chat.say(wav())[-1]["role"] == "bot"

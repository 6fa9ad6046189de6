"""What nobody foresaw still gets a clear answer, and a start that cannot succeed says why."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from app.api import sse
from app.chat.conversation import Conversations
from app.errors import ShuttingDown
from app.factory import build
from app.recognition.lanes import Lanes
from app.settings import Settings
from app.storage.store import Store
from asr import AudioLimits
from bot import open_dialogues
from bot.errors import DomainMissing
from tests.integration.client import Chat, GatedRecognizer, InstantRecognizer, Serve, wav

SECRET = "13800000000"


def _with_a_broken_route(app: FastAPI, settings: Settings) -> None:
    @app.post("/broken")
    async def broken() -> None:
        raise ZeroDivisionError(SECRET)


def test_an_error_that_nobody_caught_is_a_clear_answer_with_an_id(settings: Settings, serve: Serve) -> None:
    client = serve(build(settings, recognizer=InstantRecognizer(), page=_with_a_broken_route))
    answer = client.post("/broken", headers={"Accept-Language": "en"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert answer.json()["error"]["details"]["request_id"] == answer.headers["x-request-id"]
    assert SECRET not in answer.text
    assert "Traceback" not in answer.text
    assert client.get("/health").status_code == 200


def test_a_parameter_out_of_range_is_named(chat: Chat) -> None:
    answer = chat.client.get(chat.path, params={"limit": 0})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_request")
    assert answer.json()["error"]["details"] == {"field": "query.limit"}


def test_a_long_silence_on_the_stream_is_filled_for_proxies(
    settings: Settings, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "KEEP_ALIVE", 0.05)
    recognizer = GatedRecognizer()
    chat = Chat(serve(build(settings, recognizer=recognizer, page=None)))
    with chat.client.stream("POST", chat.path, files={"audio": ("a.wav", wav())}) as response:
        lines = response.iter_lines()
        assert any(line == ": still working" for line in lines)
        recognizer.gate.set()
        assert any(line == "event: done" for line in lines)


async def test_a_domain_that_does_not_exist_ends_the_start_with_the_reason(settings: Settings) -> None:
    app = build(settings.model_copy(update={"domain": "nonsense"}), recognizer=InstantRecognizer(), page=None)
    with pytest.raises(DomainMissing, match="nonsense"):
        async with app.router.lifespan_context(app):
            pytest.fail("the app started")


async def test_a_closing_app_takes_no_new_message_and_leaves_late_ones_for_the_next_start(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "data")
    recognizer = GatedRecognizer()
    dialogue = open_dialogues("clinic", store.database.engine)
    lanes = Lanes(1)
    conversations = Conversations(store, recognizer, dialogue, limits=AudioLimits(), lanes=lanes)
    conversation = await conversations.open("anna", (await conversations.start("anna"))[0])
    await conversation.send_recording(wav())
    with ThreadPoolExecutor(1) as waiter:
        await asyncio.get_running_loop().run_in_executor(waiter, recognizer.begun.acquire)
    await conversations.queue.close(0.1)
    with pytest.raises(ShuttingDown):
        await conversation.send_text("你好")
    recognizer.gate.set()
    lanes.close()
    assert store.fail_interrupted() == 1
    assert store.messages("anna", conversation.id)[-1].error_code == "interrupted"


def test_the_page_does_not_hide_the_api(settings: Settings, serve: Serve) -> None:
    client = serve(build(settings, recognizer=InstantRecognizer()))
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert client.get("/api/nothing").json()["error"]["code"] == "not_found"
    assert client.get("/ready").json()["status"] == "ready"
    closed = ("run/predict", "reload/x", "stream/x", "component_server")
    assert {client.post(f"/gradio_api/{path}").status_code for path in closed} == {404}
    assert _statuses(client, ["/ui/css", "/app/storage/store.py", "/gradio_api/file=app.py"]) == [404, 404, 404]


def _statuses(client: httpx.Client, paths: list[str]) -> list[int]:
    return [client.get(path).status_code for path in paths]

"""The same list has the same effect on a chat message, however it is said, a file, a job, a stream and a trial."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from websockets.sync.client import connect

from app.factory import build
from app.settings import Settings
from asr import Recognizer
from tests.integration.client import Chat, spoken

RECORDING = Path(__file__).parents[1] / "data" / "voice" / "book-name.wav"
NAME = "王筱铭"  # written like nobody would guess, and spoken like 王小明


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, embedded: Recognizer) -> FastAPI:
    settings = Settings(data_dir=tmp_path_factory.mktemp("everywhere"), workers=2)
    return build(settings, recognizer=embedded, page=None)


def _message(client: httpx.Client) -> str:
    updates = Chat(client).say(RECORDING.read_bytes())
    return str([update for update in updates if update["role"] == "user"][-1]["text"])


def _openai(client: httpx.Client, **fields: str) -> str:
    files = {"file": ("name.wav", RECORDING.read_bytes())}
    return str(client.post("/v1/audio/transcriptions", files=files, data=fields).json()["text"])


def _job(client: httpx.Client) -> str:
    job = client.post("/api/transcribe", files={"file": ("name.wav", RECORDING.read_bytes())}).json()
    deadline = time.monotonic() + 60
    while job["status"] not in ("done", "failed") and time.monotonic() < deadline:
        time.sleep(0.1)
        job = client.get(f"/api/transcribe/{job['id']}").json()
    return client.get(f"/api/transcribe/{job['id']}/result", params={"format": "txt"}).text


def _held(client: httpx.Client, **begin: Any) -> str:
    """What the page does while its button is held, or with `hands_free`; the user's message as it ends up."""
    url = f"ws://127.0.0.1:{client.base_url.port}/api/conversations/{Chat(client).id}/live"
    with connect(url) as connection:
        connection.send(json.dumps({"type": "begin", "client_id": "held", **begin}))
        connection.send(spoken(RECORDING.parents[1], RECORDING.stem))
        connection.send(json.dumps({"type": "end"}))
        told = [json.loads(connection.recv(timeout=30))]
        while told[-1]["type"] not in ("done", "error"):
            told.append(json.loads(connection.recv(timeout=30)))
    messages = [one["message"] for one in told if one["type"] == "message"]
    return str([message for message in messages if message["role"] == "user"][-1]["text"])


def _hands_free(client: httpx.Client) -> str:
    return _held(client, hands_free=True)


def _funasr(client: httpx.Client, **settings: Any) -> str:
    url = f"ws://127.0.0.1:{client.base_url.port}/"
    with connect(url, subprotocols=["binary"]) as connection:  # type: ignore[list-item]
        connection.send(json.dumps({"mode": "offline", "wav_name": "name", "is_speaking": True, **settings}))
        connection.send(spoken(RECORDING.parents[1], RECORDING.stem))
        connection.send(json.dumps({"is_speaking": False}))
        return str(json.loads(connection.recv(timeout=30))["text"])


def _trial(client: httpx.Client) -> str:
    answer = client.post("/api/hotwords/try", files={"audio": RECORDING.read_bytes()})
    return str(answer.json()["after"]["text"])


WAYS = (_message, _held, _hands_free, _openai, _job, _funasr, _trial)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__.strip("_"))
def test_a_global_word_is_heard_on_every_way(server: httpx.Client, way: Callable[[httpx.Client], str]) -> None:
    server.put("/api/hotwords", json={"text": ""})
    assert NAME not in way(server)
    server.put("/api/hotwords", json={"text": f"{NAME} 40"})
    assert NAME in way(server)


def test_words_of_a_request_are_put_on_top_of_the_global_ones(server: httpx.Client) -> None:
    server.put("/api/hotwords", json={"text": "克罗恩病"})
    assert NAME in _openai(server, prompt=NAME)
    assert NAME in _funasr(server, hotwords=json.dumps({NAME: 40}, ensure_ascii=False))


def test_the_same_list_gives_the_same_text_on_every_way(server: httpx.Client) -> None:
    server.put("/api/hotwords", json={"text": f"{NAME} 40"})
    assert {way(server).strip() for way in WAYS} == {f"我叫{NAME}。"}

"""The app starts at once on the embedded model, and goes over to a better one when that has come."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.factory import build
from app.settings import Settings
from asr.audio.decoding import decode_audio
from asr.engines import EngineOptions, open_engine
from asr.hub import fetch, open_sources, registry, verify
from tests.integration.client import Chat, Serve
from tests.model_hub import ModelHub, copies_of_the_embedded, serving

CLIP = Path(__file__).parents[1] / "data" / "voice" / "doctor-tomorrow.wav"


@pytest.fixture
def hub() -> Iterator[ModelHub]:
    with serving(copies_of_the_embedded()) as server:
        yield server


@pytest.fixture
def wanting(settings: Settings, hub: ModelHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings that want a model from that hub."""
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "modelscope"))
    return settings.model_copy(update={"model": "auto", "model_cache": tmp_path / "models", "hub_url": hub.url})


def wait_for(server: httpx.Client, reason: str, **headers: str) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while True:
        model: dict[str, Any] = server.get("/api/model", headers=headers).json()
        if model["reason"] == reason:
            return model
        assert time.monotonic() < deadline, model
        time.sleep(0.02)


def model_metric(server: httpx.Client) -> list[str]:
    return [line for line in server.get("/metrics").text.splitlines() if line.startswith("tingshuo_model{")]


def wait_for_last_mark(server: httpx.Client, mark: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        answer = server.post("/v1/audio/transcriptions", files={"file": CLIP.read_bytes()}, data={"model": "whisper-1"})
        if answer.json()["text"].endswith(mark):
            return
        assert time.monotonic() < deadline, answer.text


def test_messages_are_heard_while_a_better_model_comes_and_by_it_when_it_has_come(
    wanting: Settings, hub: ModelHub, serve: Serve
) -> None:
    hub.seconds_a_chunk = 0.02
    server = serve(build(wanting, page=None))
    chat = Chat(server)
    coming = wait_for(server, "downloading")
    assert (coming["name"], coming["wanted"]) == ("paraformer-embedded", "paraformer-zh")
    assert model_metric(server) == ['tingshuo_model{name="paraformer-embedded"} 1.0']
    while not coming["done"]:
        coming = wait_for(server, "downloading")
    assert 0 < coming["done"] < coming["total"]
    assert chat.say(CLIP.read_bytes())[-1]["role"] == "bot"

    hub.seconds_a_chunk = 0.0
    come = wait_for(server, "chosen")

    assert (come["name"], come["wanted"], come["error"]) == ("paraformer-zh", None, None)
    assert server.get("/api/config").json()["model"] == come
    assert server.get("/v1/models").json()["data"][0]["id"] == "paraformer-zh"
    assert server.get("/ready").json()["model"] == "paraformer-zh"
    assert model_metric(server) == ['tingshuo_model{name="paraformer-zh"} 1.0']
    heard = [message for message in chat.say(CLIP.read_bytes()) if message["role"] == "user"][-1]
    assert "明天上午" in heard["text"]


def test_a_model_that_has_come_is_there_at_the_next_start_without_the_hub(
    wanting: Settings, hub: ModelHub, serve: Serve
) -> None:
    wait_for_last_mark(serve(build(wanting, page=None)), "？")
    hub.requests.clear()
    again = serve(build(wanting, page=None))
    assert again.get("/api/model").json()["reason"] == "chosen"
    wait_for_last_mark(again, "？")
    assert hub.requests == []


def test_the_embedded_marks_stay_until_those_of_the_model_can_be_had(
    wanting: Settings, hub: ModelHub, serve: Serve
) -> None:
    marks = hub.models.pop(registry()["ct-punc"].id)
    started = serve(build(wanting, page=None))
    assert wait_for(started, "chosen")["error"] is None
    wait_for_last_mark(started, "。")
    hub.models[registry()["ct-punc"].id] = marks
    wait_for_last_mark(serve(build(wanting, page=None)), "？")


def test_without_a_network_the_embedded_model_stays_and_says_why(wanting: Settings, serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nowhere = f"http://127.0.0.1:{taken.getsockname()[1]}"
    started = serve(build(wanting.model_copy(update={"hub_url": nowhere}), page=None))
    found = wait_for(started, "unavailable", **{"Accept-Language": "en"})
    assert (found["name"], found["wanted"], found["error"]["code"]) == (
        "paraformer-embedded",
        "paraformer-zh",
        "hub_unreachable",
    )
    assert "cannot be reached" in found["error"]["message"]
    assert nowhere not in str(found)
    assert started.get("/ready").status_code == 200
    assert Chat(started).say(CLIP.read_bytes())[-1]["role"] == "bot"


def test_torch_weights_are_exported_as_they_come_and_recognise(
    tiny_model: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "modelscope"))
    published = {path.name: path.read_bytes() for path in tiny_model("paraformer").iterdir() if path.suffix != ".onnx"}
    card = registry()["paraformer-zh-small"]
    with serving({card.id: published}) as server:
        folder = fetch(card.name, tmp_path / "models", sources=open_sources("modelscope", server.url))
    assert verify(folder) == []
    assert (folder / "model_quant.onnx").is_file()
    (heard,) = open_engine(folder, EngineOptions(device="cpu")).listen([decode_audio(CLIP.read_bytes()).samples])
    assert len(heard.posteriors.log_probs) > 3


def test_a_model_that_cannot_be_opened_leaves_the_embedded_one(wanting: Settings, hub: ModelHub, serve: Serve) -> None:
    hub.models[registry()["paraformer-zh"].id]["model_quant.onnx"] = b"no model"
    server = serve(build(wanting, page=None))
    assert wait_for(server, "unavailable")["error"]["code"] == "model_invalid"
    assert server.get("/ready").status_code == 200


def test_a_name_that_means_nothing_is_told_of(settings: Settings, serve: Serve) -> None:
    server = serve(build(settings.model_copy(update={"model": "paraformer-xl"}), page=None))
    assert server.get("/ready").json()["status"] == "model_unavailable"
    assert Chat(server).say(CLIP.read_bytes())[-1]["error"]["code"] == "model_name_unknown"

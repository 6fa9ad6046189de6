"""What an operator sees from outside: whether the app is ready, and its metrics."""

from __future__ import annotations

import shutil

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.factory import build
from app.settings import Settings
from tests.integration.client import Chat, InstantRecognizer, Serve, wav


def samples(client: httpx.Client) -> dict[tuple[str, ...], float]:
    """All samples by name and the values of their labels."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


@pytest.fixture
def chat(settings: Settings, serve: Serve) -> Chat:
    return Chat(serve(build(settings, recognizer=InstantRecognizer(), page=None)))


def test_metrics_count_requests_messages_and_the_time_of_each_stage(chat: Chat) -> None:
    chat.say(wav())
    chat.write("你好")
    chat.say(b"not audio")
    found = samples(chat.client)
    route = "/api/conversations/{conversation_id}/messages"
    assert found["tingshuo_requests_total", "POST", route, "200"] == 3
    assert found["tingshuo_messages_total", "voice", "done"] == 1
    assert found["tingshuo_messages_total", "text", "done"] == 1
    assert found["tingshuo_messages_total", "voice", "audio_unreadable"] == 1
    for stage in ("decode", "recognise", "bot", "store", "total"):
        assert found["tingshuo_message_stage_seconds_count", stage] >= 1
    assert found["tingshuo_messages_in_progress",] == 0
    assert found["tingshuo_messages_capacity",] == 6
    assert found["tingshuo_model", "paraformer-embedded"] == 1
    assert found["tingshuo_free_bytes",] > 0
    assert found["process_resident_memory_bytes",] > 0


def test_no_id_and_no_made_up_word_becomes_a_label(chat: Chat) -> None:
    chat.write("你好")
    chat.client.get("/api/secret-path")
    chat.client.request("BREW", "/health")
    text = chat.client.get("/metrics").text
    assert chat.id not in text
    assert "secret-path" not in text
    assert "BREW" not in text


def test_metrics_are_for_operators(settings: Settings, serve: Serve) -> None:
    client = serve(build(settings.model_copy(update={"open": True}), recognizer=InstantRecognizer(), page=None))
    answer = client.get("/metrics")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "scope_missing")


def test_a_disk_without_room_is_told_before_it_is_full(settings: Settings, serve: Serve) -> None:
    tight = settings.model_copy(update={"min_free_bytes": 2**62})
    client = serve(build(tight, recognizer=InstantRecognizer(), page=None))
    answer = client.get("/ready")
    assert (answer.status_code, answer.json()["status"]) == (503, "disk_full")
    assert client.get("/health").status_code == 200


def test_a_data_folder_that_is_gone_is_not_ready(chat: Chat, settings: Settings) -> None:
    shutil.rmtree(settings.data_dir)
    assert chat.client.get("/ready").status_code == 503

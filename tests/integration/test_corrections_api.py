"""A user puts a transcript right: it is answered again, suggests a word, and is there to train on."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import httpx
import pytest

from app.factory import build
from app.settings import Settings
from tests.integration.client import Chat, InstantRecognizer, Serve, wav


@pytest.fixture
def recognizer() -> InstantRecognizer:
    return InstantRecognizer("我要挂谷科")


@pytest.fixture
def chat(settings: Settings, serve: Serve, recognizer: InstantRecognizer) -> Chat:
    return Chat(serve(build(settings, recognizer=recognizer, page=None)))


def _say(chat: Chat) -> dict[str, Any]:
    return [update for update in chat.say(wav()) if update["role"] == "user"][-1]


def _correct(chat: Chat, message: dict[str, Any], text: str) -> list[dict[str, Any]]:
    return chat.updates(f"{chat.path}/{message['id']}/correction", json={"text": text})


def _refusal(chat: Chat, message_id: str, text: str) -> tuple[int, str]:
    answer = chat.client.post(f"{chat.path}/{message_id}/correction", json={"text": text})
    return answer.status_code, answer.json()["error"]["code"]


def _candidates(client: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/api/hotwords/candidates").json()["candidates"]
    return found


def test_the_last_message_is_answered_again_from_the_state_before_it(chat: Chat) -> None:
    said = _say(chat)
    answered = [message["id"] for message in chat.messages() if message["role"] == "bot"][1:]

    updates = _correct(chat, said, "我要挂骨科")

    assert [update["id"] for update in updates if update["status"] == "withdrawn"] == answered
    user = [update for update in updates if update["role"] == "user"]
    assert [update["status"] for update in user] == ["answering", "done"]
    assert (user[-1]["text"], user[-1]["heard"]) == ("我要挂骨科", "我要挂谷科")
    texts = [message["text"] for message in chat.messages()]
    assert texts[1] == "我要挂骨科"
    assert "骨科" in texts[2]
    assert not set(answered) & {message["id"] for message in chat.messages()}


def test_corrections_can_be_corrected_and_what_was_heard_stays(chat: Chat) -> None:
    said = _say(chat)
    _correct(chat, said, "我要挂古科")
    _correct(chat, said, "我要挂骨科")
    message = chat.messages()[1]
    assert (message["text"], message["heard"]) == ("我要挂骨科", "我要挂谷科")
    assert [one["word"] for one in _candidates(chat.client)] == ["骨科"]


def test_an_earlier_message_only_changes_its_text(chat: Chat) -> None:
    said = _say(chat)
    chat.write("明天上午")
    before = chat.messages()
    updates = _correct(chat, said, "我要挂骨科")
    assert [(update["text"], update["status"]) for update in updates] == [("我要挂骨科", "done")]
    assert [message["id"] for message in chat.messages()] == [message["id"] for message in before]


def test_what_was_booked_is_not_answered_again(chat: Chat, recognizer: InstantRecognizer) -> None:
    for turn in ("我要挂骨科", "明天上午", "王小明", "13800138000"):
        chat.write(turn)
    recognizer.text = "对"
    booked = _say(chat)
    assert any("骨科" in message["text"] for message in chat.messages()[-2:])
    updates = _correct(chat, booked, "不对")
    assert [update["status"] for update in updates] == ["done"]


def test_what_was_not_understood_is_written_by_hand_and_answered(chat: Chat, recognizer: InstantRecognizer) -> None:
    recognizer.text = ""
    said = _say(chat)
    assert said["status"] == "failed"
    updates = _correct(chat, said, "我要挂骨科")
    assert [update["status"] for update in updates if update["role"] == "user"] == ["answering", "done"]
    assert _candidates(chat.client) == []


def test_only_a_voice_message_of_the_users_is_corrected(chat: Chat) -> None:
    chat.write("你好")
    greeting, typed, *_ = chat.messages()
    assert _refusal(chat, greeting["id"], "x") == (409, "not_correctable")
    assert _refusal(chat, typed["id"], "x") == (409, "not_correctable")
    assert _refusal(chat, "nothing", "x") == (404, "message_unknown")
    assert _refusal(chat, _say(chat)["id"], " \u202e") == (422, "text_empty")


def test_the_same_text_changes_nothing(chat: Chat) -> None:
    said = _say(chat)
    updates = _correct(chat, said, said["text"])
    assert [(update["status"], update["heard"]) for update in updates] == [("done", None)]


def test_a_suggested_word_is_accepted_into_a_list_with_one_request(chat: Chat) -> None:
    client = chat.client
    _correct(chat, _say(chat), "我要挂骨科")
    [candidate] = _candidates(client)
    assert (candidate["word"], candidate["alias"], candidate["alias_is_word"]) == ("骨科", "谷科", False)

    accepted = client.post(f"/api/hotwords/candidates/{candidate['id']}/accept", json={})

    assert accepted.json()["text"] == "骨科 | 谷科\n"
    assert _candidates(client) == []
    again = client.post(f"/api/hotwords/candidates/{candidate['id']}/accept", json={})
    assert (again.status_code, again.json()["error"]["code"]) == (404, "candidate_unknown")


def test_a_suggestion_is_changed_before_it_is_accepted(chat: Chat) -> None:
    client = chat.client
    made = client.post("/api/hotwords/lists", json={"name": "医院"}).json()
    _correct(chat, _say(chat), "我要挂骨科")
    [candidate] = _candidates(client)
    acceptance = {"list": made["id"], "entry": {"word": "骨科", "weight": 60}}
    accepted = client.post(f"/api/hotwords/candidates/{candidate['id']}/accept", json=acceptance)
    assert accepted.json()["text"] == "骨科 60\n"


def test_a_dismissed_suggestion_is_not_made_again(chat: Chat) -> None:
    _correct(chat, _say(chat), "我要挂骨科")
    [candidate] = _candidates(chat.client)
    assert chat.client.delete(f"/api/hotwords/candidates/{candidate['id']}").status_code == 204
    _correct(chat, _say(chat), "我要挂骨科")
    assert _candidates(chat.client) == []


@pytest.mark.parametrize(
    ("form", "fields"),
    [
        ("funasr", {"key", "source", "source_len", "target", "target_len"}),
        ("nemo", {"audio_filepath", "duration", "text"}),
    ],
)
def test_corrections_are_exported_to_train_on(chat: Chat, form: str, fields: set[str]) -> None:
    _correct(chat, _say(chat), "我要挂骨科。")
    _say(chat)
    answer = chat.client.get("/api/corrections/export", params={"format": form})
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        [line] = archive.read("manifest.jsonl").decode().splitlines()
        entry = json.loads(line)
        audio = archive.read(entry.get("source") or entry["audio_filepath"])
    assert set(entry) == fields
    assert (entry.get("target") or entry["text"]) == "我要挂骨科"
    assert audio[:4] == b"RIFF"
    assert entry.get("source_len", 50) == 50


def test_without_corrections_the_export_is_empty(chat: Chat) -> None:
    answer = chat.client.get("/api/corrections/export")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["manifest.jsonl"]

"""Conversations over HTTP, against a real server, database and bot."""

from __future__ import annotations

import io

import httpx
import pytest
import soundfile

from app.factory import build
from app.settings import Settings
from tests.integration.client import Chat, GatedRecognizer, InstantRecognizer, Serve, wav


def test_a_conversation_begins_with_a_greeting_of_the_bot(chat: Chat) -> None:
    assert [message["role"] for message in chat.greeting] == ["bot"] * len(chat.greeting)
    assert chat.greeting[0]["text"]
    assert chat.messages() == chat.greeting


def test_conversation_ids_cannot_be_guessed(chat: Chat) -> None:
    assert len(chat.id) >= 22
    assert Chat(chat.client).id != chat.id


def test_a_typed_message_is_answered(chat: Chat) -> None:
    updates = chat.write("我要挂号")
    assert [update["status"] for update in updates if update["role"] == "user"] == ["answering", "done"]
    assert [update["text"] for update in updates if update["role"] == "user"] == ["我要挂号"] * 2
    assert updates[-1]["role"] == "bot"
    assert updates[-1]["text"]


def test_a_spoken_message_is_recognised_and_answered(chat: Chat) -> None:
    updates = chat.say(wav())
    spoken = [update for update in updates if update["role"] == "user"]
    assert [update["status"] for update in spoken] == ["recognizing", "answering", "done"]
    assert [update["text"] for update in spoken] == ["", "我要挂号", "我要挂号"]
    assert spoken[-1]["seconds"] == pytest.approx(0.5)
    assert updates[-1]["role"] == "bot"


def test_spoken_and_typed_words_get_the_same_answer(chat: Chat) -> None:
    other = Chat(chat.client)
    by_voice = [update["text"] for update in chat.say(wav()) if update["role"] == "bot"]
    by_text = [update["text"] for update in other.write("我要挂号") if update["role"] == "bot"]
    assert by_voice == by_text


def test_the_first_update_comes_before_the_work_is_done(settings: Settings, serve: Serve) -> None:
    recognizer = GatedRecognizer()
    chat = Chat(serve(build(settings, recognizer=recognizer, page=None)))
    with chat.client.stream("POST", chat.path, files={"audio": ("a.wav", wav())}) as response:
        lines = response.iter_lines()
        assert next(lines) == "event: message"
        assert '"status":"recognizing"' in next(lines)
        recognizer.gate.set()
        assert any("event: done" in line for line in lines)


def test_the_recording_can_be_heard_again(chat: Chat) -> None:
    spoken = chat.say(wav(sample_rate=48000, channels=2))[0]
    answer = chat.client.get("/" + spoken["audio_url"])
    samples, sample_rate = soundfile.read(io.BytesIO(answer.content))
    assert answer.headers["content-type"] == "audio/wav"
    assert (sample_rate, samples.ndim, len(samples)) == (16000, 1, 8000)


def test_a_part_of_the_recording_can_be_asked_for(chat: Chat) -> None:
    spoken = chat.say(wav())[0]
    answer = chat.client.get("/" + spoken["audio_url"], headers={"Range": "bytes=0-3"})
    assert (answer.status_code, answer.content) == (206, b"RIFF")


def test_a_typed_message_has_no_recording(chat: Chat) -> None:
    written = chat.write("你好")[0]
    assert written["audio_url"] is None
    answer = chat.client.get(f"{chat.path}/{written['id']}/audio")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "recording_missing")


def test_everything_comes_back_after_a_restart(settings: Settings, serve: Serve) -> None:
    chat = Chat(serve(build(settings, recognizer=InstantRecognizer(), page=None)))
    chat.say(wav())
    before = chat.messages()
    chat.client = serve(build(settings, recognizer=InstantRecognizer(), page=None))
    assert chat.messages() == before
    recording = next(message["audio_url"] for message in before if message["audio_url"])
    assert chat.client.get("/" + recording).content.startswith(b"RIFF")


def test_the_bot_remembers_the_conversation_after_a_restart(settings: Settings, serve: Serve) -> None:
    without_pause, with_restart = (
        Chat(serve(build(settings, recognizer=InstantRecognizer(), page=None))) for _ in range(2)
    )
    without_pause.write("我要挂号")
    with_restart.write("我要挂号")
    with_restart.client = serve(build(settings, recognizer=InstantRecognizer(), page=None))
    assert with_restart.write("内科")[-1]["text"] == without_pause.write("内科")[-1]["text"]


def test_messages_are_listed_from_old_to_new_and_can_be_limited(chat: Chat) -> None:
    chat.write("你好")
    chat.write("我要挂号")
    listed = chat.messages()
    assert [m["text"] for m in listed if m["role"] == "user"] == ["你好", "我要挂号"]
    last_two = chat.client.get(chat.path, params={"limit": 2}).json()["messages"]
    assert last_two == listed[-2:]


def test_quick_replies_hang_on_the_last_message_of_an_answer(chat: Chat) -> None:
    answers = [update for update in chat.write("我要挂号") if update["role"] == "bot"]
    assert answers[-1]["quick_replies"]
    assert not any(answer["quick_replies"] for answer in answers[:-1])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/conversations/nobody/messages"),
        ("POST", "/api/conversations/nobody/messages"),
        ("POST", "/api/conversations/nobody/messages/nothing/retry"),
        ("GET", "/api/conversations/nobody/messages/nothing/audio"),
        ("GET", "/api/conversations/..%2f..%2fetc/messages"),
    ],
)
def test_an_unknown_conversation_is_not_found(chat: Chat, method: str, path: str) -> None:
    answer = chat.client.request(method, path, json={"text": "你好"} if method == "POST" else None)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] in ("conversation_unknown", "not_found")
    assert answer.json()["error"]["message"]


def test_a_message_is_only_found_in_its_own_conversation(chat: Chat) -> None:
    spoken = chat.say(wav())[0]
    other = Chat(chat.client)
    for answer in (
        chat.client.get(f"{other.path}/{spoken['id']}/audio"),
        chat.client.post(f"{other.path}/{spoken['id']}/retry"),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "message_unknown")


def test_only_a_message_that_failed_can_be_tried_again(chat: Chat) -> None:
    updates = chat.write("你好")
    for message in (updates[0], updates[-1]):
        answer = chat.client.post(f"{chat.path}/{message['id']}/retry")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_retryable")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/nothing", 404, "not_found"),
        ("POST", "/api/", 404, "not_found"),
        ("DELETE", "/api/conversations", 405, "method_not_allowed"),
        ("PUT", "/api/conversations", 405, "method_not_allowed"),
        ("PUT", "/api/config", 405, "method_not_allowed"),
    ],
)
def test_wrong_paths_and_verbs_get_an_error_of_the_same_shape(
    chat: Chat, method: str, path: str, status: int, code: str
) -> None:
    answer = chat.client.request(method, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_errors_speak_the_language_of_the_browser(chat: Chat) -> None:
    def message(accepted: str) -> str:
        answer = chat.client.get("/api/conversations/nobody/messages", headers={"Accept-Language": accepted})
        text: str = answer.json()["error"]["message"]
        return text

    assert "会话" in message("")
    assert "会话" in message("zh-CN,zh;q=0.9,en;q=0.8")
    assert "conversation" in message("en-US,en;q=0.9")


def test_limits_model_and_examples_are_told(own_chat: Chat, settings: Settings) -> None:
    config = own_chat.client.get("/api/config").json()
    assert config["max_bytes"] == settings.max_upload_bytes
    assert config["max_record_seconds"] == 60
    assert (config["model"]["name"], config["model"]["reason"]) == ("paraformer-embedded", "embedded")
    assert config["examples"]
    for example in config["examples"]:
        assert own_chat.client.get("/" + example["url"]).status_code == 200


def test_the_app_is_healthy_and_ready(chat: Chat) -> None:
    assert chat.client.get("/health").json() == {"status": "ok"}
    assert chat.client.get("/ready").json() == {"status": "ready", "model": "paraformer-embedded"}


def test_the_api_describes_itself(chat: Chat) -> None:
    paths = chat.client.get("/api/openapi.json").json()["paths"]
    send = paths["/api/conversations/{conversation_id}/messages"]["post"]
    assert set(send["requestBody"]["content"]) == {"application/json", "multipart/form-data"}


def test_static_files_are_served_and_checked_for_news_each_time(chat: Chat) -> None:
    answer = chat.client.get("/ui/locales/zh.json")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"
    again = chat.client.get("/ui/locales/zh.json", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("path", ["/ui/../app/storage/store.py", "/ui/%2e%2e/app.py", "/ui/..%2fapp.py"])
def test_nothing_outside_the_static_files_is_served(chat: Chat, path: str) -> None:
    port = chat.client.base_url.port
    answer = httpx.get(httpx.URL(f"http://127.0.0.1:{port}", raw_path=path.encode()))
    assert answer.status_code == 404

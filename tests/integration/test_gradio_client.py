"""The endpoints of Gradio, called by its own client as a program calls them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError as Refused

from app.access.passwords import hash_password
from app.factory import build
from app.settings import Settings
from asr import Recognizer
from tests.integration.client import InstantRecognizer, Serve
from tests.integration.conftest import start_server

ROOT = Path(__file__).parents[2]
ENDPOINTS = {"/transcribe", "/chat", "/hotwords_get", "/hotwords_set", "/conversations", "/messages"}


def connect(client: httpx.Client, **options: object) -> Client:
    return Client(
        str(client.base_url),
        verbose=False,
        analytics_enabled=False,
        download_files=False,
        httpx_kwargs={"timeout": 60},
        **options,
    )  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, embedded: Recognizer) -> Iterator[Client]:
    """A client of an app on this machine, where nobody logs in and the embedded model listens."""
    server, stop = start_server(build(Settings(data_dir=tmp_path_factory.mktemp("gradio")), recognizer=embedded))
    yield connect(server)
    stop()


def test_the_endpoints_are_listed_with_types_defaults_and_values_to_try(client: Client) -> None:
    endpoints = client.view_api(return_format="dict")["named_endpoints"]  # type: ignore[index]
    assert set(endpoints) == ENDPOINTS
    for name, endpoint in endpoints.items():
        assert endpoint["description"], name
        for parameter in endpoint["parameters"]:
            assert parameter["python_type"]["description"], (name, parameter)
            assert parameter["python_type"]["type"] != "Any", (name, parameter)
        assert [returned["python_type"]["type"] for returned in endpoint["returns"]] != ["Any"], name
    audio, *others = endpoints["/transcribe"]["parameters"]
    assert audio["parameter_name"] == audio["label"] == "audio"
    assert audio["python_type"]["type"] == "filepath"
    assert not audio["parameter_has_default"]
    assert all(parameter["parameter_has_default"] for parameter in others)
    assert "voice.wav" in str(client.view_api(return_format="str")) or audio["example_input"]["path"] == "voice.wav"


def test_a_file_is_transcribed_with_times_and_hotwords(client: Client, data_dir: Path) -> None:
    file = handle_file(data_dir.parents[1] / "assets" / "examples" / "department.ogg")
    heard = client.predict(file, api_name="/transcribe")
    assert "消化内科" in heard["text"]
    (segment,) = heard["segments"]
    assert 0 <= segment["start"] < segment["end"] <= heard["seconds"]
    assert "".join(word["text"] + word["punctuation"] for word in segment["words"]) == heard["text"]
    plain = client.predict(file, punctuation=False, itn=False, api_name="/transcribe")["text"]
    assert plain == heard["text"].rstrip("。")


def test_one_talks_by_text_and_by_voice_in_one_conversation(client: Client, data_dir: Path) -> None:
    greeting = client.predict(api_name="/chat")
    assert greeting["replies"]
    assert greeting["transcript"] == ""
    asked = client.predict(text="我要挂号", conversation=greeting["conversation"], api_name="/chat")
    assert "消化内科" in asked["replies"][-1]["quick_replies"]
    voice = handle_file(data_dir.parents[1] / "assets" / "examples" / "department.ogg")
    answered = client.predict(audio=voice, conversation=asked["conversation"], api_name="/chat")
    assert "消化内科" in answered["transcript"]
    assert "消化内科" in answered["replies"][-1]["text"]
    kept = client.predict(asked["conversation"], api_name="/messages")
    assert [message["role"] for message in kept][-4:] == ["user", "bot", "user", "bot"]
    found = client.predict(search="消化内科", api_name="/conversations")
    assert [one["id"] for one in found] == [asked["conversation"]]
    assert len(client.predict(asked["conversation"], limit=2, api_name="/messages")) == 2


def test_hotwords_are_read_and_written_and_no_change_is_lost(client: Client) -> None:
    with pytest.raises(Refused, match="2"):
        client.predict(text="王小明 30\n坏行 999\n", api_name="/hotwords_set")
    written = client.predict(text="王小明 30\n", api_name="/hotwords_set")
    assert (written["list"], written["words"], written["problems"]) == ("global", 1, [])
    read = client.predict(api_name="/hotwords_get")
    assert read == written
    client.predict(text="李小龙 30\n", version=read["version"], api_name="/hotwords_set")
    with pytest.raises(Refused):
        client.predict(text="王小明 30\n", version=read["version"], api_name="/hotwords_set")


def test_a_recording_that_cannot_be_read_is_a_message_that_failed(client: Client, tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF" + bytes(100))
    talk = client.predict(audio=handle_file(broken), api_name="/chat")
    assert talk["error"]
    assert talk["replies"] == []
    with pytest.raises(Refused):
        client.predict(handle_file(broken), api_name="/transcribe")


def test_an_address_is_not_fetched_and_the_refusal_says_what_to_do(client: Client) -> None:
    with pytest.raises(Refused, match="请先上传"):
        client.predict(
            {"path": "http://localhost:1/a.wav", "meta": {"_type": "gradio.FileData"}}, api_name="/transcribe"
        )


def test_each_client_of_an_open_app_is_a_person_of_its_own(settings: Settings, serve: Serve) -> None:
    server = serve(build(settings.model_copy(update={"open": True}), recognizer=InstantRecognizer()))
    one, other = connect(server), connect(server)
    talk = one.predict(text="我要挂号", api_name="/chat")
    assert one.predict(text="消化内科", conversation=talk["conversation"], api_name="/chat")["replies"]
    with pytest.raises(Refused):
        other.predict(text="消化内科", conversation=talk["conversation"], api_name="/chat")
    # Programs that keep no cookie are told apart by the name of their session.
    sent = {"data": ["我要挂号", None, "", ""], "session_hash": "a-name-of-its-own"}
    event = httpx.post(f"{server.base_url}/gradio_api/call/chat", json=sent).json()["event_id"]
    assert "复诊" in httpx.get(f"{server.base_url}/gradio_api/call/chat/{event}").text or event


def test_one_logs_in_with_name_and_password(settings: Settings, serve: Serve) -> None:
    users = f"anna:{hash_password('correct horse')}"
    server = serve(build(settings.model_copy(update={"users": users}), recognizer=InstantRecognizer()))
    assert connect(server, auth=("anna", "correct horse")).predict(text="我要挂号", api_name="/chat")["replies"]
    with pytest.raises(Exception, match="Invalid credentials"):
        connect(server, auth=("anna", "wrong"))
    with pytest.raises(Exception, match="Could not"):
        connect(server)


def test_limits_are_those_of_the_http_api(settings: Settings, serve: Serve, data_dir: Path) -> None:
    limited = settings.model_copy(update={"open": True, "audio_seconds_per_hour": 3.0})
    client = connect(serve(build(limited, recognizer=InstantRecognizer())))
    voice = handle_file(data_dir.parents[1] / "assets" / "examples" / "see-a-doctor.ogg")
    client.predict(voice, api_name="/transcribe")
    with pytest.raises((Refused, httpx.HTTPStatusError)):
        client.predict(voice, api_name="/transcribe")


JAVASCRIPT = ROOT / ".venv" / "npm" / "node_modules" / "@gradio" / "client" / "dist" / "index.js"


@pytest.mark.skipif(not JAVASCRIPT.exists(), reason="@gradio/client is not there: scripts/test installs it by npm")
def test_the_client_in_javascript_does_the_same(settings: Settings, serve: Serve) -> None:
    # Open to everybody: node keeps no cookies, and is one visitor by the name of its session.
    server = serve(build(settings.model_copy(update={"open": True}), recognizer=InstantRecognizer()))
    recording = ROOT / "assets" / "examples" / "department.ogg"
    command = ["node", ROOT / "tests" / "gradio_client.mjs", JAVASCRIPT.as_uri(), str(server.base_url), recording]
    called = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert called.returncode == 0, called.stderr[-2000:]
    told = json.loads(called.stdout)
    assert told["text"] == "我要挂号"
    assert "消化内科" in told["replies"][-1]
    assert set(told["endpoints"]) == ENDPOINTS
    assert "请先上传" in told["refused"]

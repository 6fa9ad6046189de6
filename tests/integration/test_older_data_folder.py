"""A data folder of version 0.1.0, as its app left it, starts under this one with nothing lost.

tests/data/data-folder was written by that version: a voice message that was corrected, a typed one, two hotword lists,
a transcription and an API key. The rows of the bot's doctors were left out to keep it small.
"""

from __future__ import annotations

import shutil
import zipfile
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from app.__main__ import commands
from app.factory import build
from app.settings import Settings
from tests.integration.client import Chat, InstantRecognizer, Serve

FOLDER = Path(__file__).parents[1] / "data" / "data-folder"
CONVERSATION = "YA1A2EhBTQwLCPaDHoNd_Q"
SPOKEN = "7IZRYf38CcxcDORD"
JOB = "b9XmC5bOYr3-E04kKh0nyw"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    shutil.copytree(FOLDER, tmp_path / "data")
    return Settings(data_dir=tmp_path / "data", workers=1, shutdown_timeout=2.0)


@pytest.fixture
def client(settings: Settings, serve: Serve) -> httpx.Client:
    return serve(build(settings, recognizer=InstantRecognizer(), page=None))


def test_messages_hotwords_and_transcriptions_are_there(client: httpx.Client) -> None:
    messages = client.get(f"/api/conversations/{CONVERSATION}/messages").json()["messages"]
    assert [message["role"] for message in messages] == ["bot", "user", "bot", "user", "bot"]
    spoken = messages[1]
    assert (spoken["id"], spoken["heard"], spoken["text"]) == (SPOKEN, "我要挂号", "我要挂骨科的号")
    assert client.get("/" + spoken["audio_url"]).content.startswith(b"RIFF")
    lists = client.get("/api/hotwords/lists").json()["lists"]
    texts = [client.get(f"/api/hotwords/lists/{one['id']}").json()["text"].strip() for one in lists]
    assert texts[:2] == ["王筱铭 30", "姜欣子"]
    assert client.get(f"/api/transcribe/{JOB}/result", params={"format": "txt"}).text.strip() == "我要挂号"


def test_the_conversation_goes_on_where_it_was(client: httpx.Client) -> None:
    chat = Chat(client)
    chat.id, chat.path = CONVERSATION, f"/api/conversations/{CONVERSATION}/messages"
    assert "上午" in "".join(update["text"] for update in chat.write("明天") if update["role"] == "bot")


def test_a_person_can_take_all_of_it_away_and_be_forgotten(client: httpx.Client) -> None:
    archive = zipfile.ZipFile(BytesIO(client.get("/api/me/export").content))
    names = {name.partition("/")[0].removesuffix(".jsonl") for name in archive.namelist()}
    assert names >= {"conversation", "message", "transcript", "hotword_list", "transcription_job", "audio"}
    assert client.delete("/api/me").json()["records"] > 10
    assert client.get(f"/api/conversations/{CONVERSATION}/messages").status_code == 404


def test_the_command_line_finds_its_recordings_and_keys(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINGSHUO_DATA_DIR", str(settings.data_dir))
    verified = CliRunner().invoke(commands, ["verify"])
    assert verified.exit_code == 0, verified.output
    assert "laptop" in CliRunner().invoke(commands, ["keys", "list"]).output

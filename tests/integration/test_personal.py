"""What is kept of a person can be had, is deleted when asked, and goes by itself when it is old or too much."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import time
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from app.__main__ import commands
from app.errors import ClockDoubtful
from app.factory import build
from app.settings import Settings
from app.storage.archive import write_to
from app.storage.personal_data import PersonalData
from app.storage.retention import Retention
from app.storage.store import Store
from bot import DialogueState, Image, Reply
from tests.integration.client import Chat, InstantRecognizer, Serve, wav

GREETING = Reply(texts=("您好",), state=DialogueState("clinic", "k"))
SECRET = "我的密语"
NOW = datetime.now(UTC)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "data", clock=lambda: NOW)


def spoken(store: Store, owner: str, content: bytes = b"RIFF") -> str:
    conversation, _ = store.start_conversation(owner, GREETING)
    store.failed(store.add_spoken(conversation, io.BytesIO(content)), "no_speech", {})
    return conversation


def files(store: Store) -> int:
    return len(list(store.recordings.kept()))


def everything(data_dir: Path) -> bytes:
    with sqlite3.connect(data_dir / "tingshuo.db") as database:
        return "\n".join(database.iterdump()).encode()


def test_a_person_gets_all_that_is_kept_of_them_and_nothing_of_others(settings: Settings, serve: Serve) -> None:
    app = build(settings.model_copy(update={"open": True}), recognizer=InstantRecognizer(), page=None)
    anna = Chat(serve(app))
    bert = Chat(httpx.Client(base_url=anna.client.base_url, timeout=30))
    anna.say(wav())
    anna.client.post("/api/hotwords/lists", json={"name": "词", "text": SECRET})
    bert.write("别人的话")
    with zipfile.ZipFile(io.BytesIO(anna.client.get("/api/me/export").content)) as archive:
        names = archive.namelist()
        text = b"".join(archive.read(name) for name in names if name.endswith(".jsonl")).decode()
        [recording] = [name for name in names if name.startswith("audio/")]
        assert archive.read(recording).startswith(b"RIFF")
    assert {"conversation.jsonl", "message.jsonl", "transcript.jsonl"} <= set(names)
    assert SECRET in text
    assert "别人的话" not in text
    messages = [json.loads(line) for line in text.splitlines() if '"role"' in line]
    assert {message["conversation_id"] for message in messages} == {anna.id}


def test_who_is_forgotten_leaves_nothing_behind(settings: Settings, serve: Serve) -> None:
    app = build(settings.model_copy(update={"open": True}), recognizer=InstantRecognizer(), page=None)
    anna = Chat(serve(app))
    bert = Chat(httpx.Client(base_url=anna.client.base_url, timeout=30))
    bert.say(wav())
    said = anna.say(wav())[0]
    anna.client.post(f"{anna.path}/{said['id']}/correction", json={"text": SECRET})
    anna.client.post("/api/hotwords/lists", json={"name": "词", "text": SECRET})
    assert anna.client.delete("/api/me").json()["records"] > 5
    assert anna.client.get(anna.path).status_code == 404
    assert SECRET.encode() not in everything(settings.data_dir)
    assert anna.id.encode() not in everything(settings.data_dir)
    assert len(list((settings.data_dir / "audio").iterdir())) == 1
    assert bert.messages()[-1]["role"] == "bot"


def test_an_operator_can_do_the_same_by_command(store: Store, tmp_path: Path) -> None:
    spoken(store, "anna", SECRET.encode())
    environment = {"TINGSHUO_DATA_DIR": str(tmp_path / "data")}
    archive = tmp_path / "anna.zip"
    assert CliRunner().invoke(commands, ["export", "anna", str(archive)], env=environment).exit_code == 0
    assert len(zipfile.ZipFile(archive).namelist()) == 3
    assert "records deleted" in CliRunner().invoke(commands, ["forget", "anna", "--yes"], env=environment).output
    assert files(store) == 0


def test_recordings_beyond_the_room_of_a_person_are_refused(settings: Settings, serve: Serve) -> None:
    tight = settings.model_copy(update={"open": True, "max_stored_bytes": 10_000})
    chat = Chat(serve(build(tight, recognizer=InstantRecognizer(), page=None)))
    chat.say(wav())
    for path, name in ((chat.path, "audio"), ("/api/transcribe", "file")):
        refused = chat.client.post(path, files={name: ("a.wav", wav())}, headers={"Accept-Language": "en"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (413, "storage_full")
        assert "9.77 KB" in refused.json()["error"]["message"]
    assert chat.write("你好")[-1]["role"] == "bot"
    assert chat.client.delete("/api/me").status_code == 200
    assert Chat(chat.client).say(wav())[-1]["role"] == "bot"


def test_what_was_not_used_for_long_goes_whole(store: Store, tmp_path: Path) -> None:
    old = spoken(store, "anna")
    recent = spoken(store, "anna")
    with store.database.session() as session:
        session.connection().exec_driver_sql(
            "UPDATE message SET created_at = '2020-01-01 00:00:00' WHERE conversation_id = ?", (old,)
        )
    pruned = Retention(store.database, store.recordings, keep_days=30, keep_bytes=0).prune(NOW)
    assert (pruned.conversations, files(store)) == (1, 1)
    assert store.messages("anna", recent)
    assert old.encode() not in everything(tmp_path / "data")


def test_a_clock_that_leaps_deletes_nothing_until_somebody_says_so(store: Store) -> None:
    for _ in range(3):
        spoken(store, "anna")
    retention = Retention(store.database, store.recordings, keep_days=30, keep_bytes=0)
    leapt = NOW + timedelta(days=365)
    with pytest.raises(ClockDoubtful):
        retention.prune(leapt)
    assert files(store) == 3
    assert retention.prune(leapt, all_of_it=True).conversations == 3


def test_the_oldest_go_first_when_it_is_too_much(store: Store) -> None:
    conversations = []
    for number in range(3):
        store._clock = lambda number=number: NOW + timedelta(minutes=number)  # type: ignore[misc]
        conversations.append(spoken(store, "anna", bytes(1000)))
    Retention(store.database, store.recordings, keep_days=0, keep_bytes=2500).prune(NOW)
    kept = PersonalData(store.database, store.recordings)
    assert kept.stored_bytes("anna") == 2000
    assert store.messages("anna", conversations[1])
    assert store.messages("anna", conversations[2])


def test_a_conversation_that_is_being_worked_on_stays(store: Store) -> None:
    conversation, _ = store.start_conversation("anna", GREETING)
    store.add_typed(conversation, "你好")
    later = NOW + timedelta(days=365)
    assert Retention(store.database, store.recordings, keep_days=1, keep_bytes=0).prune(later).conversations == 0


def test_recordings_that_nothing_names_are_swept_but_not_while_they_may_be_on_their_way(
    store: Store, tmp_path: Path
) -> None:
    spoken(store, "anna")
    folder = tmp_path / "data" / "audio"
    for name, age in (("old", 7200), ("new", 10)):
        (folder / name).write_bytes(b"x")
        os.utime(folder / name, (time.time() - age,) * 2)
    result = CliRunner().invoke(commands, ["prune"], env={"TINGSHUO_DATA_DIR": str(tmp_path / "data")})
    assert result.output.endswith("1 recordings that nothing named\n")
    assert (folder / "new").exists()
    assert files(store) == 2


def test_a_picture_of_the_bots_is_kept_and_goes_as_a_recording_does(store: Store, tmp_path: Path) -> None:
    picture = Image(b"\x89PNG", "image/png", "地图")
    greeting = Reply(texts=(), cards=(picture,), state=DialogueState("clinic", "k"))
    store.start_conversation("anna", greeting)
    personal = PersonalData(store.database, store.recordings)
    assert personal.sweep(NOW + timedelta(days=1)) == 0
    with (tmp_path / "anna.zip").open("w+b") as archive:
        write_to(archive, personal.export("anna"))
        assert [name for name in zipfile.ZipFile(archive).namelist() if name.startswith("audio/")]
    assert personal.stored_bytes("anna") == 4
    personal.forget("anna")
    assert files(store) == 0


def test_the_app_prunes_by_itself(store: Store, settings: Settings, serve: Serve) -> None:
    spoken(store, "anna")
    store.close()
    client = serve(build(settings.model_copy(update={"keep_bytes": 1}), recognizer=InstantRecognizer(), page=None))
    deadline = time.monotonic() + 20
    while list((settings.data_dir / "audio").iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert client.get("/ready").status_code == 200

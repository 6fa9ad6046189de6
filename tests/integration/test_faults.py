"""Killed, full, locked, hung, gone: what was promised still holds, and nothing waits for ever."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest

from app.errors import StoreUnavailable
from app.factory import build
from app.settings import Settings
from app.storage.process_lock import ProcessLock
from app.storage.store import Store
from asr import Audio, HotwordList, Transcript
from asr.hotwords.list import EMPTY
from bot import DialogueState, Reply
from tests.integration.client import Chat, GatedRecognizer, InstantRecognizer, Serve, wav

ROOT = Path(__file__).parents[2]
KILLS = 100
LOCKED_SECONDS = 30
GREETING = Reply(texts=("您好",), state=DialogueState("clinic", "k"))


def test_nothing_that_was_acknowledged_is_lost_when_the_writer_is_killed_a_hundred_times(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, Path(__file__).with_name("crashing_writer.py"), tmp_path / "data", str(KILLS)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        check=True,
        text=True,
    )
    found = json.loads(result.stdout)
    assert found["lost"] == []
    assert found["acknowledged"] > KILLS
    # What the killed writers left half done is told and can be tried again.
    assert Store.open(tmp_path / "data").fail_interrupted() > 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = os.geteuid() == 0 and shutil.which("mount")
    if (
        not mounted
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder], check=False).returncode
    ):
        pytest.skip("file systems cannot be mounted here; the limit on file sizes is tested below")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_refuses_clearly_keeps_what_was_there_and_goes_on_when_there_is_room(
    small_disk: Path, settings: Settings, serve: Serve
) -> None:
    on_disk = settings.model_copy(update={"data_dir": small_disk, "min_free_bytes": 0})
    chat = Chat(serve(build(on_disk, recognizer=InstantRecognizer(), page=None)))
    first = chat.say(wav())[0]["id"]
    filler = small_disk / "filler"
    filler.write_bytes(bytes(shutil.disk_usage(small_disk).free // 4096 * 4096 - 8192))
    answer = chat.client.post(chat.path, files={"audio": ("a.wav", wav(2.0))})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "store_unavailable")
    assert chat.client.get("/health").status_code == 200
    assert [message["status"] for message in chat.messages() if message["id"] == first] == ["done"]
    filler.unlink()
    assert chat.say(wav())[-1]["role"] == "bot"
    assert not list((small_disk / "audio").glob("*.part"))


def test_a_file_that_may_not_grow_refuses_clearly(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    conversation, _ = store.start_conversation("anna", GREETING)

    def fill() -> None:
        with (tmp_path / "upload").open("w+b") as upload:
            upload.truncate(90_000)
            for _ in range(100):
                upload.seek(0)
                store.add_spoken(conversation, upload)

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(StoreUnavailable):
            fill()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    kept = [message for message in store.messages("anna", conversation) if message.kind == "voice"]
    assert all(len(store.recording(message).read()) == 90_000 for message in kept)
    assert store.add_typed(conversation, "你好").text == "你好"


def test_a_database_that_is_locked_for_half_a_minute_is_read_and_takes_messages_again_when_it_is_free(
    settings: Settings, serve: Serve
) -> None:
    chat = Chat(serve(build(settings, recognizer=InstantRecognizer(), page=None)))
    chat.write("你好")
    kept = chat.messages()
    locker = sqlite3.connect(settings.data_dir / "tingshuo.db", isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    free_at = time.monotonic() + LOCKED_SECONDS
    while time.monotonic() < free_at:
        answer = chat.client.post(chat.path, json={"text": "在吗"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "store_unavailable")
        assert chat.client.get("/health").status_code == 200
        assert chat.messages() == kept
    locker.execute("ROLLBACK")
    locker.close()
    assert chat.write("在吗")[-1]["role"] == "bot"
    assert chat.messages()[: len(kept)] == kept
    assert sum(message["text"] == "在吗" for message in chat.messages()) == 1


def test_a_client_that_vanishes_in_the_middle_of_an_upload_leaves_nothing(settings: Settings, serve: Serve) -> None:
    chat = Chat(serve(build(settings, recognizer=InstantRecognizer(), page=None)))
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", chat.client.base_url.port or 0), timeout=10) as connection:
            connection.sendall(
                f"POST {chat.path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
                "Content-Length: 500000\r\n\r\n--x\r\n"
                'Content-Disposition: form-data; name="audio"; filename="a.wav"\r\n\r\n'.encode()
                + bytes(100_000)
            )
    assert chat.messages() == chat.greeting
    assert list((settings.data_dir / "audio").iterdir()) == []
    assert chat.say(wav())[-1]["role"] == "bot"


def test_what_another_process_works_on_is_not_taken_for_the_remains_of_a_crash(
    settings: Settings, serve: Serve
) -> None:
    recognizer = GatedRecognizer()
    chat = Chat(serve(build(settings, recognizer=recognizer, page=None)))
    updates: list[dict] = []
    sender = threading.Thread(target=lambda: updates.extend(chat.say(wav())))
    sender.start()
    assert recognizer.begun.acquire(timeout=20)
    other = serve(build(settings, recognizer=InstantRecognizer(), page=None))
    assert other.get(chat.path).json()["messages"][-1]["status"] == "recognizing"
    recognizer.gate.set()
    sender.join(20)
    assert updates[-1]["role"] == "bot"
    assert other.get(chat.path).json()["messages"][-1]["role"] == "bot"


def test_only_the_first_in_a_folder_is_alone(tmp_path: Path) -> None:
    with ProcessLock(tmp_path) as first:
        assert first.alone
        first.settle()
        with ProcessLock(tmp_path) as second:
            assert not second.alone
            second.settle()
    with ProcessLock(tmp_path) as third:
        assert third.alone


def test_a_model_folder_that_is_deleted_while_the_app_runs_harms_nobody(
    settings: Settings, serve: Serve, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(ROOT / "models" / "embedded" / "paraformer", model)
    chat = Chat(serve(build(settings.model_copy(update={"model": str(model)}), page=None)))
    shutil.rmtree(model)
    recording = (ROOT / "tests" / "data" / "speech" / "k001180.ogg").read_bytes()
    assert chat.say(recording)[-1]["role"] == "bot"


def test_a_bot_that_breaks_leaves_the_message_with_a_retry(settings: Settings, serve: Serve) -> None:
    class Broken:
        def __init__(self, bot: object) -> None:
            self._bot = bot

        def __getattr__(self, name: str) -> object:
            return getattr(self._bot, name)

        def respond(self, *_: object) -> Reply:
            raise MemoryError

    from bot import open_dialogues

    store = Store.open(settings.data_dir)
    bot = open_dialogues("clinic", store.database.engine)
    chat = Chat(serve(build(settings, recognizer=InstantRecognizer(), dialogue=Broken(bot), page=None)))  # type: ignore[arg-type]
    failed = chat.write("你好")[-1]
    assert (failed["status"], failed["error"]["code"]) == ("failed", "internal_error")
    healthy = httpx.Client(base_url=serve(build(settings, recognizer=InstantRecognizer(), page=None)).base_url)
    chat.client = healthy
    assert chat.retry(failed["id"])[-1]["role"] == "bot"


def test_a_worker_without_memory_says_so_on_every_way_in_and_serves_the_next(settings: Settings, serve: Serve) -> None:
    class Greedy(InstantRecognizer):
        """Asks for more memory than any machine has, until it is content."""

        content = False

        def transcribe(self, audio: Audio, hotwords: HotwordList = EMPTY) -> Transcript:
            if not self.content:
                np.empty(2**60, np.uint8)
            return super().transcribe(audio, hotwords)

    recognizer = Greedy()
    client = serve(build(settings, recognizer=recognizer, page=None))
    chat = Chat(client)
    failed = chat.say(wav())[-1]
    assert (failed["status"], failed["error"]["code"]) == ("failed", "internal_error")
    openai = {"files": {"file": ("a.wav", wav())}, "data": {"model": "whisper-1"}}
    refused = client.post("/v1/audio/transcriptions", **openai)
    assert (refused.status_code, refused.json()["error"]["code"]) == (500, "internal_error")
    job = client.post("/api/transcribe", files={"file": ("a.wav", wav())}).json()
    followed = client.get(f"/api/transcribe/{job['id']}/events").text
    assert '"status":"failed"' in followed
    assert "Traceback" not in refused.text + followed

    recognizer.content = True
    assert chat.retry(failed["id"])[-1]["role"] == "bot"
    assert client.post("/v1/audio/transcriptions", **openai).json()["text"] == recognizer.text
    client.post(f"/api/transcribe/{job['id']}/retry")
    assert '"status":"done"' in client.get(f"/api/transcribe/{job['id']}/events").text


@pytest.mark.parametrize("role", ["front", "fallback"])
def test_a_bots_backend_that_hangs_is_not_waited_for_and_nobody_waits_behind_it(
    settings: Settings, serve: Serve, role: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hung:  # takes connections, and never says a word
        told = {"bot_backend": "rasa", "bot_url": f"http://127.0.0.1:{hung.getsockname()[1]}", "bot_role": role}
        settings = settings.model_copy(update=told | {"bot_timeout": 0.5, "workers": 1})
        client = serve(build(settings, recognizer=InstantRecognizer(), page=None))
        chats = [Chat(client) for _ in range(4)]
        with ThreadPoolExecutor(len(chats)) as people:
            answers = list(people.map(lambda chat: chat.say(wav())[-1], chats))
        assert client.get("/ready").status_code == 200
    # The bot that is built in takes over.
    assert {(answer["role"], answer["status"], answer["text"]) for answer in answers} == {
        ("bot", "done", "请问挂哪个科？")
    }

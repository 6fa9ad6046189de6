"""What was promised holds when clients leave, the server is killed, and the disk or the database refuses."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.errors import StoreUnavailable
from app.factory import build
from app.settings import Settings
from app.storage import database
from app.storage import store as stores
from tests.integration.client import Chat, GatedRecognizer, InstantRecognizer, Serve, wav

ROOT = Path(__file__).parents[2]


@pytest.fixture
def stalled(settings: Settings) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """A server in its own process that never finishes a recognition."""
    script = Path(__file__).with_name("stalled_server.py")
    with subprocess.Popen(
        [sys.executable, script, settings.data_dir],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=settings.data_dir.parent,  # a .env in the checkout must not be read
        text=True,
    ) as process:
        assert process.stdout is not None
        port = next(line.strip() for line in process.stdout if line.strip().isdecimal())
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            yield process, client
        process.kill()


def _say_and_leave(chat: Chat) -> str:
    """Send a recording, see that the server has it, and hang up; return the message's id."""
    with chat.client.stream("POST", chat.path, files={"audio": ("a.wav", wav())}) as response:
        assert next(response.iter_lines()) == "event: message"
    message: str = chat.messages()[-1]["id"]
    return message


def test_a_message_survives_a_killed_server_and_is_answered_after_a_retry(
    stalled: tuple[subprocess.Popen[str], httpx.Client], settings: Settings, serve: Serve
) -> None:
    process, client = stalled
    chat = Chat(client)
    message = _say_and_leave(chat)
    process.send_signal(signal.SIGKILL)
    process.wait()

    chat.client = serve(build(settings, recognizer=InstantRecognizer(), page=None))
    found = chat.messages()[-1]
    assert (found["id"], found["status"], found["error"]["code"]) == (message, "failed", "interrupted")
    assert "重试" in found["error"]["message"]
    assert chat.client.get("/" + found["audio_url"]).content.startswith(b"RIFF")
    assert chat.retry(message)[-1]["role"] == "bot"
    assert [m["status"] for m in chat.messages() if m["id"] == message] == ["done"]


def test_a_server_that_is_told_to_stop_does_not_wait_for_ever(
    stalled: tuple[subprocess.Popen[str], httpx.Client],
) -> None:
    process, client = stalled
    _say_and_leave(Chat(client))
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) in (0, -signal.SIGTERM)


def test_half_written_recordings_are_swept_out_at_the_next_start(settings: Settings, serve: Serve) -> None:
    folder = settings.data_dir / "audio"
    folder.mkdir(parents=True)
    (folder / "0123.wav.part").write_bytes(b"RIFF")
    Chat(serve(build(settings, recognizer=InstantRecognizer(), page=None)))
    assert not list(folder.iterdir())


def test_the_work_goes_on_when_the_client_leaves(settings: Settings, serve: Serve) -> None:
    recognizer = GatedRecognizer()
    chat = Chat(serve(build(settings, recognizer=recognizer, page=None)))
    message = _say_and_leave(chat)
    recognizer.gate.set()
    deadline = time.monotonic() + 20
    while chat.messages()[-1]["role"] != "bot":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert next(m for m in chat.messages() if m["id"] == message)["status"] == "done"


def test_a_failure_that_nobody_foresaw_leaves_the_message_with_a_retry(settings: Settings, serve: Serve) -> None:
    class Broken(InstantRecognizer):
        def transcribe(self, audio, hotwords):  # type: ignore[no-untyped-def]
            raise ZeroDivisionError("我的电话是13800000000")

    chat = Chat(serve(build(settings, recognizer=Broken(), page=None)))
    failed = chat.say(wav())[-1]
    assert (failed["status"], failed["error"]["code"]) == ("failed", "internal_error")
    assert "Zero" not in failed["error"]["message"]
    chat.client = serve(build(settings, recognizer=InstantRecognizer(), page=None))
    assert chat.retry(failed["id"])[-1]["role"] == "bot"


def test_without_a_model_voice_fails_with_a_reason_and_typing_works(
    settings: Settings, serve: Serve, tmp_path: Path
) -> None:
    chat = Chat(serve(build(settings.model_copy(update={"model": str(tmp_path / "nowhere")}), page=None)))
    failed = chat.say(wav())[-1]
    assert (failed["status"], failed["error"]["code"]) == ("failed", "model_file_missing")
    assert failed["error"]["details"] == {}
    assert chat.write("我要挂号")[-1]["role"] == "bot"
    ready = chat.client.get("/ready")
    assert (ready.status_code, ready.json()) == (503, {"status": "model_unavailable", "model": "nowhere"})


def test_a_recording_that_vanished_from_the_disk_is_named(own_chat: Chat, settings: Settings) -> None:
    failed = own_chat.say(b"not audio")[-1]
    for recording in (settings.data_dir / "audio").iterdir():
        recording.unlink()
    assert own_chat.retry(failed["id"])[-1]["error"]["code"] == "recording_missing"
    assert own_chat.client.get("/" + failed["audio_url"]).status_code == 404


def test_a_locked_database_refuses_clearly_and_recovers(
    settings: Settings, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOCK_TIMEOUT", 0.2)
    chat = Chat(serve(build(settings, recognizer=InstantRecognizer(), page=None)))
    writer = sqlite3.connect(settings.data_dir / "tingshuo.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    answer = chat.client.post(chat.path, json={"text": "你好"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "store_unavailable")
    assert chat.client.get("/ready").json()["status"] == "store_unavailable"
    writer.execute("ROLLBACK")
    writer.close()
    assert chat.write("你好")[-1]["role"] == "bot"


def test_a_database_that_locks_during_the_work_is_told_to_the_client(
    settings: Settings, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOCK_TIMEOUT", 0.2)
    recognizer = GatedRecognizer()
    chat = Chat(serve(build(settings, recognizer=recognizer, page=None)))
    with chat.client.stream("POST", chat.path, files={"audio": ("a.wav", wav())}) as response:
        lines = response.iter_lines()
        next(lines)
        assert recognizer.begun.acquire(timeout=10)
        writer = sqlite3.connect(settings.data_dir / "tingshuo.db", isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
        recognizer.gate.set()
        rest = "\n".join(lines)
        writer.close()
    assert '"status":"failed"' in rest
    assert "store_unavailable" in rest


def test_a_folder_that_cannot_be_made_ends_the_start_with_the_reason(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnavailable, match="disk refused"):
        stores.Store.open(tmp_path / "file" / "data")

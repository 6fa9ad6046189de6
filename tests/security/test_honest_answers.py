"""The answer says what is so: no 500 for a strange id, no silence after an error, no `ready` that is not."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from websockets.sync.client import connect

from app.errors import StoreUnavailable
from app.factory import ROUTERS, build
from app.settings import Settings
from app.storage import database as database_module
from app.storage.database import Database
from app.storage.readiness import StoreCheck
from tests.integration.client import Chat, GatedRecognizer, InstantRecognizer, Serve, wav
from tests.integration.conftest import start_server

STRANGE = ("\0", "a\0b", "9" * 23, "-1", "1e999", "\x7f\x1b[2J", "..", "%", "甲" * 300, "\ufffe", "' OR 1=1 --")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("honest"), lm_workers=0)
    client, stop = start_server(build(settings, recognizer=InstantRecognizer(), page=None))
    yield client
    stop()


def paths() -> list[tuple[str, str]]:
    return [
        (getattr(route, "path", ""), method)
        for router in ROUTERS
        for route in router.routes
        for method in sorted(getattr(route, "methods", ()))
        if "{" in getattr(route, "path", "")
    ]


@pytest.mark.parametrize(("path", "method"), paths())
def test_no_id_makes_a_route_fail(server: httpx.Client, path: str, method: str) -> None:
    for strange in STRANGE:
        target = re.sub(r"\{\w+(:path)?\}", lambda _, value=strange: quote(value, safe=""), path)
        answer = server.request(method, target, json={}, headers={"If-Match": '"1"'})
        assert answer.status_code < 500, (strange, answer.text)


@pytest.mark.parametrize("query", ["limit=9999999999999999999999", "after=99999999999999999999", "format=%00"])
def test_no_number_of_a_query_makes_a_route_fail(server: httpx.Client, query: str) -> None:
    for path, method in paths():
        if method == "GET":
            answer = server.get(re.sub(r"\{\w+(:path)?\}", "1", path) + "?" + query)
            assert answer.status_code < 500, (path, answer.text)


MESSAGES = [
    '{"chunk_size": [1e999, 10, 5]}',
    '{"chunk_size": [NaN, 10, 5]}',
    '{"decoder_chunk_look_back": 1e999}',
    '{"audio_fs": 1e999}',
    '{"wav_name": "\\ud800", "mode": "offline"}',
    '{"mode": "\\udfff"}',
    '{"hotwords": "\\ud800 20"}',
    '{"hotwords": {"\\ud800": 1e999}}',
    '{"audio_fs": ' + "[" * 900 + "]" * 900 + "}",
]


@pytest.mark.parametrize("message", MESSAGES)
def test_a_strange_message_of_funasr_ends_nothing(server: httpx.Client, message: str) -> None:
    with connect(f"ws://127.0.0.1:{server.base_url.port}/ws") as wire:
        wire.send(message)
        wire.send('{"mode": "offline", "is_speaking": false}')
        told: dict[str, object] = {}
        while not told.get("is_final"):
            told = json.loads(wire.recv(20))


@pytest.mark.parametrize("ending", [{"is_speaking": False}, {"is_speaking": False, "is_end": True}])
def test_a_file_that_cannot_be_read_ends_with_a_final_message(server: httpx.Client, ending: dict[str, bool]) -> None:
    with connect(f"ws://127.0.0.1:{server.base_url.port}/ws") as wire:
        wire.send('{"mode": "offline", "wav_format": "mp3", "wav_name": "a"}')
        wire.send(b"no mp3 at all" * 100)
        wire.send(json.dumps(ending))
        told = json.loads(wire.recv(20))
    assert told["is_final"] is True
    assert told["error"]


def test_outcomes_of_files_and_of_funasr_are_counted(server: httpx.Client) -> None:
    def count(kind: str, outcome: str) -> float:
        found = re.search(
            rf'^tingshuo_recognitions_total{{kind="{kind}",outcome="{outcome}"}} (\S+)',
            server.get("/metrics").text,
            re.M,
        )
        return float(found[1]) if found else 0.0

    before = count("file", "done"), count("file", "audio_unreadable"), count("funasr", "audio_unreadable")
    assert server.post("/v1/audio/transcriptions", files={"file": ("a.wav", wav())}).status_code == 200
    assert server.post("/v1/audio/transcriptions", files={"file": ("a.wav", b"nothing")}).status_code == 400
    test_a_file_that_cannot_be_read_ends_with_a_final_message(server, {"is_speaking": False})
    after = count("file", "done"), count("file", "audio_unreadable"), count("funasr", "audio_unreadable")
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 2, 1]


def test_a_folder_where_nothing_can_be_written_is_not_ready(settings: Settings, serve: Serve) -> None:
    client = serve(build(settings, recognizer=InstantRecognizer(), page=None))
    assert client.get("/ready").status_code == 200
    folder = settings.data_dir / "audio"
    folder.rename(settings.data_dir / "away")
    folder.symlink_to("/proc")  # a folder in which not even root can make a file
    answer = client.get("/ready")
    assert (answer.status_code, answer.json()["status"]) == (503, "store_unavailable")


def test_whether_a_store_works_is_said_in_time_when_it_hangs() -> None:
    class Hanging:
        asked = 0
        gate = threading.Event()

        def check(self) -> None:
            self.asked += 1
            self.gate.wait(30)

    async def ask() -> None:
        for _ in range(3):
            began = time.monotonic()
            with pytest.raises(StoreUnavailable, match="within"):
                await check.require(0.1)
            assert time.monotonic() - began < 2
        store.gate.set()
        await check.require(10)

    store = Hanging()
    check = StoreCheck(store)  # type: ignore[arg-type]
    asyncio.run(ask())
    assert store.asked == 1, "one question waits, however often it is asked"
    check.close()


def test_a_database_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "CONNECT_TIMEOUT", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        database = Database(f"postgresql+psycopg://a@127.0.0.1:{silent.getsockname()[1]}/b")
        began = time.monotonic()
        with pytest.raises(StoreUnavailable), database.session() as session:
            session.connection()
        assert time.monotonic() - began < 10


class Failing(GatedRecognizer):
    """Recognition that fails once the test lets it."""

    def transcribe(self, *arguments: object, **options: object) -> object:  # type: ignore[override]
        self.begun.release()
        assert self.gate.wait(30)
        raise MemoryError


def test_a_failure_that_could_not_be_stored_is_stored_when_the_database_is_back(
    settings: Settings, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "LOCK_TIMEOUT", 0.2)
    recognizer = Failing()
    chat = Chat(serve(build(settings, recognizer=recognizer, page=None)))
    sending = threading.Thread(target=chat.say, args=[wav()])
    sending.start()
    assert recognizer.begun.acquire(timeout=20)
    other = sqlite3.connect(settings.data_dir / "tingshuo.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    recognizer.gate.set()
    sending.join(20)
    other.execute("COMMIT")
    other.close()
    deadline = time.monotonic() + 20
    while (status := chat.messages()[-1]["status"]) != "failed":
        assert time.monotonic() < deadline, status
        time.sleep(0.1)

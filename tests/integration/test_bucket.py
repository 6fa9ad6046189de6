"""Recordings in a bucket: a real S3 server on loopback (moto's) in the place of Amazon's."""

from __future__ import annotations

import hashlib
import io
import logging
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from app.__main__ import commands
from app.errors import StoreUnavailable
from app.factory import build
from app.settings import Settings
from app.storage.database import utc_now
from app.storage.personal_data import PersonalData
from app.storage.process_lock import ProcessLock
from app.storage.store import Store
from bot import DialogueState, Reply
from tests.integration.client import Chat, InstantRecognizer, Serve, wav

pytest.importorskip("s3fs")
pytest.importorskip("moto")

URL = "s3://recordings/tingshuo"
OLD_NAME = "0123456789abcdef0123456789abcdef.wav"
GREETING = Reply(texts=("您好",), state=DialogueState("clinic", "k"))


class Bucket:
    """A server with one bucket; all servers of a process hold the same."""

    def __init__(self) -> None:
        from moto.server import ThreadedMotoServer

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._new = ThreadedMotoServer
        self.port = 0

    def start(self) -> None:
        self._server = self._new("127.0.0.1", self.port, verbose=False)
        self._server.start()
        self.port = self._server.get_host_and_port()[1]

    def stop(self) -> None:
        self._server.stop()

    def keys(self) -> list[str]:
        listing = httpx.get(f"http://127.0.0.1:{self.port}/recordings?list-type=2").text
        return [part.partition("</Key>")[0] for part in listing.split("<Key>")[1:]]

    def put(self, key: str, content: bytes) -> None:
        from s3fs import S3FileSystem

        S3FileSystem(skip_instance_cache=True).pipe_file(f"recordings/{key}", content)


@pytest.fixture(scope="module")
def server() -> Iterator[Bucket]:
    bucket = Bucket()
    bucket.start()
    yield bucket
    bucket.stop()


@pytest.fixture
def bucket(server: Bucket, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tests")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "tests")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    assert httpx.post(f"http://127.0.0.1:{server.port}/moto-api/reset").is_success
    assert httpx.put(f"http://127.0.0.1:{server.port}/recordings").is_success
    return server


@pytest.fixture
def in_bucket(settings: Settings, bucket: Bucket) -> Settings:
    return settings.model_copy(update={"audio_url": URL, "open": True})


def run(settings: Settings, *arguments: str) -> tuple[int, str]:
    environment = {"TINGSHUO_DATA_DIR": str(settings.data_dir), "TINGSHUO_AUDIO_URL": settings.audio_url}
    result = CliRunner().invoke(commands, arguments, env=environment)
    return result.exit_code, result.output


def test_a_recording_is_kept_played_exported_and_forgotten(in_bucket: Settings, serve: Serve, bucket: Bucket) -> None:
    chat = Chat(serve(build(in_bucket, recognizer=InstantRecognizer(), page=None)))
    said = chat.say(wav(0.5, sample_rate=8000))[-2]
    recording = chat.client.get("/" + said["audio_url"]).content
    assert recording.startswith(b"RIFF")
    part = chat.client.get("/" + said["audio_url"], headers={"Range": "bytes=8-11"})
    assert (part.status_code, part.content) == (206, b"WAVE")
    assert len(bucket.keys()) == 1, "the recording as it came was replaced"
    assert list((in_bucket.data_dir / "audio").iterdir()) == []
    export = zipfile.ZipFile(io.BytesIO(chat.client.get("/api/me/export").content))
    assert recording in [export.read(name) for name in export.namelist()]
    assert run(in_bucket, "verify") == (0, "all recordings are there and as they were written\n")
    assert chat.client.delete("/api/me").status_code == 200
    assert bucket.keys() == []


def test_a_file_is_transcribed(in_bucket: Settings, serve: Serve, bucket: Bucket) -> None:
    client = serve(build(in_bucket, recognizer=InstantRecognizer(), page=None))
    job = client.post("/api/transcribe", files={"file": ("a.wav", wav())}).json()
    with client.stream("GET", f"/api/transcribe/{job['id']}/events") as followed:
        assert '"status":"done"' in followed.read().decode()
    assert client.get(f"/api/transcribe/{job['id']}/audio").content.startswith(b"RIFF")
    assert client.delete(f"/api/transcribe/{job['id']}").is_success
    assert bucket.keys() == []


def test_a_bucket_that_cannot_be_reached_refuses_clearly_and_recovers(
    in_bucket: Settings, serve: Serve, bucket: Bucket
) -> None:
    chat = Chat(serve(build(in_bucket, recognizer=InstantRecognizer(), page=None)))
    kept = chat.say(wav())[-2]
    bucket.stop()
    refused = chat.client.post(chat.path, files={"audio": ("a.wav", wav())})
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "store_unavailable")
    assert chat.client.get("/" + kept["audio_url"]).status_code == 503
    assert chat.client.get("/ready").json()["status"] == "store_unavailable"
    assert chat.write("你好")[-1]["role"] == "bot"
    bucket.start()
    assert chat.client.get("/" + kept["audio_url"]).content.startswith(b"RIFF")
    assert chat.say(wav())[-1]["role"] == "bot"


@pytest.fixture
def in_folder(settings: Settings) -> tuple[str, bytes]:
    """A conversation whose recording lies in the folder under a name from before; returns its id and the recording."""
    store = Store.open(settings.data_dir)
    conversation, _ = store.start_conversation("anna", GREETING)
    name = store.add_spoken(conversation, io.BytesIO(wav())).audio_name
    with store.database.session() as session:
        session.connection().exec_driver_sql("UPDATE message SET audio_name = ? WHERE audio_name = ?", (OLD_NAME, name))
    (settings.data_dir / "audio" / str(name)).rename(settings.data_dir / "audio" / OLD_NAME)
    store.close()
    return conversation, wav()


def heard(store: Store, conversation: str) -> bytes:
    with store.recording(store.messages("anna", conversation)[-1]) as recording:
        return recording.read()


def test_recordings_of_a_folder_move_into_the_bucket_and_a_backup_brings_them_back(
    in_folder: tuple[str, bytes], settings: Settings, in_bucket: Settings, bucket: Bucket, tmp_path: Path
) -> None:
    conversation, recording = in_folder
    with pytest.raises(StoreUnavailable, match="app migrate"):
        Store.open(in_bucket.data_dir, audio_url=URL)
    with ProcessLock(in_bucket.data_dir):
        assert run(in_bucket, "migrate")[0] == 1, "another process is at work there"
    assert run(in_bucket, "migrate")[1].endswith("1 recordings moved\n")
    assert list((in_bucket.data_dir / "audio").iterdir()) == []
    assert heard(Store.open(in_bucket.data_dir, audio_url=URL), conversation) == recording

    archive = str(tmp_path / "backup.tar")
    assert run(in_bucket, "backup", archive) == (0, f"{archive}: 1 recordings and the database\n")
    other = settings.model_copy(update={"data_dir": tmp_path / "other"})
    assert run(other, "restore", archive) == (0, "1 recordings are back\n")
    assert heard(Store.open(other.data_dir), conversation) == recording


def test_names_from_before_are_renewed_in_the_folder_too(in_folder: tuple[str, bytes], settings: Settings) -> None:
    conversation, recording = in_folder
    assert heard(Store.open(settings.data_dir), conversation) == recording
    assert run(settings, "migrate")[1].endswith("1 recordings moved\n")
    assert run(settings, "migrate")[1].startswith("already at")
    [path] = (settings.data_dir / "audio").iterdir()
    assert path.name.startswith(hashlib.sha256(recording).hexdigest())
    assert heard(Store.open(settings.data_dir), conversation) == recording


def test_what_is_missing_or_damaged_is_named(in_bucket: Settings, bucket: Bucket) -> None:
    store = Store.open(in_bucket.data_dir, audio_url=URL)
    conversation, _ = store.start_conversation("anna", GREETING)
    gone, damaged, _ = (store.add_spoken(conversation, io.BytesIO(wav())).audio_name for _ in range(3))
    store.recordings.remove(str(gone))
    bucket.put(f"tingshuo/{damaged}", b"RIFF")
    code, told = run(in_bucket, "verify")
    assert code == 1
    assert {f"missing\t{gone}", f"damaged\t{damaged}", "2 recordings are missing or damaged"} == set(told.splitlines())


def test_what_nobody_names_is_swept(in_bucket: Settings, bucket: Bucket) -> None:
    store = Store.open(in_bucket.data_dir, audio_url=URL)
    conversation, _ = store.start_conversation("anna", GREETING)
    kept = store.add_spoken(conversation, io.BytesIO(wav())).audio_name
    store.recordings.add(io.BytesIO(wav()), "")
    personal = PersonalData(store.database, store.recordings)
    assert personal.sweep(utc_now() - timedelta(hours=1)) == 0
    assert personal.sweep(utc_now() + timedelta(hours=1)) == 1
    assert bucket.keys() == [f"tingshuo/{kept}"]


def test_a_long_recording_is_fetched_piece_by_piece(in_bucket: Settings, bucket: Bucket) -> None:
    store = Store.open(in_bucket.data_dir, audio_url=URL)
    content = bytes(range(256)) * 20_000
    name = store.recordings.add(io.BytesIO(content), "")
    with store.recordings.open(name) as recording:
        recording.seek(5_000_000)
        assert recording.read(100) == content[5_000_000:5_000_100]
        recording.seek(0)
        assert recording.read() == content
    with store.recordings.local(name) as path:
        assert path.read_bytes() == content
    assert not path.exists()


def test_a_bucket_that_is_not_there_ends_the_start_with_the_reason(in_bucket: Settings) -> None:
    with pytest.raises(StoreUnavailable, match="bucket"):
        Store.open(in_bucket.data_dir, audio_url="s3://nowhere/at-all")
    gone = "0" * 64 + "-9-" + "0" * 16
    store = Store.open(in_bucket.data_dir, audio_url=URL)
    assert store.recordings.size("0" * 32) == 0
    with pytest.raises(FileNotFoundError):
        store.recordings.open(gone)

"""A folder of recordings under names that say what is in them, and the parts of one that a player asks for."""

from __future__ import annotations

import hashlib
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import StreamingResponse

from app.api.playback import playback
from app.errors import StoreUnavailable
from app.storage.recordings import FolderRecordings, agrees, open_recordings

TEN = b"0123456789"


@pytest.fixture
def recordings(tmp_path: Path) -> FolderRecordings:
    return FolderRecordings(tmp_path / "audio")


def test_a_name_says_what_is_in_the_recording(recordings: FolderRecordings) -> None:
    name = recordings.add(io.BytesIO(TEN), ".wav")
    assert name.startswith(hashlib.sha256(TEN).hexdigest())
    assert name.endswith(".wav")
    assert recordings.size(name) == 10
    assert agrees(name, recordings.open(name))
    assert not agrees(name, io.BytesIO(b"1123456789"))


def test_the_same_content_is_kept_twice_so_that_one_can_go_without_the_other(recordings: FolderRecordings) -> None:
    first, second = (recordings.add(io.BytesIO(TEN), "") for _ in range(2))
    recordings.remove(first)
    with pytest.raises(FileNotFoundError):
        recordings.open(first)
    assert recordings.open(second).read() == TEN


def test_a_name_from_before_is_still_good(recordings: FolderRecordings, tmp_path: Path) -> None:
    (tmp_path / "audio" / "0123456789abcdef0123456789abcdef.wav").write_bytes(TEN)
    [kept] = recordings.kept()
    assert recordings.size(kept.name) == 10
    assert recordings.size("0" * 32) == 0
    assert agrees(kept.name, recordings.open(kept.name))


def test_what_is_half_written_is_no_recording(recordings: FolderRecordings) -> None:
    recordings.temporary(".wav").write_bytes(TEN)
    name = recordings.add(io.BytesIO(TEN), "")
    assert [kept.name for kept in recordings.kept()] == [name]
    assert recordings.sweep([], datetime.now(UTC) + timedelta(hours=1)) == 1
    assert list(recordings.kept()) == []


def test_recordings_are_readable_by_their_owner_only(recordings: FolderRecordings, tmp_path: Path) -> None:
    assert (tmp_path / "audio").stat().st_mode & 0o077 == 0
    recordings.check()
    (tmp_path / "audio").rmdir()
    with pytest.raises(StoreUnavailable, match="no folder"):
        recordings.check()


def test_recordings_that_a_bucket_would_hide_are_named(recordings: FolderRecordings, tmp_path: Path) -> None:
    recordings.add(io.BytesIO(TEN), "")
    with pytest.raises(StoreUnavailable, match="app migrate"):
        open_recordings(tmp_path, "s3://bucket/prefix")


@pytest.mark.parametrize(
    ("wanted", "status", "body", "content_range"),
    [
        ("", 200, TEN, None),
        ("bytes=0-", 206, TEN, "bytes 0-9/10"),
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-99", 206, TEN, "bytes 0-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=4-2", 200, TEN, None),
        ("bytes=-", 200, TEN, None),
        ("bytes=0-1,4-5", 200, TEN, None),
        ("lines=0-1", 200, TEN, None),
        ("bytes=" + "9" * 18 + "-", 416, b"", "bytes */10"),
        ("bytes=" + "9" * 9999 + "-", 200, TEN, None),
    ],
)
async def test_a_player_gets_the_part_it_asks_for(
    wanted: str, status: int, body: bytes, content_range: str | None
) -> None:
    request = Request({"type": "http", "headers": [(b"range", wanted.encode())]})
    recording = io.BytesIO(TEN)
    answer = playback(request, recording, media_type="audio/wav", headers={}, filename="a.wav")
    pieces = [piece async for piece in answer.body_iterator] if isinstance(answer, StreamingResponse) else []
    sent = b"".join(pieces)  # type: ignore[arg-type]
    assert (answer.status_code, sent, answer.headers.get("content-range")) == (status, body, content_range)
    assert answer.headers["content-length"] == str(len(body))
    assert recording.closed


async def test_an_empty_recording_can_be_sent() -> None:
    request = Request({"type": "http", "headers": []})
    answer = playback(request, io.BytesIO(), media_type="application/octet-stream", headers={}, filename="a.bin")
    assert (answer.status_code, answer.headers["content-length"]) == (200, "0")
    assert answer.headers["content-disposition"] == 'attachment; filename="a.bin"'

"""Transcription jobs: handed in, followed, cancelled, tried again, deleted, and clear after a restart."""

from __future__ import annotations

import io
import itertools
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from fastapi import FastAPI, Request

from app.access.person import Person
from app.api.dependencies import current_person
from app.factory import build
from app.settings import Settings
from asr import Audio, Segment
from asr.errors import RecognitionFailed
from tests.integration.client import InstantRecognizer, Serve, events, transcript_of, wav
from tests.integration.conftest import start_server


class Slow(InstantRecognizer):
    """Hears one character in each piece, and waits for the test before those from `free` on."""

    def __init__(self, free: int = 10_000) -> None:
        super().__init__("好")
        self.free = free
        self.heard = 0
        self.gate = threading.Event()
        self.lock = threading.Lock()

    def segments(self, audio: Audio, hotwords: object = (), **_: object) -> Iterator[Segment]:  # type: ignore[override]
        with self.lock:
            self.heard += 1
            waits = self.heard > self.free
        if waits:
            assert self.gate.wait(30)
        yield from transcript_of(self.text).segments


def submit(server: httpx.Client, data: bytes, **fields: str) -> dict[str, Any]:
    answer = server.post("/api/transcribe", files={"file": ("会议.wav", data)}, data=fields)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/api/transcribe/{answer.json()['id']}"
    job: dict[str, Any] = answer.json()
    return job


def follow(server: httpx.Client, job: dict[str, Any], **query: object) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """All segments and the last state of a job."""
    with server.stream("GET", f"/api/transcribe/{job['id']}/events", params=query) as response:  # type: ignore[arg-type]
        assert response.status_code == 200, response.read()
        received = list(events(response))
    assert received[-1] == ("done", {})
    segments = [data for name, data in received if name == "segment"]
    return segments, [data for name, data in received if name == "job"][-1]


def wait_for(server: httpx.Client, job: dict[str, Any], **expected: object) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while True:
        now: dict[str, Any] = server.get(f"/api/transcribe/{job['id']}").json()
        if all(now[name] == value for name, value in expected.items()):
            return now
        assert time.monotonic() < deadline, now
        time.sleep(0.02)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A server that hears 好 in every minute of a recording."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("jobs") / "data", workers=2)
    client, stop = start_server(build(settings, recognizer=Slow(), page=None))
    yield client
    stop()


def test_a_long_file_is_heard_in_order_and_can_be_taken_in_every_form(server: httpx.Client) -> None:
    job = submit(server, wav(200))
    segments, last = follow(server, job)

    assert [segment["number"] for segment in segments] == [0, 1, 2, 3]
    starts = [segment["start"] for segment in segments]
    assert starts == sorted(starts)
    assert all(45 <= later - start <= 60 for start, later in itertools.pairwise(starts))
    assert (last["status"], last["seconds"], last["heard"], last["name"]) == ("done", 200.0, 200.0, "会议.wav")
    assert last["finished_at"]
    result = f"/api/transcribe/{job['id']}/result"
    assert server.get(result, params={"format": "txt"}).text == "好\n" * 4
    assert server.get(result, params={"format": "srt"}).text.count("-->") == 4
    assert server.get(result, params={"format": "vtt"}).text.startswith("WEBVTT")
    whole = server.get(result)
    assert whole.headers["content-disposition"] == "attachment; filename*=utf-8''%E4%BC%9A%E8%AE%AE.json"
    assert (whole.json()["text"], whole.json()["seconds"]) == ("好好好好", 200.0)


def test_the_recording_can_be_heard_from_any_place(server: httpx.Client) -> None:
    job = submit(server, wav(2, sample_rate=8000, channels=2))
    follow(server, job)
    part = server.get(f"/{job['audio_url']}", headers={"Range": "bytes=0-43"})
    assert (part.status_code, part.headers["content-type"]) == (206, "audio/wav")
    assert part.content[:4] == b"RIFF"


def test_a_follower_who_comes_back_gets_only_what_is_new(server: httpx.Client) -> None:
    job = submit(server, wav(200))
    follow(server, job)
    segments, _ = follow(server, job, after=1)
    assert [segment["number"] for segment in segments] == [2, 3]


def test_the_two_ends_of_a_call_stay_apart_when_asked_to(server: httpx.Client) -> None:
    times = np.arange(16_000) / 16_000
    call = np.stack([np.sin(2000 * times), np.sin(4000 * times)], axis=1) * 0.1
    file = io.BytesIO()
    soundfile.write(file, call, 16_000, format="WAV")
    segments, last = follow(server, submit(server, file.getvalue(), channels="split"))
    assert (last["channels"], [segment["channel"] for segment in segments]) == (2, [0, 1])
    segments, last = follow(server, submit(server, file.getvalue()))
    assert (last["channels"], [segment["channel"] for segment in segments]) == (1, [None])


def test_progress_is_told_and_a_cancelled_job_keeps_what_was_heard(settings: Settings, serve: Serve) -> None:
    recognizer = Slow(free=2)
    server = serve(build(settings.model_copy(update={"file_workers": 1}), recognizer=recognizer, page=None))
    job = submit(server, wav(300))
    result = f"/api/transcribe/{job['id']}/result"
    halfway = wait_for(server, job, status="running")
    while not halfway["heard"]:
        halfway = wait_for(server, job, status="running")
    early = server.get(result)
    assert (early.status_code, early.json()["error"]["code"]) == (409, "transcription_unfinished")

    cancelled = server.post(f"/api/transcribe/{job['id']}/cancel").json()

    assert cancelled["status"] == "cancelled"
    assert 0 < cancelled["heard"] < 300
    assert server.get(result, params={"partial": True}).json()["text"].strip("好") == ""
    assert server.get(result).status_code == 409
    recognizer.gate.set()
    again = server.post(f"/api/transcribe/{job['id']}/retry")
    assert (again.status_code, again.json()["status"]) == (202, "queued")
    segments, last = follow(server, job)
    assert (last["status"], len(segments)) == ("done", 6)
    assert server.post(f"/api/transcribe/{job['id']}/retry").status_code == 409


def test_a_deleted_job_is_gone_with_its_recording(settings: Settings, serve: Serve) -> None:
    server = serve(build(settings, recognizer=Slow(free=0), page=None))
    job = submit(server, wav(100))
    assert server.delete(f"/api/transcribe/{job['id']}").status_code == 204
    for path in ("", "/events", "/result", "/audio"):
        answer = server.get(f"/api/transcribe/{job['id']}{path}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "transcription_unknown")
    deadline = time.monotonic() + 10
    while list((settings.data_dir / "audio").iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list((settings.data_dir / "audio").iterdir()) == []


def test_what_cannot_be_heard_ends_as_failed_and_says_why(server: httpx.Client) -> None:
    _, last = follow(server, submit(server, b"no sound"))
    assert (last["status"], last["error"]["code"]) == ("failed", "audio_unreadable")
    raw = server.get(f"/api/transcribe/{last['id']}/audio")
    assert raw.headers["content-type"] == "application/octet-stream"
    assert raw.headers["content-disposition"].startswith("attachment")


class Breaking(InstantRecognizer):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def segments(self, audio: Audio, hotwords: object = (), **_: object) -> Iterator[Segment]:  # type: ignore[override]
        yield from transcript_of("好").segments
        raise self.error


@pytest.mark.parametrize(
    ("error", "code"), [(RecognitionFailed("on purpose"), "recognition_failed"), (OSError(), "internal_error")]
)
def test_an_error_in_the_middle_ends_the_job(settings: Settings, serve: Serve, error: Exception, code: str) -> None:
    server = serve(build(settings, recognizer=Breaking(error), page=None))
    _, last = follow(server, submit(server, wav()))
    assert (last["status"], last["error"]["code"]) == ("failed", code)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"channels": "left"}, "field_invalid"),
        ({"itn": "perhaps"}, "field_invalid"),
        ({"hotwords": "词|"}, "hotwords_invalid"),
    ],
)
def test_a_form_that_makes_no_sense_is_refused(server: httpx.Client, fields: dict[str, str], code: str) -> None:
    answer = server.post("/api/transcribe", files={"file": ("a.wav", wav())}, data=fields)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)


def test_limits_hold_before_anything_is_kept(settings: Settings, serve: Serve) -> None:
    bounds = {"max_file_bytes": 100_000, "max_files": 1, "max_file_seconds": 1.0}
    recognizer = Slow(free=0)
    server = serve(build(settings.model_copy(update=bounds), recognizer=recognizer, page=None))
    large = server.post("/api/transcribe", files={"file": ("a.wav", bytes(900_000))})
    assert (large.status_code, large.json()["error"]["code"]) == (413, "upload_too_large")
    _, last = follow(server, submit(server, wav(1.5)))
    assert last["error"]["code"] == "audio_too_long"
    job = submit(server, wav())
    busy = server.post("/api/transcribe", files={"file": ("a.wav", wav())})
    assert (busy.status_code, busy.json()["error"]["code"]) == (503, "busy")
    recognizer.gate.set()
    assert follow(server, job)[1]["status"] == "done"


def test_a_job_that_the_server_left_behind_is_interrupted_and_can_be_tried_again(
    settings: Settings, serve: Serve, tmp_path: Path
) -> None:
    first: FastAPI = build(settings, recognizer=Slow(free=0), page=None)
    server = serve(first)
    job = submit(server, wav(100))
    wait_for(server, job, status="running")
    # What a crash leaves: the folder as it is, and nobody who holds it.
    left = shutil.copytree(settings.data_dir, tmp_path / "left")

    second = serve(build(settings.model_copy(update={"data_dir": left}), recognizer=Slow(), page=None))
    found = second.get(f"/api/transcribe/{job['id']}").json()
    assert (found["status"], found["error"]["code"]) == ("failed", "interrupted")
    second.post(f"/api/transcribe/{job['id']}/retry")
    assert follow(second, job)[1]["status"] == "done"


def test_somebody_elses_job_is_not_there(settings: Settings, serve: Serve) -> None:
    app = build(settings, recognizer=Slow(), page=None)

    async def named(request: Request) -> Person:
        return Person(request.headers["x-person"])

    app.dependency_overrides[current_person] = named
    server = serve(app)
    mine, theirs = {"X-Person": "a"}, {"X-Person": "b"}
    job = server.post("/api/transcribe", files={"file": ("a.wav", wav())}, headers=mine).json()
    path = f"/api/transcribe/{job['id']}"
    assert server.get(path, headers=mine).status_code == 200
    for method, suffix in (("GET", ""), ("GET", "/events"), ("GET", "/result"), ("GET", "/audio")):
        assert server.request(method, path + suffix, headers=theirs).status_code == 404
    assert server.post(f"{path}/cancel", headers=theirs).status_code == 404
    assert server.delete(path, headers=theirs).status_code == 404
    assert server.get(path, headers=mine).json()["id"] == job["id"]

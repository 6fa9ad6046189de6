"""Telling another server how a training ended: signed, again when it did not listen, and nowhere else."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from app.language_models.callbacks import TRIES, Callbacks, check_callback
from app.language_models.errors import CallbackForbidden
from app.language_models.jobs import Submission, TrainingJobs
from app.storage.database import open_database
from app.storage.tables import TrainingJob

SECRET = "callback secret"


class Receiver:
    """A server that takes callbacks, and answers them with the statuses in `answers`, then with 204."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.heard: list[tuple[str, dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.heard.append((self.path, dict(self.headers), body))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 204)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def after(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Office:
    """Jobs with callbacks, at a time that the test sets."""

    def __init__(self, folder: Path, receiver: Receiver) -> None:
        self.clock = Clock()
        self.jobs = TrainingJobs(open_database(folder), clock=self.clock)
        self.callbacks = Callbacks(
            self.jobs, {receiver.origin}, SECRET, first_pause=2.0, now=lambda: self.clock.now.timestamp()
        )

    def ended(self, url: str) -> TrainingJob:
        """A job that has ended and is to be told of."""
        job_id = self.jobs.new_id()
        self.jobs.add(job_id, Submission("anna", "内镜", {}, "", callback_url=url))
        job = self.jobs.claim("worker")
        assert job is not None
        self.jobs.finish(job, "refused", "lm_refused", report={"clips": 2})
        return self.jobs.get("anna", job_id)

    def standing(self, job: TrainingJob) -> tuple[str | None, int]:
        now = self.jobs.get("anna", job.id)
        return now.callback_status, now.callback_attempts


@pytest.fixture
def office(tmp_path: Path, receiver: Receiver) -> Office:
    return Office(tmp_path, receiver)


def test_who_asked_is_told_once_and_can_tell_that_it_is_us(office: Office, receiver: Receiver) -> None:
    job = office.ended(f"{receiver.origin}/hook?field=1")
    assert office.callbacks.send_due() == 1
    assert office.callbacks.send_due() == 0
    [(path, headers, body)] = receiver.heard
    assert path == "/hook?field=1"
    signed = f"{int(office.clock.now.timestamp())}.".encode() + body
    assert headers["Tingshuo-Timestamp"] == signed.split(b".")[0].decode()
    assert headers["Tingshuo-Signature"] == "sha256=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    told = json.loads(body)
    assert (told["id"], told["status"], told["error"]) == (job.id, "refused", "lm_refused")
    assert (told["report"], told["finished_at"]) == ({"clips": 2}, office.clock.now.isoformat())
    assert office.standing(job) == ("sent", 1)


def test_it_is_tried_again_after_longer_and_longer_pauses_until_it_is_given_up(
    office: Office, receiver: Receiver
) -> None:
    job = office.ended(receiver.origin + "/")
    receiver.answers = [500] * TRIES
    for attempt in range(1, TRIES):
        assert office.callbacks.send_due() == 1
        assert office.standing(job) == ("waiting", attempt)
        office.clock.after(2.0**attempt - 0.1)
        assert office.callbacks.send_due() == 0
        office.clock.after(0.1)
    assert office.callbacks.send_due() == 1
    assert office.standing(job) == ("failed", TRIES)
    office.clock.after(10_000)
    assert office.callbacks.send_due() == 0
    assert len(receiver.heard) == TRIES


def test_a_redirect_is_not_followed(office: Office, receiver: Receiver) -> None:
    job = office.ended(receiver.origin + "/")
    receiver.answers = [302]
    office.callbacks.send_due()
    assert [path for path, _, _ in receiver.heard] == ["/"]
    assert office.standing(job) == ("waiting", 1)


def test_an_origin_that_is_not_allowed_any_more_is_not_called(office: Office, receiver: Receiver) -> None:
    job = office.ended(receiver.origin + "/")
    Callbacks(office.jobs, {"https://ops.example.org"}, SECRET).send_due()
    assert receiver.heard == []
    assert office.standing(job) == ("waiting", 1)


def test_a_job_without_a_callback_calls_nobody(office: Office, receiver: Receiver) -> None:
    job_id = office.jobs.new_id()
    office.jobs.add(job_id, Submission("anna", "内镜", {}, ""))
    office.jobs.cancel("anna", job_id)
    assert office.callbacks.send_due() == 0


@pytest.mark.parametrize(
    "url",
    [
        "https://ops.example.org.evil.example/hook",
        "https://ops.example.org@evil.example/",
        "https://user@ops.example.org/",
        "http://ops.example.org/",
        "https://ops.example.org:8443/",
        "//ops.example.org/",
        "ftp://ops.example.org/",
        "https://ops.example.org/#part",
        "https://[::1",
        "",
    ],
)
def test_no_address_but_one_of_an_allowed_origin_is_taken(url: str) -> None:
    check_callback("https://ops.example.org/hook", {"https://ops.example.org"})
    check_callback("https://ops.example.org:443/hook", {"https://ops.example.org/"})
    with pytest.raises(CallbackForbidden):
        check_callback(url, {"https://ops.example.org"})

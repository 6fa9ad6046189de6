"""What one person may have is counted wherever it is had: seconds of audio, stored bytes, streams, places, turns."""

from __future__ import annotations

import ast
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from app.access.limits import Shares, note_asking, whose_turn
from app.errors import TooManyStreams
from app.factory import build
from app.recognition.fair_threads import FairThreads
from app.recognition.lanes import Lane, Lanes
from app.settings import Settings
from tests.integration.client import Chat, InstantRecognizer, wav
from tests.integration.conftest import start_server

ROOT = Path(__file__).parents[2]
DECODERS = {"decode_audio", "decode_recording"}
TEN_SECONDS = wav(10.0)


def test_nothing_but_the_room_that_charges_for_it_decodes_audio() -> None:
    """A new way in has to go through app.recognition.decoding, and so through the account of whoever asks."""
    for path in (ROOT / "app").rglob("*.py"):
        names = {alias.name for node in ast.walk(ast.parse(path.read_text("utf-8")))
                 if isinstance(node, (ast.ImportFrom, ast.Import)) for alias in node.names}  # fmt: skip
        assert not names & DECODERS or path.name == "decoding.py", path


class Visitor:
    """One browser of an open app where so many seconds of audio an hour are for one."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.chat = Chat(client)
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        self.headers = {"Cookie": cookie}
        self.root = f"ws://127.0.0.1:{client.base_url.port}"

    def upload(self) -> httpx.Response:
        return self.client.post("/api/hotwords/try", files={"audio": ("a.wav", TEN_SECONDS)}, data={"hotwords": "词"})


@pytest.fixture
def visitor(tmp_path: Path) -> Iterator[Callable[..., Visitor]]:
    stops: list[Callable[[], None]] = []

    def start(*, listening: bool = False, **settings: object) -> Visitor:
        chosen = Settings(data_dir=tmp_path, open=True, lm_workers=0).model_copy(update=settings)
        client, stop = start_server(build(chosen, recognizer=None if listening else InstantRecognizer(), page=None))
        stops.append(stop)
        return Visitor(client)

    yield start
    for stop in stops:
        stop()


def transcribe(visitor: Visitor) -> int:
    form = {"file": ("a.wav", TEN_SECONDS)}
    return visitor.client.post("/v1/audio/transcriptions", files=form).status_code


def try_out(visitor: Visitor) -> int:
    return visitor.upload().status_code


def hand_in(visitor: Visitor) -> int:
    job = visitor.client.post("/api/transcribe", files={"file": ("a.wav", TEN_SECONDS)})
    if job.status_code == 202:
        with visitor.client.stream("GET", f"/api/transcribe/{job.json()['id']}/events") as followed:
            for _ in followed.iter_lines():
                pass
    return job.status_code


@pytest.mark.parametrize(("way", "times"), [(transcribe, 3), (try_out, 1), (hand_in, 3)])
def test_each_way_of_having_audio_recognised_is_charged(
    visitor: Callable[..., Visitor], way: Callable[[Visitor], int], times: int
) -> None:
    one = visitor(audio_seconds_per_hour=29.0)
    for _ in range(times):
        assert way(one) in (200, 202)
    assert way(one) == 429
    refused = one.client.post(one.chat.path, files={"audio": ("a.wav", TEN_SECONDS)})
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_much_audio")


def test_live_speech_is_charged_second_by_second(visitor: Callable[..., Visitor]) -> None:
    one = visitor(listening=True, audio_seconds_per_hour=3.0)
    with connect(f"{one.root}/ws", additional_headers=one.headers) as socket:
        socket.send(json.dumps({"mode": "offline", "is_speaking": True}))
        for _ in range(8):
            socket.send(bytes(32_000))
        socket.send('{"is_speaking": false}')
        codes: list[str] = []
        while not codes:
            codes += [told["code"] for told in [json.loads(socket.recv(20))] if "code" in told]
        assert codes == ["too_much_audio"]
    path = f"/api/conversations/{one.chat.id}/live"
    with connect(one.root + path, additional_headers=one.headers) as socket:
        socket.send('{"type": "begin", "client_id": "a"}')
        assert json.loads(socket.recv(20))["error"]["code"] == "too_much_audio"


def test_live_speech_takes_stored_room_too(visitor: Callable[..., Visitor]) -> None:
    one = visitor(max_stored_bytes=1000)
    one.chat.say(wav())
    with connect(f"{one.root}/api/conversations/{one.chat.id}/live", additional_headers=one.headers) as socket:
        socket.send('{"type": "begin", "client_id": "a"}')
        assert json.loads(socket.recv(20))["error"]["code"] == "storage_full"
        with pytest.raises(ConnectionClosed):
            socket.recv(20)


def test_answers_that_nobody_reads_are_counted_and_take_no_room(
    visitor: Callable[..., Visitor], tmp_path: Path
) -> None:
    one = visitor(max_streams=3)
    for _ in range(8):
        one.chat.say(wav(60.0))
    before = {path.name for path in Path("/tmp").glob("tingshuo-*")}
    with ExitStack() as held:
        statuses = [held.enter_context(one.client.stream("GET", "/api/me/export")).status_code for _ in range(6)]
        assert statuses == [200] * 3 + [429] * 3
        assert {path.name for path in Path("/tmp").glob("tingshuo-*")} <= before
    deadline = time.monotonic() + 20
    while one.client.get("/api/me/export").status_code != 200:
        assert time.monotonic() < deadline, "streams that were left are never given back"
        time.sleep(0.1)


def test_a_person_holds_a_quarter_of_the_places_and_an_address_half() -> None:
    shares = Shares(16)

    def taken(who: Callable[[int], tuple[str, str]]) -> int:
        count = 0
        for number in range(16):
            note_asking(*who(number))
            try:
                held.enter_context(shares.hold())
            except TooManyStreams:
                continue
            count += 1
        return count

    with ExitStack() as held:
        assert taken(lambda number: ("anna", f"10.0.0.{number}")) == 4
        assert taken(lambda number: (f"visitor-{number}", "203.0.113.1")) == 8
    note_asking("anna", "10.0.0.1")
    with shares.hold():
        pass


def test_people_take_turns_in_a_lane() -> None:
    lanes = Lanes(1, whose_turn)
    gate, order = threading.Event(), list[str]()
    note_asking("zoe", "")
    lanes.submit(Lane.UPLOAD, gate.wait)
    futures = []
    for name in ("anna",) * 5 + ("bert",) * 2 + ("carl",):
        note_asking(name, "")
        futures.append(lanes.submit(Lane.UPLOAD, lambda name=name: order.append(name)))
    gate.set()
    for future in futures:
        future.result(10)
    lanes.close()
    assert order == ["anna", "bert", "carl", "anna", "bert", "anna", "anna", "anna"]


def test_people_take_turns_with_their_files_and_none_has_all_threads() -> None:
    threads = FairThreads(2, "test", whose_turn, most_of_one=1)
    gate, order = threading.Event(), list[str]()
    note_asking("anna", "")
    slow = [threads.submit(gate.wait) for _ in range(3)]
    for name in ("bert", "carl", "bert"):
        note_asking(name, "")
        threads.submit(lambda name=name: order.append(name)).result(10)  # whatever anna's are at
    assert not any(future.done() for future in slow)
    gate.set()
    for future in slow:
        future.result(10)
    threads.close()
    assert order == ["bert", "carl", "bert"]


def test_what_waits_is_dropped_at_the_end() -> None:
    threads = FairThreads(1, "test")
    begun, gate = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        gate.wait()

    first = threads.submit(work)
    assert begun.wait(10)
    waiting = threads.submit(lambda: None)
    threads.close()
    gate.set()
    first.result(10)
    assert waiting.cancelled()
    assert threads.submit(lambda: None).cancelled()

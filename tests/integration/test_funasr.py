"""FunASR's WebSocket protocol against the running server with the embedded models: raw messages."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from app.errors import PortUnavailable
from app.factory import build
from app.settings import Settings
from asr import Audio, Recognizer
from tests.integration.client import Serve, spoken

Message = dict[str, Any]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, embedded: Recognizer) -> FastAPI:
    settings = Settings(data_dir=tmp_path_factory.mktemp("funasr"), workers=2, max_sessions=4, funasr_port=0)
    return build(settings, recognizer=embedded, page=None)


@pytest.fixture(scope="module")
def pcm(data_dir: Path) -> bytes:
    """明天上午, a pause, 我要预约消化内科: about 6 s."""
    return spoken(data_dir, "book-when", "book-department")


@pytest.fixture
def opened(url: str) -> Iterator[Callable[..., ClientConnection]]:
    with ExitStack() as connections:

        def open_one(path: str = "", **options: Any) -> ClientConnection:
            return connections.enter_context(
                connect(url + path, subprotocols=["binary"], ping_interval=None, **options)
            )  # type: ignore[list-item]

        yield open_one


def read(connection: ClientConnection) -> Message:
    message: Message = json.loads(connection.recv(timeout=30))
    return message


def until_final(connection: ClientConnection) -> list[Message]:
    messages = [read(connection)]
    while not messages[-1].get("is_final"):
        messages.append(read(connection))
    return messages


def begin(connection: ClientConnection, **settings: Any) -> None:
    connection.send(json.dumps({"mode": "2pass", "wav_name": "demo", "is_speaking": True, **settings}))


def stop(connection: ClientConnection, **more: Any) -> None:
    connection.send(json.dumps({"is_speaking": False, **more}))


def speak(connection: ClientConnection, pcm: bytes, size: int = 19_200, **settings: Any) -> list[Message]:
    begin(connection, **settings)
    for start in range(0, len(pcm), size):
        connection.send(pcm[start : start + size])
    stop(connection)
    return until_final(connection)


def texts(messages: list[Message], mode: str = "2pass-offline") -> list[str]:
    return [message["text"] for message in messages if message["mode"] == mode and message["text"]]


@pytest.fixture(scope="module")
def expected(pcm: bytes, embedded: Recognizer) -> list[str]:
    """What the offline pipeline writes of it."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768
    return [segment.text for segment in embedded.transcribe(Audio(samples)).segments]


def test_two_passes_send_increments_and_then_each_sentence(
    opened: Callable[..., ClientConnection], pcm: bytes, expected: list[str]
) -> None:
    messages = speak(opened(), pcm, size=3_200)

    assert texts(messages) == expected
    assert {message["mode"] for message in messages} <= {"2pass-online", "2pass-offline"}
    assert [message["is_final"] for message in messages] == [False] * (len(messages) - 1) + [True]
    assert {message["wav_name"] for message in messages} == {"demo"}


@pytest.mark.parametrize("size", [1_001, 10**7], ids=["odd pieces", "one piece"])
@pytest.mark.parametrize("mode", ["2pass", "offline"])
def test_the_text_does_not_depend_on_the_pieces(
    opened: Callable[..., ClientConnection], pcm: bytes, expected: list[str], size: int, mode: str
) -> None:
    messages = speak(opened("ws"), pcm, size=size, mode=mode)
    written = texts(messages, "offline" if mode == "offline" else "2pass-offline")
    assert "".join(written) == "".join(expected)


def test_sentences_have_times_in_milliseconds(opened: Callable[..., ClientConnection], pcm: bytes) -> None:
    (message,) = speak(opened(), pcm, mode="offline")

    times = json.loads(message["timestamp"])
    assert all(0 <= start <= end <= len(pcm) / 32 for start, end in times)
    assert times == sorted(times)
    sentences = message["stamp_sents"]
    assert len(sentences) >= 2
    assert [pair for sentence in sentences for pair in sentence["ts_list"]] == times
    for sentence in sentences:
        assert (sentence["start"], sentence["end"]) == (sentence["ts_list"][0][0], sentence["ts_list"][-1][1])
        assert len(sentence["text_seg"].split(" ")) == len(sentence["ts_list"])
    assert sentences[0]["text_seg"].startswith("明 天")


def test_online_sends_only_what_is_new(opened: Callable[..., ClientConnection], pcm: bytes) -> None:
    messages = speak(opened(), pcm, size=3_200, mode="online")
    assert {message["mode"] for message in messages} == {"online"}
    assert "明天上午" in "".join(message["text"] for message in messages)
    assert messages[-1]["is_final"]


def test_a_connection_takes_several_utterances(
    opened: Callable[..., ClientConnection], pcm: bytes, expected: list[str]
) -> None:
    connection = opened()
    first = speak(connection, pcm, wav_name="one")
    stop(connection)
    nothing = until_final(connection)
    second = speak(connection, pcm, wav_name="two")
    assert texts(first) == texts(second) == expected
    assert [message["text"] for message in nothing] == [""]
    assert {message["wav_name"] for message in second} == {"two"}


@pytest.mark.parametrize(
    "hotwords",
    ['{"明天上五": 100}', {"明天上五": 100}, "明天上五 100\n消化内科 20", "消化内科,明天上五 100"],
    ids=["JSON text", "object", "lines with weights", "list"],
)
def test_hotwords_come_in_any_shape(opened: Callable[..., ClientConnection], pcm: bytes, hotwords: object) -> None:
    messages = speak(opened(), pcm, hotwords=hotwords)
    assert texts(messages)[0].startswith("明天上五")


def test_the_weight_of_a_hotword_counts(opened: Callable[..., ClientConnection], pcm: bytes) -> None:
    light = speak(opened(), pcm, hotwords={"明天上五": 1})
    assert texts(light)[0].startswith("明天上午")


def test_hotwords_that_cannot_be_read_are_named_and_the_others_count(
    opened: Callable[..., ClientConnection], pcm: bytes
) -> None:
    messages = speak(opened(), pcm, hotwords={"明天上五": 100, "{}": 3})
    assert messages[0]["code"] == "hotwords_partly_read"
    assert texts(messages)[0].startswith("明天上五")


def test_the_end_is_acknowledged_when_that_is_asked_for(opened: Callable[..., ClientConnection], pcm: bytes) -> None:
    connection = opened()
    begin(connection)
    connection.send(pcm)
    stop(connection, is_end=True)
    until_final(connection)
    answer = read(connection)
    assert (answer["is_end"], answer["is_final"], answer["wav_name"]) == (True, True, "demo")


def test_a_file_is_decoded(opened: Callable[..., ClientConnection], data_dir: Path) -> None:
    data = (data_dir / "speech" / "k001026.ogg").read_bytes()
    messages = speak(opened(), data, mode="offline", wav_format="others")
    assert "预约" in texts(messages, "offline")[0]
    assert len(texts(speak(opened(), data, wav_format="ogg"))) == 1


def test_other_rates_are_taken(opened: Callable[..., ClientConnection], pcm: bytes, expected: list[str]) -> None:
    samples = np.frombuffer(pcm, "<i2")[::2].tobytes()
    messages = speak(opened(), samples, audio_fs="8000")
    assert len(texts(messages)) == len(expected)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("not JSON", "invalid_request"),
        ("[1, 2]", "invalid_request"),
        ('{"mode": "3pass"}', "field_invalid"),
        ('{"audio_fs": 96000}', "field_invalid"),
        ('{"audio_fs": "fast"}', "field_invalid"),
        ('{"chunk_size": [5, 10]}', "field_invalid"),
        ('{"chunk_size": "5,many,5"}', "field_invalid"),
        ('{"chunk_size": [5, 1000000, 5]}', "field_invalid"),
        ('{"decoder_chunk_look_back": "far"}', "field_invalid"),
        ('{"decoder_chunk_look_back": 1000}', "field_invalid"),
    ],
)
def test_a_message_that_is_wrong_is_answered_and_the_connection_goes_on(
    opened: Callable[..., ClientConnection], message: str, code: str
) -> None:
    connection = opened()
    connection.send(message)
    answer = read(connection)
    assert answer["code"] == code
    assert answer["error"]
    assert answer["is_final"] is False
    assert [each["text"] for each in speak(connection, b"\0\0" * 800)] == [""]


def test_unknown_keys_are_passed_over(opened: Callable[..., ClientConnection]) -> None:
    messages = speak(opened(), b"\0\0" * 800, chunk_size="5,10,5", svs_lang="auto", colour="green")
    assert [message["text"] for message in messages] == [""]


def test_audio_before_the_settings_is_refused_by_name(opened: Callable[..., ClientConnection]) -> None:
    connection = opened()
    connection.send(b"\0\0" * 800)
    assert read(connection)["code"] == "audio_unannounced"
    stop(connection)
    assert until_final(connection)


def test_half_a_sample_at_the_end_is_named_and_the_rest_recognised(
    opened: Callable[..., ClientConnection], pcm: bytes, expected: list[str]
) -> None:
    messages = speak(opened(), pcm + b"\1")
    assert [message.get("code") for message in messages].count("half_a_sample") == 1
    assert texts(messages) == expected


def test_a_file_that_is_no_audio_is_named_and_the_connection_goes_on(
    opened: Callable[..., ClientConnection], pcm: bytes, expected: list[str]
) -> None:
    connection = opened()
    begin(connection, mode="offline", wav_format="mp3")
    connection.send(b"this is a text file, and a long one" * 100)
    stop(connection, is_end=True)
    told = read(connection)
    answer = read(connection)
    assert told["code"] == "audio_unreadable"
    assert (answer["is_end"], answer["is_final"]) == (True, False)
    assert answer["error"] == told["error"]
    assert texts(speak(connection, pcm, wav_format="PCM")) == expected


def test_a_page_of_another_site_is_refused(opened: Callable[..., ClientConnection]) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        opened(origin="https://elsewhere.example")


def test_the_metrics_tell_of_lanes_and_latencies(
    server: httpx.Client, opened: Callable[..., ClientConnection], pcm: bytes
) -> None:
    speak(opened(), pcm)
    metrics = dict(line.rsplit(" ", 1) for line in server.get("/metrics").text.splitlines() if line[0] != "#")
    assert float(metrics['tingshuo_lane_done_total{lane="final"}']) >= 2
    assert float(metrics["tingshuo_live_final_seconds_count"]) >= 2
    assert float(metrics["tingshuo_live_first_text_seconds_count"]) >= 1
    assert float(metrics['tingshuo_lane_waiting{lane="upload"}']) == 0


def test_one_speaker_too_many_is_sent_away_with_a_time_to_come_again(
    opened: Callable[..., ClientConnection], app: FastAPI
) -> None:
    for _ in range(4):
        connection = opened()
        begin(connection)
        connection.send(b"\0\0" * 800)
    _wait(lambda: app.state.services.live.active == 4)
    late = opened()
    begin(late)
    late.send(b"\0\0" * 800)
    told = read(late)
    assert (told["code"], told["retry_after"]) == ("too_many_sessions", 5)
    with pytest.raises(ConnectionClosed) as closed:
        read(late)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1013


def test_a_client_that_disappears_leaves_its_place(
    opened: Callable[..., ClientConnection], app: FastAPI, pcm: bytes
) -> None:
    _wait(lambda: app.state.services.live.active == 0)
    for size in (0, 1, 30_000, len(pcm)):
        connection = opened()
        begin(connection)
        connection.send(pcm[:size])
        connection.socket.close()
    _wait(lambda: app.state.services.live.active == 0)


def test_a_session_may_not_go_on_for_ever(settings: Settings, serve: Serve, embedded: Recognizer, pcm: bytes) -> None:
    client = serve(build(settings.model_copy(update={"max_session_seconds": 3.0}), recognizer=embedded, page=None))
    with connect(f"ws://127.0.0.1:{client.base_url.port}/ws") as connection:
        begin(connection)
        for start in range(0, len(pcm), 19_200):
            connection.send(pcm[start : start + 19_200])
        messages = until_final(connection)
        assert texts(messages)
        assert read(connection)["code"] == "session_too_long"
        with pytest.raises(ConnectionClosed):
            read(connection)


def test_the_port_of_its_own_speaks_tls_with_the_certificate_given(
    settings: Settings, serve: Serve, embedded: Recognizer, data_dir: Path
) -> None:
    certificate = data_dir / "tls" / "localhost.pem"
    chosen = settings.model_copy(update={"funasr_port": 0, "funasr_certificate": certificate})
    app = build(chosen, recognizer=embedded, page=None)
    serve(app)
    trusting = ssl.create_default_context(cafile=certificate)
    with connect(f"wss://localhost:{app.state.services.funasr_port}", ssl=trusting) as connection:
        assert [message["text"] for message in speak(connection, b"\0\0" * 800)] == [""]


@pytest.mark.parametrize("wrong", ["port", "certificate"])
async def test_a_port_that_cannot_be_opened_ends_the_start_with_the_reason(
    settings: Settings, server: httpx.Client, embedded: Recognizer, wrong: str, tmp_path: Path
) -> None:
    update = {"funasr_port": server.base_url.port} if wrong == "port" else {"funasr_certificate": tmp_path / "none.pem"}
    app = build(settings.model_copy(update={"funasr_port": 0, **update}), recognizer=embedded, page=None)
    with pytest.raises(PortUnavailable):
        async with app.router.lifespan_context(app):
            pytest.fail("the app started")


def _wait(condition: Callable[[], bool]) -> None:
    deadline = threading.Event()
    for _ in range(600):
        if condition():
            return
        deadline.wait(0.05)
    pytest.fail("it did not come to that")

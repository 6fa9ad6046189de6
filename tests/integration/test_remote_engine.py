"""The remote engine and a FunASR server, over a real WebSocket."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from asr.decoding import decode_greedily
from asr.engines.remote.connection import RemoteOptions
from asr.engines.remote.engine import RemoteEngine
from asr.errors import EngineUnreachable, RecognitionFailed
from asr.hotwords.list import parse_strictly
from asr.transcript import Token, join_texts
from tests.funasr_server import FunasrServer, running

SECOND = np.zeros(16000, np.float32)
TIMED = [("欢迎，Hello 大家。", [[100, 200], [200, 300], [300, 500], [500, 600], [700, 900]])]


def options(url: str, **changes: object) -> RemoteOptions:
    given: dict[str, object] = {"quiet": 0.2, "reply_timeout": 2.0, "back_off": 0.01, **changes}
    return RemoteOptions(url, **given)  # type: ignore[arg-type]


def hear(engine: RemoteEngine, samples: np.ndarray = SECOND, hotwords: str = "") -> tuple[Token, ...]:
    (heard,) = engine.listen([samples], parse_strictly(hotwords))
    return decode_greedily(heard.posteriors, engine.units)


def text_of(tokens: tuple[Token, ...]) -> str:
    return join_texts(token.text for token in tokens)


def test_an_utterance_is_sent_as_the_protocol_says_and_the_text_comes_back_with_its_times() -> None:
    with running(FunasrServer(TIMED)) as server:
        tokens = hear(RemoteEngine(options(server.url)), hotwords="阿里巴巴 20\n通义实验室 30")
    settings, audio = server.heard[0]
    assert audio == 2 * len(SECOND)
    assert {name: settings[name] for name in ("mode", "wav_format", "audio_fs", "is_speaking", "itn")} == {
        "mode": "offline", "wav_format": "pcm", "audio_fs": 16000, "is_speaking": True, "itn": False,
    }  # fmt: skip
    assert json.loads(settings["hotwords"]) == {"阿里巴巴": 20, "通义实验室": 30}
    assert text_of(tokens) == "欢迎hello大家"
    assert (tokens[0].start, tokens[0].end) == pytest.approx((0.1, 0.2))
    assert (tokens[-1].start, tokens[-1].end) == pytest.approx((0.7, 0.9))
    assert tokens[2].start == pytest.approx(0.3)


@pytest.mark.parametrize("times", [None, [[100, 900]]], ids=["none", "too few"])
def test_without_a_time_for_each_word_they_are_spread(times: list[list[int]] | None) -> None:
    with running(FunasrServer([("一二三四", times)])) as server:
        tokens = hear(RemoteEngine(options(server.url)))
    assert [token.text for token in tokens] == list("一二三四")
    lengths = [token.end - token.start for token in tokens]
    assert lengths == pytest.approx([0.25 if times is None else 0.2] * 4, abs=1e-5)


@pytest.mark.parametrize("acknowledges", [True, False])
@pytest.mark.parametrize("mode", ["offline", "2pass"])
def test_all_sentences_of_an_utterance_are_taken(mode: str, acknowledges: bool) -> None:
    sentences = [("第一句。", None), ("第二句。", None)] if mode == "2pass" else [("第一句第二句", None)]
    with running(FunasrServer(sentences, acknowledges=acknowledges)) as server:
        engine = RemoteEngine(options(server.url, mode=mode))
        assert [text_of(hear(engine)) for _ in range(2)] == ["第一句第二句"] * 2
    assert server.connections == 1


def test_several_are_sent_at_once_over_no_more_connections_than_allowed() -> None:
    with running(FunasrServer(TIMED, acknowledges=True, delay=0.2)) as server:
        engine = RemoteEngine(options(server.url, connections=3))
        with ThreadPoolExecutor(2) as pool:
            calls = [pool.submit(engine.listen, [SECOND] * 4) for _ in range(2)]
            found = [decode_greedily(heard.posteriors, engine.units) for call in calls for heard in call.result()]
    assert [text_of(tokens) for tokens in found] == ["欢迎hello大家"] * 8
    assert server.at_once == 3
    assert server.connections == 3


@pytest.mark.parametrize("behaviour", ["once", "silent_after_once"])
def test_a_server_that_takes_one_utterance_a_connection_gets_a_fresh_one(behaviour: str) -> None:
    with running(FunasrServer(TIMED, **{behaviour: True})) as server:  # type: ignore[arg-type]
        engine = RemoteEngine(options(server.url, reply_timeout=0.0))
        assert [text_of(hear(engine)) for _ in range(3)] == ["欢迎hello大家"] * 3
    assert len(server.heard) == 3


def test_a_connection_that_breaks_is_tried_again() -> None:
    with running(FunasrServer(TIMED, failures=2)) as server:
        assert text_of(hear(RemoteEngine(options(server.url)))) == "欢迎hello大家"
    assert server.connections == 3


def test_a_server_that_stays_away_is_named() -> None:
    with running(FunasrServer(TIMED)) as server:
        pass
    with pytest.raises(EngineUnreachable, match=server.url) as caught:
        hear(RemoteEngine(options(server.url, attempts=2)))
    assert caught.value.details["url"] == server.url


def test_a_server_that_does_not_answer_in_time_is_given_up() -> None:
    with (
        running(FunasrServer(TIMED, delay=1.5)) as server,
        pytest.raises(EngineUnreachable, match="does not answer"),
    ):
        hear(RemoteEngine(options(server.url, reply_timeout=0.1, attempts=1)), SECOND[:1600])


def test_an_error_of_the_server_is_ours_and_is_not_tried_again() -> None:
    with running(FunasrServer(TIMED, error="decoder is busy")) as server:
        with pytest.raises(RecognitionFailed) as caught:
            hear(RemoteEngine(options(server.url)))
        assert caught.value.details["reason"] == "decoder is busy"
    assert len(server.heard) == 1


@pytest.mark.parametrize("raw", ["no JSON", "[1]"])
def test_an_answer_that_is_no_message_is_an_error(raw: str) -> None:
    with (
        running(FunasrServer(TIMED, raw=raw)) as server,
        pytest.raises(RecognitionFailed, match="no known way"),
    ):
        hear(RemoteEngine(options(server.url)))


def test_nothing_is_sent_for_nothing() -> None:
    with running(FunasrServer(TIMED)) as server:
        assert hear(RemoteEngine(options(server.url)), SECOND[:0]) == ()
    assert server.connections == 0


def test_a_certificate_is_checked_unless_told_otherwise(tmp_path: Path) -> None:
    pem = tmp_path / "server.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
         "-keyout", str(pem), "-out", str(tmp_path / "certificate.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    pem.write_text(pem.read_text() + (tmp_path / "certificate.pem").read_text())
    with running(FunasrServer(TIMED), certificate=pem) as server:
        assert text_of(hear(RemoteEngine(options(server.url, verify=False)))) == "欢迎hello大家"
        with pytest.raises(EngineUnreachable, match="certificate"):
            hear(RemoteEngine(options(server.url, attempts=1)))


def test_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="ws://"):
        RemoteOptions("http://127.0.0.1:10095")

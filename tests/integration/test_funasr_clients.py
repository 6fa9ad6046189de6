"""FunASR's protocol as its clients from PyPI speak it: funasr-client, and funasr-python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from funasr_client import async_file_asr, async_file_asr_stream

from app.factory import build
from app.settings import Settings
from asr import Recognizer
from tests.integration.client import spoken

ROOT = Path(__file__).parents[2]
# Its package has the name of funasr-client's, so scripts/test installs it into a folder of its own.
FUNASR_PYTHON = Path(sys.prefix) / "funasr-python"
WRONG = "明天上五"  # a hotword whose effect cannot be overlooked
MODES = ("offline", "online", "2pass")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, embedded: Recognizer) -> FastAPI:
    settings = Settings(data_dir=tmp_path_factory.mktemp("clients"), workers=2, funasr_port=0)
    return build(settings, recognizer=embedded, page=None)


@pytest.fixture(scope="module")
def wav(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> Path:
    """明天上午, a pause, 幺三八零零一二三四五六: 7 s."""
    path = tmp_path_factory.mktemp("wav") / "demo.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(spoken(data_dir, "book-when", "book-phone"))
    return path


# funasr-client's asynchronous half: the synchronous one of 0.1.6 locks itself up when it closes, whatever the server.
@pytest.mark.parametrize(
    ("mode", "heard"),
    [
        ("offline", [f"{WRONG}。13800123456。"]),
        ("2pass", [f"{WRONG}。", "13800123456。"]),
    ],
)
async def test_funasr_client_hears_a_file_with_hotwords_and_itn(
    url: str, wav: Path, mode: str, heard: list[str]
) -> None:
    messages = [one async for one in async_file_asr_stream(str(wav), url, mode=mode, hotwords={WRONG: 100}, itn=True)]
    texts = [message["text"] for message in messages if message["mode"] != "2pass-online" and message["text"]]
    assert texts == heard


async def test_funasr_client_hears_a_file_online(url: str, wav: Path) -> None:
    messages = [one async for one in async_file_asr_stream(str(wav), url, mode="online", hotwords={WRONG: 100})]
    assert {message["mode"] for message in messages} == {"online"}
    assert WRONG in "".join(message["text"] for message in messages)


async def test_funasr_client_may_have_numbers_in_words(url: str, wav: Path) -> None:
    merged = await async_file_asr(str(wav), url, mode="2pass", itn=False)
    assert merged["text"].replace("，", "").startswith("明天上午。幺三八零零一二三四五六")


async def test_funasr_client_hears_a_file_on_the_port_of_its_own(app: FastAPI, server: httpx.Client, wav: Path) -> None:
    merged = await async_file_asr(str(wav), f"ws://127.0.0.1:{app.state.services.funasr_port}/any/path", mode="2pass")
    assert merged["text"].startswith("明天上午")
    assert len(merged["timestamp"]) > 6


Heard = dict[tuple[str, bool], list[tuple[str, bool]]]


@pytest.fixture(scope="module")
def heard_by_funasr_python(url: str, wav: Path) -> Heard:
    """Texts, each with whether it was final, by mode and whether hotwords and ITN were asked for."""
    assert FUNASR_PYTHON.is_dir(), "funasr-python is not there; scripts/test installs it"
    cases = [(mode, asked) for mode in MODES for asked in (True, False)]
    settings: list[dict[str, Any]] = [
        {"mode": mode, "enable_itn": asked, "hotwords": {WRONG: 100} if asked else {}} for mode, asked in cases
    ]
    found = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "funasr_python_client.py"), url, str(wav), json.dumps(settings)],
        env={**os.environ, "PYTHONPATH": str(FUNASR_PYTHON)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    lines = [[(text, final) for text, final in json.loads(line)] for line in found.stdout.splitlines()]
    return dict(zip(cases, lines, strict=True))


@pytest.mark.parametrize("mode", MODES)
def test_funasr_python_hears_a_file(heard_by_funasr_python: Heard, mode: str) -> None:
    heard = heard_by_funasr_python[mode, False]
    whole = "".join(text for text, _ in heard).replace("，", "")
    assert "明天上午" in whole
    # What `online` has sent it cannot take back: in the row of digits one may be wrong.
    assert ("三四五六" if mode == "online" else "一二三四五六") in whole
    assert [final for _, final in heard] == [False] * (len(heard) - 1) + [True]


@pytest.mark.parametrize("mode", MODES)
def test_funasr_python_is_heard_with_hotwords_and_itn(heard_by_funasr_python: Heard, mode: str) -> None:
    whole = "".join(text for text, _ in heard_by_funasr_python[mode, True])
    assert WRONG in whole
    # The streaming models that `online` stands for write numbers in words.
    assert ("13800123456" in whole) == (mode != "online")

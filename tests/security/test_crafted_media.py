"""Files made to eat memory, time or other files are refused on every way in, and the next message is heard."""

from __future__ import annotations

import io
import struct
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile

from app.factory import build
from app.settings import Settings
from tests.integration.client import Chat, InstantRecognizer, wav
from tests.integration.conftest import start_server

ROOM = 300 * 2**20  # bytes that refusing one file may take for a moment


def riff(rate: int = 16000, channels: int = 1, bits: int = 16, block: int = 2) -> bytes:
    """A WAV whose header says what it likes, with a second of samples and 4 GB promised."""
    shape = struct.pack("<HHIIHH", 1, channels, rate, rate * block & 0xFFFFFFFF, block & 0xFFFF, bits)
    endless = b"\xff\xff\xff\xff"
    return b"RIFF" + endless + b"WAVEfmt \x10\x00\x00\x00" + shape + b"data" + endless + bytes(32000)


def flac_of_silence(seconds: int, rate: int = 8000) -> bytes:
    """Hours that compress to almost nothing."""
    target = io.BytesIO()
    with soundfile.SoundFile(target, "w", rate, 1, format="FLAC", subtype="PCM_16") as file:
        for _ in range(seconds // 60):
            file.write(np.zeros(rate * 60, np.int16))
    return target.getvalue()


def flac_that_lies() -> bytes:
    """One second that says it is 2³⁶ - 1 samples at 655 kHz with 8 channels."""
    target = io.BytesIO()
    soundfile.write(target, np.zeros(16000, np.int16), 16000, format="FLAC")
    data = bytearray(target.getvalue())
    data[18:26] = ((655350 << 44) | (7 << 41) | (15 << 36) | (2**36 - 1)).to_bytes(8, "big")
    return bytes(data)


def mp4_with_a_box_of(size: int) -> bytes:
    return (
        b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2"
        + struct.pack(">I", 1)
        + b"moov"
        + struct.pack(">Q", size)
        + bytes(64)
    )


def packed(name: str, content: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return target.getvalue()


CRAFTED = {
    "wav at 4 GHz": riff(rate=0xFFFFFFFF),
    "wav at 0 Hz": riff(rate=0),
    "wav with 65535 channels": riff(channels=65535, block=65535),
    "wav with 0 channels": riff(channels=0, block=0),
    "wav of 65535 bits": riff(bits=65535, block=1),
    "wav of nested chunks": b"RIFF\xff\xff\xff\x7fWAVE" + b"LIST\x04\x00\x00\x00INFO" * 20_000,
    "four hours in a small flac": flac_of_silence(4 * 3600),
    "flac that lies": flac_that_lies(),
    "mp4 with a box of 2⁶³": mp4_with_a_box_of(2**63 - 1),
    "mp4 with a box of 0": mp4_with_a_box_of(0),
    "webm with a size of 2⁵⁶": b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm\x18S\x80g\x01" + b"\xff" * 6 + bytes(64),
    "id3 of 256 MB": b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + bytes(1000),
    "ogg of endless pages": (b"OggS\x00\x02" + bytes(20) + b"\xff" + b"\xff" * 255) * 200,
    "amr of rubbish": b"#!AMR\n" + bytes(range(256)) * 40,
    "aiff with 2³² frames": b"FORM\x7f\xff\xff\xffAIFFCOMM\x00\x00\x00\x12\xff\xff\xff\xff\xff\xff\x00\x10" + bytes(40),
    "zip bomb": packed("a.wav", bytes(50_000_000)),
    "deflate bomb": zlib.compress(bytes(50_000_000)),
    "playlist with a host": b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/a.wav\n#EXT-X-ENDLIST\n",
    "playlist with a file": b"ffconcat version 1.0\nfile '/etc/passwd'\n",
    "svg with an entity": b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>',
}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("crafted"), workers=1, max_audio_seconds=600, max_file_seconds=600
    )
    client, stop = start_server(build(settings, recognizer=InstantRecognizer(), page=None))
    yield client
    stop()


def peak(*, since_now: bool = False) -> int:
    """The most memory that this process had since the mark was last put at what it has `since_now`, in bytes."""
    if since_now:
        Path("/proc/self/clear_refs").write_text("5", "utf-8")  # proc(5): resets the high-water mark
    status = Path("/proc/self/status").read_text("utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


@pytest.mark.parametrize("kind", CRAFTED)
def test_a_crafted_file_is_refused_on_every_way_in(server: httpx.Client, kind: str) -> None:
    data = CRAFTED[kind]
    before = peak(since_now=True)
    chat = Chat(server)
    told = chat.say(data)[-1]
    if told["role"] == "bot":  # what could be read of it was a recording after all
        said = next(message for message in chat.messages() if message["kind"] == "voice")
        assert said["seconds"] <= 600
    else:
        assert told["error"]["code"].startswith("audio_"), told["error"]
    answer = server.post("/v1/audio/transcriptions", files={"file": ("a.wav", data)}, data={"model": "whisper-1"})
    assert answer.status_code in (200, 400, 413, 415, 422), answer.text
    job = server.post("/api/transcribe", files={"file": ("a.wav", data)}).json()
    deadline = time.monotonic() + 30
    while (found := server.get(f"/api/transcribe/{job['id']}").json())["status"] in ("queued", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert found["status"] == "done" or found["error"]["code"].startswith("audio_"), found["error"]
    assert peak() - before < ROOM
    assert chat.say(wav())[-1]["role"] == "bot"

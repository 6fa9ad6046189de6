"""What integration tests say to a server, and who listens there in the recogniser's place."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import soundfile
from fastapi import FastAPI

from asr import FORMATTED, Audio, Formatting, HotwordList, Segment, Token, Transcript, decode_audio
from asr.hotwords.list import EMPTY

Serve = Callable[[FastAPI], httpx.Client]  # what the fixture `serve` is
SECOND_OF_SILENCE = bytes(32_000)  # as 16-bit PCM of 16 kHz


def spoken(data_dir: Path, *names: str) -> bytes:
    """Recordings of `data_dir`/voice one after the other as 16-bit PCM of 16 kHz, a second of silence between them."""
    parts = [decode_audio((data_dir / "voice" / f"{name}.wav").read_bytes()).samples for name in names]
    return SECOND_OF_SILENCE.join(np.round(samples * 32767).astype("<i2").tobytes() for samples in parts)


def transcript_of(text: str) -> Transcript:
    """A transcript with one token a character."""
    tokens = tuple(Token(character, i * 0.2, i * 0.2 + 0.2, 0.9) for i, character in enumerate(text))
    return Transcript((Segment(0.0, len(text) * 0.2, tokens),) if text else (), len(text) * 0.2)


class SegmentWise:
    """Gives what `transcribe` hears segment by segment."""

    def transcribe(self, audio: Audio) -> Transcript:
        raise NotImplementedError

    def segments(
        self, audio: Audio, hotwords: HotwordList = EMPTY, *, formatting: Formatting = FORMATTED
    ) -> Iterator[Segment]:
        return iter(self.transcribe(audio).segments)


class GatedRecognizer(SegmentWise):
    """Recognition that lasts until the test opens the gate, which no real recording could promise."""

    def __init__(self, text: str = "我要挂号") -> None:
        self.text = text
        self.gate = threading.Event()
        self.begun = threading.Semaphore(0)
        self.heard: list[float] = []

    def transcribe(self, audio: Audio, hotwords: HotwordList = EMPTY) -> Transcript:
        self.begun.release()
        assert self.gate.wait(30)
        self.heard.append(round(audio.seconds, 1))
        return transcript_of(self.text)


class InstantRecognizer(SegmentWise):
    """Hears the same in every recording: for tests of what comes before and after recognition."""

    def __init__(self, text: str = "我要挂号") -> None:
        self.text = text

    def transcribe(self, audio: Audio, hotwords: HotwordList = EMPTY) -> Transcript:
        return transcript_of(self.text)


def wav(seconds: float = 0.5, sample_rate: int = 16000, channels: int = 1, subtype: str = "PCM_16") -> bytes:
    """A recording of a tone."""
    times = np.arange(int(seconds * sample_rate)) / sample_rate
    tone = 0.1 * np.sin(2 * np.pi * 300 * times)
    target = io.BytesIO()
    soundfile.write(target, np.stack([tone] * channels, axis=1), sample_rate, format="WAV", subtype=subtype)
    return target.getvalue()


def events(response: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    """The server-sent events of a streamed response."""
    name = ""
    for line in response.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


class Chat:
    """One conversation over HTTP, as a client would hold it."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        answer = client.post("/api/conversations")
        assert answer.status_code == 201
        self.id: str = answer.json()["id"]
        self.greeting: list[dict[str, Any]] = answer.json()["messages"]
        self.path = f"/api/conversations/{self.id}/messages"

    def updates(self, path: str, **request: Any) -> list[dict[str, Any]]:
        """All updates of one request, which must end as the protocol says."""
        with self.client.stream("POST", path, **request) as response:
            assert response.status_code == 200, response.read()
            assert response.headers["content-type"].startswith("text/event-stream")
            received = list(events(response))
        assert received[-1] == ("done", {})
        assert all(name == "message" for name, _ in received[:-1])
        return [message for _, message in received[:-1]]

    def say(self, recording: bytes, name: str = "voice.wav") -> list[dict[str, Any]]:
        return self.updates(self.path, files={"audio": (name, recording)})

    def write(self, text: str) -> list[dict[str, Any]]:
        return self.updates(self.path, json={"text": text})

    def retry(self, message_id: str) -> list[dict[str, Any]]:
        return self.updates(f"{self.path}/{message_id}/retry")

    def messages(self) -> list[dict[str, Any]]:
        answer = self.client.get(self.path)
        assert answer.status_code == 200
        found: list[dict[str, Any]] = answer.json()["messages"]
        return found

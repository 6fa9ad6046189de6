"""From the release of the button to the bot's bubble: one 5-second voice message over HTTP.

Starts the real app on a free port with an empty data folder, sends the same recording again and again, one at a
time, and prints how long it took from the request to the bot's message, with the stages as the app itself timed
them. The peer in the same run is the same recording through the same model in this process, with nothing around
it: what is above that is the price of the way (HTTP, store, bot).

    python benchmarks/voice_message.py [--messages 50] [--recording FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from asr import Audio, Recognizer, decode_audio, encode_wav, open_recognizer  # noqa: E402 -- the line above makes it found

RECORDING = ROOT / "tests" / "data" / "speech" / "k004302.ogg"
SECONDS = 5.0
WARM_UP = 3
STAGES = ("decode", "recognise", "bot", "store")


def five_seconds(path: Path) -> bytes:
    """Return the recording as the page sends it, 16 kHz WAV, cut or padded to SECONDS."""
    audio = decode_audio(path.read_bytes())
    samples = audio.samples[: int(SECONDS * audio.sample_rate)]
    samples = np.pad(samples, (0, int(SECONDS * audio.sample_rate) - len(samples)))
    return encode_wav(Audio(samples, audio.sample_rate))


@contextmanager
def running_app(folder: Path) -> Iterator[httpx.Client]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "TINGSHUO_PORT": str(port),
        "TINGSHUO_DATA_DIR": str(folder / "data"),
        "TINGSHUO_LOG_JSON": "true",
        "TINGSHUO_LOG_LEVEL": "info",
    }
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen([sys.executable, ROOT / "app.py"], cwd=folder, env=environment, stderr=log) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
    ):
        try:
            for _ in range(600):
                try:
                    if client.get("/ready").status_code == 200:
                        break
                except httpx.ConnectError:
                    time.sleep(0.1)
            else:
                raise SystemExit(f"The app did not become ready:\n{(folder / 'log').read_text('utf-8')}")
            yield client
        finally:
            process.terminate()


def time_to_answer(client: httpx.Client, recording: bytes) -> float:
    """Send the recording in a conversation of its own; return the seconds until the bot's first message."""
    conversation = client.post("/api/conversations").json()["id"]
    started = time.perf_counter()
    answered = None
    path = f"/api/conversations/{conversation}/messages"
    with client.stream("POST", path, files={"audio": ("voice.wav", recording)}) as response:
        for line in response.iter_lines():
            if answered is None and line.startswith("data:") and json.loads(line[5:]).get("role") == "bot":
                answered = time.perf_counter()
    if answered is None:
        raise SystemExit("The bot did not answer: the recording must have speech in it.")
    return answered - started


def logged_stages(log: Path, count: int) -> dict[str, list[float]]:
    """Return the stages of the last `count` messages, as the app timed them."""
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines() if line.startswith("{")]
    done = [line for line in lines if line["event"] == "message done"][-count:]
    return {stage: [line[stage] for line in done] for stage in STAGES}


def time_of_peer(recognizer: Recognizer, recording: bytes) -> float:
    """Return how long decoding and recognition take in this process, with nothing around them."""
    started = time.perf_counter()
    recognizer.transcribe(decode_audio(recording))
    return time.perf_counter() - started


def print_row(name: str, seconds: list[float], peer: float) -> None:
    p50, p95 = np.percentile(seconds, [50, 95]) * 1000
    print(f"| {name:<32} | {p50:8.1f} | {p95:8.1f} | {p50 / 1000 / peer:5.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=50, help="how many messages are timed (default 50)")
    parser.add_argument("--recording", type=Path, default=RECORDING, help="any recording with speech in it")
    arguments = parser.parse_args()
    recording = five_seconds(arguments.recording)

    recognizer = open_recognizer()
    answers, direct = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running_app(folder) as client:
            # One after the other, so that what else the machine does falls on both alike; the first are a warm-up.
            for _ in range(WARM_UP + arguments.messages):
                answers.append(time_to_answer(client, recording))
                direct.append(time_of_peer(recognizer, recording))
        stages = logged_stages(folder / "log", arguments.messages)
    answers, direct = answers[WARM_UP:], direct[WARM_UP:]

    peer = float(np.median(direct))
    load = os.getloadavg()[0]
    print(
        f"{arguments.messages} messages of {SECONDS:g} s, {os.cpu_count()} cores, load {load:.1f}, {platform.machine()}"
    )
    print(f"| {'milliseconds':<32} | {'p50':>8} | {'p95':>8} | ratio |")
    print(f"|{'-' * 34}|{'-' * 9}:|{'-' * 9}:|{'-' * 6}:|")
    print_row("request to the bot's message", answers, peer)
    for stage in STAGES:
        print_row(f"- {stage}", stages[stage], peer)
    print_row("peer: decode and recognise only", direct, peer)


if __name__ == "__main__":
    main()

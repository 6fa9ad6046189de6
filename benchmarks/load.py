"""How many people at a time: more and more of them talk, type and upload until answers come too late.

    python benchmarks/load.py [--most 32] [--seconds 20]

Starts the app in a process of its own on loopback, with the embedded model and an empty folder. Each user sends, waits
for the whole answer, thinks for one to three seconds, and sends again: voice messages, typed ones, and now and then a
file to /v1/audio/transcriptions. A step lasts --seconds; the number of users grows by half until one answer in twenty
takes longer than 3 s, or to --most. At the end every message sent is looked for in the store, with its transcript.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[1]
TOO_LATE = 3.0  # seconds, for one answer in twenty
RECORDING = ROOT / "tests" / "data" / "speech" / "k001026.ogg"
SENTENCES = ("我想挂明天上午的心内科", "你好", "查一下我的预约", "我要挂号")


@dataclass
class Step:
    """What happened while so many users were there."""

    users: int
    seconds: list[float] = field(default_factory=list)
    refused: Counter[int] = field(default_factory=Counter)

    def p(self, share: float) -> float:
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


@dataclass
class Sent:
    """Messages whose answers came to an end, by conversation."""

    finished: dict[str, list[str]] = field(default_factory=dict)


async def message(client: httpx.AsyncClient, path: str, step: Step, sent: Sent, conversation: str) -> None:
    voice = random.random() < 0.6
    body = (
        {"files": {"audio": ("a.ogg", RECORDING.read_bytes())}}
        if voice
        else {"json": {"text": random.choice(SENTENCES)}}
    )
    started = time.perf_counter()
    async with client.stream("POST", path, **body) as response:  # type: ignore[arg-type]
        if response.status_code != 200:
            step.refused[response.status_code] += 1
            return
        lines = [line async for line in response.aiter_lines() if line.startswith('data: {"id"')]
    step.seconds.append(time.perf_counter() - started)
    sent.finished.setdefault(conversation, []).append(json.loads(lines[0].removeprefix("data: "))["id"])


async def upload(client: httpx.AsyncClient, step: Step) -> None:
    started = time.perf_counter()
    files = {"file": ("a.ogg", RECORDING.read_bytes())}
    answer = await client.post("/v1/audio/transcriptions", files=files, data={"model": "whisper-1"})
    if answer.is_success:
        step.seconds.append(time.perf_counter() - started)
    else:
        step.refused[answer.status_code] += 1


async def user(client: httpx.AsyncClient, until: float, step: Step, sent: Sent) -> None:
    conversation = (await client.post("/api/conversations")).json()["id"]
    path = f"/api/conversations/{conversation}/messages"
    await asyncio.sleep(random.uniform(0, 2))
    while time.monotonic() < until:
        if random.random() < 0.1:
            await upload(client, step)
        else:
            await message(client, path, step, sent, conversation)
        await asyncio.sleep(random.uniform(1, 3))


async def missing(client: httpx.AsyncClient, sent: Sent) -> list[str]:
    """Return the messages that were answered and are not in the store as such."""
    lost = []
    for conversation, messages in sent.finished.items():
        answer = await client.get(f"/api/conversations/{conversation}/messages")
        kept = {one["id"]: one for one in answer.json()["messages"]}
        lost += [one for one in messages if kept.get(one, {}).get("status") != "done" or not kept[one]["text"]]
    return lost


def memory(process: subprocess.Popen[bytes]) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text("utf-8")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


async def measure(url: str, process: subprocess.Popen[bytes], most: int, seconds: float) -> None:
    sent = Sent()
    async with httpx.AsyncClient(base_url=url, timeout=60, limits=httpx.Limits(max_connections=None)) as client:
        while True:
            try:
                await client.get("/ready")
                break
            except httpx.ConnectError:
                await asyncio.sleep(0.2)
        print(f"{'users':>6} {'answers':>8} {'p50 s':>7} {'p95 s':>7} {'refused':>8} {'memory MB':>10}")
        users, held = 4, 0
        while users <= most:
            step = Step(users)
            until = time.monotonic() + seconds
            await asyncio.gather(*(user(client, until, step, sent) for _ in range(users)))
            late = step.p(0.95) > TOO_LATE or bool(step.refused)
            print(
                f"{users:>6} {len(step.seconds):>8} {step.p(0.5):>7.2f} {step.p(0.95):>7.2f} "
                f"{step.refused.total():>8} {memory(process):>10.0f}"
            )
            if late:
                break
            users, held = max(users + 1, users * 3 // 2), users
        print(f"held: {held} users; messages lost: {len(await missing(client, sent))}")


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=20.0)
    arguments = parser.parse_args()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "TINGSHUO_PORT": str(port),
            "TINGSHUO_DATA_DIR": folder,
            "TINGSHUO_LOG_LEVEL": "error",
        }
        with subprocess.Popen([sys.executable, ROOT / "app.py"], cwd=folder, env=environment) as process:
            try:
                asyncio.run(measure(f"http://127.0.0.1:{port}", process, arguments.most, arguments.seconds))
            finally:
                process.terminate()


if __name__ == "__main__":
    main()

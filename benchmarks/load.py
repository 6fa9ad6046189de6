"""How many people at a time: more and more of them talk, type and upload until answers come too late.

    python benchmarks/load.py [--most 32] [--seconds 20]
    python benchmarks/load.py --steady 4 --minutes 30 --think 12 --csv memory.csv

Starts the app in a process of its own on loopback, with the embedded model and an empty folder. Each user sends, waits
for the whole answer, thinks, and sends again: recordings, live speech at the pace of speaking, typed messages, and now
and then a file to /v1/audio/transcriptions. An answer's time counts from the last byte or the button let go. A step
lasts --seconds; the number of users grows by half until one answer in twenty takes longer than 3 s, or to --most.
--steady keeps the number and writes the memory of each minute. At the end every message sent is looked for in the
store, with its transcript.
"""

from __future__ import annotations

import asyncio
import csv
import itertools
import json
import os
import random
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import soundfile
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

ROOT = Path(__file__).parents[1]
TOO_LATE = 3.0  # seconds, for one answer in twenty
RECORDING = (ROOT / "tests" / "data" / "speech" / "k001026.ogg").read_bytes()
SENTENCES = ("我想挂明天上午的心内科", "你好", "查一下我的预约", "我要挂号")
MIX = {"recording": 0.4, "live": 0.25, "typed": 0.25, "file": 0.1}
PIECE = 0.1  # seconds of live speech in one message
A_CONVERSATION = 50  # messages, then the user begins another one


@dataclass
class Step:
    """What happened in one stretch of time."""

    users: int
    seconds: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in MIX})
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def answers(self) -> int:
        return sum(map(len, self.seconds.values()))

    def p(self, share: float, kind: str | None = None) -> float:
        ordered = sorted(self.seconds[kind] if kind else itertools.chain(*self.seconds.values()))
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


class User:
    """One who sends and waits; `sent` has the messages that were answered, by conversation."""

    def __init__(self, client: httpx.AsyncClient, sent: dict[str, list[str]]) -> None:
        self._client = client
        self._sent = sent
        self._conversation = ""

    async def act(self, step: Step) -> None:
        if not self._conversation or len(self._sent[self._conversation]) >= A_CONVERSATION:
            self._conversation = (await self._client.post("/api/conversations")).json()["id"]
            self._sent[self._conversation] = []
        [kind] = random.choices(list(MIX), list(MIX.values()))
        try:
            step.seconds[kind].append(await getattr(self, f"_{kind}")())
        except httpx.HTTPStatusError as error:
            step.refused[str(error.response.status_code)] += 1
        except (httpx.HTTPError, WebSocketException, RuntimeError) as error:
            step.refused[str(error) or type(error).__name__] += 1

    async def _recording(self) -> float:
        return await self._message(files={"audio": ("a.ogg", RECORDING)})

    async def _typed(self) -> float:
        return await self._message(json={"text": random.choice(SENTENCES)})

    async def _message(self, **body: object) -> float:
        started = time.perf_counter()
        path = f"/api/conversations/{self._conversation}/messages"
        async with self._client.stream("POST", path, **body) as response:  # type: ignore[arg-type]
            response.raise_for_status()
            lines = [line async for line in response.aiter_lines() if line.startswith('data: {"id"')]
        self._sent[self._conversation].append(json.loads(lines[0].removeprefix("data: "))["id"])
        return time.perf_counter() - started

    async def _file(self) -> float:
        started = time.perf_counter()
        files = {"file": ("a.ogg", RECORDING)}
        answer = await self._client.post("/v1/audio/transcriptions", files=files, data={"model": "whisper-1"})
        answer.raise_for_status()
        return time.perf_counter() - started

    async def _live(self) -> float:
        url = str(self._client.base_url).replace("http", "ws").rstrip("/")
        async with connect(f"{url}/api/conversations/{self._conversation}/live") as websocket:
            await websocket.send(json.dumps({"type": "begin", "client_id": secrets.token_hex(8)}))
            speaking = time.perf_counter()
            for number, piece in enumerate(_pieces(), 1):
                await websocket.send(piece)
                await asyncio.sleep(max(0.0, speaking + number * PIECE - time.perf_counter()))
            started = time.perf_counter()
            await websocket.send('{"type": "end"}')
            async for raw in websocket:
                told = json.loads(raw)
                if told["type"] == "error":
                    raise RuntimeError(told["error"]["code"])
                if told["type"] == "message" and told["message"]["role"] == "user":
                    message = told["message"]["id"]
                if told["type"] == "done":
                    self._sent[self._conversation].append(message)
                    return time.perf_counter() - started
        raise RuntimeError("closed before the end")


def _pieces() -> Iterator[bytes]:
    samples, rate = soundfile.read(ROOT / "tests" / "data" / "speech" / "k001026.ogg", dtype="int16")
    assert rate == 16_000
    yield from (piece.tobytes() for piece in np.array_split(samples, round(len(samples) / rate / PIECE)))


@dataclass
class Crowd:
    """Users of one app in a process of its own."""

    client: httpx.AsyncClient
    process: subprocess.Popen[bytes]
    think: tuple[float, float]
    sent: dict[str, list[str]] = field(default_factory=dict)

    async def talk(self, steps: list[Step], until: float) -> None:
        """Let as many users talk as the last of `steps` says, and count in whichever is the last then."""

        async def talk() -> None:
            user = User(self.client, self.sent)
            await asyncio.sleep(random.uniform(0, self.think[1]))
            while time.monotonic() < until:
                await user.act(steps[-1])
                await asyncio.sleep(random.uniform(*self.think))

        await asyncio.gather(*(talk() for _ in range(steps[-1].users)))

    def memory(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text("utf-8")
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    async def lost(self) -> int:
        """Count the messages that were answered and are not in the store as such, with what was said in them."""
        count = 0
        for conversation, messages in self.sent.items():
            answer = await self.client.get(f"/api/conversations/{conversation}/messages")
            kept = {one["id"]: one for one in answer.raise_for_status().json()["messages"]}
            count += sum(kept.get(one, {}).get("status") != "done" or not kept[one]["text"] for one in messages)
        return count

    async def conclude(self) -> str:
        messages = sum(map(len, self.sent.values()))
        return f"messages sent: {messages}, lost: {await self.lost()}"


async def rise(crowd: Crowd, most: int, seconds: float) -> None:
    print(f"{'users':>6} {'answers':>8} {'p50 s':>7} {'p95 s':>7} {'live p95':>9} {'refused':>8} {'memory MB':>10}")
    users, held = 4, 0
    while users <= most:
        step = Step(users)
        await crowd.talk([step], time.monotonic() + seconds)
        print(
            f"{users:>6} {step.answers:>8} {step.p(0.5):>7.2f} {step.p(0.95):>7.2f} {step.p(0.95, 'live'):>9.2f} "
            f"{step.refused.total():>8} {crowd.memory():>10.0f}  {dict(step.refused) or ''}",
            flush=True,
        )
        if step.p(0.95) > TOO_LATE or step.refused:
            break
        users, held = users * 3 // 2, users
    print(f"held: {held} users;", await crowd.conclude())


async def stay(crowd: Crowd, users: int, minutes: int, table: Path | None) -> None:
    steps = [Step(users)]
    talking = asyncio.create_task(crowd.talk(steps, time.monotonic() + 60.0 * minutes))
    rows: list[tuple[object, ...]] = [("minute", "answers", "p50_s", "p95_s", "refused", "memory_mb")]
    for minute in range(1, minutes + 1):
        await asyncio.sleep(60)
        step = steps[-1]
        steps.append(Step(users))
        rows.append(
            (minute, step.answers, f"{step.p(0.5):.2f}", f"{step.p(0.95):.2f}", step.refused.total(),
             f"{crowd.memory():.1f}")
        )  # fmt: skip
        print(*rows[-1], dict(step.refused) or "", flush=True)
        if table is not None:
            with table.open("w", newline="") as file:
                csv.writer(file).writerows(rows)
    await talking
    print(await crowd.conclude())


async def measure(arguments: Namespace, url: str, process: subprocess.Popen[bytes]) -> None:
    async with httpx.AsyncClient(base_url=url, timeout=60, limits=httpx.Limits(max_connections=None)) as client:
        while True:
            with suppress(httpx.ConnectError):
                if (await client.get("/ready")).is_success:
                    break
            await asyncio.sleep(0.2)
        crowd = Crowd(client, process, (0.5 * arguments.think, 1.5 * arguments.think))
        if arguments.steady:
            await stay(crowd, arguments.steady, arguments.minutes, arguments.csv)
        else:
            await rise(crowd, arguments.most, arguments.seconds)


@contextmanager
def running_app() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Give the app's address and process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "TINGSHUO_PORT": str(port),
            "TINGSHUO_DATA_DIR": folder,
            "TINGSHUO_MODEL": "embedded",
            "TINGSHUO_LOG_LEVEL": "error",
        }
        with subprocess.Popen([sys.executable, ROOT / "app.py"], cwd=folder, env=environment) as process:
            try:
                yield f"http://127.0.0.1:{port}", process
            finally:
                process.terminate()


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=32, help="users, at most")
    parser.add_argument("--seconds", type=float, default=20.0, help="of one step")
    parser.add_argument("--think", type=float, default=2.0, help="seconds between an answer and the next message")
    parser.add_argument("--steady", type=int, default=0, help="so many users all the time")
    parser.add_argument("--minutes", type=int, default=30, help="how long they stay")
    parser.add_argument("--csv", type=Path, help="where to write the table of minutes")
    arguments = parser.parse_args()
    with running_app() as (url, process):
        asyncio.run(measure(arguments, url, process))


if __name__ == "__main__":
    main()

"""How fast live speech is answered, as a FunASR client sees it: real-time pacing, one to many streams at once.

A server of its own listens to recordings sent in pieces of 60 ms, as fast as they would be spoken. Noted are

- first partial: from the moment at which the first spoken character was sent to the first text; one less than 0.2 s
  later is not counted, for it cannot be of it (random weights read characters in silence too);
- final: from the moment at which the audio was sent that completes the endpoint (0.8 s of silence) to the final text;
- what the server needs of CPU (a stream is real time, so its share of a core is the real-time factor) and memory;
- whether each final equals the offline pipeline's text, and how many streams were lost: no final within 30 s, the
  connection closed, or not taken for 30 s.

    python benchmarks/streaming.py [--streams 1 8 16] [--seconds 15] [--drops 500] [--long 3600]
    python benchmarks/streaming.py --peer FOLDER --funasr FILE [--streams 1 2]     beside FunASR's, see funasr_peer.py
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from asr import Audio, Recognizer, decode_audio, open_recognizer  # noqa: E402 -- the line above makes it found
from asr.streaming import Session  # noqa: E402

PIECE = 0.06  # seconds
RATE = 16_000
SOONEST = 0.2  # seconds
IDLE = 11.0  # seconds; at the next call after 10 anyio ends those threads of its pool that had nothing to do
# A client of FunASR's says all of it: its server takes no first message without.
BEGIN = {"mode": "2pass", "is_speaking": True, "wav_name": "stream", "chunk_size": [5, 10, 5], "chunk_interval": 10}
RECORDINGS = ("voice/book-when.wav", "voice/book-department.wav", "voice/book-name.wav", "speech/k001026.ogg")


@dataclass
class TestUtterance:
    """A recording with silence around it, and what is known of it beforehand, in seconds from its start."""

    pcm: bytes
    onset: float
    endpoint: float
    text: str


@dataclass
class Run:
    """What a number of streams at once gave."""

    first: list[float] = field(default_factory=list)
    final: list[float] = field(default_factory=list)
    wrong: int = 0
    lost: int = 0
    late: float = 0.0  # by which a client fell behind real time: the machine was too slow for the measurement


def prepare(recognizer: Recognizer) -> list[TestUtterance]:
    return [_utterance(recognizer, ROOT / "tests" / "data" / name) for name in RECORDINGS]


def _utterance(recognizer: Recognizer, path: Path) -> TestUtterance:
    samples = decode_audio(path.read_bytes()).samples
    around = np.zeros(round(1.5 * RATE), np.float32)
    pcm = np.round(np.concatenate([around[: RATE // 2], samples, around]) * 32767).astype("<i2").tobytes()
    heard = recognizer.transcribe(Audio(np.frombuffer(pcm, "<i2").astype(np.float32) / 32768))
    session = Session(recognizer)
    endpoint = 0.0
    for number, piece in enumerate(pieces(pcm), start=1):
        if session.accept(piece):
            endpoint = number * PIECE
    if len(heard.segments) != 1 or not endpoint:
        raise SystemExit(f"{path.name} must be one stretch of speech")
    return TestUtterance(pcm, heard.tokens[0].start, endpoint, heard.text)


def pieces(pcm: bytes) -> Iterator[bytes]:
    size = round(PIECE * RATE) * 2
    return (pcm[begin : begin + size] for begin in range(0, len(pcm), size))


async def stream(url: str, utterances: list[TestUtterance], seconds: float, run: Run, delay: float) -> None:
    """Say one utterance after the other for `seconds`."""
    await asyncio.sleep(delay)
    try:
        async with connect(url, ping_interval=None, open_timeout=30) as socket:
            await socket.send(json.dumps(BEGIN))
            turn, until = random.Random(delay), time.perf_counter() + seconds
            while time.perf_counter() < until:
                await _say(socket, turn.choice(utterances), run)
    except (TimeoutError, ConnectionClosed):
        run.lost += 1


async def _say(socket: ClientConnection, utterance: TestUtterance, run: Run) -> None:
    began = time.perf_counter()

    async def listen() -> None:
        first = True
        while True:
            message = json.loads(await socket.recv())
            now = time.perf_counter() - began
            if first and message["text"] and now - utterance.onset >= SOONEST:
                run.first.append(now - utterance.onset)
                first = False
            if message["mode"] == "2pass-offline":
                run.final.append(now - utterance.endpoint)
                run.wrong += bool(utterance.text) and message["text"] != utterance.text
                return

    async def talk() -> None:
        for number, piece in enumerate(pieces(utterance.pcm), start=1):
            wait = began + number * PIECE - time.perf_counter()  # a microphone gives a piece when it is over
            run.late = max(run.late, -wait)
            await asyncio.sleep(max(0.0, wait))
            await socket.send(piece)

    await asyncio.wait_for(asyncio.gather(listen(), talk()), len(utterance.pcm) / 2 / RATE + 30)


async def drop(url: str, pcm: bytes, count: int) -> None:
    """Open connections and drop them at any point, eight at a time."""
    chance = random.Random(7)

    async def one() -> None:
        socket = await connect(url, ping_interval=None)
        if chance.random() > 0.1:
            await socket.send(json.dumps({"mode": chance.choice(["offline", "online", "2pass"])}))
            for piece in list(pieces(pcm))[: chance.randrange(40)]:
                await socket.send(piece)
        socket.transport.abort()

    for begin in range(0, count, 8):
        await asyncio.gather(*(one() for _ in range(min(8, count - begin))))


class Server:
    """A server in a process of its own, which writes the port that it listens at as JSON."""

    def __init__(self, folder: str, command: list[str], **settings: str) -> None:
        environment = {**os.environ, "TINGSHUO_DATA_DIR": folder, "OMP_NUM_THREADS": "1", **settings}
        self._log = Path(folder) / "server.log"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command], env=environment, cwd=ROOT, stdout=log, stderr=log
            )
        self.url = f"ws://127.0.0.1:{self._port()}/"

    def _port(self) -> int:
        for _ in range(1_800):
            for line in self._log.read_text().splitlines():
                if "FunASR clients welcome" in line:
                    return int(json.loads(line)["port"])
            time.sleep(0.1)
        raise SystemExit("the server did not start")

    def cpu(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def status(self, name: str) -> int:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1])
        raise KeyError(name)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


def long_session(recognizer: Recognizer, utterances: list[TestUtterance], seconds: float) -> str:
    """Listen to one session of `seconds`, as fast as it goes, and say what it holds of it."""
    session, held = Session(recognizer), 0.0
    begun = time.process_time()
    while session.seconds < seconds:
        for piece in pieces(random.choice(utterances).pcm):
            session.accept(piece)
            held = max(held, session.held_seconds)
    share = (time.process_time() - begun) / session.seconds
    return f"session of {session.seconds / 60:.0f} min: {held:.1f} s of audio held at most, {share:.2%} of a core"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 8, 16])
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--drops", type=int, default=500)
    parser.add_argument("--long", type=float, default=0.0)
    parser.add_argument("--peer", type=Path, help="folder that `funasr_peer.py make` has filled")
    parser.add_argument("--funasr", type=Path, help="FunASR's runtime/python/websocket/funasr_wss_server.py")
    asked = parser.parse_args()
    if (asked.peer is None) != (asked.funasr is None):
        parser.error("--peer and --funasr go together")
    recognizer = open_recognizer()
    utterances = prepare(recognizer)
    print(f"{os.cpu_count()} cores, load before {os.getloadavg()[0]:.1f}, {platform.machine()}; milliseconds")
    print(
        "| server | streams | utterances | first partial p50 | p95 | final p50 | p95 "
        "| CPU a stream | MB a stream | other text | lost | late |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        if asked.peer:
            _beside_funasr(folder, asked.peer, asked.funasr, utterances, asked)
            return
        _alone(folder, utterances, asked)
    if asked.long:
        print(long_session(recognizer, utterances, asked.long))


def _alone(folder: str, utterances: list[TestUtterance], asked: argparse.Namespace) -> None:
    settings = {"PORT": "0", "FUNASR_PORT": "0", "LOG_JSON": "true", "MAX_SESSIONS": str(max(asked.streams) + 8)}
    server = Server(folder, [str(ROOT / "app.py")], **{f"TINGSHUO_{name}": value for name, value in settings.items()})
    _rows("Tingshuo", server, utterances, asked)
    if asked.drops:
        threads, memory = server.status("Threads"), server.status("VmRSS") // 1024
        asyncio.run(drop(server.url, utterances[0].pcm, asked.drops))
        time.sleep(IDLE)
        asyncio.run(drop(server.url, utterances[0].pcm, 1))
        time.sleep(1)
        print(
            f"{asked.drops} dropped connections: threads {threads} → {server.status('Threads')}, "
            f"memory {memory} → {server.status('VmRSS') // 1024} MB"
        )
    server.stop()


def _beside_funasr(
    folder: str, weights: Path, script: Path, said: list[TestUtterance], asked: argparse.Namespace
) -> None:
    wordless = [replace(utterance, text="") for utterance in said]  # the weights are random: there is no right text
    start = [str(ROOT / "benchmarks" / "funasr_peer.py")]
    for name, command in (("Tingshuo", ["ours"]), ("FunASR", ["funasr", "--script", str(script.resolve())])):
        server = Server(folder, [*start, *command, str(weights.resolve())])
        _rows(name, server, wordless, asked)
        server.stop()


def _rows(name: str, server: Server, utterances: list[TestUtterance], asked: argparse.Namespace) -> None:
    asyncio.run(stream(server.url, utterances, 3.0, Run(), 0.0))  # the first call of a model is slow
    base = server.status("VmRSS")
    for count in asked.streams:
        _row(name, server, utterances, count, asked.seconds, base)


def _row(name: str, server: Server, utterances: list[TestUtterance], count: int, seconds: float, base: int) -> None:
    async def all_streams() -> Run:
        run = Run()
        await asyncio.gather(*(stream(server.url, utterances, seconds, run, n * 0.37) for n in range(count)))
        return run

    cpu, begun = server.cpu(), time.perf_counter()
    run = asyncio.run(all_streams())
    used = (server.cpu() - cpu) / (time.perf_counter() - begun) / count
    memory = max(0, server.status("VmRSS") - base) / 1024 / count
    first, final = (np.percentile(np.array(one or [np.nan]) * 1000, [50, 95]) for one in (run.first, run.final))
    print(
        f"| {name} | {count} | {len(run.final)} | {first[0]:.0f} | {first[1]:.0f} | {final[0]:.0f} | {final[1]:.0f} "
        f"| {used:.1%} of a core | {memory:.1f} | {run.wrong} | {run.lost} | {run.late * 1000:.0f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()

"""A run of the fuzzer against an app of its own, watched for what it holds up and what it leaves behind."""

from __future__ import annotations

import gc
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from app.factory import build
from app.settings import Settings
from tests.fuzz.sending import FUNASR, LIVE, Routes, converse
from tests.integration.client import Chat
from tests.integration.conftest import start_server
from tests.security.latency import Latency

LONGEST_HOLD = 0.25  # seconds of the event loop
ROOM = 300 * 2**20  # bytes that the process may grow by
SETTLING = 30.0  # seconds for what was left to be swept up


@dataclass(frozen=True)
class Remains:
    """What a process holds at a moment."""

    memory: int
    descriptors: int
    threads: int
    files: int
    children: int

    @classmethod
    def now(cls) -> Remains:
        """Count what there is."""
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text("utf-8").split()
        return cls(
            memory=int(Path("/proc/self/statm").read_text("utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE"),
            descriptors=len(list(Path("/proc/self/fd").iterdir())),
            threads=threading.active_count(),
            files=len(list(Path(tempfile.gettempdir()).glob("tingshuo-*"))),
            children=len(children),
        )

    def grown(self, before: Remains) -> str:
        """Say what there is more of than before and than may be, or ""."""
        found = []
        if self.memory > before.memory + ROOM:
            found.append(f"{(self.memory - before.memory) / 2**20:.0f} MB of memory")
        # Pools of threads, and connections that are kept, grow to their size and no further.
        for name, more in (("descriptors", 60), ("threads", 60), ("files", 0), ("children", 1)):
            if getattr(self, name) > getattr(before, name) + more:
                found.append(f"{name}: {getattr(self, name)} after {getattr(before, name)}")
        return ", ".join(found)


@dataclass
class Run:
    """What a run did and found."""

    seed: int
    steps: int = 0
    findings: list[str] = field(default_factory=list)


def run(seed: int, *, seconds: float, first: int = 0, steps: int = 2**62) -> Run:
    """Send steps from `first` on, until there were so many `steps` or the time is over."""
    found = Run(seed)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        app = build(Settings(data_dir=Path(folder), workers=1, lm_workers=0), page=None)
        latency = Latency(app)
        client, stop = start_server(app)
        try:
            client.headers["Accept-Language"] = "en"
            _steps(found, client, latency, time.monotonic() + seconds, range(first, first + steps))
        finally:
            stop()
    return found


def tell(line: str) -> None:
    """Write a line at once: a run that is ended from outside has told what it found."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _steps(found: Run, client: httpx.Client, latency: Latency, until: float, numbers: range) -> None:
    routes, root = Routes(client), f"ws://127.0.0.1:{client.base_url.port}"
    live = f"{root}/api/conversations/{Chat(client).id}/live"
    actions: tuple[Callable[[random.Random], str], ...] = (
        lambda rng: converse(rng, f"{root}/ws", FUNASR),
        lambda rng: converse(rng, live, LIVE),
        routes.ask,
        routes.ask,
    )
    for action in actions:  # what is made at the first use is no leak, nor is the time that it takes
        action(random.Random(0))
    gc.collect()
    gc.freeze()
    before = Remains.now()
    for number in numbers:
        if time.monotonic() > until:
            break
        latency.longest = 0.0
        wrong = actions[number % len(actions)](random.Random(f"{found.seed}-{number}"))
        if latency.longest > LONGEST_HOLD:
            wrong += f" the event loop was held for {latency.longest:.2f} s"
        if client.get("/health", timeout=30).status_code != 200:
            wrong += " the app does not answer any more"
        if wrong:
            found.findings.append(f"seed {found.seed}, step {number}: {wrong}")
            tell(found.findings[-1])
        found.steps += 1
    gc.unfreeze()
    deadline = time.monotonic() + SETTLING
    while (grown := Remains.now().grown(before)) and time.monotonic() < deadline:
        time.sleep(0.2)
    if grown:
        found.findings.append(f"seed {found.seed}: left behind after {found.steps} steps: {grown}")
        tell(found.findings[-1])

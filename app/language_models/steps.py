"""One step of a training as a process of its own, with limits of memory, time and output, that can be killed."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from app.errors import Detail
from app.language_models.errors import StepFailed, StepTimeout

GUARD = Path(__file__).with_name("guard.py")
MAX_LINE = 4096  # bytes of one line of output; what is longer comes in pieces
MAX_LOG = 16 * 2**10  # characters
_LAST_LINES = 3
_LAST_SECONDS = 5.0  # between the end of a step's output and its own

Beat = Callable[[float, str], bool]
"""Called again and again with the progress (0 to 1) and the log so far; returns whether the step is to stop."""


@dataclass(frozen=True)
class StepLimits:
    """What a step may use: bytes of address space, seconds; `beat` is how often its worker hears of it, in seconds."""

    memory_bytes: int
    seconds: float
    beat: float


@dataclass
class _Output:
    """What a step has said: its last progress, the end of its log, and the error that it ended with."""

    progress: float = 0.0
    log: str = ""
    error: Mapping[str, Any] = field(default_factory=dict)

    def take(self, line: str) -> None:
        said = _json(line)
        if said is None:
            self.add(line)
            return
        if isinstance(progress := said.get("progress"), int | float):
            self.progress = min(1.0, max(0.0, float(progress)))
        if isinstance(said.get("error"), str):
            self.error = said
        if isinstance(message := said.get("message"), str) and message:
            self.add(message)

    def add(self, line: str) -> None:
        printable = "".join(character if character.isprintable() else " " for character in line)
        self.log = f"{self.log}{printable.rstrip()}\n"[-MAX_LOG:]


def run_step(command: Sequence[str], limits: StepLimits, log: str, beat: Beat) -> bool:
    """Run `command`; return False when `beat` asked it to stop, and then it is gone.

    `log` is what earlier steps said. Each line of output is a line of the log, unless it is a JSON object: then it
    has `progress`, a `message` for the log, or the `error` (a code, with `message` and `details`) that ends it.

    Raises StepFailed, StepTimeout; and what `beat` raises, with the step gone too.
    """
    output = _Output(log=log)
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(GUARD), str(limits.memory_bytes), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env=_environment(),
    )
    assert process.stdout is not None
    lines: queue.Queue[str | None] = queue.Queue(maxsize=1000)  # a step that says more waits until it is heard
    reader = threading.Thread(target=_read, args=(process.stdout, lines), daemon=True)
    reader.start()
    try:
        if not _follow(process, lines, output, limits, beat):
            return False
        status = _status(process)
    finally:
        _kill(process)
        while reader.is_alive():  # it may be waiting for room
            with contextlib.suppress(queue.Empty):
                lines.get(timeout=0.05)
        process.stdout.close()
    if status:
        raise _failure(status, output)
    beat(1.0, output.log)
    return True


def _follow(
    process: subprocess.Popen[bytes],
    lines: queue.Queue[str | None],
    output: _Output,
    limits: StepLimits,
    beat: Beat,
) -> bool:
    """Hear a step until it ends; return False when it is to stop."""
    deadline, due = time.monotonic() + limits.seconds, 0.0
    while True:
        now = time.monotonic()
        if now >= deadline:
            raise StepTimeout(f"The step took longer than {limits.seconds:g} s.", seconds=limits.seconds)
        if now >= due:
            if beat(output.progress, output.log):
                return False
            due = now + limits.beat
        try:
            line = lines.get(timeout=max(0.0, min(due, deadline) - now))
        except queue.Empty:
            if process.poll() is not None:  # something that it began still holds its output
                return True
            continue
        if line is None:
            return True
        output.take(line)


def _status(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(timeout=_LAST_SECONDS)
    except subprocess.TimeoutExpired:
        return -signal.SIGKILL


def _read(stream: IO[bytes], lines: queue.Queue[str | None]) -> None:
    with contextlib.suppress(ValueError, OSError):  # it is closed when the step is killed
        while line := stream.readline(MAX_LINE):
            lines.put(line.decode("utf-8", "replace"))
    lines.put(None)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the whole group: the guard, the step, and the programs that it began."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _failure(status: int, output: _Output) -> StepFailed:
    code = output.error.get("error")
    reason = str(output.error.get("message") or " ".join(output.log.splitlines()[-_LAST_LINES:]))
    if code is None and status in (-signal.SIGKILL, 128 + signal.SIGKILL):
        reason = f"It was killed, perhaps for want of memory. {reason}"
    details = output.error.get("details")
    kept: dict[str, Detail] = {
        name: value for name, value in details.items() if isinstance(value, str | int | float)
    } if isinstance(details, Mapping) else {}  # fmt: skip
    return StepFailed(reason.strip() or f"It ended with status {status}.", said=code, given=kept)


def _environment() -> dict[str, str]:
    """Return the environment of a step: nothing that is secret, and one thread a library."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TINGSHUO_")}
    return kept | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(Path(__file__).parents[2])}


def _json(line: str) -> Mapping[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, Mapping) else None

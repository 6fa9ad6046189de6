"""How fast Paraformer-large is offline, with this project's engine and with others, on the same weights and audio.

    python benchmarks/offline.py --work FOLDER [--threads 1 2] [--rounds 7] [--seconds 60] [--only ENGINE...]
    python benchmarks/offline.py --work FOLDER --threads 2 --rounds 1 --seconds 3600 --only tingshuo

From the samples of a recording to its punctuated text: detector (the embedded FSMN-VAD), Paraformer and CT-Transformer.
sherpa-onnx and funasr cannot read that detector's file, and get this project's. FOLDER keeps the models (random weights
at full size, int8; made once, needs requirements-torch.txt) and the environment that funasr-onnx needs for itself
(numpy < 2). Every engine runs in a process of its own; rounds go around among them, and of all rounds the median is
taken, for other programs may use the machine at the same time; CPU time, of all threads together, is disturbed less by
those than the real-time factor. What 100 hotwords cost is measured in the same process as without them: two processes
with the same model differ by up to 8 %.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import venv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from asr.audio.decoding import decode_audio  # noqa: E402 -- the line above makes it found
from benchmarks.offline_worker import ENGINES, SAMPLE_RATE  # noqa: E402

WORKER = Path(__file__).with_name("offline_worker.py")
PACKAGES = ("funasr-onnx==0.4.3", "numpy<2", "onnxruntime==1.31.1")
PAUSE = 1.0  # seconds between two sentences
HOTWORDS = 100
WARM_UP = 10.0  # seconds; the first pass allocates


@dataclass
class Row:
    """One engine with so many threads and hotwords: its process, and what was measured."""

    name: str
    threads: int
    process: subprocess.Popen[str]
    hotwords: int = 0
    start_up: float = 0.0
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    characters: int = 0
    peak_mb: float = 0.0

    def measure(self, seconds: float) -> None:
        """Have so much of the recording recognised once."""
        answer = self.recognise(seconds)
        self.seconds.append(answer["seconds"])
        self.cpu_seconds.append(answer["cpu_seconds"])
        self.characters, self.peak_mb = int(answer["characters"]), answer["peak_mb"]

    def recognise(self, seconds: float) -> dict[str, float]:
        """Send the process to work and wait for its answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{seconds} {self.hotwords}\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self) -> dict[str, float]:
        """Read the next answer; raises RuntimeError when the process has ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended with status {self.process.wait()}")
        answer: dict[str, float] = json.loads(line)
        return answer


def make_recording(folder: Path, seconds: float) -> Path:
    """Put the tests' sentences one behind the other, with pauses, until they are long enough; return the file."""
    sentences = sorted((ROOT / "tests" / "data" / "speech").glob("*.ogg"))
    pause = np.zeros(round(PAUSE * SAMPLE_RATE), np.float32)
    speech = np.concatenate([part for file in sentences for part in (decode_audio(file.read_bytes()).samples, pause)])
    wanted = round(seconds * SAMPLE_RATE)
    file = folder / "recording.npy"
    np.save(file, np.tile(speech, wanted // len(speech) + 1)[:wanted])
    return file


def own_environment(folder: Path) -> Path:
    """Make the environment of funasr-onnx, unless it is there; return its Python."""
    python = folder / "bin" / "python"
    if not (folder / "ready").is_file():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        (folder / "ready").touch()
    return python


def start(name: str, python: Path | str, models: Path, threads: int, recording: Path) -> list[Row]:
    """Start an engine's process and wait until its models are loaded and have run once; Tingshuo's has two rows."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(threads)}
    begin = time.perf_counter()
    process = subprocess.Popen(
        [str(python), str(WORKER), name, str(models), str(threads), str(recording)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )
    rows = [Row(name, threads, process)]
    rows[0].answer()
    start_up = time.perf_counter() - begin
    if name.startswith("tingshuo"):
        rows.append(Row(f"{name}, {HOTWORDS} hotwords", threads, process, HOTWORDS))
    for row in rows:
        row.start_up = start_up
        row.recognise(WARM_UP)
    return rows


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--only", nargs="+", choices=ENGINES, default=list(ENGINES))
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(ROOT / "benchmarks" / "large_models.py"), str(given.work)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL)
    recording = make_recording(given.work, given.seconds)
    pythons = {"funasr-onnx": own_environment(given.work / "funasr-onnx")}
    print(f"{given.seconds:.0f} s, {given.rounds} rounds, {os.cpu_count()} cores, {platform.machine()}")
    print(f"| {'engine':<29} | threads |    RTF | ratio | CPU ratio | start-up s | peak MB |")
    print(f"|{'-' * 31}|--------:|-------:|------:|----------:|-----------:|--------:|")
    for threads in given.threads:
        started = [
            start(name, pythons.get(name, sys.executable), given.work, threads, recording) for name in given.only
        ]
        rows = [row for engine in started for row in engine]
        for _ in range(given.rounds):
            for row in rows:
                row.measure(given.seconds)
        base, base_cpu = statistics.median(rows[0].seconds), statistics.median(rows[0].cpu_seconds)
        for row in rows:
            median, cpu = statistics.median(row.seconds), statistics.median(row.cpu_seconds)
            print(
                f"| {row.name:<29} | {threads:>7} | {median / given.seconds:>6.4f} | {median / base:>5.2f} "
                f"| {cpu / base_cpu:>9.2f} | {row.start_up:>10.1f} | {row.peak_mb:>7.0f} |",
                flush=True,
            )
            row.process.kill()
        print(f"load while measuring: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()

"""How fast Paraformer-large is offline, with this project's engine and with others, on the same weights and audio.

    python benchmarks/offline.py --work FOLDER [--threads 1 2] [--rounds 7] [--seconds 60]

FOLDER keeps the models (random weights at full size, int8; made once, needs requirements-torch.txt) and the environment
that funasr-onnx needs for itself (numpy < 2). Every engine runs in a process of its own; rounds go around among them,
and of all rounds the median is taken, for other programs may use the machine at the same time; CPU time, of all
threads together, is disturbed less by those than the real-time factor. Each clip is one stretch
of speech: detector and punctuation, the same for all, are not part of it. `hotwords` is SeACo with 100 words against
`seaco` without.
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

from asr.audio import decode_audio  # noqa: E402 -- the line above makes it found

WORKER = Path(__file__).with_name("offline_worker.py")
PACKAGES = ("funasr-onnx==0.4.3", "numpy<2", "onnxruntime==1.31.1")
CLIP_SECONDS = (4.0, 6.0, 8.0, 10.0)


@dataclass
class Row:
    """One engine with so many threads: its process, and what was measured."""

    name: str
    threads: int
    process: subprocess.Popen[str]
    start_up: float = 0.0
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    tokens: int = 0
    peak_mb: float = 0.0

    def measure(self) -> None:
        """Have all clips recognised once."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        answer = self.answer()
        self.seconds.append(answer["seconds"])
        self.cpu_seconds.append(answer["cpu_seconds"])
        self.tokens, self.peak_mb = int(answer["tokens"]), answer["peak_mb"]

    def answer(self) -> dict[str, float]:
        """Read the next answer; raises RuntimeError when the process has ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended with status {self.process.wait()}")
        answer: dict[str, float] = json.loads(line)
        return answer


def clips(folder: Path, seconds: float) -> Path:
    """Cut the tests' recordings, one behind the other, into clips; return the file of all of them."""
    recordings = sorted((ROOT / "tests" / "data" / "speech").glob("*.ogg"))
    speech = np.concatenate([decode_audio(file.read_bytes()).samples for file in recordings])
    speech = np.tile(speech, int(seconds * 16000 // len(speech)) + 2)
    found: dict[str, np.ndarray] = {}
    begin = 0
    while begin < seconds * 16000:
        length = int(CLIP_SECONDS[len(found) % len(CLIP_SECONDS)] * 16000)
        found[f"{len(found):03}"] = speech[begin : begin + length]
        begin += length
    np.savez(folder / "clips.npz", **found)
    return folder / "clips.npz"


def own_environment(folder: Path) -> Path:
    """Make the environment of funasr-onnx, unless it is there; return its Python."""
    python = folder / "bin" / "python"
    if not (folder / "ready").is_file():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        (folder / "ready").touch()
    return python


def start(name: str, engine: str, python: Path | str, model: Path, threads: int, audio: Path) -> Row:
    """Start an engine's process and wait until its model is loaded."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(threads)}
    begin = time.perf_counter()
    process = subprocess.Popen(
        [str(python), str(WORKER), engine, str(model), str(threads), str(audio)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )
    row = Row(name, threads, process)
    row.answer()
    row.start_up = time.perf_counter() - begin
    row.measure()  # the first pass allocates
    row.seconds.clear()
    row.cpu_seconds.clear()
    return row


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--only", nargs="*", default=[])
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    for kind in ("paraformer", "seaco"):
        if not (given.work / kind / "model_quant.onnx").is_file():
            command = [sys.executable, str(ROOT / "benchmarks" / "large_models.py"), str(given.work)]
            subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    audio = clips(given.work, given.seconds)
    with np.load(audio) as file:
        seconds = sum(len(file[clip]) for clip in file.files) / 16000
    peer = own_environment(given.work / "funasr-onnx")
    plain, seaco = given.work / "paraformer", given.work / "seaco"
    kinds: list[tuple[str, str, Path | str, Path]] = [
        ("tingshuo", "tingshuo", sys.executable, plain),
        ("sherpa-onnx", "sherpa-onnx", sys.executable, plain),
        ("funasr-onnx", "funasr-onnx", peer, plain),
        ("funasr (torch, float)", "funasr", sys.executable, plain),
        ("tingshuo seaco", "tingshuo", sys.executable, seaco),
        ("tingshuo seaco, 100 hotwords", "hotwords", sys.executable, seaco),
    ]
    print(f"{seconds:.0f} s of speech, {given.rounds} rounds, {os.cpu_count()} cores, {platform.machine()}")
    print(f"| {'engine':<29} | threads |    RTF | ratio | CPU ratio | start-up s | peak MB |")
    print(f"|{'-' * 31}|--------:|-------:|------:|----------:|-----------:|--------:|")
    for threads in given.threads:
        rows = [start(*kind, threads, audio) for kind in kinds if not given.only or kind[0] in given.only]
        for _ in range(given.rounds):
            for row in rows:
                row.measure()
        base, base_cpu = statistics.median(rows[0].seconds), statistics.median(rows[0].cpu_seconds)
        for row in rows:
            median, cpu = statistics.median(row.seconds), statistics.median(row.cpu_seconds)
            print(
                f"| {row.name:<29} | {threads:>7} | {median / seconds:>6.4f} | {median / base:>5.2f} "
                f"| {cpu / base_cpu:>9.2f} | {row.start_up:>10.1f} | {row.peak_mb:>7.0f} |",
                flush=True,
            )
            row.process.kill()
        print(f"load while measuring: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()

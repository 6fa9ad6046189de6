"""What the tests of trainings share: scripted steps, a tiny language model, and how a job is asked for."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from asr.lm import NgramModel, save_language_model
from asr.lm.ngram import Order

STEPS = Path(__file__).parents[1] / "scripted_steps.py"


def tiny_model(path: Path) -> Path:
    """A language model of a few words."""
    words = ("<s>", "</s>", "心内科", "挂号")
    scores = np.log(np.full(len(words), 0.25, dtype=np.float32))
    order = Order(np.arange(len(words), dtype=np.int64), scores, np.zeros(0, np.float32))
    save_language_model(NgramModel(words, (order,)), path)
    return path


def scripted(model: Path) -> Callable[[str, Path], Sequence[str]]:
    """The commands of steps that do what the corpus says, and come to `model`."""
    return lambda step, folder: [sys.executable, "-I", "-S", str(STEPS), str(model), step, str(folder)]


def wanted(text: str = "我要挂号", **fields: Any) -> dict[str, Any]:
    """The body of a request for a training."""
    return {"name": "内镜", "sources": [{"kind": "text", "text": text}]} | fields


def submit(client: httpx.Client, text: str = "我要挂号", **fields: Any) -> dict[str, Any]:
    """Ask for a training that is taken."""
    answer = client.post("/api/lm/jobs", json=wanted(text, **fields))
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()
    return job


def ended(client: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    """A job as it is when it has ended."""
    return waited(client, job, lambda now: now["status"] not in ("queued", "running"))


def waited(client: httpx.Client, job: dict[str, Any], reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """A job as it is when it has come so far."""
    deadline = time.monotonic() + 30
    while True:
        now: dict[str, Any] = client.get(f"/api/lm/jobs/{job['id']}").json()
        if reached(now):
            return now
        assert time.monotonic() < deadline, now
        time.sleep(0.05)

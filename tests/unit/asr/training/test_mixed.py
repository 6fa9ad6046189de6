"""Sentences with Latin in them, made up to be spoken."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from asr.training.datasets.batches import drawn
from asr.training.datasets.corpus import Clip
from asr.training.datasets.mixed import random_voice, spoken_digits, write_mixed
from asr.training.datasets.speak import HELD_OUT


def test_the_sentences_are_the_same_for_one_seed_and_are_spoken_with_phonemes(tmp_path: Path) -> None:
    pytest.importorskip("misaki")
    for name in ("one", "other"):
        write_mixed(tmp_path / name, 40, seed=3)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    lines = [json.loads(line) for line in (tmp_path / "one").read_text(encoding="utf-8").splitlines()]
    assert len({line["id"] for line in lines}) == 40
    assert all(line["phonemes"] and any(c.isascii() and c.isalpha() for c in line["text"]) for line in lines)


def test_no_voice_is_a_held_out_one() -> None:
    rng = np.random.default_rng(0)
    voices = {random_voice(rng) for _ in range(200)}
    assert len(voices) > 50
    assert not any(name in voice for voice in voices for name in HELD_OUT)


def test_digits_are_said_one_by_one() -> None:
    assert spoken_digits("4S店") == "四S店"


def test_clips_are_heard_as_often_as_stated() -> None:
    always, twice, rarely = (Clip(name, Path(name), "") for name in ("always", "twice", "rarely"))
    rng = np.random.default_rng(0)
    epochs = [drawn([(always, 1.0), (twice, 2.0), (rarely, 0.25)], rng) for _ in range(400)]
    assert all(epoch.count(always) == 1 and epoch.count(twice) == 2 for epoch in epochs)
    assert 60 < sum(epoch.count(rarely) for epoch in epochs) < 140

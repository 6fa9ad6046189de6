"""Streaming Paraformer: its chunks, its tokens' times, and that its streams share nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from asr.audio.decoding import decode_audio
from asr.decoding.posteriors import Posteriors
from asr.engines import open_engine
from asr.engines.onnx.streaming import ChunkSize, StreamingParaformer
from asr.errors import ModelFileMissing, ModelInvalid

Tiny = Callable[[str], Path]


@pytest.fixture(scope="module")
def model(tiny_model: Tiny) -> StreamingParaformer:
    engine = open_engine(tiny_model("streaming"))
    assert isinstance(engine, StreamingParaformer)
    return engine


@pytest.fixture(scope="module")
def samples(data_dir: Path) -> np.ndarray:
    return decode_audio((data_dir / "speech" / "k001026.ogg").read_bytes()).samples


def hear(model: StreamingParaformer, samples: np.ndarray, step: int, chunk: ChunkSize | None = None) -> Posteriors:
    stream = model.stream(chunk)
    found = [stream.accept(samples[begin : begin + step]) for begin in range(0, len(samples), step)]
    found.append(stream.finish())
    return Posteriors(*(np.concatenate([getattr(piece, name) for piece in found]) for name in ("log_probs", "times")))


def test_the_split_of_the_audio_changes_nothing(model: StreamingParaformer, samples: np.ndarray) -> None:
    whole = hear(model, samples, len(samples))
    for step in (160, 1601, 9600):
        assert np.array_equal(hear(model, samples, step).log_probs, whole.log_probs)


def test_an_engine_that_hears_whole_stretches(model: StreamingParaformer, samples: np.ndarray) -> None:
    heard, nothing = model.listen([samples, samples[:0]])
    assert np.array_equal(heard.posteriors.log_probs, hear(model, samples, 9600).log_probs)
    assert nothing.posteriors.log_probs.shape == (0, len(model.units))
    assert np.exp(heard.posteriors.log_probs).sum(axis=1) == pytest.approx(1.0, abs=1e-4)


def test_tokens_come_while_the_speech_goes_on(model: StreamingParaformer, samples: np.ndarray) -> None:
    stream = model.stream()
    assert len(stream.accept(samples[:9000]).log_probs) == 0  # 600 ms have not passed
    assert len(stream.accept(samples[9000:9700]).log_probs) > 0


def test_times_rise_and_stay_inside(model: StreamingParaformer, samples: np.ndarray) -> None:
    starts, ends = hear(model, samples, 3200).times.T
    assert (starts <= ends).all()
    assert (starts[1:] >= ends[:-1] - 1e-6).all()
    assert 0 <= starts[0] < 1
    assert ends[-1] <= len(samples) / 16000


def test_streams_side_by_side_do_not_disturb_each_other(model: StreamingParaformer, samples: np.ndarray) -> None:
    one, other = model.stream(), model.stream()
    found = []
    for begin in range(0, len(samples), 4800):
        found.append(one.accept(samples[begin : begin + 4800]))
        other.accept(samples[::-1].copy()[begin : begin + 4800])
    found.append(one.finish())
    assert np.array_equal(np.concatenate([piece.log_probs for piece in found]), hear(model, samples, 9600).log_probs)


def test_other_chunks_are_taken_and_senseless_ones_refused(model: StreamingParaformer, samples: np.ndarray) -> None:
    assert len(hear(model, samples, 4800, ChunkSize(4, 8, 4)).log_probs) > 20
    with pytest.raises(ValueError, match="cannot be"):
        ChunkSize(5, 0, 5)


def linked(folder: Path, target: Path, *without: str) -> Path:
    target.mkdir()
    for file in folder.iterdir():
        if file.name not in without:
            (target / file.name).symlink_to(file)
    return target


def test_a_missing_half_is_named(tiny_model: Tiny, tmp_path: Path) -> None:
    folder = linked(tiny_model("streaming"), tmp_path / "half", "model.onnx", "model.pt")
    with pytest.raises(ModelFileMissing, match=r"no model_quant.onnx or model.onnx"):
        open_engine(folder)


@pytest.mark.parametrize(
    ("section", "value"), [("encoder_conf", {}), ("predictor_conf", {"tail_threshold": "a little"})]
)
def test_settings_that_cannot_be_used_are_named(
    tiny_model: Tiny, tmp_path: Path, section: str, value: dict[str, object]
) -> None:
    folder = linked(tiny_model("streaming"), tmp_path / "broken", "config.yaml")
    config = yaml.safe_load((tiny_model("streaming") / "config.yaml").read_text(encoding="utf-8"))
    (folder / "config.yaml").write_text(yaml.safe_dump(config | {section: value}), encoding="utf-8")
    with pytest.raises(ModelInvalid, match="encoder_conf or predictor_conf"):
        open_engine(folder)

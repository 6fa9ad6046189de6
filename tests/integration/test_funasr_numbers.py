"""The onnx engine gives the numbers of FunASR's own torch models, on the same audio with the same weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from asr.audio.decoding import decode_audio
from asr.audio.frontend import open_frontend
from asr.engines.onnx.engine import OnnxEngine
from asr.engines.onnx.streaming import ChunkSize, StreamingParaformer
from asr.engines.torch_engine import TorchEngine
from asr.hotwords.list import EMPTY, Hotword, HotwordList
from asr.model_files.folder import ModelFolder
from asr.vad.fsmn import VadModel
from tests.tiny_models import vocabulary

TOLERANCE = 1e-3
TIME_TOLERANCE = 0.021  # one frame of the time predictor: it sums in single precision
UNITS = vocabulary(600)
WORDS = HotwordList(tuple(map(Hotword, ("语音识别", "阿里巴巴", "一二三四五六七八九零百千万亿", "你好龘", "world"))))
"""Longer than ten characters, with a character outside the vocabulary, and a Latin word in pieces."""
SPELLED = [
    [UNITS.index(unit) for unit in word]
    for word in (
        "语音识别",
        "阿里巴巴",
        "一二三四五六七八九零百千万亿",
        ("你", "好", "<unk>"),
        ("wo@@", "rld"),
        ("<s>",),
    )
]

Tiny = Callable[[str], Path]


@pytest.fixture(scope="module")
def samples(data_dir: Path) -> np.ndarray:
    return decode_audio((data_dir / "speech" / "k001026.ogg").read_bytes()).samples


@lru_cache
def reference(folder: Path) -> Any:
    """FunASR's own model with its weights, and its front end."""
    from funasr import AutoModel

    return AutoModel(model=str(folder), device="cpu", disable_update=True, disable_pbar=True)


@torch.inference_mode()
def by_funasr(folder: Path, samples: np.ndarray, hotwords: list[list[int]]) -> np.ndarray:
    """Log-probabilities (N, V) as `inference` of FunASR's models computes them."""
    auto = reference(folder)
    model = auto.model
    features, lengths = auto.kwargs["frontend"](torch.from_numpy(samples)[None], torch.tensor([len(samples)]))
    encoded, encoded_lengths = model.encode(features, lengths)
    embedded, counts = model.calc_predictor(encoded, encoded_lengths)[:2]
    arguments = (encoded, encoded_lengths, embedded, counts.round().long())
    if hasattr(model, "seaco_decoder"):
        scores = model._seaco_decode_with_ASF(*arguments, hw_list=hotwords)
    elif hasattr(model, "bias_encoder"):
        scores, _ = model.cal_decoder_with_predictor(*arguments, hw_list=hotwords)
    else:
        scores, _ = model.cal_decoder_with_predictor(*arguments)
    return scores[0, : int(counts.round())].numpy()


@pytest.mark.parametrize("kind", ["paraformer", "bicif", "seaco", "contextual"])
def test_posteriors(tiny_model: Tiny, samples: np.ndarray, kind: str) -> None:
    (heard,) = OnnxEngine(tiny_model(kind)).listen([samples])
    expected = by_funasr(tiny_model(kind), samples, [[1]])
    assert len(expected) > 20
    assert np.abs(heard.posteriors.log_probs - expected).max() <= TOLERANCE


@pytest.mark.parametrize("kind", ["seaco", "contextual"])
def test_posteriors_with_hotwords(tiny_model: Tiny, samples: np.ndarray, kind: str) -> None:
    engine = OnnxEngine(tiny_model(kind))
    (heard,) = engine.listen([samples], WORDS)
    assert np.abs(heard.posteriors.log_probs - by_funasr(tiny_model(kind), samples, SPELLED)).max() <= TOLERANCE
    (without,) = engine.listen([samples])
    assert heard.alone is not None
    assert np.array_equal(heard.alone().log_probs, without.posteriors.log_probs)
    assert np.abs(heard.posteriors.log_probs - without.posteriors.log_probs).max() > 10 * TOLERANCE


def test_a_long_word_with_the_hotword_encoder_as_funasr_exports_it(
    tiny_model: Tiny, samples: np.ndarray, tmp_path: Path
) -> None:
    """Its exporter declares words of 10 units, whatever the LSTM can do."""
    folder = tmp_path / "declared"
    folder.mkdir()
    for file in tiny_model("seaco").iterdir():
        (folder / file.name).symlink_to(file)
    graph = onnx.load(str(folder / "model_eb.onnx"))
    graph.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 10
    graph.graph.output[0].type.tensor_type.shape.dim[0].dim_value = 10
    (folder / "model_eb.onnx").unlink()
    onnx.save(graph, str(folder / "model_eb.onnx"))
    (heard,) = OnnxEngine(folder).listen([samples], WORDS)
    (expected,) = OnnxEngine(tiny_model("seaco")).listen([samples], WORDS)
    assert np.array_equal(heard.posteriors.log_probs, expected.posteriors.log_probs)


@pytest.mark.parametrize("kind", ["bicif", "seaco"])
def test_times(tiny_model: Tiny, samples: np.ndarray, kind: str) -> None:
    """As `ts_prediction_lfr6_standard`, from the weights of FunASR's predictor."""
    from funasr.utils.timestamp_tools import ts_prediction_lfr6_standard

    (heard,) = OnnxEngine(tiny_model(kind)).listen([samples])
    auto = reference(tiny_model(kind))
    with torch.inference_mode():
        features, lengths = auto.kwargs["frontend"](torch.from_numpy(samples)[None], torch.tensor([len(samples)]))
        encoded, encoded_lengths = auto.model.encode(features, lengths)
        count = auto.model.calc_predictor(encoded, encoded_lengths)[1].round().long()
        _, _, weights, peaks = auto.model.calc_predictor_timestamp(encoded, encoded_lengths, count)
        names = [UNITS[unit] for unit in heard.posteriors.log_probs.argmax(1)]
        _, expected = ts_prediction_lfr6_standard(weights[0].clone(), peaks[0], names)
    spoken = len(expected)
    assert spoken >= len(names) - 1
    inside = np.clip(np.array(expected) / 1000, 0.0, len(samples) / 16000)
    assert np.abs(heard.posteriors.times[:spoken] - inside).max() <= TIME_TOLERANCE


@pytest.mark.parametrize("kind", ["paraformer", "bicif", "seaco", "contextual"])
def test_the_torch_engine_in_batches(tiny_model: Tiny, samples: np.ndarray, kind: str) -> None:
    """Padded together as alone, and as over onnxruntime, times included."""
    segments = [samples, samples[16000:50000], samples[:52000], samples[5000:59000]]
    engine = TorchEngine(tiny_model(kind), device="cpu")
    for hotwords in (EMPTY, WORDS):
        found = engine.listen(segments, hotwords)
        for heard, expected in zip(found, OnnxEngine(tiny_model(kind)).listen(segments, hotwords), strict=True):
            assert np.abs(heard.posteriors.log_probs - expected.posteriors.log_probs).max() <= TOLERANCE
            assert np.abs(heard.posteriors.times - expected.posteriors.times).max() <= TIME_TOLERANCE
            assert (heard.alone is None) == (not hotwords or kind in ("paraformer", "bicif"))


def streamed_by_funasr(
    folder: Path, samples: np.ndarray, monkeypatch: pytest.MonkeyPatch, *, decoder_back: int = 0
) -> np.ndarray:
    """Log-probabilities (N, V) of FunASR's streaming inference, chunk by chunk."""
    auto = reference(folder)
    found = []
    decode = auto.model.cal_decoder_with_predictor_chunk

    def recorded(*args: Any, **kwargs: Any) -> Any:
        scores, counts = decode(*args, **kwargs)
        found.append(scores[0].numpy())
        return scores, counts

    monkeypatch.setattr(auto.model, "cal_decoder_with_predictor_chunk", recorded)
    cache: dict[str, Any] = {}
    back = {"encoder_chunk_look_back": 0, "decoder_chunk_look_back": decoder_back}
    options = {"cache": cache, "chunk_size": [5, 10, 5], **back}
    for begin in range(0, len(samples), 9600):
        auto.generate(samples[begin : begin + 9600], is_final=begin + 9600 >= len(samples), **options)
    return np.concatenate(found)


@pytest.mark.parametrize("extra", [0, -700, -8000, 250], ids=["whole", "nearly whole", "short", "tail"])
def test_streamed_posteriors(
    tiny_model: Tiny, samples: np.ndarray, monkeypatch: pytest.MonkeyPatch, extra: int
) -> None:
    """However the audio is split on its way; the last chunk may be whole, short, or too short for a frame."""
    samples = samples[: len(samples) // 9600 * 9600 + extra]
    expected = streamed_by_funasr(tiny_model("streaming"), samples, monkeypatch)
    stream = StreamingParaformer(tiny_model("streaming")).stream()
    found = [stream.accept(samples[begin : begin + 7001]) for begin in range(0, len(samples), 7001)]
    found.append(stream.finish())
    scores = np.concatenate([piece.log_probs for piece in found])
    assert len(scores) == len(expected) > 20
    assert np.abs(scores - expected).max() <= TOLERANCE


@pytest.mark.parametrize("decoder_back", [1, 3])
def test_streamed_posteriors_when_the_decoder_looks_back(
    tiny_model: Tiny, samples: np.ndarray, monkeypatch: pytest.MonkeyPatch, decoder_back: int
) -> None:
    expected = streamed_by_funasr(tiny_model("streaming"), samples, monkeypatch, decoder_back=decoder_back)
    model = StreamingParaformer(tiny_model("streaming"))
    scores = {}
    for back in (0, decoder_back):
        stream = model.stream(ChunkSize(decoder_back=back))
        scores[back] = np.concatenate([stream.accept(samples).log_probs, stream.finish().log_probs])
    assert np.abs(scores[decoder_back] - expected).max() <= TOLERANCE
    assert np.abs(scores[0] - expected).max() > TOLERANCE


def test_features(tiny_model: Tiny, samples: np.ndarray) -> None:
    folder = tiny_model("paraformer")
    frontend = reference(folder).kwargs["frontend"]
    expected, _ = frontend(torch.from_numpy(samples)[None], torch.tensor([len(samples)]))
    assert np.abs(open_frontend(ModelFolder(folder))(samples) - expected[0].numpy()).max() <= TOLERANCE


def test_voice_activity_scores_in_pieces(tiny_model: Tiny, samples: np.ndarray) -> None:
    folder = tiny_model("vad")
    model = VadModel(ModelFolder(folder))
    features = open_frontend(ModelFolder(folder))(samples)
    with torch.inference_mode():
        expected = reference(folder).model.encoder(torch.from_numpy(features)[None], cache={})[0, :, 0].numpy()
    caches = model.fresh_caches()
    scores = []
    for begin in range(0, len(features), 50):
        piece, caches = model.score(features[begin : begin + 50], caches)
        scores.append(piece)
    assert np.abs(np.concatenate(scores) - expected).max() <= TOLERANCE

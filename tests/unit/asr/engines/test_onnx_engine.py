"""The runtime on tiny graphs with the names and shapes of real exports, so that every number can be told beforehand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

from asr.decoding import decode_greedily
from asr.decoding.posteriors import Posteriors, token_times
from asr.engines.onnx.engine import OnnxEngine
from asr.errors import ModelFileMissing, ModelInvalid, RecognitionFailed

UNITS = ["<blank>", "<s>", "</s>", "一", "二", "三", "<unk>"]
V = len(UNITS)


def constant(name: str, values: object, dtype: type) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(values, dtype=dtype), name)


def tensor(name: str, kind: int, *shape: str | int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, list(shape))


def save(path: Path, nodes: list, inputs: list, outputs: list, constants: list) -> None:
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, str(path))


def slices(source: str, target: str, step: int, axis_step: str) -> list:
    """Take every `step`-th frame, and the first V dimensions."""
    return [
        helper.make_node("Slice", [source, "zero2", f"{axis_step}_end", "axes12", f"{axis_step}_step"], [target]),
    ]


def write_funasr(
    folder: Path, *, times: bool = True, units: list[str] = UNITS, rename: dict[str, str] | None = None
) -> Path:
    """A FunASR folder: one token for each fourth frame, its scores the frame's first dimensions."""
    folder.mkdir(parents=True, exist_ok=True)
    size = 560
    ones, zeros = " ".join(["1"] * size), " ".join(["0"] * size)
    shift = f"<AddShift> {size} {size}\n<LearnRateCoef> 0 [ {zeros} ]\n"
    (folder / "am.mvn").write_text(f"{shift}<Rescale> {size} {size}\n<LearnRateCoef> 0 [ {ones} ]\n")
    config = {"model": "BiCifParaformer", "frontend": "WavFrontend", "frontend_conf": {"lfr_m": 7, "lfr_n": 6}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    (folder / "tokens.json").write_text(json.dumps(units, ensure_ascii=False))
    names = {"logits": "logits", "token_num": "token_num", **(rename or {})}
    nodes = [
        *slices("speech", names["logits"], 4, "four"),
        helper.make_node("Div", ["speech_lengths", "four"], [names["token_num"]]),
        helper.make_node("ReduceMax", ["speech"], ["peaks"], axes=[2], keepdims=0),
        helper.make_node("Mul", ["peaks", "nought"], ["flat"]),
        helper.make_node("Add", ["flat", "twelfth"], ["weights"]),
        helper.make_node("Concat", ["weights", "weights", "weights"], ["us_alphas"], axis=1),
    ]
    constants = [
        constant("zero2", [0, 0], np.int64),
        constant("axes12", [1, 2], np.int64),
        constant("four_end", [10**6, V], np.int64),
        constant("four_step", [4, 1], np.int64),
        constant("four", 4, np.int32),
        constant("nought", 0.0, np.float32),
        constant("twelfth", 1 / 12, np.float32),
    ]
    outputs = [
        tensor(names["logits"], TensorProto.FLOAT, "B", "N", V),
        tensor(names["token_num"], TensorProto.INT32, "B"),
    ]
    if times:
        outputs.append(tensor("us_alphas", TensorProto.FLOAT, "B", "U"))
    inputs = [tensor("speech", TensorProto.FLOAT, "B", "T", 560), tensor("speech_lengths", TensorProto.INT32, "B")]
    save(folder / "model.onnx", nodes, inputs, outputs, constants)
    return folder


def write_whisper(folder: Path) -> Path:
    """A folder in the embedded layout: one token for each 120 ms."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "model": "WhisperParaformer",
        "model_conf": {"frame_seconds": 0.06, "max_seconds": 30},
        "frontend": "WhisperFrontend",
        "frontend_conf": {"n_mels": 80, "tail_padding": 0.5},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    (folder / "tokens.json").write_text(json.dumps(UNITS, ensure_ascii=False))
    constants = [
        constant("zero2", [0, 0], np.int64),
        constant("axes12", [1, 2], np.int64),
        constant("two_end", [10**6, 80], np.int64),
        constant("two_step", [2, 1], np.int64),
        constant("six_end", [10**6, V], np.int64),
        constant("six_step", [6, 1], np.int64),
        constant("three_end", [10**6, 1], np.int64),
        constant("three_step", [3, 1], np.int64),
        constant("two", 2, np.int64),
        constant("six", 6, np.int64),
        constant("last", [2], np.int64),
        constant("nought", 0.0, np.float32),
        constant("half", 0.5, np.float32),
    ]
    save(
        folder / "encoder_quant.onnx",
        [
            *slices("speech", "encoder_out", 2, "two"),
            helper.make_node("Div", ["speech_lengths", "two"], ["encoder_lengths"]),
        ],
        [tensor("speech", TensorProto.FLOAT, "B", "T", 80), tensor("speech_lengths", TensorProto.INT64, "B")],
        [tensor("encoder_out", TensorProto.FLOAT, "B", "S", 80), tensor("encoder_lengths", TensorProto.INT64, "B")],
        constants,
    )
    save(
        folder / "model_quant.onnx",
        [
            *slices("encoder_out", "scores", 6, "six"),
            helper.make_node("LogSoftmax", ["scores"], ["log_probs"], axis=2),
            helper.make_node("Div", ["encoder_lengths", "six"], ["token_num"]),
            *slices("encoder_out", "thirds", 3, "three"),
            helper.make_node("Squeeze", ["thirds", "last"], ["third"]),
            helper.make_node("Mul", ["third", "nought"], ["flat"]),
            helper.make_node("Add", ["flat", "half"], ["alphas"]),
        ],
        [tensor("encoder_out", TensorProto.FLOAT, "B", "S", 80), tensor("encoder_lengths", TensorProto.INT64, "B")],
        [
            tensor("log_probs", TensorProto.FLOAT, "B", "N", V),
            tensor("token_num", TensorProto.INT64, "B"),
            tensor("alphas", TensorProto.FLOAT, "B", "C"),
        ],
        constants,
    )
    return folder


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(int(16000 * seconds))).astype(np.float32)


def posteriors_by(engine: OnnxEngine, segments: list[np.ndarray]) -> list[Posteriors]:
    return [heard.posteriors for heard in engine.listen(segments)]


@pytest.fixture(params=[write_funasr, write_whisper], ids=["funasr", "whisper"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> OnnxEngine:
    return OnnxEngine(request.param(tmp_path / "model"), max_batch=8)


def test_segments_come_back_in_their_order_and_as_if_alone(model: OnnxEngine) -> None:
    """More segments than a batch takes, of mixed lengths: none is lost, none sees another's padding."""
    segments = [
        noise(seconds, seed) for seed, seconds in enumerate([2.0, 0.7, 3.1, 1.0, 1.1, 0.9, 2.2, 5.0, 1.05, 1.2] * 2)
    ]
    together = posteriors_by(model, segments)
    assert len(together) == len(segments)
    for segment, posteriors in zip(segments, together, strict=True):
        (alone,) = posteriors_by(model, [segment])
        assert np.array_equal(posteriors.log_probs, alone.log_probs)
        assert np.abs(posteriors.times - alone.times).max() < 0.05  # the last frame of weights may be half padding


def test_each_token_has_a_distribution(model: OnnxEngine) -> None:
    (posteriors,) = posteriors_by(model, [noise(2.0)])
    assert posteriors.log_probs.shape[1] == V
    assert len(posteriors.log_probs) > 2
    assert np.exp(posteriors.log_probs).sum(axis=1) == pytest.approx(1.0, abs=1e-5)


def test_times_rise_and_stay_inside_the_segment(model: OnnxEngine) -> None:
    (posteriors,) = posteriors_by(model, [noise(2.0)])
    starts, ends = posteriors.times.T
    assert (starts <= ends).all()
    assert (np.diff(starts) >= 0).all()
    assert ends.max() <= 2.0


def test_no_segments_and_empty_segments(model: OnnxEngine) -> None:
    assert posteriors_by(model, []) == []
    empty, full = posteriors_by(model, [np.zeros(0, np.float32), noise(1.0)])
    assert empty.log_probs.shape == (0, V)
    assert len(full.log_probs)


def test_a_funasr_model_without_times_spreads_its_tokens(tmp_path: Path) -> None:
    (posteriors,) = posteriors_by(OnnxEngine(write_funasr(tmp_path, times=False)), [noise(2.0)])
    lengths = np.diff(posteriors.times, axis=1)
    assert lengths == pytest.approx(2.0 / len(posteriors.times), abs=1e-5)


def test_a_quantised_model_goes_first(tmp_path: Path) -> None:
    folder = write_funasr(tmp_path)
    (folder / "model_quant.onnx").write_bytes(b"broken")
    with pytest.raises(ModelInvalid) as caught:
        OnnxEngine(folder)
    assert caught.value.details["file"] == "model_quant.onnx"


@pytest.mark.parametrize("file", ["config.yaml", "tokens.json", "am.mvn"])
def test_a_missing_file_is_named_with_its_folder(tmp_path: Path, file: str) -> None:
    (write_funasr(tmp_path) / file).unlink()
    with pytest.raises(ModelFileMissing) as caught:
        OnnxEngine(tmp_path)
    assert caught.value.details == {"folder": str(tmp_path), "file": file}
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("file", ["encoder_quant.onnx", "model_quant.onnx"])
def test_a_missing_half_of_the_embedded_layout_is_named(tmp_path: Path, file: str) -> None:
    (write_whisper(tmp_path) / file).unlink()
    with pytest.raises(ModelFileMissing, match=file):
        OnnxEngine(tmp_path)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelFileMissing, match="nowhere"):
        OnnxEngine(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("file", "text"), [("tokens.json", "{"), ("tokens.json", "[]"), ("tokens.json", '{"一": 1}'), ("config.yaml", "x")]
)
def test_a_broken_file_is_named(tmp_path: Path, file: str, text: str) -> None:
    (write_funasr(tmp_path) / file).write_text(text)
    with pytest.raises(ModelInvalid) as caught:
        OnnxEngine(tmp_path)
    assert caught.value.details["file"] == file


def test_settings_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    folder = write_whisper(tmp_path)
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["model_conf"]["max_seconds"] = "half a minute"
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(ModelInvalid, match="model_conf"):
        OnnxEngine(folder)


def test_an_onnx_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelInvalid, match="no output named logits"):
        OnnxEngine(write_funasr(tmp_path, rename={"logits": "scores"}))


def asks_for(folder: Path, name: str) -> None:
    graph = onnx.load(str(folder / "model.onnx"))
    graph.graph.input.append(tensor(name, TensorProto.FLOAT, "B", "H", 512))
    onnx.save(graph, str(folder / "model.onnx"))


def test_a_model_that_wants_hotwords_needs_their_encoder(tmp_path: Path) -> None:
    asks_for(write_funasr(tmp_path), "bias_embed")
    with pytest.raises(ModelFileMissing, match=r"no model_eb_quant\.onnx or model_eb\.onnx"):
        OnnxEngine(tmp_path)


def test_a_model_that_wants_hotwords_needs_a_unit_for_none(tmp_path: Path) -> None:
    asks_for(write_funasr(tmp_path, units=["<blank>", *UNITS[3:], "四", "五"]), "bias_embed")
    with pytest.raises(ModelInvalid, match="has no <s>"):
        OnnxEngine(tmp_path)


def test_a_model_that_wants_something_unknown_is_refused_when_it_is_opened(tmp_path: Path) -> None:
    asks_for(write_funasr(tmp_path), "speaker")
    with pytest.raises(ModelInvalid, match="speaker"):
        OnnxEngine(tmp_path)


def test_a_vocabulary_of_another_size_fails_clearly(tmp_path: Path) -> None:
    model = OnnxEngine(write_funasr(tmp_path, units=[*UNITS, "四"]))
    with pytest.raises(RecognitionFailed, match=r"7 scores .* 8 units"):
        posteriors_by(model, [noise(1.0)])


def test_a_failing_graph_is_our_error(tmp_path: Path) -> None:
    folder = write_funasr(tmp_path)
    graph = onnx.load(str(folder / "model.onnx"))
    for initializer in graph.graph.initializer:
        if initializer.name == "four_step":
            initializer.CopyFrom(constant("four_step", [0, 1], np.int64))
    onnx.save(graph, str(folder / "model.onnx"))
    with pytest.raises(RecognitionFailed) as caught:
        posteriors_by(OnnxEngine(folder), [noise(1.0)])
    assert caught.value.details["reason"]


def posteriors_of(*rows: dict[str, float]) -> Posteriors:
    probabilities = np.full((len(rows), V), 1e-6, np.float32)
    for index, row in enumerate(rows):
        for unit, probability in row.items():
            probabilities[index, UNITS.index(unit)] = probability
    times = np.array([[index, index + 1] for index in range(len(rows))], np.float32).reshape(-1, 2)
    return Posteriors(np.log(probabilities), times)


def test_the_best_unit_is_taken_and_the_next_best_are_kept() -> None:
    (token,) = decode_greedily(posteriors_of({"一": 0.7, "三": 0.2, "二": 0.1}), tuple(UNITS), offset=2.0)
    assert (token.text, token.start, token.end) == ("一", 2.0, 3.0)
    assert token.confidence == pytest.approx(0.7)
    assert [alternative.text for alternative in token.alternatives] == ["一", "三", "二"]


def test_blank_start_and_end_are_no_text() -> None:
    rows = posteriors_of({"<blank>": 0.9}, {"<s>": 0.9}, {"二": 0.9}, {"</s>": 0.9})
    assert [token.text for token in decode_greedily(rows, tuple(UNITS))] == ["二"]


def test_an_unknown_character_is_the_best_known_one_with_its_low_confidence() -> None:
    (token,) = decode_greedily(posteriors_of({"<unk>": 0.8, "三": 0.15}), tuple(UNITS))
    assert token.text == "三"
    assert token.confidence == pytest.approx(0.15)


def test_a_position_without_any_text_is_left_out() -> None:
    rows = Posteriors(np.log(np.array([[0.5, 0.5]], np.float32)), np.zeros((1, 2), np.float32))
    assert decode_greedily(rows, ("<unk>", "<blank>")) == ()


def test_no_more_alternatives_than_asked_for() -> None:
    (token,) = decode_greedily(posteriors_of({"一": 0.4, "二": 0.3, "三": 0.2}), tuple(UNITS), alternatives=2)
    assert len(token.alternatives) == 2


def test_a_token_lies_where_its_weight_is_and_not_in_the_pause() -> None:
    weights = np.zeros(40, np.float32)
    weights[5:10] = 0.2
    weights[30:32] = 0.5
    times = token_times(weights, 2, weight_seconds=0.06, seconds=2.4)
    assert times[0] == pytest.approx([0.33, 0.57], abs=0.01)
    assert times[1] == pytest.approx([1.812, 1.908], abs=0.01)


def test_weights_that_do_not_sum_to_the_count_are_scaled() -> None:
    times = token_times(np.full(10, 0.19, np.float32), 2, weight_seconds=0.1, seconds=1.0)
    assert times[1, 1] == pytest.approx(0.95)


def test_weights_of_nothing_spread_the_tokens() -> None:
    times = token_times(np.zeros(10, np.float32), 2, weight_seconds=0.1, seconds=1.0)
    assert times.tolist() == [[0.0, 0.5], [0.5, 1.0]]

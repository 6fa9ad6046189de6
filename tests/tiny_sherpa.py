"""Tiny random CTC models as WeNet, NeMo and icefall export them for sherpa-onnx, each with its sherpa.yaml."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper, numpy_helper

UNITS = ("<blk>", *"你好世界今天气很怎么样我们一起去吃饭吧", "▁hello", "▁wo", "rld")
SUBSAMPLING = 4
MELS = 80


def make(family: str, folder: Path) -> Path:
    """Make the model of one of the families wenet_ctc, nemo_ctc, zipformer_ctc."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{unit} {number}\n" for number, unit in enumerate(UNITS)]
    (folder / "tokens.txt").write_text("".join(lines), encoding="utf-8")
    described = {"family": family, "model": "model.onnx", "tokens": "tokens.txt", "max_seconds": 20}
    (folder / "sherpa.yaml").write_text(yaml.safe_dump(described), encoding="utf-8")
    onnx.save(_model(family), str(folder / "model.onnx"))
    return folder


def _model(family: str) -> onnx.ModelProto:
    """Every fourth frame, projected to the units: enough to emit something in every frame of sound."""
    rng = np.random.default_rng(3)
    nemo = family == "nemo_ctc"
    speech, lengths = ("audio_signal", "length") if nemo else ("x", "x_lens")
    nodes = [
        *([helper.make_node("Transpose", [speech], ["frames"], perm=[0, 2, 1])] if nemo else []),
        helper.make_node("Slice", ["frames" if nemo else speech, "first", "last", "axis", "step"], ["kept"]),
        helper.make_node("MatMul", ["kept", "weights"], ["scores"]),
        helper.make_node("LogSoftmax", ["scores"], ["log_probs"], axis=2),
        helper.make_node("Add", [lengths, "rounding"], ["rounded"]),
        helper.make_node("Div", ["rounded", "factor"], ["log_probs_len"]),
    ]
    constants = {
        "first": np.array([0]),
        "last": np.array([2**31 - 1]),
        "axis": np.array([1]),
        "step": np.array([SUBSAMPLING]),
        "weights": rng.standard_normal((MELS, len(UNITS))).astype(np.float32),
        "rounding": np.array(SUBSAMPLING - 1),
        "factor": np.array(SUBSAMPLING),
    }
    shape = ["N", MELS, "T"] if nemo else ["N", "T", MELS]
    graph = helper.make_graph(
        nodes,
        family,
        [
            helper.make_tensor_value_info(speech, TensorProto.FLOAT, shape),
            helper.make_tensor_value_info(lengths, TensorProto.INT64, ["N"]),
        ],
        [
            helper.make_tensor_value_info("log_probs", TensorProto.FLOAT, ["N", "S", len(UNITS)]),
            helper.make_tensor_value_info("log_probs_len", TensorProto.INT64, ["N"]),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    about = {"vocab_size": len(UNITS), "subsampling_factor": SUBSAMPLING, "normalize_type": "per_feature"}
    helper.set_model_props(model, {name: str(value) for name, value in about.items()})
    return model

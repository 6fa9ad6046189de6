"""Weights made signed: the same numbers from every model, and no model harmed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from asr.model_files.signed_weights import cpu_has_vnni, with_signed_weights

RNG = np.random.default_rng(0)
X = RNG.standard_normal((5, 8)).astype(np.float32)


def product(number: int, weight: str, zero: str | None) -> list[onnx.NodeProto]:
    """A product as onnxruntime's quantiser writes it, of x with a weight."""
    inputs = ["q", weight, "q_zero", *([zero] if zero else [])]
    return [
        helper.make_node("MatMulInteger", inputs, [f"i{number}"], name=f"product{number}"),
        helper.make_node("Cast", [f"i{number}"], [f"y{number}"], to=TensorProto.FLOAT),
    ]


def model(
    *products: tuple[str, str | None], weight_kind: type = np.uint8, extra: list[onnx.NodeProto] | None = None
) -> bytes:
    nodes = [helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "q_scale", "q_zero"]), *(extra or [])]
    for number, (weight, zero) in enumerate(products):
        nodes += product(number, weight, zero)
    info = np.iinfo(weight_kind)
    weights = [
        numpy_helper.from_array(RNG.integers(info.min, info.max + 1, (8, 6)).astype(weight_kind), name)
        for name in ("w", "v")
    ]
    kind = TensorProto.UINT8 if weight_kind is np.uint8 else TensorProto.INT8
    points = [0, 1, 127, 128, 200, 255] if weight_kind is np.uint8 else [0, 1, 127, 127, 100, 127]
    # onnxruntime's quantiser stores zero points as numbers, not as bytes.
    zeros = [helper.make_tensor("z", kind, [6], points), helper.make_tensor("z1", kind, [], [7])]
    outputs = [helper.make_tensor_value_info(f"y{n}", TensorProto.FLOAT, ["N", 6]) for n in range(len(products))]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 8])], outputs, [*weights, *zeros]
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="tests")
    made.ir_version = 9
    helper.set_model_props(made, {"kept": "yes"})
    return made.SerializeToString()


def outputs(content: bytes) -> list[np.ndarray]:
    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"]).run(None, {"x": X})


def kinds(content: bytes) -> dict[str, int]:
    return {tensor.name: tensor.data_type for tensor in onnx.load_from_string(content).graph.initializer}


def test_products_give_the_same_numbers_with_signed_weights() -> None:
    before = model(("w", "z"), ("v", "z1"))
    after = with_signed_weights(before)
    onnx.checker.check_model(onnx.load_from_string(after))
    assert set(kinds(after).values()) == {TensorProto.INT8}
    for one, other in zip(outputs(before), outputs(after), strict=True):
        assert np.array_equal(one, other)
    assert {entry.key for entry in onnx.load_from_string(after).metadata_props} == {"kept"}


@pytest.mark.parametrize(
    "content",
    [
        model(("w", None)),  # its zero point is 0, and would have to become -128
        model(("w", "z"), ("v", "z"), extra=[helper.make_node("Cast", ["z"], ["also"], to=TensorProto.FLOAT)]),
        model(("w", "z"), ("w", None)),
        model(("w", "z"), weight_kind=np.int8),
        b"",
    ],
    ids=["without a zero point", "a zero point used elsewhere", "a weight with and without", "signed already", "empty"],
)
def test_what_cannot_move_stays(content: bytes) -> None:
    after = with_signed_weights(content)
    if content:
        assert kinds(after)["w"] == kinds(content)["w"]
        assert kinds(after)["z"] == kinds(content)["z"]
        for one, other in zip(outputs(content), outputs(after), strict=True):
            assert np.array_equal(one, other)
    else:
        assert after == b""


@pytest.mark.parametrize("content", [b"broken", b"\xff" * 20, b"\x3a\xff\x01abc", b"\x3a\x03\x2a\x09a"])
def test_a_damaged_file_is_an_error(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"protocol buffers|breaks off|behind the end"):
        with_signed_weights(content)


@pytest.mark.parametrize(("machine", "flags", "vnni"), [
    ("x86_64", "flags : sse4_2 avx512_vnni", True),
    ("x86_64", "flags : avx2 avx_vnni", True),
    ("x86_64", "flags : avx2", False),
    ("aarch64", "Features : asimddp avx_vnni", False),
    ("x86_64", None, False),
])  # fmt: skip
def test_only_a_cpu_with_vnni_gains(
    machine: str, flags: str | None, vnni: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(path: Path, **_: object) -> str:
        if flags is None:
            raise FileNotFoundError(path)
        return flags

    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr(Path, "read_text", read)
    cpu_has_vnni.cache_clear()
    assert cpu_has_vnni() is vnni
    monkeypatch.undo()
    cpu_has_vnni.cache_clear()

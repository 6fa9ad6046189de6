"""Weights back out of an exported model folder, fp32 or int8, so that training can start from what ships.

int8 weights come back as the values that the int8 model computes with: what was lost in rounding stays lost.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor

_ANONYMOUS = "onnx::"
_QUANTISED = re.compile(r"_(quantized|scale|zero_point)$")
_WRAPPERS = ("model.", "encoder.")
"""Names under which the exported graphs hold what is trained."""

Array = NDArray[np.float32]


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the parameters in an ONNX file that torch's exporter wrote, by the names that they have in torch.

    The exporter keeps the names of all but the matrices of linear layers, which it transposes; those are found by
    the node that uses them, whose name is the path of the layer. A matrix that is used outside any layer (shared
    with an embedding) comes back under the empty name.
    """
    graph = onnx.load(str(path)).graph
    constants = {constant.name: numpy_helper.to_array(constant) for constant in graph.initializer}
    weights = {
        _plain(name): value
        for name, value in constants.items()
        if not name.startswith(_ANONYMOUS) and not _QUANTISED.search(name)
    }
    for node in graph.node:
        if node.op_type not in ("MatMul", "MatMulInteger"):
            continue
        source = _QUANTISED.sub("", node.input[1])
        matrix = _matrix(constants, source)
        if matrix is None:
            continue
        if source.startswith(_ANONYMOUS):
            layer = ".".join(node.name.strip("/").split("/")[:-1])
            weights[_plain(f"{layer}.weight") if layer else ""] = matrix.T
        else:
            weights[_plain(source)] = matrix
    return {name: torch.tensor(np.ascontiguousarray(value)) for name, value in weights.items()}


def _matrix(constants: dict[str, Array], name: str) -> Array | None:
    if name in constants:
        return constants[name]
    if f"{name}_quantized" not in constants:
        return None
    steps = constants[f"{name}_quantized"].astype(np.int32) - constants[f"{name}_zero_point"].astype(np.int32)
    return steps.astype(np.float32) * constants[f"{name}_scale"]


def _plain(name: str) -> str:
    for wrapper in _WRAPPERS:
        name = name.removeprefix(wrapper)
    return name


def rejoin(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Put linear layers together again whose largest inputs were split off for int8 (``quantise.SplitLinear``)."""
    joined = dict(weights)
    for name in weights:
        if name.endswith(".rest.weight"):
            layer = name.removesuffix(".rest.weight")
            weight = joined.pop(name).clone()
            weight[:, joined.pop(f"{layer}.outliers")] = joined.pop(f"{layer}.outlier_weight").T
            joined[f"{layer}.weight"] = weight
            joined[f"{layer}.bias"] = joined.pop(f"{layer}.rest.bias")
            joined.pop(f"{layer}.keep")
    return joined

"""FunASR's torch weights to the ONNX files that the onnx engine runs; needs funasr, torch and onnx.

FunASR's own exporter is used, with what it gets wrong put right: it needs torch's older exporter and does not ask for
it, takes the index of SeACo's "no hotword" for 8377 and the width of hotword embeddings for 512 whatever the model
says, and fixes the length of a hotword to 10 units.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from asr.engines.optional import import_optional
from asr.errors import ModelInvalid

_OPSET = 14
_KEPT_IN_FLOAT = ("output", "bias_encoder", "bias_decoder")  # parts of node names that FunASR does not quantise either


def export_onnx(folder: Path, *, target: Path | None = None, quantise: bool = True) -> tuple[Path, ...]:
    """Export the model in `folder` (config.yaml, configuration.json, model.pt).

    Args:
        folder: the model; nothing in it is changed.
        target: where the ONNX files go; None is `folder`.
        quantise: write `*_quant.onnx` (int8, as FunASR quantises) too.

    Returns:
        The files written, each complete: they appear under their names only when they are.

    Raises:
        EngineMissing: funasr, torch or onnx is not installed.
        ModelInvalid: funasr cannot load or export the model.
    """
    funasr = import_optional("funasr")
    import_optional("onnx")
    try:
        auto = funasr.AutoModel(model=str(folder), device="cpu", disable_update=True, disable_pbar=True)
        return export_model(auto.model, auto.kwargs, target or folder, quantise=quantise)
    # Whatever is wrong with a model surfaces in funasr as any kind of error.
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError, AssertionError, OSError) as error:
        raise ModelInvalid(
            f"The model in {folder} cannot be exported: {error!r}.", folder=str(folder), reason=repr(error)
        ) from error


def export_model(model: Any, settings: dict[str, Any], target: Path, *, quantise: bool) -> tuple[Path, ...]:
    """Export a model that funasr has loaded; it is of no use for anything else afterwards.

    Args:
        model: `AutoModel.model`.
        settings: `AutoModel.kwargs`.
        target: folder of the files, made when it is missing.
        quantise: as for `export_onnx`.
    """
    torch = import_optional("torch")
    target.mkdir(parents=True, exist_ok=True)
    no_bias = getattr(model, "NO_BIAS", None)
    encoder = getattr(model, "bias_encoder", None)
    width = getattr(model, "inner_dim", 0) or getattr(encoder, "hidden_size", 0)
    options = {name: value for name, value in settings.items() if name != "model"}
    parts = model.eval().export(**{**options, "type": "onnx", "max_seq_len": 512, "device": "cpu"})
    written: list[Path] = []
    for part in parts if isinstance(parts, Sequence) else (parts,):
        if no_bias is not None:
            part.NOBIAS = no_bias
        name = part.export_name if isinstance(part.export_name, str) else part.export_name()
        file = target / f"{name.removesuffix('.onnx')}.onnx"
        with torch.no_grad():
            _write(torch, part, file, width)
        written.append(file)
        if quantise:
            written.append(_quantise(file))
    return tuple(written)


def _write(torch: Any, part: Any, file: Path, width: int) -> None:
    names = list(part.export_input_names())
    dummies = part.export_dummy_inputs()
    dummies = [dummies] if isinstance(dummies, torch.Tensor) else list(dummies)
    axes = part.export_dynamic_axes()
    if "bias_embed" in names:
        dummies[names.index("bias_embed")] = torch.randn(2, 1, width)
    if names == ["hotword"]:
        dummies = [torch.tensor([[1, 2, 3, 1], [2, 3, 0, 0], [1, 0, 0, 0]], dtype=torch.int32)]
        axes = {"hotword": {0: "num_hotwords", 1: "length"}, "hw_embed": {0: "length", 1: "num_hotwords"}}
    partial = file.with_suffix(".partial")
    with warnings.catch_warnings():
        # The tracer warns of each number in FunASR's code that it takes for a constant, and the exporter of its age.
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)
        warnings.filterwarnings("ignore", module=r"torch\.onnx\.")
        warnings.filterwarnings("ignore", message="You are using the legacy TorchScript-based ONNX export")
        torch.onnx.export(
            part,
            tuple(dummies),
            str(partial),
            opset_version=_OPSET,
            input_names=names,
            output_names=part.export_output_names(),
            dynamic_axes=axes,
            dynamo=False,
        )
    partial.replace(file)


def _quantise(file: Path) -> Path:
    onnx = import_optional("onnx")
    from onnxruntime.quantization import QuantType, quantize_dynamic

    names = [node.name for node in onnx.load(str(file), load_external_data=False).graph.node]
    quantised = file.with_name(f"{file.stem}_quant.onnx")
    partial = quantised.with_suffix(".partial")
    quantize_dynamic(
        str(file),
        str(partial),
        op_types_to_quantize=["MatMul"],
        per_channel=True,
        reduce_range=False,
        weight_type=QuantType.QUInt8,
        nodes_to_exclude=[name for name in names if any(kept in name for kept in _KEPT_IN_FLOAT)],
    )
    partial.replace(quantised)
    return quantised

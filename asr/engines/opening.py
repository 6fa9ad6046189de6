"""Which engine runs a model."""

from __future__ import annotations

from pathlib import Path

from asr.engines.engine import Engine
from asr.engines.onnx_engine import OnnxEngine
from asr.engines.onnx_streaming import StreamingParaformer


def open_engine(model_dir: Path, *, threads: int = 1) -> Engine:
    """Open the model in a folder with the engine that its files are for.

    Args:
        model_dir: folder of a model.
        threads: CPU threads used for one recording.

    Raises:
        ModelFileMissing: the error names the folder looked in and the file missing.
        ModelInvalid: a file cannot be used; the error says which and why.
    """
    if any((model_dir / name).is_file() for name in ("decoder_quant.onnx", "decoder.onnx")):
        return StreamingParaformer(model_dir, threads=threads)
    return OnnxEngine(model_dir, threads=threads)

"""Which engine runs a model."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from asr.engines.ctc_engine import CtcEngine
from asr.engines.engine import Engine
from asr.engines.onnx.engine import OnnxEngine
from asr.engines.onnx.streaming import StreamingParaformer
from asr.engines.optional import import_optional
from asr.engines.remote.connection import RemoteMode, RemoteOptions
from asr.engines.remote.engine import RemoteEngine
from asr.engines.sherpa_engine import DESCRIPTION, SherpaEngine
from asr.engines.torch_engine import WEIGHTS, TorchEngine

EngineKind = Literal["auto", "onnx", "torch", "remote", "sherpa", "ctc"]
Device = Literal["auto", "cpu", "cuda"]

_ONNX_FILES = ("model_quant.onnx", "model.onnx", "encoder_quant.onnx", "encoder.onnx")
_STREAMING_FILES = ("decoder_quant.onnx", "decoder.onnx")


@dataclass(frozen=True)
class EngineOptions:
    """How a model is run.

    Attributes:
        kind: `onnx`, `torch`, `remote`, `sherpa`, `ctc`, or `auto`: what the files of the folder are for.
        device: `cpu`, `cuda`, or `auto`: the GPU where the engine can use one.
        threads: CPU threads of one recognition; 0 is what is measured to be fastest, of at most `most_threads`.
        most_threads: as said.
        url: of the FunASR server, for `remote`.
        mode: in which that server is used.
        verify: whether its certificate is checked.
    """

    kind: EngineKind = "auto"
    device: Device = "auto"
    threads: int = 1
    most_threads: int = 1
    url: str = ""
    mode: RemoteMode = "offline"
    verify: bool = True


def open_engine(model_dir: Path, options: EngineOptions | None = None) -> Engine:
    """Open the model in a folder, or the server that has one.

    Args:
        model_dir: folder of a model; `remote` does not look at it.
        options: None is what suits the folder's files, with one thread.

    Raises:
        EngineMissing: a package that the engine needs is not installed.
        ValueError: the server's address is none.
        ModelFileMissing: the error names the folder looked in and the file missing.
        ModelInvalid: a file cannot be used; the error says which and why.
    """
    options = options or EngineOptions()
    kind = _suited(model_dir, options.device) if options.kind == "auto" else options.kind
    if kind == "remote":
        return RemoteEngine(RemoteOptions(options.url, options.mode, options.verify))
    if kind == "torch":
        return TorchEngine(model_dir, device=options.device)
    if kind == "sherpa":
        return SherpaEngine(model_dir, threads=options.threads or options.most_threads)
    if kind == "ctc":
        return CtcEngine(model_dir, threads=options.threads or options.most_threads)
    if _has(model_dir, *_STREAMING_FILES):
        return StreamingParaformer(model_dir, threads=options.threads or 1)
    return OnnxEngine(model_dir, threads=options.threads, most_threads=options.most_threads, device=options.device)


def _suited(model_dir: Path, device: Device) -> EngineKind:
    if _has(model_dir, DESCRIPTION):
        return "sherpa"
    if not _has(model_dir, *WEIGHTS):
        return "onnx"
    if not _has(model_dir, *_ONNX_FILES):
        return "torch"
    return "torch" if device != "cpu" and _torch_has_gpu() else "onnx"


def _torch_has_gpu() -> bool:
    if not find_spec("torch") or not find_spec("funasr"):
        return False
    return bool(import_optional("torch").cuda.is_available())


def _has(model_dir: Path, *names: str) -> bool:
    return any((model_dir / name).is_file() for name in names)

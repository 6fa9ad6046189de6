"""Paraformer over onnxruntime; which of its kinds a folder holds is told by its files (`asr.engines.onnx.networks`)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime

from asr.audio.frontend import open_frontend
from asr.engines.network import Network
from asr.engines.onnx.networks import FunasrNetwork, WhisperParaformerNetwork
from asr.engines.paraformer import ParaformerEngine
from asr.engines.threads import fastest
from asr.hotwords.list import EMPTY
from asr.model_files.folder import CUDA, ModelFolder

_PADDED_SECONDS = 60.0  # of a batch
_GPU_BATCH = 16
_PROBE_SECONDS = 3.0  # of sound for the measurement of threads; a message is about as long


class OnnxEngine(ParaformerEngine):
    """The Paraformer in a folder. Stateless between calls, safe to share between threads."""

    def __init__(
        self, path: Path, *, threads: int = 1, most_threads: int = 1, device: str = "cpu", max_batch: int | None = None
    ) -> None:
        """Load the model in folder `path`.

        Args:
            path: config.yaml, tokens.json, the ONNX files, and am.mvn for a `WavFrontend`.
            threads: used for one batch on the CPU; 0 is what is measured to be fastest.
            most_threads: of which the measurement may choose.
            device: `cpu`, `cuda` (onnxruntime-gpu; falls back to the CPU with a warning), or `auto`: the GPU where
                onnxruntime has one.
            max_batch: segments of like length that run together; None is 1 on the CPU, where a batch gains nothing
                (padding is computed too) and an int8 model scales its activations by batch, so that a segment's text
                would depend on its neighbours; and more on a GPU.

        Raises:
            ModelFileMissing: the error names the folder looked in and the file missing.
            ModelInvalid: a file cannot be used; the error says which and why.
        """
        folder = ModelFolder(path)
        cuda = device == "cuda" or (device == "auto" and CUDA in onnxruntime.get_available_providers())
        opened = partial(_open_network, folder, cuda=cuda)
        network = opened(threads) if threads or cuda else _measured(folder, opened, most_threads)
        if max_batch is None:
            max_batch = _GPU_BATCH if cuda else 1
        batch_seconds = _PADDED_SECONDS if max_batch > 1 else 0.0
        super().__init__(folder, network, max_batch=max_batch, max_padded=_PADDED_SECONDS, batch_seconds=batch_seconds)


def _open_network(folder: ModelFolder, threads: int, *, cuda: bool) -> Network:
    if folder.config().get("model") == "WhisperParaformer":
        return WhisperParaformerNetwork(folder, threads=threads, cuda=cuda)
    return FunasrNetwork(folder, folder.tokens(), threads=threads, cuda=cuda)


def _measured(folder: ModelFolder, opened: Callable[[int], Network], most: int) -> Network:
    noise = np.random.default_rng(0).standard_normal(int(_PROBE_SECONDS * 16000)).astype(np.float32) * np.float32(0.1)
    features = open_frontend(folder)(noise)
    lengths = np.array([len(features)])
    return fastest(opened, lambda network: network.run(features[None], lengths, EMPTY), most)

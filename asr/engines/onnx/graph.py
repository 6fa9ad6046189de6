"""One ONNX file whose inputs and outputs are known by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime

from asr.errors import RecognitionFailed
from asr.model_files.folder import ModelFolder

_NUMPY_TYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(int32)": np.int32}


class Graph:
    """A part of a model. Stateless between calls, safe to share between threads."""

    def __init__(
        self,
        folder: ModelFolder,
        names: Sequence[str],
        *,
        inputs: Sequence[str],
        outputs: Sequence[str],
        optional: Sequence[str] = (),
        threads: int = 1,
        any_length: bool = False,
        cuda: bool = False,
    ) -> None:
        """Load the first file of `names` that is there.

        Args:
            folder: where it is.
            names: its possible names, the preferred one first.
            inputs: all that it may ask for.
            outputs: what it has to give.
            optional: what is taken too when it gives it.
            threads: CPU threads of one run.
            cuda: run it on the GPU, and of a file and its int8 form take the first: a GPU is slower with that.
            any_length: let the second dimension of its first input be of any size, whatever the file says.

        Raises:
            ModelFileMissing, ModelInvalid: no such file, or it is of another kind.
        """
        if cuda:
            names = sorted(names, key=lambda name: name.endswith("_quant.onnx"))
        file = folder.find(*names)
        self._session: onnxruntime.InferenceSession = folder.session(
            *names, threads=threads, any_length=any_length, cuda=cuda
        )
        given = {node.name for node in self._session.get_outputs()}
        missing = [name for name in outputs if name not in given]
        if missing:
            raise folder.invalid(file, f"it has no output named {', '.join(missing)}")
        self.outputs = (*outputs, *(name for name in optional if name in given))
        self._types = {node.name: _NUMPY_TYPES.get(node.type) for node in self._session.get_inputs()}
        self.shapes: Mapping[str, list[int | str | None]] = {
            node.name: node.shape for node in self._session.get_inputs()
        }
        foreign = sorted(self._types.keys() - set(inputs))
        if foreign:
            raise folder.invalid(file, f"it needs the input {', '.join(foreign)}, which is not known here")

    def run(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Run the graph on inputs by name; return its outputs by name. Raises RecognitionFailed."""
        feed = {name: np.asarray(value, dtype=self._types.get(name)) for name, value in values.items()}
        try:
            found = self._session.run(list(self.outputs), feed)
        # onnxruntime's errors share no base class of their own.
        except Exception as error:
            raise RecognitionFailed("The acoustic model failed on this recording.", reason=str(error)) from error
        return dict(zip(self.outputs, found, strict=True))

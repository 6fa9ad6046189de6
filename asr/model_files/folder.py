"""A model's folder: its settings and files, with errors that name the folder looked in and the file missing."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import yaml

from asr.errors import ModelFileMissing, ModelInvalid
from asr.model_files.signed_weights import cpu_has_vnni, with_signed_weights

log = logging.getLogger(__name__)

CUDA = "CUDAExecutionProvider"
_CPU = "CPUExecutionProvider"


@dataclass(frozen=True)
class ModelFolder:
    """A folder in FunASR's layout: config.yaml, tokens.json, am.mvn, *.onnx."""

    path: Path

    def find(self, *names: str) -> Path:
        """Return the first of the files `names` that is there; raises ModelFileMissing when none is."""
        for name in names:
            if (self.path / name).is_file():
                return self.path / name
        wanted = " or ".join(names)
        raise ModelFileMissing(f"The model folder {self.path} has no {wanted}.", folder=str(self.path), file=wanted)

    def config(self, *names: str) -> Mapping[str, Any]:
        """Return the settings in config.yaml, or the first of `names`; raises ModelFileMissing, ModelInvalid."""
        file = self.find(*(names or ("config.yaml",)))
        try:
            config = yaml.safe_load(file.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise self.invalid(file, "it is not YAML") from error
        if not isinstance(config, dict):
            raise self.invalid(file, "it holds no settings")
        return config

    def section(self, config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        """Return the settings under `name` of config.yaml, empty when absent; raises ModelInvalid."""
        section = config.get(name) or {}
        if not isinstance(section, dict):
            raise self.invalid(self.path / "config.yaml", f"{name} holds no settings")
        return section

    def tokens(self) -> tuple[str, ...]:
        """Return the units that the model's outputs stand for; raises ModelFileMissing, ModelInvalid."""
        file = self.find("tokens.json")
        try:
            tokens = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise self.invalid(file, "it is not JSON") from error
        if not isinstance(tokens, list) or not tokens or not all(isinstance(token, str) for token in tokens):
            raise self.invalid(file, "it is not a list of strings")
        return tuple(tokens)

    def session(
        self, *names: str, threads: int = 1, any_length: bool = False, cuda: bool = False
    ) -> onnxruntime.InferenceSession:
        """Open the first ONNX file of `names`; raises ModelFileMissing, ModelInvalid.

        With `any_length` the second dimension of the input `hotword` may be of any size, whatever the file says. With
        `cuda` it runs on the GPU; where onnxruntime cannot, on the CPU, with a warning in the log.
        """
        file = self.find(*names)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.use_deterministic_compute = True
        # A waiting thread that spins takes a core from the other conversations.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            source: bytes | str = str(file)
            if any_length:
                source = _any_length(file.read_bytes())
            elif file.name.endswith("_quant.onnx") and not cuda and cpu_has_vnni():
                source = with_signed_weights(file.read_bytes())
            # One that is not built in is not asked for: onnxruntime would warn in its own words, past the log.
            wanted = [CUDA, _CPU] if cuda else [_CPU]
            providers = [name for name in wanted if name in onnxruntime.get_available_providers()]
            session = onnxruntime.InferenceSession(source, options, providers=providers)
        # onnxruntime's errors share no base class of their own: InvalidProtobuf, InvalidGraph, Fail, NotImplemented...
        except Exception as error:
            raise self.invalid(file, "onnxruntime cannot load it") from error
        if cuda and session.get_providers()[0] != CUDA:
            log.warning("%s runs on the CPU: onnxruntime could not use the GPU", file)
        return session

    def cmvn(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (shift, scale), float32 of shape (D,), from am.mvn (Kaldi nnet1 text: AddShift, Rescale)."""
        file = self.find("am.mvn")
        rows: dict[str, np.ndarray] = {}
        name = ""
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(("<AddShift>", "<Rescale>")):
                name = line.split(maxsplit=1)[0]
            elif line.startswith("<LearnRateCoef>") and name:
                try:
                    rows[name] = np.array(line[line.index("[") + 1 : line.index("]")].split(), dtype=np.float32)
                except ValueError as error:
                    raise self.invalid(file, "a row of numbers is broken") from error
        if len(rows) != 2 or len({len(row) for row in rows.values()}) != 1:
            raise self.invalid(file, "it lacks the AddShift or the Rescale row")
        return rows["<AddShift>"], rows["<Rescale>"]

    def invalid(self, file: Path, reason: str) -> ModelInvalid:
        """Build the error for a `file` that is there and of no use."""
        return ModelInvalid(
            f"{file.name} in the model folder {self.path} cannot be used: {reason}.",
            folder=str(self.path),
            file=file.name,
            reason=reason,
        )


# How an ONNX file declares the input `hotword` (ValueInfoProto, onnx.proto3): a name, then a type with the kind of
# number and a shape, whose second dimension is a number (field 1, `dim_value`).
_HOTWORD_LENGTH = re.compile(
    rb"\x0a\x07hotword\x12.\x0a.\x08.\x12.\x0a(?:\x00|\x02[\x08\x12].|.\x12.[a-zA-Z_]{1,30})\x0a\x02(\x08.)", re.DOTALL
)


def _any_length(model: bytes) -> bytes:
    """Free the length of a word in FunASR's hotword encoder.

    Its exporter fixes it to 10 units, though the LSTM behind it reads any number. The dimension becomes one without a
    size: an empty `dim_param` (field 2) in the place of the number, as long in bytes.
    """
    declared = _HOTWORD_LENGTH.search(model)
    if declared is None:
        return model
    return model[: declared.start(1)] + b"\x12\x00" + model[declared.end(1) :]

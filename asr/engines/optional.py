"""Packages that only some engines need."""

from __future__ import annotations

import importlib
from typing import Any

from asr.errors import EngineMissing

_REQUIREMENTS = {
    "funasr": "requirements-torch.txt",
    "torch": "requirements-torch.txt",
    "onnx": "requirements-torch.txt",
    "jieba": "requirements-torch.txt",
    "sherpa_onnx": "requirements-sherpa.txt",
    "websockets": "requirements.txt",
}


def import_optional(package: str) -> Any:
    """Import a package that requirements.txt does not bring.

    Raises:
        EngineMissing: it is not installed; the error names the file of requirements that has it.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        package = package.partition(".")[0]
        file = _REQUIREMENTS[package]
        raise EngineMissing(
            f"This needs the package {package}, which is not installed: pip install -r {file}",
            package=package,
            file=file,
        ) from error

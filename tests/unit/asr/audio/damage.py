"""Recordings in many containers, and ways to make their headers lie while every byte of sound stays in its place."""

from __future__ import annotations

import io
import re
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import imageio_ffmpeg
import numpy as np
import soundfile

SECONDS = 2.0
RATE = 16000

FORMATS = {
    "wav": ("-c:a", "pcm_s16le"),
    "wav24": ("-c:a", "pcm_s24le", "-f", "wav"),
    "wavima": ("-c:a", "adpcm_ima_wav", "-f", "wav"),
    "rf64": ("-c:a", "pcm_s16le", "-rf64", "always", "-f", "wav"),
    "w64": ("-c:a", "pcm_s16le"),
    "aiff": ("-c:a", "pcm_s16be"),
    "au": ("-c:a", "pcm_s16be"),
    "caf": ("-c:a", "pcm_s16be"),
    "cafima": ("-c:a", "adpcm_ima_qt", "-f", "caf"),
    "flac": (),
    "mp3": ("-c:a", "libmp3lame"),
    "ogg": ("-c:a", "libvorbis"),
    "opus": ("-c:a", "libopus"),
    "m4a": ("-c:a", "aac"),
    "mov": ("-c:a", "pcm_s16le"),
    "fast": ("-c:a", "aac", "-movflags", "+faststart", "-f", "mp4"),
    "mka": ("-c:a", "libvorbis", "-cluster_time_limit", "500", "-f", "matroska"),
    "webm": ("-c:a", "libopus"),
    "aac": ("-c:a", "aac"),
    "amr": ("-c:a", "libopencore_amrnb", "-ar", "8000"),
}


def spoken(seconds: float = SECONDS, rate: int = RATE) -> np.ndarray:
    """A sweep with a little noise: no two seconds of it are alike, and none is silent."""
    times = np.arange(int(seconds * rate)) / rate
    noise = np.random.default_rng(7).normal(0, 0.02, len(times))
    return (0.4 * np.sin(2 * np.pi * (200 + 150 * times) * times) + noise).astype(np.float32)


def ffmpeg(*arguments: str | Path) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True)


@cache
def encoded(name: str, *more: str, seconds: float = SECONDS) -> bytes:
    """The sweep as ffmpeg writes it in one of FORMATS."""
    with TemporaryDirectory() as folder:
        source, target = Path(folder) / "source.wav", Path(folder) / f"target.{name}"
        soundfile.write(source, spoken(seconds), RATE)
        ffmpeg("-i", source, "-ac", "1", *FORMATS[name], *more, target)
        return target.read_bytes()


def written(samples: np.ndarray, rate: int = RATE, format_: str = "WAV", subtype: str | None = None) -> bytes:
    target = io.BytesIO()
    soundfile.write(target, samples, rate, format=format_, subtype=subtype)
    return target.getvalue()


def patched(data: bytes, position: int, value: int, size: int, order: str = "big") -> bytes:
    """`data` with the number at `position` replaced."""
    return data[:position] + (value % (1 << 8 * size)).to_bytes(size, order) + data[position + size :]  # type: ignore[arg-type]


def _at(pattern: bytes, offset: int) -> Callable[[bytes], Iterator[int]]:
    return lambda data: (match.start() + offset for match in re.finditer(pattern, data, re.DOTALL))


# Fields that say how long something is: (where, bytes, byte order). One of them is damaged at a time.
_WAV = {"riff": (_at(rb"^RIFF", 4), 4, "little"), "data": (_at(rb"data", 4), 4, "little")}
LENGTHS: dict[str, dict[str, tuple[Callable[[bytes], Iterator[int]], int, str]]] = {
    "wav": _WAV,
    "wav24": _WAV,
    "wavima": _WAV | {"fact": (_at(rb"fact", 8), 4, "little")},
    "rf64": {
        "ds64 riff": (_at(rb"ds64", 8), 8, "little"),
        "ds64 data": (_at(rb"ds64", 16), 8, "little"),
        "ds64 samples": (_at(rb"ds64", 24), 8, "little"),
    },
    "w64": {"riff": (_at(rb"^riff", 16), 8, "little"), "data": (_at(rb"data\xf3\xac", 16), 8, "little")},
    "aiff": {
        "form": (_at(rb"^FORM", 4), 4, "big"),
        "sound": (_at(rb"SSND", 4), 4, "big"),
        "frames": (_at(rb"COMM", 10), 4, "big"),
    },
    "flac": {
        "frame sizes": (_at(rb"^fLaC", 12), 6, "big"),
        "samples": (_at(rb"^fLaC", 22), 4, "big"),
        "checksum": (_at(rb"^fLaC", 26), 8, "big"),
        "block sizes": (_at(rb"^fLaC", 8), 4, "big"),
        "comment": (_at(rb"^fLaC", 43), 3, "big"),
    },
    "mp3": {
        "frames": (_at(rb"Xing|Info", 8), 4, "big"),
        "bytes": (_at(rb"Xing|Info", 12), 4, "big"),
        "places": (_at(rb"Xing|Info", 20), 8, "big"),
    },
    "ogg": {"checksum": (_at(rb"OggS\0", 22), 4, "big"), "number": (_at(rb"OggS\0", 18), 4, "little")},
    "opus": {"checksum": (_at(rb"OggS\0", 22), 4, "big"), "number": (_at(rb"OggS\0", 18), 4, "little")},
    "m4a": {
        "movie": (_at(rb"mvhd", 20), 4, "big"),
        "media": (_at(rb"mdhd", 20), 4, "big"),
        "track": (_at(rb"tkhd", 24), 4, "big"),
        "mdat": (_at(rb"mdat", -4), 4, "big"),
    },
    "mov": {"movie": (_at(rb"mvhd", 20), 4, "big"), "mdat": (_at(rb"mdat", -4), 4, "big")},
    "fast": {"media": (_at(rb"mdhd", 20), 4, "big"), "mdat": (_at(rb"mdat", -4), 4, "big")},
    "mka": {
        "segment": (_at(rb"\x18S\x80g\x01", 5), 7, "big"),
        "duration": (_at(rb"D\x89\x88", 3), 8, "big"),
    },
    "webm": {"segment": (_at(rb"\x18S\x80g\x01", 5), 7, "big")},
}
# Formats with one length alone: when it is too large the file cannot be told from one that was cut off.
SHORTER: dict[str, tuple[Callable[[bytes], Iterator[int]], int]] = {
    "au": (_at(rb"^\.snd", 8), 4),
    "caf": (_at(rb"data\0", 4), 8),
    "cafima": (_at(rb"data\0", 4), 8),
}

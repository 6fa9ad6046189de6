"""The sound of any file as blocks of samples at 16 kHz, for short and long recordings alike.

Plain samples (WAV, AIFF, AU, CAF, Wave64) are read in this process; everything else is decoded by ffmpeg in a process
with bounds. Streams that follow one another in a file come one after the other.
"""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from asr.audio import ffmpeg
from asr.audio.containers.formats import Container
from asr.audio.containers.layout import TOLERANCE, Bytes, Part, Pcm
from asr.audio.containers.reading import read_container
from asr.errors import (
    AudioEmpty,
    AudioTooLarge,
    AudioTooLong,
    AudioTooShort,
    AudioTruncated,
    AudioUnreadable,
    DecodeTimeout,
)

SAMPLE_RATE = 16000
Block = npt.NDArray[np.float32]

_BLOCK_VALUES = 2**18  # samples of all channels together that are read at once
_SAMPLE_RATES = range(1_000, 768_001)  # what a file may claim; speech never comes at more or less
_MAX_CHANNELS = 255
_OVERSHOOT = 2.0  # a float file above this peak is on another scale; below it, a few samples are merely too loud
_LARGEST_SAMPLE = 2.0**31  # full scale of 32-bit integers: the largest scale that float files are found on
_COPIED_BYTES = 2**22  # at once, of a file that is put right for ffmpeg
_OPPOSED = -0.5  # correlation of two channels below which one of them is upside down


@dataclass(frozen=True)
class AudioLimits:
    """What is taken at most: bytes of the file, seconds of sound, seconds spent on decoding it."""

    max_bytes: int = 50 * 2**20
    max_seconds: float = 600.0
    decode_timeout: float = 30.0


DEFAULT_LIMITS = AudioLimits()


class Decoding:
    """One file being decoded: iterate over `blocks`, then ask for `seconds` and `claimed_seconds`."""

    def __init__(self, data: Bytes, limits: AudioLimits, file: BinaryIO | None = None) -> None:
        """Read the headers of a file.

        Args:
            data: the whole file.
            limits: what is taken at most.
            file: the same file, open, where it lies on the disk: ffmpeg reads it there when its headers are true.

        Raises:
            AudioEmpty, AudioTooLarge, AudioTruncated, AudioUnreadable: as their names say.
        """
        if not len(data):
            raise AudioEmpty("The recording is empty: it has no bytes.")
        if len(data) > limits.max_bytes:
            raise AudioTooLarge(
                f"The file has {len(data)} bytes; at most {limits.max_bytes} are taken.",
                bytes=len(data),
                max_bytes=limits.max_bytes,
            )
        self._data = data
        self._file = file
        self._limits = limits
        self.container, self._parts = read_container(data)
        self.seconds = 0.0
        claims = [part.claimed for part in self._parts]
        self._claimed = None if None in claims else sum(claim or 0.0 for claim in claims)

    @property
    def claimed_seconds(self) -> float | None:
        """The length that the file's headers give, where the sound has another one; None where they agree."""
        if self._claimed is None or abs(self._claimed - self.seconds) <= TOLERANCE:
            return None
        return self._claimed

    def blocks(self, *, keep_channels: bool = False) -> Iterator[Block]:
        """Decode to 16 kHz; yields float32 of shape (n, channels), within [-1, 1].

        Args:
            keep_channels: whether two channels stay apart; otherwise there is one, the mean of all.

        Raises, on the way:
            AudioTooLong, AudioTooShort, AudioTruncated, AudioUnreadable: as their names say.
            DecodeTimeout: decoding took longer than allowed.
            DecoderMissing: the format needs ffmpeg and there is none.
        """
        deadline = time.monotonic() + self._limits.decode_timeout
        frames, channels = 0, 0
        for part in self._parts:
            begun = frames
            for block in self._part(part, deadline):
                if not channels:
                    channels = 2 if keep_channels and block.shape[1] == 2 else 1
                shaped = _with_channels(block, channels)
                frames += len(shaped)
                self.seconds = frames / SAMPLE_RATE
                if self.seconds > self._limits.max_seconds:
                    raise AudioTooLong(
                        f"The recording lasts longer than {self._limits.max_seconds:g} s, which is the most "
                        "that is taken.",
                        max_seconds=self._limits.max_seconds,
                    )
                if len(shaped):
                    yield np.clip(shaped, -1.0, 1.0)
                if time.monotonic() > deadline:
                    raise self._late()
            self._check_end(part, (frames - begun) / SAMPLE_RATE)
        if not frames:
            raise AudioTooShort(f"This {self.container.name} file holds no sound: it lasts zero seconds.", seconds=0.0)

    def _part(self, part: Part, deadline: float) -> Iterator[Block]:
        if part.pcm:
            yield from _pcm_blocks(self._data, part, part.pcm, self._limits)
            return
        timeout = self._limits.decode_timeout
        try:
            with self._source(part) as source:
                for block in ffmpeg.blocks(source, self.container, deadline=deadline, timeout=timeout):
                    yield _finite(block)
        except AudioUnreadable as error:
            if part.cut or (part.broken_end and part.claimed):
                raise _truncated(self.container) from error
            raise

    @contextmanager
    def _source(self, part: Part) -> Iterator[BinaryIO]:
        """Give ffmpeg a part of the file: the file itself, or an unnamed copy with its edits."""
        if self._file and not part.head and not part.edits and (part.start, part.end) == (0, len(self._data)):
            self._file.seek(0)
            yield self._file
            return
        with tempfile.TemporaryFile() as copy:
            copy.write(part.head)
            for first in range(part.start, part.end, _COPIED_BYTES):
                copy.write(self._data[first : min(part.end, first + _COPIED_BYTES)])
            for position, replacement in part.edits.items():
                copy.seek(len(part.head) + position - part.start)
                copy.write(replacement)
            copy.seek(0)
            yield copy

    def _check_end(self, part: Part, seconds: float) -> None:
        lost = (part.claimed or 0.0) - seconds
        if part.cut or (part.broken_end and lost > TOLERANCE):
            raise _truncated(self.container)

    def _late(self) -> DecodeTimeout:
        timeout = self._limits.decode_timeout
        return DecodeTimeout(
            f"Decoding this {self.container.name} file took longer than {timeout:g} s.", timeout=timeout
        )


def to_mono(block: Block) -> Block:
    """Average the channels of a block (n, channels); returns (n,).

    A channel that is another one upside down, as a microphone with crossed wires gives it, is turned over first:
    their mean would be silence.
    """
    if block.shape[1] == 1:
        return block[:, 0]
    powers = np.einsum("nc,nc->c", block, block)
    reference = int(np.argmax(powers))
    products = block.T @ block[:, reference]
    opposed = products < _OPPOSED * np.sqrt(powers * powers[reference])
    return np.asarray(block @ np.where(opposed, -1.0, 1.0).astype(np.float32) / block.shape[1], dtype=np.float32)


def _with_channels(block: Block, channels: int) -> Block:
    if block.shape[1] == channels:
        return block
    mono = to_mono(block)[:, None]
    return mono if channels == 1 else np.repeat(mono, channels, axis=1)


def _pcm_blocks(data: Bytes, part: Part, pcm: Pcm, limits: AudioLimits) -> Iterator[Block]:
    if pcm.rate not in _SAMPLE_RATES:
        raise AudioUnreadable(f"The file claims {pcm.rate} samples a second.", sample_rate=pcm.rate)
    if pcm.channels > _MAX_CHANNELS:
        raise AudioUnreadable(f"The file claims {pcm.channels} channels.", channels=pcm.channels)
    frames = (part.end - part.start) // pcm.frame_bytes
    if frames / pcm.rate > limits.max_seconds:
        frames = int((limits.max_seconds + 1) * pcm.rate)  # enough to see that it is too long
    scale = _scale(data, part, pcm, frames)
    resampler = soxr.ResampleStream(pcm.rate, SAMPLE_RATE, pcm.channels, dtype="float32")
    left = frames
    for block in _read(data, part, pcm, frames):
        left -= len(block)
        yield resampler.resample_chunk(block * scale, last=not left).reshape(-1, pcm.channels)


def _read(data: Bytes, part: Part, pcm: Pcm, frames: int) -> Iterator[Block]:
    each = max(1, _BLOCK_VALUES // pcm.channels)
    for first in range(0, frames, each):
        count = min(each, frames - first)
        begin = part.start + first * pcm.frame_bytes
        raw = io.BytesIO(data[begin : begin + count * pcm.frame_bytes])
        block, _ = soundfile.read(
            raw, samplerate=pcm.rate, channels=pcm.channels, format="RAW", subtype=pcm.subtype, endian=pcm.endian,
            dtype="float32", always_2d=True,
        )  # fmt: skip
        yield _finite(block)


def _scale(data: Bytes, part: Part, pcm: Pcm, frames: int) -> np.float32:
    """Return what float samples on another scale than [-1, 1] are to be multiplied with."""
    if pcm.subtype not in ("FLOAT", "DOUBLE"):
        return np.float32(1.0)
    peak = max((float(np.abs(block).max(initial=0.0)) for block in _read(data, part, pcm, frames)), default=0.0)
    return np.float32(1.0 / peak if peak > _OVERSHOOT else 1.0)


def _finite(block: Block) -> Block:
    """Return `block` with what no sample may be (NaN, infinity) set to 0, and the rest within the scale of files."""
    if not np.isfinite(block).all():
        block = np.where(np.isfinite(block), block, np.float32(0.0))
    return np.clip(block, -_LARGEST_SAMPLE, _LARGEST_SAMPLE)


def _truncated(container: Container) -> AudioTruncated:
    return AudioTruncated(f"This {container.name} file ends before its sound does.", format=container.name)

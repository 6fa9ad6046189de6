"""A recording of any length, on the disk: decoded once from file to file, then read in pieces.

Three hours are 690 MB as float32 in memory, and more than three times that as features; on the disk they are 345 MB
of 16-bit samples, of which no more than a piece of a minute is ever looked at.
"""

from __future__ import annotations

import mmap
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from asr.audio import ffmpeg
from asr.audio.containers import TOLERATED_LOSS, Bytes, Container, ends_early, promised_seconds, sniff
from asr.audio.decoding import (
    BLOCK_VALUES,
    OVERSHOOT,
    SAMPLE_RATE,
    SAMPLE_RATES,
    Audio,
    AudioLimits,
    check_seconds,
    finite,
    truncated,
)
from asr.errors import AudioEmpty, AudioTooLarge, AudioTooShort, AudioUnreadable, DecodeTimeout

PIECE_SECONDS = 60.0
_CUT_REACH = 15.0  # seconds before the end of a piece in which the pause to cut at is looked for
_PAUSE_SECONDS = 0.4  # a stretch of this length is as quiet as its whole, not as a gap between two syllables

Block = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Recording:
    """16-bit PCM at 16 kHz in the WAV file `path`, `seconds` long; two `channels` only where they were kept apart."""

    path: Path
    seconds: float
    channels: int

    def read(self, start: float, end: float, channel: int | None = None) -> Audio:
        """Return the sound from `start` to `end` (seconds): one channel, or the mean of all for None.

        Raises AudioUnreadable when the file is gone or has changed.
        """
        first, last = round(start * SAMPLE_RATE), round(end * SAMPLE_RATE)
        try:
            block, _ = soundfile.read(self.path, last - first, first, dtype="float32", always_2d=True)
        except (soundfile.LibsndfileError, OSError) as error:
            raise AudioUnreadable("The decoded recording cannot be read any more.") from error
        return Audio(
            block.mean(axis=1, dtype=np.float32) if channel is None else np.ascontiguousarray(block[:, channel])
        )

    def pieces(self, longest: float = PIECE_SECONDS) -> Iterator[tuple[float, float]]:
        """Cut the recording where it is quietest into pieces of at most `longest` seconds; yields (start, end).

        The pieces cover the whole and can be recognised each for itself, in any order, as the voice activity
        detector would cut there too.
        """
        reach = min(_CUT_REACH, longest / 2)
        start = 0.0
        while self.seconds - start > longest:
            from_ = start + longest - reach
            end = from_ + _quietest(self.read(from_, start + longest).samples)
            yield start, end
            start = end
        yield start, self.seconds


def decode_recording(source: Path, target: Path, *, limits: AudioLimits, keep_channels: bool = False) -> Recording:
    """Decode the file `source`, of any format that `decode_audio` takes, into the WAV file `target`.

    Args:
        source: the file as it was uploaded; its name is not looked at.
        target: written to, whatever was there; what is in it after an error is of no use.
        limits: what is taken at most.
        keep_channels: whether two channels that differ stay apart, as the two ends of a telephone call do.

    Raises:
        As `decode_audio`.
    """
    size = source.stat().st_size
    if not size:
        raise AudioEmpty("The recording is empty: it has no bytes.")
    if size > limits.max_bytes:
        raise AudioTooLarge(
            f"The file has {size} bytes; at most {limits.max_bytes} are taken.", bytes=size, max_bytes=limits.max_bytes
        )
    with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        container = sniff(data)
        if container is None:
            raise AudioUnreadable("This is not an audio file of a known format.")
        seconds, channels = _decode(source, data, container, target, limits, keep_channels)
        if promised_seconds(data, container) - seconds > TOLERATED_LOSS or ends_early(data, container):
            raise truncated(container)
    if not seconds:
        raise AudioTooShort(f"This {container.name} file holds no sound: it lasts zero seconds.", seconds=0.0)
    return Recording(target, seconds, channels)


def _decode(
    source: Path, data: Bytes, container: Container, target: Path, limits: AudioLimits, keep_channels: bool
) -> tuple[float, int]:
    if container.direct:
        try:
            return _write(target, _direct_blocks(source, container, limits, keep_channels), limits)
        except soundfile.LibsndfileError:
            pass  # a codec that libsndfile lacks (Speex in Ogg, say), or damage: ffmpeg will tell
    try:
        with source.open("rb") as file:
            blocks = ffmpeg.blocks(
                file,
                container,
                channels=2 if keep_channels else 1,
                max_seconds=limits.max_seconds,
                timeout=limits.decode_timeout,
            )
            return _write(target, blocks, limits)
    except AudioUnreadable as error:
        if ends_early(data, container) or promised_seconds(data, container):
            raise truncated(container) from error
        raise


def _write(target: Path, blocks: Iterator[Block], limits: AudioLimits) -> tuple[float, int]:
    """Write blocks (n, channels) at 16 kHz to a WAV file; return its seconds, and how many channels differ."""
    first = next(blocks, np.zeros((0, 1), np.float32))
    differ = False
    frames = 0
    with soundfile.SoundFile(target, "w", SAMPLE_RATE, first.shape[1], "PCM_16", format="WAV") as file:
        block: Block | None = first
        while block is not None:
            differ = differ or not np.array_equal(block[:, 0], block[:, -1])
            frames += len(block)
            check_seconds(frames / SAMPLE_RATE, limits)
            file.write(np.clip(block, -1.0, 1.0))
            block = next(blocks, None)
    return frames / SAMPLE_RATE, first.shape[1] if differ else 1


def _direct_blocks(path: Path, container: Container, limits: AudioLimits, keep_channels: bool) -> Iterator[Block]:
    """Decode with libsndfile; raises soundfile.LibsndfileError when it cannot read the file."""
    deadline = time.monotonic() + limits.decode_timeout
    with soundfile.SoundFile(path) as source:
        if source.samplerate not in SAMPLE_RATES:
            raise AudioUnreadable(
                f"The file claims {source.samplerate} samples a second.", sample_rate=source.samplerate
            )
        check_seconds(source.frames / source.samplerate, limits)
        scale = _scale(source)
        channels = 2 if keep_channels and source.channels == 2 else 1
        resampler = soxr.ResampleStream(source.samplerate, SAMPLE_RATE, channels, dtype="float32")
        block_frames = max(1, BLOCK_VALUES // source.channels)
        frames_read = 0
        last = False
        while not last:
            block = source.read(block_frames, dtype="float32", always_2d=True)
            frames_read += len(block)
            last = len(block) < block_frames
            block = finite(block) * scale
            if channels == 1:
                block = block.mean(axis=1, dtype=np.float32, keepdims=True)
            yield resampler.resample_chunk(block, last=last).reshape(-1, channels)
            if time.monotonic() > deadline:
                raise DecodeTimeout(
                    f"Decoding this {container.name} file took longer than {limits.decode_timeout:g} s.",
                    timeout=limits.decode_timeout,
                )
        if (source.frames - frames_read) / source.samplerate > TOLERATED_LOSS:
            raise truncated(container)


def _scale(source: soundfile.SoundFile) -> np.float32:
    """Return what float samples on another scale than [-1, 1] are to be multiplied with; leaves `source` rewound."""
    if source.subtype not in ("FLOAT", "DOUBLE"):
        return np.float32(1.0)
    peak = 0.0
    for block in source.blocks(max(1, BLOCK_VALUES // source.channels), dtype="float32", always_2d=True):
        peak = max(peak, float(np.abs(finite(block)).max(initial=0.0)))
    source.seek(0)
    return np.float32(1.0 / peak if peak > OVERSHOOT else 1.0)


def _quietest(samples: npt.NDArray[np.float32]) -> float:
    """Return the middle, in seconds, of the quietest stretch; of equal ones the last."""
    hop = SAMPLE_RATE // 100
    energy = np.square(samples[: len(samples) // hop * hop]).reshape(-1, hop).mean(axis=1)
    width = round(_PAUSE_SECONDS * 100)
    stretches = np.convolve(energy, np.ones(width), mode="valid")
    first = len(stretches) - 1 - int(np.argmin(stretches[::-1]))
    return (first + width / 2) / 100

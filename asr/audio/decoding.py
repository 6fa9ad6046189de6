"""Any uploaded recording, to float32 mono samples at 16 kHz.

libsndfile reads what it can in this process, in blocks, resampled by soxr on the way, so that a limit is noticed
before the memory is filled; everything else goes to ffmpeg (`asr.audio.ffmpeg`).
"""

from __future__ import annotations

import io
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from asr.audio import ffmpeg
from asr.audio.containers import TOLERATED_LOSS, Container, ends_early, promised_seconds, sniff
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
BLOCK_VALUES = 2**18  # samples of all channels together that are read at once
SAMPLE_RATES = range(1_000, 768_001)  # what a file may claim; speech never comes at more or less
OVERSHOOT = 2.0  # a float file above this peak is on another scale; below it, a few samples are merely too loud
_LARGEST_SAMPLE = 2.0**31  # full scale of 32-bit integers: the largest scale that float files are found on


@dataclass(frozen=True)
class Audio:
    """Mono sound: `samples` is float32 of shape (n,) within [-1, 1], `sample_rate` in Hz."""

    samples: npt.NDArray[np.float32]
    sample_rate: int = SAMPLE_RATE

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate


@dataclass(frozen=True)
class AudioLimits:
    """What is taken at most: bytes of the file, seconds of sound, seconds spent on decoding it."""

    max_bytes: int = 50 * 2**20
    max_seconds: float = 600.0
    decode_timeout: float = 30.0


def decode_audio(data: bytes, *, limits: AudioLimits = AudioLimits()) -> Audio:
    """Decode an uploaded file of any common format, rate and channel count.

    Args:
        data: the whole file: WAV, FLAC, Ogg (Opus, Vorbis), MP3, M4A/MP4/MOV/3GP, WebM/Matroska, AMR, AAC, AIFF,
            CAF, AU or Wave64. The format is recognised from the bytes alone.
        limits: what is taken at most.

    Returns:
        Mono at 16 kHz; several channels are averaged.

    Raises:
        AudioEmpty, AudioTooLarge, AudioTooShort, AudioTooLong: as their names say.
        AudioTruncated: the file breaks off before the end its headers promise.
        AudioUnreadable: it is none of these formats, or is damaged.
        DecodeTimeout: decoding took longer than `limits.decode_timeout`.
        DecoderMissing: the format needs ffmpeg and there is none.
    """
    if not data:
        raise AudioEmpty("The recording is empty: it has no bytes.")
    if len(data) > limits.max_bytes:
        raise AudioTooLarge(
            f"The file has {len(data)} bytes; at most {limits.max_bytes} are taken.",
            bytes=len(data),
            max_bytes=limits.max_bytes,
        )
    container = sniff(data)
    if container is None:
        raise AudioUnreadable("This is not an audio file of a known format.")
    samples = _decode(data, container, limits)
    check_seconds(len(samples) / SAMPLE_RATE, limits)
    lost = promised_seconds(data, container) - len(samples) / SAMPLE_RATE
    if lost > TOLERATED_LOSS or ends_early(data, container):
        raise truncated(container)
    if not len(samples):
        raise AudioTooShort(f"This {container.name} file holds no sound: it lasts zero seconds.", seconds=0.0)
    return Audio(_into_range(samples))


def encode_wav(audio: Audio) -> bytes:
    """Write `audio` as a WAV file of 16-bit PCM."""
    target = io.BytesIO()
    soundfile.write(target, audio.samples, audio.sample_rate, format="WAV", subtype="PCM_16")
    return target.getvalue()


def _decode(data: bytes, container: Container, limits: AudioLimits) -> npt.NDArray[np.float32]:
    if container.direct:
        try:
            return _decode_directly(data, container, limits)
        except soundfile.LibsndfileError:
            pass  # a codec that libsndfile lacks (Speex in Ogg, say), or damage: ffmpeg will tell
    try:
        return ffmpeg.decode(data, container, max_seconds=limits.max_seconds, timeout=limits.decode_timeout)
    except AudioUnreadable as error:
        if ends_early(data, container) or promised_seconds(data, container):
            raise truncated(container) from error
        raise


def _decode_directly(data: bytes, container: Container, limits: AudioLimits) -> npt.NDArray[np.float32]:
    """Decode with libsndfile; raises soundfile.LibsndfileError when it cannot read the file."""
    deadline = time.monotonic() + limits.decode_timeout
    with soundfile.SoundFile(_Source(data)) as source:
        if source.samplerate not in SAMPLE_RATES:
            raise AudioUnreadable(
                f"The file claims {source.samplerate} samples a second.", sample_rate=source.samplerate
            )
        check_seconds(source.frames / source.samplerate, limits)
        resampler = soxr.ResampleStream(source.samplerate, SAMPLE_RATE, 1, dtype="float32")
        block_frames = max(1, BLOCK_VALUES // source.channels)
        frames_read = 0
        pieces = []
        while True:
            block = source.read(block_frames, dtype="float32", always_2d=True)
            frames_read += len(block)
            last = len(block) < block_frames
            pieces.append(resampler.resample_chunk(_to_mono(block), last=last))
            if last:
                break
            check_seconds(frames_read / source.samplerate, limits)
            if time.monotonic() > deadline:
                raise DecodeTimeout(
                    f"Decoding this {container.name} file took longer than {limits.decode_timeout:g} s.",
                    timeout=limits.decode_timeout,
                )
        if (source.frames - frames_read) / source.samplerate > TOLERATED_LOSS:
            raise truncated(container)
    return np.concatenate(pieces)


class _Source(io.BytesIO):
    """The file's bytes; libsndfile seeks before the start of short files, where Python would print a traceback."""

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return super().seek(max(0, offset) if whence == io.SEEK_SET else offset, whence)


def finite(block: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return `block` with what no sample may be (NaN, infinity) set to 0, and the rest within the scale of files."""
    if not np.isfinite(block).all():
        block = np.where(np.isfinite(block), block, np.float32(0.0))
    return np.clip(block, -_LARGEST_SAMPLE, _LARGEST_SAMPLE)


def _to_mono(block: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Average the channels of a block (n, channels)."""
    block = finite(block)
    return block[:, 0] if block.shape[1] == 1 else block.mean(axis=1, dtype=np.float32)


def _into_range(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
    peak = float(np.abs(samples).max())
    if peak > OVERSHOOT:
        samples = samples / np.float32(peak)
    return np.clip(samples, -1.0, 1.0)


def check_seconds(seconds: float, limits: AudioLimits) -> None:
    """Raise AudioTooLong when a recording of that many seconds is longer than is taken."""
    if seconds > limits.max_seconds:
        raise AudioTooLong(
            f"The recording lasts longer than {limits.max_seconds:g} s, which is the most that is taken.",
            max_seconds=limits.max_seconds,
        )


def truncated(container: Container) -> AudioTruncated:
    """Build the error for a file of that format which ends too early."""
    return AudioTruncated(f"This {container.name} file ends before its sound does.", format=container.name)

"""A recording of any length, on the disk: decoded once from file to file, then read in pieces.

Three hours are 690 MB as float32 in memory, and more than three times that as features; on the disk they are 345 MB
of 16-bit samples, of which no more than a piece of a minute is ever looked at.
"""

from __future__ import annotations

import itertools
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from asr.audio.blocks import SAMPLE_RATE, AudioLimits, Block, Decoding, to_mono
from asr.audio.decoding import Audio
from asr.errors import AudioEmpty, AudioUnreadable

PIECE_SECONDS = 60.0
_CUT_REACH = 15.0  # seconds before the end of a piece in which the pause to cut at is looked for
_PAUSE_SECONDS = 0.4  # a stretch of this length is as quiet as its whole, not as a gap between two syllables


@dataclass(frozen=True)
class Recording:
    """16-bit PCM at 16 kHz in the WAV file `path`, `seconds` long; two `channels` only where they were kept apart.

    `claimed_seconds` is the length that the headers of the original file give, where the sound has another one.
    """

    path: Path
    seconds: float
    channels: int
    claimed_seconds: float | None = None

    def read(self, start: float, end: float, channel: int | None = None) -> Audio:
        """Return the sound from `start` to `end` (seconds): one channel, or the mean of all for None.

        Raises AudioUnreadable when the file is gone or has changed.
        """
        first, last = round(start * SAMPLE_RATE), round(end * SAMPLE_RATE)
        try:
            block, _ = soundfile.read(self.path, last - first, first, dtype="float32", always_2d=True)
        except (soundfile.LibsndfileError, OSError) as error:
            raise AudioUnreadable("The decoded recording cannot be read any more.") from error
        return Audio(to_mono(block) if channel is None else np.ascontiguousarray(block[:, channel]))

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
    with source.open("rb") as file:
        size = source.stat().st_size
        if not size:
            raise AudioEmpty("The recording is empty: it has no bytes.")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            decoding = Decoding(data, limits, file)
            channels = _write(target, decoding.blocks(keep_channels=keep_channels))
    return Recording(target, decoding.seconds, channels, decoding.claimed_seconds)


def _write(target: Path, blocks: Iterator[Block]) -> int:
    """Write blocks (n, channels) at 16 kHz to a WAV file; return how many channels differ."""
    first = next(blocks)
    differ = False
    with soundfile.SoundFile(target, "w", SAMPLE_RATE, first.shape[1], "PCM_16", format="WAV") as file:
        for block in itertools.chain([first], blocks):
            differ = differ or not np.array_equal(np.abs(block[:, 0]), np.abs(block[:, -1]))
            file.write(block)
    return first.shape[1] if differ else 1


def _quietest(samples: npt.NDArray[np.float32]) -> float:
    """Return the middle, in seconds, of the quietest stretch; of equal ones the last."""
    hop = SAMPLE_RATE // 100
    energy = np.square(samples[: len(samples) // hop * hop]).reshape(-1, hop).mean(axis=1)
    width = round(_PAUSE_SECONDS * 100)
    stretches = np.convolve(energy, np.ones(width), mode="valid")
    first = len(stretches) - 1 - int(np.argmin(stretches[::-1]))
    return (first + width / 2) / 100

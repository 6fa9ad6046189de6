"""What the container readers find out about a file: its streams, where each one lies, and what its headers claim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from mmap import mmap

from asr.errors import AudioUnreadable

Bytes = bytes | mmap  # a recording of hours is read where it lies on the disk

TOLERANCE = 0.25  # seconds by which a header may differ from the sound without a word about it
UNKNOWN_SIZE = 0x7FFF0000  # writers to a pipe put 2^31-1, 2^32-1 and the like where a size should stand
MAX_PARTS = 1000  # streams that one file may hold, one after the other


@dataclass(frozen=True)
class Pcm:
    """Samples that need no decoder: libsndfile's subtype and byte order ("LITTLE", "BIG"), rate in Hz, channels."""

    subtype: str
    endian: str
    rate: int
    channels: int

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return self.channels * _SAMPLE_BYTES[self.subtype]


_SAMPLE_BYTES = {
    "PCM_S8": 1, "PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8, "ULAW": 1, "ALAW": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One stream of a file: what is decoded is `head`, then the file's bytes from `start` to `end`.

    `edits` replaces bytes of the file by position, to put right a size or a checksum that would mislead the decoder.
    `pcm` is set where the bytes are plain samples. `claimed` is the length in seconds that the headers give, or None.
    `broken_end` says that the last unit (frame, page, box) is not complete; `cut` that the headers prove the file to
    be broken off.
    """

    start: int
    end: int
    head: bytes = b""
    edits: Mapping[int, bytes] = field(default_factory=dict)
    pcm: Pcm | None = None
    claimed: float | None = None
    broken_end: bool = False
    cut: bool = False


class Budget:
    """A bound on the chunks, boxes or pages of one file, so that a crafted one costs no seconds and no memory."""

    def __init__(self, most: int, what: str) -> None:
        """Allow `most` units, which an error calls `what`."""
        self._left = self._most = most
        self._what = what

    def spend(self) -> None:
        """Count one unit; raises AudioUnreadable when there are too many."""
        self._left -= 1
        if self._left < 0:
            raise AudioUnreadable(f"The file has more than {self._most} {self._what}.", limit=self._most)

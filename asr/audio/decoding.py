"""Any uploaded recording, to float32 mono samples at 16 kHz in memory."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soundfile

from asr.audio.blocks import DEFAULT_LIMITS, SAMPLE_RATE, AudioLimits, Decoding

__all__ = ["SAMPLE_RATE", "Audio", "AudioLimits", "decode_audio", "encode_wav"]


@dataclass(frozen=True)
class Audio:
    """Mono sound: `samples` is float32 of shape (n,) within [-1, 1], `sample_rate` in Hz.

    `claimed_seconds` is the length that the headers of its file give, where the sound has another one.
    """

    samples: npt.NDArray[np.float32]
    sample_rate: int = SAMPLE_RATE
    claimed_seconds: float | None = None

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate


def decode_audio(data: bytes, *, limits: AudioLimits = DEFAULT_LIMITS) -> Audio:
    """Decode an uploaded file of any common format, rate and channel count.

    Args:
        data: the whole file: WAV, FLAC, Ogg, MP3, M4A/MP4/MOV/3GP, WebM/Matroska, AMR, AAC, AIFF, CAF, AU, Wave64,
            or anything else with a track of sound that the bundled ffmpeg decodes. The format is recognised from the
            bytes alone. Headers may be wrong about the length: the sound is decoded to its real end.
        limits: what is taken at most.

    Returns:
        Mono at 16 kHz; several channels are averaged.

    Raises:
        AudioEmpty, AudioTooLarge, AudioTooShort, AudioTooLong: as their names say.
        AudioTruncated: the file breaks off before the end its headers promise.
        AudioUnreadable: there is no sound in it, it is damaged, or its codec, which is named, is not known.
        DecodeTimeout: decoding took longer than `limits.decode_timeout`.
        DecoderMissing: the format needs ffmpeg and there is none.
    """
    decoding = Decoding(data, limits)
    samples = np.concatenate([block[:, 0] for block in decoding.blocks()])
    return Audio(samples, claimed_seconds=decoding.claimed_seconds)


def encode_wav(audio: Audio) -> bytes:
    """Write `audio` as a WAV file of 16-bit PCM."""
    target = io.BytesIO()
    soundfile.write(target, audio.samples, audio.sample_rate, format="WAV", subtype="PCM_16")
    return target.getvalue()

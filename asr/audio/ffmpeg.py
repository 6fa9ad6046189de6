"""Decoding with ffmpeg, for the formats that libsndfile does not read (MP4, WebM, AMR, AAC, ...).

The program comes with the package imageio-ffmpeg, so none has to be installed on the system. It is run directly
and not through pydub: pydub's `AudioSegment.from_file` runs ffprobe first, which that package does not bring,
knows no time-out, keeps all of the output however long it is, and writes named temporary files.

A recording comes from a stranger, so ffmpeg is given as little as possible: the demuxer is named (never guessed),
the only protocol is `fd` with the one file it gets as its standard input (deleted before ffmpeg starts, and
seekable, which MP4 needs), only audio decoders are enabled, the environment is empty, and its output and its time
are limited. External references in MP4 files stay disabled, which is ffmpeg's default, and would find no protocol.
"""

from __future__ import annotations

import subprocess
import tempfile
import threading
from collections.abc import Iterator
from typing import BinaryIO

import imageio_ffmpeg
import numpy as np
import numpy.typing as npt

from asr.audio.containers import Container
from asr.errors import AudioUnreadable, DecoderMissing, DecodeTimeout

SAMPLE_RATE = 16000
_BYTES_PER_SAMPLE = 4
_BLOCK_FRAMES = 2**17
_MAX_ALLOCATION = 256 * 2**20  # bytes in one piece; a sane audio file needs far less
_DECODERS = (
    "aac,aac_latm,alac,amrnb,amrwb,libopencore_amrnb,libopencore_amrwb,flac,mp2,mp2float,mp3,mp3float,opus,libopus,"
    "speex,libspeex,vorbis,libvorbis,pcm_alaw,pcm_mulaw,pcm_u8,pcm_s8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,"
    "pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be,adpcm_ima_wav,adpcm_ms,gsm,gsm_ms"
)


def decode(data: bytes, container: Container, *, max_seconds: float, timeout: float) -> npt.NDArray[np.float32]:
    """Decode the first audio track of `data` to mono at 16 kHz.

    At most `max_seconds` (plus a little, so that the caller sees that there is more) are decoded.

    Returns:
        float32, shape (n,); n is 0 when the file holds no sound.

    Raises:
        DecoderMissing: there is no ffmpeg for this machine.
        DecodeTimeout: it took longer than `timeout` seconds.
        AudioUnreadable: ffmpeg found no audio in it.
    """
    with tempfile.TemporaryFile() as source:
        source.write(data)
        source.seek(0)
        try:
            done = subprocess.run(
                _command(container, max_seconds + 1.0), stdin=source, capture_output=True, timeout=timeout, env={}
            )
        except subprocess.TimeoutExpired as error:
            raise _late(container, timeout) from error
        except OSError as error:
            raise _missing() from error
    output = done.stdout[: len(done.stdout) // _BYTES_PER_SAMPLE * _BYTES_PER_SAMPLE]
    if done.returncode and not output:
        raise _unreadable(container, done.returncode, done.stderr)
    return np.frombuffer(output, dtype="<f4").astype(np.float32)


def blocks(
    source: BinaryIO, container: Container, *, channels: int, max_seconds: float, timeout: float
) -> Iterator[npt.NDArray[np.float32]]:
    """Decode the first audio track of the file `source` to 16 kHz, as it comes, in blocks of shape (n, channels).

    Raises, while it is gone through, what `decode` raises. ffmpeg ends with the iterator.
    """
    with tempfile.TemporaryFile() as complaints:
        command = _command(container, max_seconds + 1.0, channels)
        try:
            running = subprocess.Popen(command, stdin=source, stdout=subprocess.PIPE, stderr=complaints, env={})
        except OSError as error:
            raise _missing() from error
        late = threading.Event()

        def stop() -> None:
            late.set()
            running.kill()

        timer = threading.Timer(timeout, stop)
        timer.start()
        decoded = 0
        try:
            with running:
                assert running.stdout is not None
                frame = channels * _BYTES_PER_SAMPLE
                while data := running.stdout.read(_BLOCK_FRAMES * frame):
                    samples = np.frombuffer(data[: len(data) // frame * frame], dtype="<f4").astype(np.float32)
                    decoded += len(samples)
                    yield samples.reshape(-1, channels)
        finally:
            timer.cancel()
            running.kill()
        if late.is_set():
            raise _late(container, timeout)
        if running.returncode and not decoded:
            complaints.seek(0)
            raise _unreadable(container, running.returncode, complaints.read())


def _command(container: Container, seconds: float, channels: int = 1) -> list[str]:
    limit = int(seconds * SAMPLE_RATE) * channels * _BYTES_PER_SAMPLE
    return [
        *(_program(), "-nostdin", "-hide_banner", "-v", "error"),
        *("-max_alloc", str(_MAX_ALLOCATION), "-threads", "1"),
        *("-protocol_whitelist", "fd", "-format_whitelist", container.demuxer, "-codec_whitelist", _DECODERS),
        *("-f", container.demuxer, "-i", "fd:", "-map", "0:a:0", "-vn", "-sn", "-dn"),
        *(
            "-t",
            f"{seconds:.3f}",
            "-fs",
            str(limit),
            "-ac",
            str(channels),
            "-ar",
            str(SAMPLE_RATE),
            "-f",
            "f32le",
            "pipe:1",
        ),
    ]


def _program() -> str:
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise _missing() from error


def _late(container: Container, timeout: float) -> DecodeTimeout:
    return DecodeTimeout(f"Decoding this {container.name} file took longer than {timeout:g} s.", timeout=timeout)


def _unreadable(container: Container, code: int, complaints: bytes) -> AudioUnreadable:
    reason = complaints.decode(errors="replace").strip().splitlines()
    return AudioUnreadable(
        f"This {container.name} file could not be decoded.",
        format=container.name,
        reason=reason[-1] if reason else f"ffmpeg ended with {code}",
    )


def _missing() -> DecoderMissing:
    return DecoderMissing(
        "This format needs ffmpeg, and none was found: `pip install imageio-ffmpeg`, or send WAV, FLAC, OGG or MP3."
    )

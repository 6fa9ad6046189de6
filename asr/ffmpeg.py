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

import imageio_ffmpeg
import numpy as np
import numpy.typing as npt

from asr.containers import Container
from asr.errors import AudioUnreadable, DecoderMissing, DecodeTimeout

SAMPLE_RATE = 16000
_BYTES_PER_SAMPLE = 4
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
            raise DecodeTimeout(
                f"Decoding this {container.name} file took longer than {timeout:g} s.", timeout=timeout
            ) from error
        except OSError as error:
            raise _missing() from error
    output = done.stdout[: len(done.stdout) // _BYTES_PER_SAMPLE * _BYTES_PER_SAMPLE]
    if done.returncode and not output:
        reason = done.stderr.decode(errors="replace").strip().splitlines()
        raise AudioUnreadable(
            f"This {container.name} file could not be decoded.",
            format=container.name,
            reason=reason[-1] if reason else f"ffmpeg ended with {done.returncode}",
        )
    return np.frombuffer(output, dtype="<f4").astype(np.float32)


def _command(container: Container, seconds: float) -> list[str]:
    limit = int(seconds * SAMPLE_RATE) * _BYTES_PER_SAMPLE
    return [
        *(_program(), "-nostdin", "-hide_banner", "-v", "error"),
        *("-max_alloc", str(_MAX_ALLOCATION), "-threads", "1"),
        *("-protocol_whitelist", "fd", "-format_whitelist", container.demuxer, "-codec_whitelist", _DECODERS),
        *("-f", container.demuxer, "-i", "fd:", "-map", "0:a:0", "-vn", "-sn", "-dn"),
        *("-t", f"{seconds:.3f}", "-fs", str(limit), "-ac", "1", "-ar", str(SAMPLE_RATE), "-f", "f32le", "pipe:1"),
    ]


def _program() -> str:
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise _missing() from error


def _missing() -> DecoderMissing:
    return DecoderMissing(
        "This format needs ffmpeg, and none was found: `pip install imageio-ffmpeg`, or send WAV, FLAC, OGG or MP3."
    )

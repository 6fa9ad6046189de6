"""Decoding with ffmpeg, for all that is not plain samples (MP3, MP4, WebM, FLAC, Ogg, AMR, ADPCM, ...).

The program comes with the package imageio-ffmpeg, so none has to be installed on the system. It is run directly
and not through pydub: pydub's `AudioSegment.from_file` runs ffprobe first, which that package does not bring,
knows no time-out, keeps all of the output however long it is, and writes named temporary files.

A recording comes from a stranger, so ffmpeg is given as little as possible. The only protocol is `fd` with the one
file it gets as its standard input. It may hold five descriptors: its three standard ones and the copies it makes of
two of them, so the kernel refuses any further file or connection whatever a demuxer tries. Demuxers that read other
files, only audio decoders, an empty environment, bounds on memory, processor time and files written, and a bound
on what is kept of its complaints do the rest. External references in MP4 files stay disabled, ffmpeg's default.
"""

from __future__ import annotations

import math
import os
import re
import selectors
import subprocess
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import BinaryIO

import imageio_ffmpeg
import numpy as np
import numpy.typing as npt

from asr.audio.containers.formats import Container
from asr.errors import AudioUnreadable, DecoderMissing, DecodeTimeout

SAMPLE_RATE = 16000
_HEADER_BYTES = 28  # of AU, the format of the output: it says how many channels there are, and a pipe may carry it
_BLOCK_BYTES = 2**19
_CHUNK_BYTES = 2**16
_MAX_ALLOCATION = 256 * 2**20  # bytes in one piece; a sane audio file needs far less
_MAX_MEMORY = 2**20  # KiB of address space
_MAX_DESCRIPTORS = 5
_KEPT_COMPLAINTS = 4096  # bytes of ffmpeg's messages, the last ones

# Demuxers that open further files or hosts, read the system, run a script or another library on the whole file, and
# those of pictures and subtitles, where there is no sound.
_REFUSED_DEMUXERS = re.compile(
    r"concat|hls|dash|webm_dash_manifest|imf|image2.*|.*_pipe|.*_anim|lavfi|avisynth|vapoursynth|dvdvideo|vobsub"
    r"|rtp|rtsp|sdp|sap|mlv|libgme|libopenmpt|data|ffmetadata|tty|bin|xbin|idf|adf|sbg|applehttp|gif|ico|msnwctcp"
    r"|alsa|fbdev|kmsgrab|openal|oss|pulse|video4linux2|v4l2|x11grab|xcbgrab|avfoundation|dshow|gdigrab|jack|iec61883"
    r"|ass|srt|webvtt|sami|lrc|realtext|jacosub|microdvd|mpl2|mpsub|pjs|stl|subviewer1?|vplayer|aqtitle|tedcaptions"
    r"|scc|mcc|sup|rcwt|dvbsub|dvbtxt|rawvideo|bitpacked|alias_pix|brender_pix|txd|svg.*"
)
_LISTED_DEMUXER = re.compile(r"^ D.([ d]) (\S+)", re.MULTILINE)
_LISTED_DECODER = re.compile(r"^ A\S{5} ([\w.]+)", re.MULTILINE)
_STREAM = re.compile(r"Stream #0:\d+\S*: Audio: (\w+)(?:[^,(]*\(([\w.\- ]{1,12}) / 0x[0-9A-Fa-f]+\))?")


def blocks(
    source: BinaryIO, container: Container, *, deadline: float, timeout: float
) -> Iterator[npt.NDArray[np.float32]]:
    """Decode the first audio track of the file `source` to 16 kHz.

    Args:
        source: an open file with a descriptor; read from its current position.
        container: its format.
        deadline: by `time.monotonic`, when decoding is given up.
        timeout: seconds that were allowed in all, for the message.

    Yields:
        float32 of shape (n, channels) with as many channels as the track has. ffmpeg ends with the iterator.

    Raises:
        DecoderMissing: there is no ffmpeg for this machine.
        DecodeTimeout: it took longer than until `deadline`.
        AudioUnreadable: ffmpeg found no audio in it, or none that it can decode; `details` say which codec.
    """
    command = [*_input(container), "-map", "0:a:0", "-vn", "-sn", "-dn", "-af", "asetpts=N/SR/TB"]
    command += ["-ar", str(SAMPLE_RATE), "-c:a", "pcm_f32be", "-f", "au", "pipe:1"]
    left = deadline - time.monotonic()
    with _run(command, source, left) as running:
        output = _Output(running, deadline)
        channels, decoded, rest = 0, 0, b""
        try:
            for data in output.chunks():
                rest += data
                if not channels and len(rest) >= _HEADER_BYTES:
                    offset, channels = int.from_bytes(rest[4:8], "big"), int.from_bytes(rest[20:24], "big")
                    rest = rest[offset:] if len(rest) >= offset else b""
                whole = len(rest) // (4 * channels) * 4 * channels if channels else 0
                if whole >= _BLOCK_BYTES:
                    decoded += whole
                    yield _samples(rest[:whole], channels)
                    rest = rest[whole:]
            if channels and len(rest) >= 4 * channels:
                decoded += len(rest)
                yield _samples(rest[: len(rest) // (4 * channels) * 4 * channels], channels)
        finally:
            running.kill()
    if output.late:
        raise DecodeTimeout(f"Decoding this {container.name} file took longer than {timeout:g} s.", timeout=timeout)
    if running.returncode and not decoded:
        raise _unreadable(source, container, output.complaints)


def _samples(data: bytes, channels: int) -> npt.NDArray[np.float32]:
    return np.frombuffer(data, dtype=">f4").astype(np.float32).reshape(-1, channels)


class _Output:
    """What a running ffmpeg writes: its samples, and the end of its complaints."""

    def __init__(self, running: subprocess.Popen[bytes], deadline: float) -> None:
        self._running = running
        self._deadline = deadline
        self.late = False
        self.complaints = b""

    def chunks(self) -> Iterator[bytes]:
        """Yield the samples as they come, until ffmpeg ends or the time is over."""
        assert self._running.stdout is not None
        assert self._running.stderr is not None
        with selectors.DefaultSelector() as ready:
            ready.register(self._running.stdout, selectors.EVENT_READ)
            ready.register(self._running.stderr, selectors.EVENT_READ)
            while ready.get_map():
                events = ready.select(max(0.0, self._deadline - time.monotonic()))
                if time.monotonic() > self._deadline:
                    self.late = True
                    return
                for key, _ in events:
                    data = os.read(key.fd, _CHUNK_BYTES)
                    if not data:
                        ready.unregister(key.fileobj)
                    elif key.fileobj is self._running.stderr:
                        self.complaints = (self.complaints + data)[-_KEPT_COMPLAINTS:]
                    else:
                        yield data
        if self._running.wait(max(0.1, self._deadline - time.monotonic())) and self._killed_for_time():
            self.late = True

    def _killed_for_time(self) -> bool:
        return self._running.returncode in (-24, 128 + 24)  # SIGXCPU


def _run(command: list[str], source: BinaryIO, seconds: float) -> subprocess.Popen[bytes]:
    program = _program()
    if Path("/bin/sh").exists():
        # The shell sets the bounds and becomes ffmpeg: code between fork and exec is not safe beside threads.
        bounds = f"ulimit -c 0; ulimit -f 0; ulimit -t {max(1, math.ceil(seconds)) + 1}; ulimit -v {_MAX_MEMORY}"
        script = f'{{ {bounds}; ulimit -n {_MAX_DESCRIPTORS}; }} 2>/dev/null; exec "$@"'
        command = ["/bin/sh", "-c", script, "sh", program, *command]
        if not os.access(program, os.X_OK):
            raise _missing()
    else:
        command = [program, *command]
    try:
        return subprocess.Popen(
            command, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={"MALLOC_ARENA_MAX": "2"}
        )
    except OSError as error:
        raise _missing() from error


def _input(container: Container, verbosity: str = "error") -> list[str]:
    demuxers, decoders = _allowed(_program())
    arguments = ["-nostdin", "-hide_banner", "-v", verbosity, "-max_alloc", str(_MAX_ALLOCATION), "-threads", "1"]
    arguments += ["-protocol_whitelist", "fd", "-codec_whitelist", decoders]
    if container.demuxer:
        arguments += ["-format_whitelist", container.demuxer, "-f", container.demuxer]
    else:
        arguments += ["-format_whitelist", demuxers]
    return [*arguments, "-i", "fd:"]


@cache
def _allowed(program: str) -> tuple[str, str]:
    """Return the demuxers and the audio decoders that a recording may use, of those this ffmpeg has."""

    def listed(what: str) -> str:
        command = [program, "-v", "error", "-hide_banner", what]
        try:
            return subprocess.run(command, capture_output=True, timeout=30, env={}, check=True, text=True).stdout
        except (OSError, subprocess.SubprocessError) as error:
            raise _missing() from error

    found = [(device, name) for device, names in _LISTED_DEMUXER.findall(listed("-demuxers")) for name in [names]]
    demuxers = [
        name
        for device, names in found
        if device == " " and not any(_REFUSED_DEMUXERS.fullmatch(one) for one in names.split(","))
        for name in names.split(",")
    ]
    return ",".join(demuxers), ",".join(_LISTED_DECODER.findall(listed("-decoders")))


def _program() -> str:
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise _missing() from error


def _unreadable(source: BinaryIO, container: Container, complaints: bytes) -> AudioUnreadable:
    reason = complaints.decode(errors="replace").strip().splitlines()
    last = re.sub(r"[^ -~]", "?", reason[-1])[:200] if reason else "ffmpeg gave no reason"
    codec = _codec(source, container)
    if codec is None and container.demuxer is None:
        return AudioUnreadable("This is not an audio file of a known format.", reason=last)
    if codec is None:
        return AudioUnreadable(f"This {container.name} file could not be decoded.", format=container.name, reason=last)
    return AudioUnreadable(
        f"This {container.name} file could not be decoded: its sound is coded as {codec}.",
        format=container.name,
        codec=codec,
        reason=last,
    )


def _codec(source: BinaryIO, container: Container) -> str | None:
    """Return the name of the codec of the first audio track, as ffmpeg calls it or the file does; None for no track."""
    source.seek(0)
    with _run(_input(container, "info"), source, 10) as running:
        output = _Output(running, time.monotonic() + 10)
        for _ in output.chunks():
            pass
        running.kill()
    found = _STREAM.search(output.complaints.decode(errors="replace"))
    if not found:
        return None
    return str(found[2] or "unknown") if found[1] == "none" else str(found[1])


def _missing() -> DecoderMissing:
    return DecoderMissing("This format needs ffmpeg, and none was found: `pip install imageio-ffmpeg`, or send WAV.")

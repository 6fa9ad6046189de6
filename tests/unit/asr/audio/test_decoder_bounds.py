"""A crafted file must not make the decoder open another file or host."""

from __future__ import annotations

import resource
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile

from asr.audio import ffmpeg
from asr.audio.containers.formats import MATROSKA, Container
from asr.audio.decoding import AudioLimits, decode_audio
from asr.errors import AudioError, AudioUnreadable
from tests.unit.asr.audio.damage import encoded

LOUD = 0.9


class Listener:
    """A TCP port that counts who knocks."""

    def __init__(self) -> None:
        self.visits = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.visits += 1
            connection.close()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A recording on the server that no upload may reach: a second of loud noise."""
    path = tmp_path / "secret.wav"
    soundfile.write(path, np.random.default_rng(1).uniform(-LOUD, LOUD, 16000).astype(np.float32), 16000)
    return path


def decoded(data: bytes, demuxer: str) -> list[np.ndarray]:
    """What ffmpeg makes of a file that is given to a demuxer which no file is given to."""
    with tempfile.TemporaryFile() as source:
        source.write(data)
        container = Container(demuxer, demuxer)
        return list(ffmpeg.blocks(source, container, deadline=time.monotonic() + 10, timeout=10))


def playlists(target: str) -> dict[str, bytes]:
    return {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n".encode(),
        "concat": f"ffconcat version 1.0\nfile '{target}'\n".encode(),
        "dash": f'<?xml version="1.0"?><MPD><BaseURL>{target}</BaseURL></MPD>'.encode(),
        "sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
    }


@pytest.mark.parametrize("kind", ["hls", "concat", "dash", "sdp"])
def test_a_playlist_is_not_audio(kind: str, secret: Path) -> None:
    with pytest.raises(AudioUnreadable):
        decode_audio(playlists(str(secret))[kind])


@pytest.mark.parametrize("demuxer", ["hls", "concat"])
def test_even_a_playlist_that_reached_ffmpeg_opens_no_file(demuxer: str, secret: Path) -> None:
    data = playlists(str(secret))[demuxer]
    with pytest.raises(AudioUnreadable):
        decoded(data, demuxer)


@pytest.mark.parametrize("demuxer", ["hls", "concat"])
def test_even_a_playlist_that_reached_ffmpeg_calls_no_host(demuxer: str, listener: Listener) -> None:
    data = playlists(f"http://127.0.0.1:{listener.port}/a.wav")[demuxer]
    with pytest.raises(AudioUnreadable):
        decoded(data, demuxer)
    assert listener.visits == 0


@pytest.mark.parametrize("magic", [b"RIFF\x00\x10\x00\x00WAVE", b"OggS\x00", b"ID3\x04\x00\x00\x00\x00\x00\x00"])
def test_a_playlist_behind_a_magic_number_opens_nothing(magic: bytes, secret: Path) -> None:
    with pytest.raises(AudioError):
        decode_audio(magic + playlists(str(secret))["hls"])


def with_external_track(movie: bytes, target: Path) -> bytes:
    """Make the movie's track refer to the samples of another file (a dref entry of type alis with its path)."""
    path = str(target).encode()
    alias = bytes(10) + b"\x06volume".ljust(28, b"\0") + bytes(12)
    alias += bytes([4]) + b"name".ljust(63, b"\0") + bytes(16) + b"\x00\x01\x00\x01" + bytes(16)
    alias += b"\x00\x02" + len(path).to_bytes(2, "big") + path + bytes(len(path) % 2) + b"\xff\xff\x00\x00"
    entry = (12 + len(alias)).to_bytes(4, "big") + b"alis" + bytes(4) + alias
    at = movie.index(b"dref") - 4
    old = int.from_bytes(movie[at : at + 4], "big")
    dref = (16 + len(entry)).to_bytes(4, "big") + b"dref" + bytes(4) + b"\x00\x00\x00\x01" + entry
    grown = len(dref) - old
    patched = bytearray(movie)
    for name in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
        box = movie.index(name) - 4
        patched[box : box + 4] = (int.from_bytes(movie[box : box + 4], "big") + grown).to_bytes(4, "big")
    patched[at : at + old] = dref
    return bytes(patched)


def test_an_mp4_whose_track_lies_in_another_file_does_not_read_it(secret: Path, tmp_path: Path) -> None:
    program = imageio_ffmpeg.get_ffmpeg_exe()
    own = tmp_path / "own.mov"
    silence = ("-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono", "-t", "0.5", "-c:a", "pcm_s16le", str(own))
    subprocess.run([program, "-v", "error", *silence], check=True, stdin=subprocess.DEVNULL)
    crafted = with_external_track(own.read_bytes(), secret)

    def decoded_carelessly() -> bytes:
        target = tmp_path / "crafted.mov"
        target.write_bytes(crafted)
        options = ("-enable_drefs", "1", "-use_absolute_path", "1", "-i", str(target), "-f", "s16le", "pipe:1")
        return subprocess.run(
            [program, "-v", "error", *options], stdin=subprocess.DEVNULL, capture_output=True, check=False
        ).stdout

    leaked = np.frombuffer(decoded_carelessly(), "<i2") / 32768
    assert np.abs(leaked).max() > 0.5, "the crafted file works where external tracks are allowed"
    try:
        samples = decode_audio(crafted).samples
    except AudioError:
        return
    assert np.abs(samples).max() < 0.01


def test_only_audio_decoders_run(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    source = ("-f", "lavfi", "-i", "testsrc=d=1:s=64x64", "-c:v", "mpeg4", str(film))
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *source], check=True, stdin=subprocess.DEVNULL)
    with pytest.raises(AudioUnreadable):
        decode_audio(film.read_bytes())


def test_complaints_without_end_are_neither_stored_nor_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(AudioError):
        decode_audio(b"#!AMR\n" + b"\x7c" * 400_000, limits=AudioLimits(decode_timeout=3))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024  # KiB; it was 180 MB in all
    assert list(tmp_path.iterdir()) == []


def test_the_decoder_may_open_nothing_more_and_has_bounds() -> None:
    with tempfile.TemporaryFile() as source:
        running = ffmpeg._run(["-f", "lavfi", "-re", "-i", "anullsrc", "-f", "f32le", "pipe:1"], source, 10)
        try:
            assert running.stdout is not None
            running.stdout.read(4)
            limits = Path(f"/proc/{running.pid}/limits").read_text("utf-8")
            files = list(Path(f"/proc/{running.pid}/fd").iterdir())
        finally:
            running.kill()
            running.communicate()
    found = {line[:26].strip(): line[26:].split()[0] for line in limits.splitlines()[1:]}
    assert int(found["Max open files"]) == 5
    assert int(found["Max cpu time"]) <= 12
    assert int(found["Max address space"]) == 2**30
    assert int(found["Max file size"]) == 0
    assert len(files) <= 5


def test_a_decoder_that_is_left_early_ends() -> None:
    with tempfile.TemporaryFile() as source:
        source.write(encoded("mka", seconds=60.0))
        source.seek(0)
        blocks = ffmpeg.blocks(source, MATROSKA, deadline=time.monotonic() + 10, timeout=10)
        next(blocks)
        blocks.close()  # type: ignore[attr-defined]
    children = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text("utf-8").split()
    assert all("ffmpeg" not in Path(f"/proc/{child}/comm").read_text("utf-8") for child in children)


def test_demuxers_that_open_other_files_are_on_no_list() -> None:
    demuxers, decoders = (set(names.split(",")) for names in ffmpeg._allowed(imageio_ffmpeg.get_ffmpeg_exe()))
    refused = {
        "concat",
        "hls",
        "dash",
        "imf",
        "image2",
        "lavfi",
        "avisynth",
        "sdp",
        "rtsp",
        "vobsub",
        "dvdvideo",
        "mlv",
    }
    assert not demuxers & refused
    assert {"wav", "mov", "matroska", "mp3", "asf", "avi", "flv", "amr", "nistsphere"} <= demuxers
    assert {"aac", "ac3", "wmav2", "adpcm_ima_qt", "dca"} <= decoders
    assert not decoders & {"h264", "mpeg4", "png", "gif"}

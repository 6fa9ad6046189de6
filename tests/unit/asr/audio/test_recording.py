"""Recordings of any length: decoded from file to file, read in pieces."""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from asr.audio.decoding import AudioLimits, decode_audio
from asr.audio.recording import Recording, decode_recording
from asr.errors import (
    AudioEmpty,
    AudioTooLarge,
    AudioTooLong,
    AudioTooShort,
    AudioTruncated,
    AudioUnreadable,
    DecodeTimeout,
)

LIMITS = AudioLimits()
CLIP = Path(__file__).parents[3] / "data" / "voice" / "doctor-tomorrow.wav"


def tone(seconds: float, frequency: float, sample_rate: int = 16_000, loudness: float = 0.3) -> npt.NDArray[np.float32]:
    times = np.arange(int(seconds * sample_rate)) / sample_rate
    return (loudness * np.sin(2 * np.pi * frequency * times)).astype(np.float32)


def call(folder: Path, suffix: str = ".wav") -> Path:
    """A telephone call: 300 Hz at one end, 700 Hz at the other."""
    source = folder / f"call{suffix}"
    soundfile.write(source, np.stack([tone(3, 300, 8000), tone(3, 700, 8000)], axis=1), 8000)
    return source


def pitch(samples: npt.NDArray[np.float32]) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples)))) * 16_000 / len(samples)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3", ".m4a", ".webm", ".amr"])
def test_every_format_comes_out_as_it_does_from_memory(tmp_path: Path, suffix: str) -> None:
    source = tmp_path / f"clip{suffix}"
    rate = ["-ar", "8000"] if suffix == ".amr" else []
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(CLIP), *rate, str(source)]
    subprocess.run(command, check=True)
    recording = decode_recording(source, tmp_path / "decoded", limits=LIMITS)
    expected = decode_audio(source.read_bytes()).samples

    samples = recording.read(0, recording.seconds).samples

    assert recording.channels == 1
    assert len(samples) == len(expected)
    assert np.abs(samples - expected).max() < 2e-4  # what 16 bits cannot hold


@pytest.mark.parametrize("suffix", [".wav", ".m4a"])
def test_the_two_ends_of_a_call_can_be_kept_apart(tmp_path: Path, suffix: str) -> None:
    source = call(tmp_path)
    if suffix != ".wav":
        program = imageio_ffmpeg.get_ffmpeg_exe()
        subprocess.run([program, "-v", "error", "-i", str(source), str(source.with_suffix(suffix))], check=True)
    recording = decode_recording(source.with_suffix(suffix), tmp_path / "decoded", limits=LIMITS, keep_channels=True)

    assert recording.channels == 2
    assert pitch(recording.read(0.5, 2.5, 0).samples) == pytest.approx(300, abs=2)
    assert pitch(recording.read(0.5, 2.5, 1).samples) == pytest.approx(700, abs=2)


def test_two_channels_that_say_the_same_are_one(tmp_path: Path) -> None:
    source = tmp_path / "same.wav"
    soundfile.write(source, np.stack([tone(1, 300)] * 2, axis=1), 16_000)
    assert decode_recording(source, tmp_path / "decoded", limits=LIMITS, keep_channels=True).channels == 1


def test_channels_are_mixed_unless_they_are_asked_for(tmp_path: Path) -> None:
    recording = decode_recording(call(tmp_path), tmp_path / "decoded", limits=LIMITS)
    spectrum = np.abs(np.fft.rfft(recording.read(0.5, 2.5).samples))
    assert recording.channels == 1
    assert sorted(np.argsort(spectrum)[-2:] / 2) == pytest.approx([300, 700], abs=2)


def test_floats_on_another_scale_are_brought_to_this_one(tmp_path: Path) -> None:
    source = tmp_path / "loud.wav"
    soundfile.write(source, tone(1, 300) * 20_000, 16_000, subtype="FLOAT")
    recording = decode_recording(source, tmp_path / "decoded", limits=LIMITS)
    assert np.abs(recording.read(0, 1).samples).max() == pytest.approx(1.0, abs=0.01)


def test_pieces_cover_the_whole_and_are_cut_in_the_pauses(tmp_path: Path) -> None:
    source = tmp_path / "long.wav"
    sentence = np.concatenate([tone(4.0, 300), np.zeros(16_000, np.float32)])
    soundfile.write(source, np.tile(sentence, 8), 16_000)
    recording = decode_recording(source, tmp_path / "decoded", limits=LIMITS)

    pieces = list(recording.pieces(longest=12.0))

    assert pieces[0][0] == 0.0
    assert pieces[-1][1] == recording.seconds == 40.0
    assert all(end == start for (_, end), (start, _) in itertools.pairwise(pieces))
    assert max(end - start for start, end in pieces) <= 12.0
    assert all(4.0 < end % 5 < 5.0 for _, end in pieces[:-1])


def test_a_short_recording_is_one_piece(tmp_path: Path) -> None:
    recording = decode_recording(CLIP, tmp_path / "decoded", limits=LIMITS)
    assert list(recording.pieces()) == [(0.0, recording.seconds)]


def test_a_recording_whose_file_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(AudioUnreadable):
        Recording(tmp_path / "gone", 1.0, 1).read(0, 1)


def written(folder: Path, data: bytes) -> Path:
    source = folder / "upload"
    source.write_bytes(data)
    return source


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", AudioEmpty),
        (b"no sound at all", AudioUnreadable),
        (CLIP.read_bytes()[:20_000], AudioTruncated),
        (CLIP.read_bytes()[:44], AudioTruncated),
        (b"\x00\x00\x00\x18ftypM4A " + bytes(100), AudioTruncated),
        (b"\x1aE\xdf\xa3" + b"\xff" * 100, AudioUnreadable),
        (b"OggS" + bytes(100), AudioUnreadable),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        decode_recording(written(tmp_path, data), tmp_path / "decoded", limits=LIMITS)


def test_a_file_without_any_sound_is_too_short(tmp_path: Path) -> None:
    source = tmp_path / "silent.wav"
    soundfile.write(source, np.zeros(0, np.float32), 16_000)
    with pytest.raises(AudioTooShort):
        decode_recording(source, tmp_path / "decoded", limits=LIMITS)


@pytest.mark.parametrize("suffix", [".wav", ".amr"])
def test_limits_hold_for_both_decoders(tmp_path: Path, suffix: str) -> None:
    source = tmp_path / f"clip{suffix}"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(CLIP), "-ar", "8000", str(source)]
    subprocess.run(command, check=True)
    target = tmp_path / "decoded"
    with pytest.raises(AudioTooLong):
        decode_recording(source, target, limits=AudioLimits(max_seconds=0.5))
    with pytest.raises(AudioTooLarge):
        decode_recording(source, target, limits=AudioLimits(max_bytes=100))
    with pytest.raises(DecodeTimeout):
        decode_recording(source, target, limits=AudioLimits(decode_timeout=0.0))

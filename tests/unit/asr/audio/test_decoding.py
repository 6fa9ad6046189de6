"""decode_audio: every format people send, and every way a file can be wrong."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile

from asr.audio import ffmpeg
from asr.audio.decoding import Audio, AudioLimits, decode_audio, encode_wav
from asr.errors import (
    AudioEmpty,
    AudioError,
    AudioTooLarge,
    AudioTooLong,
    AudioTooShort,
    AudioTruncated,
    AudioUnreadable,
    DecoderMissing,
    DecodeTimeout,
)

TONE = 440.0
SECONDS = 1.5

WITH_FFMPEG = {
    "m4a": ("-c:a", "aac"),
    "mp4": ("-c:a", "aac", "-movflags", "+frag_keyframe+empty_moov"),
    "3gp": ("-c:a", "aac"),
    "mov": ("-c:a", "alac"),
    "mp3": ("-c:a", "libmp3lame"),
    "ogg": ("-c:a", "libvorbis"),
    "opus": ("-c:a", "libopus"),
    "webm": ("-c:a", "libopus"),
    "mka": ("-c:a", "libvorbis"),
    "aac": ("-c:a", "aac"),
    "amr": ("-c:a", "libopencore_amrnb", "-ar", "8000", "-ac", "1"),
    "flac": (),
    "aiff": (),
    "caf": (),
    "au": (),
    "w64": (),
}


def tone(rate: int, seconds: float = SECONDS, amplitude: float = 0.5) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * TONE * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


def written(samples: np.ndarray, rate: int, format_: str = "WAV", subtype: str | None = None) -> bytes:
    target = io.BytesIO()
    soundfile.write(target, samples, rate, format=format_, subtype=subtype)
    return target.getvalue()


def loudest_frequency(audio: Audio) -> float:
    spectrum = np.abs(np.fft.rfft(audio.samples * np.hanning(len(audio.samples))))
    return float(np.argmax(spectrum) * audio.sample_rate / len(audio.samples))


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The tone, 44.1 kHz stereo, in all formats; ffmpeg writes the files itself, so MP4's index is at the end."""
    folder = tmp_path_factory.mktemp("encoded")
    source = folder / "source.wav"
    source.write_bytes(written(np.stack([tone(44100)] * 2, axis=1), 44100))
    files = {}
    for extension, options in WITH_FFMPEG.items():
        target = folder / f"tone.{extension}"
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(source), *options, str(target)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        files[extension] = target.read_bytes()
    return files


@pytest.mark.parametrize("extension", WITH_FFMPEG)
def test_every_format_becomes_16_khz_mono(encoded: dict[str, bytes], extension: str) -> None:
    audio = decode_audio(encoded[extension])
    assert audio.sample_rate == 16000
    assert audio.samples.dtype == np.float32
    assert audio.samples.ndim == 1
    assert audio.seconds == pytest.approx(SECONDS, abs=0.15)
    assert loudest_frequency(audio) == pytest.approx(TONE, abs=2.0)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000])
def test_any_rate_is_resampled(rate: int) -> None:
    audio = decode_audio(written(tone(rate), rate))
    assert audio.seconds == pytest.approx(SECONDS, abs=0.01)
    assert loudest_frequency(audio) == pytest.approx(TONE, abs=2.0)


@pytest.mark.parametrize(
    "subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM"]
)
def test_any_sample_type_of_wav_is_read(subtype: str) -> None:
    audio = decode_audio(written(tone(16000), 16000, subtype=subtype))
    assert np.abs(audio.samples).max() == pytest.approx(0.5, abs=0.05)


def test_16_khz_mono_passes_unchanged() -> None:
    samples = tone(16000)
    assert np.array_equal(decode_audio(written(samples, 16000, subtype="FLOAT")).samples, samples)


def test_channels_are_averaged() -> None:
    channels = np.stack([tone(48000, amplitude=0.6), tone(48000, amplitude=0.2)], axis=1)
    audio = decode_audio(written(channels, 48000, subtype="FLOAT"))
    assert np.abs(audio.samples).max() == pytest.approx(0.4, abs=0.02)


def test_blocks_join_without_a_seam() -> None:
    seconds = 12.0  # several blocks at this rate
    audio = decode_audio(written(tone(48000, seconds), 48000, subtype="FLOAT"))
    expected = tone(16000, seconds)
    assert np.abs(audio.samples[200:-200] - expected[200:-200]).max() < 1e-3


def test_nan_and_infinity_become_silence() -> None:
    samples = tone(16000)
    samples[100], samples[200], samples[300] = np.nan, np.inf, -np.inf
    audio = decode_audio(written(samples, 16000, subtype="FLOAT"))
    assert audio.samples[[100, 200, 300]].tolist() == [0.0, 0.0, 0.0]
    assert np.isfinite(audio.samples).all()


def test_nothing_but_nan_is_silence() -> None:
    audio = decode_audio(written(np.full(16000, np.nan, np.float32), 16000, subtype="FLOAT"))
    assert not audio.samples.any()


def test_float_on_the_scale_of_integers_is_scaled_down() -> None:
    audio = decode_audio(written(tone(16000) * 32768, 16000, subtype="FLOAT"))
    assert np.abs(audio.samples).max() == pytest.approx(1.0)
    assert loudest_frequency(audio) == pytest.approx(TONE, abs=2.0)


def test_float_a_little_too_loud_is_clipped() -> None:
    audio = decode_audio(written(tone(16000, amplitude=1.2), 16000, subtype="FLOAT"))
    assert np.abs(audio.samples).max() == 1.0


def test_an_mp3_behind_an_id3_tag_is_found(encoded: dict[str, bytes]) -> None:
    tag = b"ID3\x04\x00\x00\x00\x00\x01\x00" + bytes(128)
    assert decode_audio(tag + encoded["mp3"]).seconds == pytest.approx(SECONDS, abs=0.15)


def test_a_flac_behind_an_id3_tag_is_flac(encoded: dict[str, bytes]) -> None:
    tag = b"ID3\x04\x00\x00\x00\x00\x01\x00" + bytes(128)
    assert decode_audio(tag + encoded["flac"]).seconds == pytest.approx(SECONDS, abs=0.15)


def test_speech_codec_in_ogg_that_libsndfile_lacks_goes_to_ffmpeg(tmp_path: Path) -> None:
    target = tmp_path / "flac-in-ogg.ogg"
    source = tmp_path / "source.wav"
    source.write_bytes(written(tone(16000), 16000))
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(source), "-c:a", "flac", str(target)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    assert decode_audio(target.read_bytes()).seconds == pytest.approx(SECONDS, abs=0.05)


def test_wav_written_to_a_pipe_has_no_size_and_is_whole() -> None:
    data = bytearray(written(tone(16000), 16000))
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"
    assert decode_audio(bytes(data)).seconds == pytest.approx(SECONDS, abs=0.01)


def test_wav_comes_back_as_it_was_written() -> None:
    audio = Audio(tone(16000))
    assert np.abs(decode_audio(encode_wav(audio)).samples - audio.samples).max() < 1e-4


def test_no_bytes() -> None:
    with pytest.raises(AudioEmpty) as caught:
        decode_audio(b"")
    assert caught.value.code == "audio_empty"


def test_too_many_bytes() -> None:
    with pytest.raises(AudioTooLarge) as caught:
        decode_audio(written(tone(16000), 16000), limits=AudioLimits(max_bytes=1000))
    assert caught.value.details["max_bytes"] == 1000


@pytest.mark.parametrize("format_", ["WAV", "AIFF", "AU"])
def test_zero_seconds(format_: str) -> None:
    with pytest.raises(AudioTooShort):
        decode_audio(written(np.zeros(0, np.float32), 16000, format_))


def test_three_hours_are_refused_by_their_header() -> None:
    target = io.BytesIO()
    with soundfile.SoundFile(target, "w", 8000, 1, format="FLAC") as file:
        for _ in range(180):
            file.write(np.zeros(60 * 8000, np.int16))
    with pytest.raises(AudioTooLong) as caught:
        decode_audio(target.getvalue())
    assert caught.value.details["max_seconds"] == 600.0


@pytest.mark.parametrize("extension", ["webm", "m4a", "amr", "mp3", "opus", "flac"])
def test_too_long_in_every_decoder(encoded: dict[str, bytes], extension: str) -> None:
    with pytest.raises(AudioTooLong):
        decode_audio(encoded[extension], limits=AudioLimits(max_seconds=1.0))


def test_a_header_that_hides_the_length_does_not_hide_it_from_the_decoder() -> None:
    data = bytearray(written(tone(8000, 70.0), 8000, "FLAC"))
    data[21] &= 0xF0
    data[22:26] = bytes(4)  # STREAMINFO: the number of samples is not known
    with pytest.raises(AudioTooLong):
        decode_audio(bytes(data), limits=AudioLimits(max_seconds=60.0))


@pytest.mark.parametrize("extension", ["flac", "aiff", "caf", "au", "ogg", "opus", "mp3", "m4a", "mov", "webm", "mka"])
@pytest.mark.parametrize("kept", [0.3, 0.6])
def test_a_file_cut_off_on_the_way_is_refused(encoded: dict[str, bytes], extension: str, kept: float) -> None:
    data = encoded[extension]
    with pytest.raises(AudioTruncated):
        decode_audio(data[: int(len(data) * kept)])


@pytest.mark.parametrize("kept", [8, 30, 43, 1000, 30000])
def test_a_wav_cut_off_anywhere_is_refused(kept: int) -> None:
    with pytest.raises((AudioTruncated, AudioUnreadable)):
        decode_audio(written(tone(16000), 16000)[:kept])


def test_a_wav_that_lacks_a_few_samples_is_taken() -> None:
    assert decode_audio(written(tone(16000), 16000)[:-100]).seconds == pytest.approx(SECONDS, abs=0.01)


def test_formats_that_are_rows_of_frames_play_as_far_as_they_go(encoded: dict[str, bytes]) -> None:
    for extension in ("amr", "aac"):
        data = encoded[extension]
        assert 0.5 < decode_audio(data[: len(data) // 2]).seconds < 1.2


@pytest.mark.parametrize(
    "data",
    [
        "这是一个文本文件,不是录音".encode(),
        "text with a byte order mark".encode("utf-16"),
        b"<!DOCTYPE html><html><script>alert(1)</script></html>",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"%PDF-1.7\n" + bytes(100),
        b"PK\x03\x04" + bytes(100),
        b"\xff",
        bytes(4000),
    ],
)
def test_what_is_not_audio(data: bytes) -> None:
    with pytest.raises(AudioUnreadable) as caught:
        decode_audio(data)
    assert caught.value.code == "audio_unreadable"


@pytest.mark.parametrize(
    "magic",
    [
        b"fLaC",
        b"OggS",
        b"\x1aE\xdf\xa3",
        b"caff",
        b".snd",
        b"ID3\x04",
        b"\xff\xfb\x90\x00",
        b"\xff\xf1\x50\x80",
    ],
)
def test_a_magic_number_before_rubbish(magic: bytes) -> None:
    rubbish = np.random.default_rng(0).integers(0, 256, 5000, np.uint8).tobytes()
    with pytest.raises(AudioError):
        decode_audio(magic + rubbish)


def test_a_wav_that_claims_an_absurd_rate() -> None:
    data = bytearray(written(tone(16000), 16000))
    data[24:28] = (7).to_bytes(4, "little")
    with pytest.raises(AudioUnreadable):
        decode_audio(bytes(data), limits=AudioLimits(max_seconds=1e6))


def test_libsndfile_is_stopped_in_time() -> None:
    with pytest.raises(DecodeTimeout):
        decode_audio(written(tone(48000, 12.0), 48000), limits=AudioLimits(decode_timeout=0.0))


def test_ffmpeg_is_stopped_in_time(encoded: dict[str, bytes]) -> None:
    with pytest.raises(DecodeTimeout) as caught:
        decode_audio(encoded["webm"], limits=AudioLimits(decode_timeout=0.0001))
    assert caught.value.code == "decode_timeout"


def test_without_ffmpeg_the_error_says_what_to_install(
    encoded: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_found() -> str:
        raise RuntimeError("no ffmpeg exe could be found")

    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", none_found)
    with pytest.raises(DecoderMissing, match="pip install imageio-ffmpeg"):
        decode_audio(encoded["m4a"])
    for extension in ("aiff", "caf", "au", "w64"):
        assert decode_audio(encoded[extension]).seconds > 1


def test_an_ffmpeg_that_is_not_there_is_missing_too(encoded: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg.imageio_ffmpeg, "get_ffmpeg_exe", lambda: "/nowhere/ffmpeg")
    with pytest.raises(DecoderMissing):
        decode_audio(encoded["amr"])

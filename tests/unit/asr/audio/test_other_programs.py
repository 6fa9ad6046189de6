"""Files as other programs write them: read to their real end, whatever their headers say."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asr.audio.decoding import AudioLimits, decode_audio
from asr.audio.recording import decode_recording
from asr.errors import AudioUnreadable
from tests.unit.asr.audio.damage import FORMATS, LENGTHS, SECONDS, SHORTER, encoded, ffmpeg, patched, spoken, written

SAMPLES = Path(__file__).parents[3] / "data" / "recordings"
TAG = b"ID3\x04\x00\x00\x00\x00\x01\x00" + bytes(128)
PICTURE = b"ID3\x03\x00\x00\x00\x00\x02\x00" + b"APIC" + bytes([255, 251, 144, 0]) * 63
OLD_TAG = b"TAG" + b"x" * 125
IN_PROCESS = ("wav", "wav24", "rf64", "w64", "aiff", "au", "caf")

settings.register_profile("files", deadline=None, database=None, suppress_health_check=list(HealthCheck))
settings.load_profile("files")


@pytest.mark.parametrize(
    ("name", "seconds", "claimed"),
    [
        ("chain_opus.ogg", 11.15, None),
        ("chain_vorbis.ogg", 11.15, None),
        ("data0.wav", 4.65, 0.0),
        ("data0_fllr.wav", 4.65, 0.0),
        ("data1s.wav", 4.65, 1.0),
        ("ima4.caf", 4.65, None),
        ("lead0.mp3", 4.65, None),
        ("lead1.mp3", 4.65, None),
        ("v_ac3.mkv", 4.65, None),
        ("vbr_44k.mp3", 4.65, None),
        ("vbr_lost.mp3", 31.2, None),
        ("vbr_noxing.mp3", 4.65, None),
    ],
)
def test_files_that_were_refused_or_cut_are_read_whole(
    tmp_path: Path, name: str, seconds: float, claimed: float | None
) -> None:
    audio = decode_audio((SAMPLES / name).read_bytes())
    assert audio.seconds == pytest.approx(seconds, abs=0.12)
    assert audio.claimed_seconds == claimed
    recording = decode_recording(SAMPLES / name, tmp_path / "decoded", limits=AudioLimits())
    assert (recording.seconds, recording.claimed_seconds) == (audio.seconds, audio.claimed_seconds)


@given(data=st.data())
@settings(max_examples=60)
def test_a_length_that_is_a_lie_changes_nothing_of_plain_samples(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([name for name in LENGTHS if name in IN_PROCESS]))
    check_damage(data, name)


@given(data=st.data())
@settings(max_examples=30)
def test_a_length_that_is_a_lie_changes_nothing_of_coded_sound(data: st.DataObject) -> None:
    check_damage(data, data.draw(st.sampled_from([name for name in LENGTHS if name not in IN_PROCESS])))


def check_damage(data: st.DataObject, name: str) -> None:
    find, size, order = LENGTHS[name][data.draw(st.sampled_from(sorted(LENGTHS[name])))]
    whole = encoded(name)
    position = data.draw(st.sampled_from(list(find(whole))))
    true = int.from_bytes(whole[position : position + size], order)  # type: ignore[arg-type]
    bits = data.draw(st.integers(1, 8 * size))
    value = data.draw(
        st.sampled_from([0, 1, 2 ** (8 * size) - 1, 2 ** (8 * size - 1) - 1, true // 2, true * 2, true - 1, true + 1])
        | st.integers(0, 2**bits - 1)
    )
    audio = decode_audio(patched(whole, position, value, size, order))
    assert audio.seconds == pytest.approx(decode_audio(whole).seconds, abs=0.11)


@given(data=st.data())
@settings(max_examples=20)
def test_a_single_length_that_is_too_short_or_unknown_cuts_nothing(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(SHORTER)))
    find, size = SHORTER[name]
    whole = encoded(name)
    (position,) = find(whole)
    true = int.from_bytes(whole[position : position + size], "big")
    value = data.draw(st.integers(0, true) | st.just(2 ** (8 * size) - 1))
    audio = decode_audio(patched(whole, position, value, size))
    assert audio.seconds == pytest.approx(decode_audio(whole).seconds, abs=0.11)


@pytest.mark.parametrize("name", FORMATS)
def test_tags_and_padding_around_a_recording_are_no_sound(name: str) -> None:
    whole = encoded(name)
    seconds = decode_audio(whole).seconds
    for before, behind in ((bytes(500), OLD_TAG), (TAG + PICTURE, bytes(300) + TAG)):
        assert decode_audio(before + whole + behind).seconds == pytest.approx(seconds, abs=0.12)


@pytest.mark.parametrize("name", FORMATS)
def test_recordings_one_after_the_other_are_all_heard(name: str) -> None:
    whole = encoded(name)
    other = whole if name in ("amr", "wavima") else encoded(name, "-ac", "2", "-ar", "48000")
    seconds = decode_audio(whole).seconds + decode_audio(other).seconds
    data = other + bytes(100) + OLD_TAG + TAG + whole
    assert decode_audio(data).seconds == pytest.approx(seconds, abs=0.2 if name in ("mp3", "aac") else 0.12)


def test_recordings_of_one_file_keep_two_channels_where_the_first_has_them(tmp_path: Path) -> None:
    source = tmp_path / "both.wav"
    two = np.stack([spoken(), spoken() * 0.1], axis=1)
    source.write_bytes(written(two) + written(spoken()))
    recording = decode_recording(source, tmp_path / "decoded", limits=AudioLimits(), keep_channels=True)
    assert (recording.channels, recording.seconds) == (2, 2 * SECONDS)


@pytest.mark.parametrize("name", ["wav", "flac", "opus"])
def test_channels_that_cancel_each_other_are_heard(tmp_path: Path, name: str) -> None:
    source = tmp_path / "source.wav"
    source.write_bytes(written(np.stack([spoken(), -spoken()], axis=1)))
    target = tmp_path / f"opposed.{name}"
    ffmpeg("-i", source, *FORMATS[name], target)
    samples = decode_audio(target.read_bytes()).samples
    assert np.sqrt(np.mean(samples**2)) > 0.2
    recording = decode_recording(target, tmp_path / "decoded", limits=AudioLimits(), keep_channels=True)
    assert np.sqrt(np.mean(recording.read(0, SECONDS).samples ** 2)) > 0.2


def test_a_channel_that_is_silent_or_alike_is_averaged_as_ever() -> None:
    other = np.random.default_rng(3).normal(0, 0.1, len(spoken())).astype(np.float32)
    for channels in ([spoken(), spoken() * 0], [spoken(), spoken() * 0.5], [spoken(), other]):
        audio = decode_audio(written(np.stack(channels, axis=1), subtype="FLOAT"))
        assert np.abs(audio.samples - np.mean(channels, axis=0)).max() < 1e-4


CODECS = [
    ("ac3", "mkv"), ("eac3", "mp4"), ("alac", "caf"), ("wmav2", "wma"), ("mp2", "mpg"), ("flac", "mka"), ("dca", "dts"),
    ("adpcm_ms", "wav"), ("adpcm_ima_qt", "aiff"), ("g722", "wav"), ("pcm_alaw", "au"), ("pcm_f64le", "mov"),
    ("wavpack", "wv"), ("tta", "tta"), ("libmp3lame", "flv"), ("aac", "ts"), ("pcm_s16le", "voc"),
    ("truehd", "mkv"), ("real_144", "rm"), ("pcm_mulaw", "wav"), ("pcm_f32be", "caf"), ("aac", "adts"),
    ("libmp3lame", "avi"),
]  # fmt: skip


@pytest.mark.parametrize(("codec", "suffix"), CODECS)
def test_whatever_the_bundled_ffmpeg_writes_it_reads(tmp_path: Path, codec: str, suffix: str) -> None:
    source, target = tmp_path / "source.wav", tmp_path / f"target.{suffix}"
    rate = 8000 if codec == "real_144" else 48000
    source.write_bytes(written(spoken(rate=rate), rate))
    ffmpeg("-i", source, "-strict", "-2", "-c:a", codec, target)
    assert decode_audio(target.read_bytes()).seconds == pytest.approx(SECONDS, abs=0.15)


def test_a_codec_that_is_not_decoded_is_named() -> None:
    movie = encoded("m4a").replace(b"esds", b"free").replace(b"mp4a", b"ac-4")
    with pytest.raises(AudioUnreadable, match="coded as ac4") as caught:
        decode_audio(movie)
    assert caught.value.details["codec"] == "ac4"
    assert caught.value.details["format"] == "MP4"


def test_a_film_with_sound_is_heard_and_its_pictures_are_not_decoded(tmp_path: Path) -> None:
    source, target = tmp_path / "source.wav", tmp_path / "film.mkv"
    source.write_bytes(written(spoken()))
    picture = ("-f", "lavfi", "-i", "testsrc=d=2:s=64x64")
    ffmpeg(*picture, "-i", source, "-c:v", "mpeg4", "-c:a", "ac3", target)
    assert decode_audio(target.read_bytes()).seconds == pytest.approx(SECONDS, abs=0.1)


def test_no_copy_is_left_in_the_folder_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    decode_audio(b"junk" + encoded("mp3"))
    assert list(tmp_path.iterdir()) == []

"""Reading and changing the speech that a model learns from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from asr.training.datasets import augment
from asr.training.datasets.corpus import SAMPLE_RATE, Clip, Samples, group, han, join, read_manifest, trim
from asr.training.datasets.rooms import random_room, room_response


@pytest.fixture
def speech(data_dir: Path) -> list[Clip]:
    return read_manifest(data_dir / "speech" / "manifest.jsonl")


def tone(hertz: float, seconds: float = 1.0) -> Samples:
    return np.sin(2 * np.pi * hertz * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE).astype(np.float32)


def strongest_hertz(samples: Samples) -> float:
    spectrum = np.abs(np.fft.rfft(samples))
    return float(np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)[spectrum.argmax()])


def test_a_manifest_gives_clips_that_can_be_heard(speech: list[Clip]) -> None:
    samples = speech[0].samples()
    assert samples.dtype == np.float32
    assert len(samples) / SAMPLE_RATE == pytest.approx(4.0, abs=0.05)
    assert np.abs(samples).max() > 0.05


def test_paths_may_be_relative_to_another_folder(data_dir: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text('{"id": "a", "audio_filepath": "k001026.ogg", "text": "好"}\n\n', encoding="utf-8")
    (clip,) = read_manifest(manifest, root=data_dir / "speech")
    assert len(clip.samples()) > 0


def test_han_leaves_out_punctuation_digits_and_letters() -> None:
    assert han("你好，3 号 OK。") == "你好号"


def test_trim_keeps_a_margin_around_what_is_loud() -> None:
    silence = np.zeros(SAMPLE_RATE, np.float32)
    trimmed = trim(np.concatenate([silence, tone(300), silence]), margin=0.1)
    assert len(trimmed) / SAMPLE_RATE == pytest.approx(1.2, abs=0.02)


def test_trim_leaves_silence_as_it_is() -> None:
    assert len(trim(np.zeros(1_600, np.float32))) == 1_600


def test_joined_clips_follow_one_another_with_a_pause(speech: list[Clip]) -> None:
    parts = [clip.samples() for clip in speech[:2]]
    joined = join(speech[:2], np.random.default_rng(0), gap=(0.2, 0.2))
    assert len(joined) == len(parts[0]) + int(0.2 * SAMPLE_RATE) + len(parts[1])


def test_levelled_clips_are_equally_loud(speech: list[Clip]) -> None:
    joined = join(speech[:1], np.random.default_rng(0), gap=(0, 0), level=True)
    assert np.abs(joined).max() == pytest.approx(0.5, abs=1e-3)


def test_grouping_uses_every_clip_once(speech: list[Clip]) -> None:
    runs = group(speech, np.random.default_rng(0), least=2, most=3)
    assert sorted(clip.id for run in runs for clip in run) == sorted(clip.id for clip in speech)
    assert max(len(run) for run in runs) <= 3


def test_faster_speech_is_shorter_and_higher() -> None:
    faster = augment.change_speed(tone(500), 1.1)
    assert len(faster) == pytest.approx(SAMPLE_RATE / 1.1, abs=2)
    assert strongest_hertz(faster) == pytest.approx(550, abs=2)


def test_noise_is_mixed_at_the_ratio_asked_for() -> None:
    clean, noise = tone(500), augment.coloured_noise(SAMPLE_RATE, np.random.default_rng(0), tilt=0)
    mixed = augment.add_noise(clean, noise, snr=10)
    assert 10 * np.log10((clean**2).mean() / ((mixed - clean) ** 2).mean()) == pytest.approx(10, abs=0.1)


def test_noise_of_no_power_changes_nothing() -> None:
    np.testing.assert_array_equal(augment.add_noise(tone(500), np.zeros(SAMPLE_RATE, np.float32), snr=10), tone(500))


def test_a_room_makes_sound_last_longer_and_loses_60_decibels_in_its_time() -> None:
    size, speaker, microphone = np.array([5.0, 4.0, 3.0]), np.array([1.0, 1.0, 1.0]), np.array([2.0, 2.5, 1.5])
    response = room_response(size, speaker, microphone, reverberation=0.4)
    assert response[0] == pytest.approx(1.0)
    left = np.cumsum(response[::-1] ** 2)[::-1]
    decay = 10 * np.log10(left / left[0])
    seconds = (np.argmax(decay < -25) - np.argmax(decay < -5)) / SAMPLE_RATE * 3
    assert seconds == pytest.approx(0.4, rel=0.25)
    click = np.zeros(SAMPLE_RATE, np.float32)
    click[0] = 1.0
    heard = augment.convolve(click, response)
    assert len(heard) == len(click)
    np.testing.assert_allclose(heard[: len(response)], response, atol=1e-5)


def test_random_rooms_differ_and_begin_with_the_direct_sound() -> None:
    rng = np.random.default_rng(0)
    first, second = random_room(rng), random_room(rng)
    assert len(first) != len(second)
    assert first[0] >= 0.5
    assert second[0] >= 0.5


def test_a_higher_voice_is_as_long_as_before() -> None:
    higher = augment.change_pitch(tone(200, 2.0), 1.12)
    assert len(higher) == 2 * SAMPLE_RATE
    assert strongest_hertz(higher) == pytest.approx(224, abs=2)


def test_babble_is_several_people_at_once(speech: list[Clip]) -> None:
    voices = [clip.samples() for clip in speech[:3]]
    mixed = augment.babble(voices, 8_000, np.random.default_rng(0))
    alone = augment.babble(voices[:1], 8_000, np.random.default_rng(0))
    assert len(mixed) == 8_000
    assert mixed.std() > alone.std()


def test_a_telephone_has_eight_bits_and_no_bass() -> None:
    heard = augment.telephone(tone(100) + tone(1_000))
    assert len(np.unique(heard)) <= 255
    spectrum = np.abs(np.fft.rfft(heard))
    assert spectrum[1_000] > 20 * spectrum[100]


def test_masking_hides_spans_and_leaves_the_rest() -> None:
    mel = np.random.default_rng(0).standard_normal((200, 80)).astype(np.float32)
    shares = [float((augment.mask_mel(mel, np.random.default_rng(seed)) != mel).mean()) for seed in range(20)]
    assert max(shares) > 0.1
    assert max(shares) < 0.6
    assert mel.std() == pytest.approx(1.0, abs=0.05)


def test_a_cheap_microphone_keeps_the_middle_and_loses_the_ends() -> None:
    both = tone(100) + tone(1_000)
    heard = augment.band_limit(both, low=300, high=3_400)
    spectrum = np.abs(np.fft.rfft(heard))
    assert spectrum[1_000] > 20 * spectrum[100]


def test_warping_moves_formants_between_mel_bands() -> None:
    mel = np.zeros((3, 80), np.float32)
    mel[:, 40] = 1.0
    assert augment.warp_mel(mel, 1.25)[0].argmax() == 32
    np.testing.assert_array_equal(augment.warp_mel(mel, 1.0), mel)


def test_augmented_speech_is_another_one_every_time_but_the_same_for_one_seed(speech: list[Clip]) -> None:
    samples = speech[0].samples()

    def versions(seed: int) -> list[Samples]:
        change = augment.Augmenter(np.random.default_rng(seed), babble=speech[1].samples)
        return [change(samples) for _ in range(12)]

    first, again = versions(1), versions(1)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(np.array_equal(first[0], other) for other in first[1:])
    assert all(np.isfinite(version).all() and 0 < np.abs(version).max() <= 1 for version in first)


def test_non_speech_is_of_several_kinds_and_within_full_scale() -> None:
    rng = np.random.default_rng(3)
    made = [augment.non_speech(rng) for _ in range(20)]
    assert all(1 <= len(samples) / SAMPLE_RATE <= 6 for samples in made)
    assert all(np.abs(samples).max(initial=0) <= 1 for samples in made)
    assert any(not samples.any() for samples in made)

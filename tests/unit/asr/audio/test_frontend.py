"""Both front ends: the numbers that models were trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from asr.audio.frontend import WavFrontend, WhisperFrontend, open_frontend
from asr.errors import ModelFileMissing, ModelInvalid
from asr.model_files.folder import ModelFolder


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(int(16000 * seconds))).astype(np.float32)


def unnormalised(stack: int = 1, stride: int = 1) -> WavFrontend:
    zeros, ones = np.zeros(80 * stack, np.float32), np.ones(80 * stack, np.float32)
    return WavFrontend(zeros, ones, stack=stack, stride=stride)


def write_mvn(path: Path, shift: list[float], scale: list[float]) -> None:
    rows = [" ".join(map(str, row)) for row in (shift, scale)]
    size = len(shift)
    path.write_text(
        f"<Nnet>\n<Splice> {size} {size}\n[ 0 ]\n"
        f"<AddShift> {size} {size}\n<LearnRateCoef> 0 [ {rows[0]} ]\n"
        f"<Rescale> {size} {size}\n<LearnRateCoef> 0 [ {rows[1]} ]\n</Nnet>\n"
    )


def folder_with(path: Path, frontend: str, **settings: object) -> ModelFolder:
    (path / "config.yaml").write_text(yaml.safe_dump({"frontend": frontend, "frontend_conf": settings}))
    return ModelFolder(path)


def test_log_mel_equals_its_definition() -> None:
    """Written out in float64, one frame: reflect padding, periodic Hann, power, Slaney mel, log10, the last 8 of it."""
    samples = noise(0.3)
    mel = WhisperFrontend().log_mel(samples)
    padded = np.pad(samples.astype(np.float64), 200, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    fourier = np.exp(-2j * np.pi * np.outer(np.arange(201), np.arange(400)) / 400)
    frames = np.stack([padded[160 * frame : 160 * frame + 400] for frame in range(30)])
    power = np.abs((frames * window) @ fourier.T) ** 2
    expected = np.log10(np.maximum(power @ WhisperFrontend()._filters.T, 1e-10))
    expected = (np.maximum(expected, expected.max() - 8) + 4) / 4
    assert mel.shape == (30, 80)
    assert np.abs(mel - expected).max() < 1e-4


def test_log_mel_equals_torch() -> None:
    torch = pytest.importorskip("torch")
    samples = noise(1.0)
    frontend = WhisperFrontend()
    spectrum = torch.stft(torch.tensor(samples), 400, 160, window=torch.hann_window(400), return_complex=True)
    mel = torch.clamp(torch.tensor(frontend._filters) @ spectrum[:, :-1].abs() ** 2, min=1e-10).log10()
    expected = (torch.maximum(mel, mel.max() - 8) + 4) / 4
    assert np.abs(frontend.log_mel(samples) - expected.numpy().T).max() < 1e-4


def test_mel_filters_have_slaneys_area_and_edges() -> None:
    filters = WhisperFrontend()._filters
    assert filters.shape == (80, 201)
    assert np.abs(filters.sum(axis=1)[20:] * 40.0 - 1.0).max() < 0.1  # unit area over bins of 40 Hz
    assert filters[0, 1] == pytest.approx(0.02486, abs=1e-4)  # librosa.filters.mel(16000, 400, 80)[0, 1]


def test_whisper_features_cover_the_audio_and_its_tail_in_an_even_number_of_frames() -> None:
    frontend = WhisperFrontend(tail_padding=0.5)
    for length in (0, 1, 159, 16000, 16001, 16160):
        frames = len(frontend(np.zeros(length, np.float32)))
        assert frames % 2 == 0
        assert 0 <= frames * 160 - (length + 8000) < 320


def test_fbank_has_a_frame_each_10_ms_that_25_ms_of_sound_fit_in() -> None:
    assert unnormalised()(noise(1.0)).shape == (98, 80)
    assert unnormalised()(noise(0.025)).shape == (1, 80)
    assert unnormalised()(noise(0.024)).shape == (0, 80)


def test_fbank_is_of_samples_on_the_scale_of_16_bit_integers() -> None:
    loud, soft = unnormalised()(noise(0.5)), unnormalised()(noise(0.5) / 2)
    assert np.abs(loud - soft - np.log(4.0)).max() < 1e-3
    assert 15 < loud.mean() < 25


def test_the_same_audio_gives_the_same_features() -> None:
    assert np.array_equal(unnormalised()(noise(0.5)), unnormalised()(noise(0.5)))


def test_low_frame_rate_stacks_neighbours_and_repeats_the_edges() -> None:
    frontend = unnormalised(stack=7, stride=6)
    frames = np.repeat(np.arange(14, dtype=np.float32)[:, None], 80, axis=1)
    stacked = frontend.stack(frames).reshape(-1, 7, 80)[:, :, 0]
    assert stacked.tolist() == [
        [0, 0, 0, 0, 1, 2, 3],
        [3, 4, 5, 6, 7, 8, 9],
        [9, 10, 11, 12, 13, 13, 13],
    ]


def test_cmvn_adds_the_shift_then_multiplies_the_scale() -> None:
    frontend = WavFrontend(np.full(80, -2.0, np.float32), np.full(80, 0.5, np.float32), stack=1, stride=1)
    assert frontend.normalize(np.full((3, 80), 6.0, np.float32)).tolist() == np.full((3, 80), 2.0).tolist()


def test_config_chooses_whisper(tmp_path: Path) -> None:
    frontend = open_frontend(folder_with(tmp_path, "WhisperFrontend", n_mels=80, tail_padding=1.0))
    assert frontend(np.zeros(16000, np.float32)).shape == (200, 80)


def test_config_chooses_kaldi_with_its_frame_rate(tmp_path: Path) -> None:
    write_mvn(tmp_path / "am.mvn", [0.0] * 560, [1.0] * 560)
    frontend = open_frontend(folder_with(tmp_path, "WavFrontend", lfr_m=7, lfr_n=6))
    assert frontend(noise(1.0)).shape == (17, 560)


def test_an_unknown_front_end_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelInvalid, match="MfccFrontend"):
        open_frontend(folder_with(tmp_path, "MfccFrontend"))


def test_settings_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelInvalid, match="frontend_conf"):
        open_frontend(folder_with(tmp_path, "WhisperFrontend", n_mels="many"))


def test_cmvn_of_another_size_is_refused(tmp_path: Path) -> None:
    write_mvn(tmp_path / "am.mvn", [0.0] * 80, [1.0] * 80)
    with pytest.raises(ModelInvalid, match="80 values"):
        open_frontend(folder_with(tmp_path, "WavFrontend", lfr_m=7, lfr_n=6))


def test_a_missing_cmvn_names_folder_and_file(tmp_path: Path) -> None:
    with pytest.raises(ModelFileMissing) as caught:
        open_frontend(folder_with(tmp_path, "WavFrontend"))
    assert caught.value.details == {"folder": str(tmp_path), "file": "am.mvn"}


@pytest.mark.parametrize(
    "text", ["", "<AddShift> 1 1\n<LearnRateCoef> 0 [ 1 ]\n", "<Rescale> 1 1\n<LearnRateCoef> 0 [ x ]\n"]
)
def test_a_broken_cmvn_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "am.mvn").write_text(text)
    with pytest.raises(ModelInvalid):
        ModelFolder(tmp_path).cmvn()


@pytest.mark.parametrize("text", ["- a\n- list\n", "{ broken", ""])
def test_a_broken_config_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ModelInvalid) as caught:
        ModelFolder(tmp_path).config()
    assert caught.value.details["file"] == "config.yaml"


def test_a_section_that_holds_no_settings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelInvalid, match="model_conf"):
        ModelFolder(tmp_path).section({"model_conf": "large"}, "model_conf")


@pytest.mark.parametrize(("stack", "stride"), [(5, 1), (7, 6), (4, 9)])
@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.1, 1.2345])
@pytest.mark.parametrize("size", [1, 333, 30_000])
def test_features_of_a_stream_equal_features_at_once(stack: int, stride: int, seconds: float, size: int) -> None:
    frontend = unnormalised(stack, stride)
    samples = noise(seconds)
    stream = frontend.stream()
    pieces = [stream.accept(samples[begin : begin + size]) for begin in range(0, len(samples), size)]
    assert np.array_equal(np.concatenate([*pieces, stream.finish()]), frontend(samples))

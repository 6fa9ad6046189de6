"""FSMN-VAD with its real weights on real recordings."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from asr.audio.decoding import decode_audio
from asr.audio.frontend import open_frontend
from asr.errors import ModelFileMissing, ModelInvalid, RecognitionFailed
from asr.model_files.folder import ModelFolder
from asr.recognizer import EMBEDDED
from asr.vad.fsmn import VadModel, VoiceActivityDetector, open_vad

VAD = EMBEDDED / "vad"


@pytest.fixture(scope="module")
def vad() -> VoiceActivityDetector:
    return open_vad(VAD)


@pytest.fixture(scope="module")
def speech(data_dir: Path) -> np.ndarray:
    """我想预约明天下午心血管内科的号, 4 s."""
    return decode_audio((data_dir / "speech" / "k001026.ogg").read_bytes()).samples


def silence(seconds: float) -> np.ndarray:
    return np.zeros(int(16000 * seconds), np.float32)


def test_speech_between_silences_is_found(vad: VoiceActivityDetector, speech: np.ndarray) -> None:
    (span,) = vad.detect(np.concatenate([silence(1.5), speech, silence(2.0)]))
    assert span.start == pytest.approx(1.5, abs=0.4)
    assert span.end == pytest.approx(1.5 + len(speech) / 16000, abs=0.8)


def test_two_sentences_apart_are_two_segments(vad: VoiceActivityDetector, speech: np.ndarray) -> None:
    first, second = vad.detect(np.concatenate([speech, silence(2.0), speech]))
    assert first.end < len(speech) / 16000 + 1.0
    assert second.start > first.end


def test_speech_to_the_very_end_keeps_its_last_samples(vad: VoiceActivityDetector, speech: np.ndarray) -> None:
    cut_off = speech[: 2 * 16000 + 77]
    assert vad.detect(cut_off)[-1].end == pytest.approx(len(cut_off) / 16000)


@pytest.mark.parametrize("amplitude", [0.001, 0.01, 0.1, 0.5])
def test_white_noise_is_no_speech(vad: VoiceActivityDetector, amplitude: float) -> None:
    noise = np.random.default_rng(3).standard_normal(5 * 16000) * amplitude
    assert vad.detect(noise.astype(np.float32).clip(-1, 1)) == ()


@pytest.mark.parametrize("samples", [silence(5.0), silence(0.02), silence(0.0)], ids=["5s", "20ms", "0s"])
def test_silence_is_no_speech(vad: VoiceActivityDetector, samples: np.ndarray) -> None:
    assert vad.detect(samples) == ()


def test_long_speech_is_cut_to_the_maximum_and_nothing_is_lost(vad: VoiceActivityDetector, speech: np.ndarray) -> None:
    long = np.tile(speech, 5)
    whole = vad.detect(long)
    pieces = vad.detect(long, max_seconds=6.0)
    assert max(piece.end - piece.start for piece in pieces) <= 6.05
    assert sum(piece.end - piece.start for piece in pieces) == pytest.approx(sum(s.end - s.start for s in whole))


def test_speech_is_given_out_before_the_recording_has_been_read(
    vad: VoiceActivityDetector, speech: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored = []
    score = VadModel.score
    monkeypatch.setattr(VadModel, "score", lambda *args: scored.append(1) or score(*args))
    next(vad.spans(np.concatenate([speech, silence(60.0)])))
    assert len(scored) < 200  # of more than a thousand


def test_scores_in_pieces_equal_scores_at_once(speech: np.ndarray) -> None:
    folder = ModelFolder(VAD)
    model = VadModel(folder)
    features = open_frontend(folder)(speech)
    whole, _ = model.score(features, model.fresh_caches())
    caches = model.fresh_caches()
    pieces = []
    for begin in range(0, len(features), 60):
        scores, caches = model.score(features[begin : begin + 60], caches)
        pieces.append(scores)
    assert np.abs(np.concatenate(pieces) - whole).max() < 1e-4


@pytest.mark.parametrize("size", [1, 100, 160, 9600])
def test_a_stream_in_pieces_has_the_spans_of_the_whole(
    vad: VoiceActivityDetector, speech: np.ndarray, size: int
) -> None:
    audio = np.concatenate([silence(0.5), speech, silence(1.2), speech[:20_077]])
    audio = audio[-40_000:] if size == 1 else audio
    stream = vad.stream(max_seconds=2.0)
    pieces = [audio[begin : begin + size] for begin in range(0, len(audio), size)]
    spans = [span for piece in pieces for span in stream.accept(piece)]
    assert (*spans, *stream.finish()) == vad.detect(audio, max_seconds=2.0)


def test_a_stream_knows_where_the_speech_that_goes_on_began(vad: VoiceActivityDetector, speech: np.ndarray) -> None:
    stream = vad.stream()
    assert stream.start is None
    stream.accept(np.concatenate([silence(1.0), speech[:16_000]]))
    assert stream.start == pytest.approx(1.0, abs=0.3)
    assert stream.needed == stream.start


def test_a_missing_model_names_folder_and_file(tmp_path: Path) -> None:
    for name in ("config.yaml", "am.mvn"):
        shutil.copy(VAD / name, tmp_path / name)
    with pytest.raises(ModelFileMissing, match=r"model\.onnx") as caught:
        open_vad(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    for name in ("config.yaml", "am.mvn"):
        shutil.copy(VAD / name, tmp_path / name)
    (tmp_path / "model.onnx").write_bytes((VAD / "model.onnx").read_bytes()[:1000])
    with pytest.raises(ModelInvalid, match="onnxruntime"):
        open_vad(tmp_path)


def test_a_network_of_another_kind_is_refused(tmp_path: Path) -> None:
    for name in ("config.yaml", "am.mvn"):
        shutil.copy(VAD / name, tmp_path / name)
    shutil.copy(EMBEDDED / "paraformer" / "model_quant.onnx", tmp_path / "model.onnx")
    with pytest.raises(ModelInvalid, match="no input named speech"):
        open_vad(tmp_path)


def test_settings_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    for name in ("am.mvn", "model.onnx"):
        shutil.copy(VAD / name, tmp_path / name)
    text = (VAD / "config.yaml").read_text().replace("window_size_ms: 200", "window_size_ms: wide")
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ModelInvalid, match="model_conf"):
        open_vad(tmp_path)


def test_features_of_another_model_fail_with_our_error() -> None:
    model = VadModel(ModelFolder(VAD))
    with pytest.raises(RecognitionFailed):
        model.score(np.zeros((10, 80), np.float32), model.fresh_caches())


def test_another_kind_of_front_end_is_refused(tmp_path: Path) -> None:
    for name in ("am.mvn", "model.onnx"):
        shutil.copy(VAD / name, tmp_path / name)
    (tmp_path / "config.yaml").write_text("frontend: WhisperFrontend\nmodel: FsmnVADStreaming\n")
    with pytest.raises(ModelInvalid, match="front end"):
        open_vad(tmp_path)

"""CTC models run by onnxruntime, on tiny ones as WeNet, NeMo and icefall export them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from asr.audio.decoding import Audio, decode_audio
from asr.decoding.ctc import greedy
from asr.engines import EngineOptions, open_engine
from asr.engines.ctc_engine import CtcEngine
from asr.engines.sherpa_engine import SherpaEngine
from asr.errors import ModelFileMissing, ModelInvalid, RecognitionFailed
from asr.recognizer import open_recognizer
from tests import tiny_sherpa


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_sherpa.make("zipformer_ctc", tmp_path_factory.mktemp("ctc"))


@pytest.fixture(scope="module")
def clip(data_dir: Path) -> Audio:
    return decode_audio((data_dir / "speech" / "k000990.ogg").read_bytes())


@pytest.mark.parametrize("family", ["wenet_ctc", "zipformer_ctc", "nemo_ctc"])
def test_every_frame_is_given_with_the_greedy_text(family: str, tmp_path: Path, clip: Audio) -> None:
    engine = CtcEngine(tiny_sherpa.make(family, tmp_path / family))
    (heard,) = engine.listen([clip.samples])
    assert heard.frames is not None
    assert heard.frames.frame_seconds == pytest.approx(0.01 * tiny_sherpa.SUBSAMPLING, rel=0.02)
    assert np.exp(heard.frames.log_probs).sum(axis=1) == pytest.approx(1.0, abs=1e-3)
    assert heard.posteriors.log_probs.argmax(axis=1).tolist() == list(greedy(heard.frames).units)
    assert heard.posteriors.times[-1, 1] <= clip.seconds
    assert engine.max_seconds == 20.0


@pytest.mark.parametrize("family", ["wenet_ctc", "zipformer_ctc", "nemo_ctc"])
def test_greedily_it_hears_what_sherpa_onnx_hears(family: str, tmp_path: Path, clip: Audio) -> None:
    folder = tiny_sherpa.make(family, tmp_path / family)
    # In silence sherpa-onnx hears noise of its own for WeNet's models.
    noise = 0.0 if family != "wenet_ctc" else np.random.default_rng(1).standard_normal(len(clip.samples)) * 0.001
    samples = (clip.samples + noise).astype(np.float32)
    (ours,) = CtcEngine(folder).listen([samples])
    (theirs,) = SherpaEngine(folder).listen([samples])
    assert ours.frames is not None
    written = [tiny_sherpa.UNITS[unit] for unit in greedy(ours.frames).units]
    chinese = [unit for unit in written if "\u4e00" <= unit <= "\u9fff"]
    units = [SherpaEngine.units[unit] for unit in theirs.posteriors.log_probs.argmax(axis=1)]
    assert chinese == [unit for unit in units if "\u4e00" <= unit <= "\u9fff"]
    assert len(chinese) > 10


def test_a_recogniser_gives_text_and_the_likeliest_texts(folder: Path, clip: Audio) -> None:
    recognizer = open_recognizer(folder, engine=EngineOptions("ctc"))
    assert recognizer.model_name == "ctc-zipformer_ctc"
    transcript = recognizer.transcribe(clip, nbest=3)
    for segment in transcript.segments:
        assert 1 <= len(segment.readings) <= 3
        assert segment.readings[0].text == segment.spoken
    assert recognizer.transcribe(clip).to_dict()["segments"] == [
        {key: value for key, value in segment.items() if key != "readings"}
        for segment in transcript.to_dict()["segments"]
    ]


def test_hardly_any_sound_is_no_text(folder: Path) -> None:
    for heard in CtcEngine(folder).listen([np.zeros(0, np.float32), np.zeros(800, np.float32)]):
        assert len(heard.posteriors.log_probs) == 0


@pytest.mark.parametrize(
    ("file", "content", "error"),
    [
        ("tokens.txt", "a b c\n", ModelInvalid),
        ("tokens.txt", "你 0\n好 2\n", ModelInvalid),
        ("tokens.txt", None, ModelFileMissing),
        ("model.onnx", "broken", ModelInvalid),
        ("sherpa.yaml", "family: whisper\nencoder: model.onnx\ndecoder: model.onnx\ntokens: tokens.txt", ModelInvalid),
    ],
)
def test_a_wrong_folder_is_named(
    folder: Path, tmp_path: Path, file: str, content: str | None, error: type[Exception]
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    (broken / file).unlink()
    if content is not None:
        (broken / file).write_text(content, encoding="utf-8")
    with pytest.raises(error, match=str(broken)):
        open_engine(broken, EngineOptions("ctc"))


def test_another_vocabulary_than_the_models_is_said(folder: Path, tmp_path: Path, clip: Audio) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    (broken / "tokens.txt").write_text("<blk> 0\n你 1\n", encoding="utf-8")
    with pytest.raises(RecognitionFailed, match="list of tokens has 2"):
        CtcEngine(broken).listen([clip.samples])

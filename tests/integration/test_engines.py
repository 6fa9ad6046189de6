"""What every engine promises, asked of each: the same clips, the same shape of transcript, the same errors."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml

from app.factory import build
from app.settings import Settings
from asr.audio.decoding import Audio, decode_audio
from asr.decoding import Tier
from asr.engines import Engine, EngineKind, EngineOptions, open_engine
from asr.engines.onnx.engine import OnnxEngine
from asr.engines.onnx.streaming import StreamingParaformer
from asr.engines.sherpa_engine import SherpaEngine
from asr.engines.torch_engine import TorchEngine
from asr.errors import EngineMissing, ModelFileMissing, ModelInvalid
from asr.hotwords.list import Hotword, HotwordList
from asr.recognizer import EMBEDDED, Recognizer, open_recognizer
from asr.vad.fsmn import open_vad
from tests import tiny_sherpa
from tests.integration.conftest import start_server

Tiny = Callable[[str], Path]
RATE = 16000


@pytest.fixture(scope="module")
def clip(data_dir: Path) -> Audio:
    return decode_audio((data_dir / "speech" / "k001026.ogg").read_bytes())


@pytest.fixture(scope="module")
def sherpa_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_sherpa.make("nemo_ctc", tmp_path_factory.mktemp("sherpa"))


@pytest.fixture(scope="module", params=["embedded", "onnx", "streaming", "torch", "sherpa", "remote"])
def engine(
    request: pytest.FixtureRequest, tiny_model: Tiny, sherpa_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    if request.param == "remote":  # the server that it speaks to is this project's own
        settings = Settings(data_dir=tmp_path_factory.mktemp("server"), workers=2)
        client, stop = start_server(build(settings, page=None))
        yield open_engine(Path(), EngineOptions("remote", url=f"ws://127.0.0.1:{client.base_url.port}"))
        stop()
        return
    folders = {
        "embedded": lambda: EMBEDDED / "paraformer",
        "streaming": lambda: tiny_model("streaming"),
        "sherpa": lambda: sherpa_folder,
    }
    folder = folders.get(request.param, lambda: tiny_model("seaco"))()
    kind: EngineKind = "torch" if request.param == "torch" else "auto"
    yield open_engine(folder, EngineOptions(kind, device="cpu"))


@pytest.fixture(scope="module")
def recognizer(engine: Engine) -> Recognizer:
    return Recognizer(open_vad(EMBEDDED / "vad"), engine, min_confidence=0.0)  # random weights are never sure


def test_a_transcript_has_the_same_shape(recognizer: Recognizer, clip: Audio) -> None:
    transcript = recognizer.transcribe(clip)
    (segment,) = transcript.segments
    assert transcript.seconds == clip.seconds
    assert len(segment.tokens) > 3
    assert segment.text
    times = [(token.start, token.end) for token in segment.tokens]
    assert all(segment.start - 1e-4 <= start <= end <= segment.end + 1e-4 for start, end in times)
    assert [start for start, _ in times] == sorted(start for start, _ in times)
    for token in segment.tokens:
        assert token.text in recognizer.vocabulary
        assert 0.0 < token.confidence <= 1.0
        assert token.alternatives[0].text == token.text
    assert [segment.words[0].first, segment.words[-1].last] == [0, len(segment.tokens)]


def test_the_same_audio_gives_the_same_transcript_in_every_thread(recognizer: Recognizer, clip: Audio) -> None:
    expected = recognizer.transcribe(clip)
    with ThreadPoolExecutor(3) as pool:
        assert all(found.spoken == expected.spoken for found in pool.map(recognizer.transcribe, [clip] * 4))


def test_silence_has_no_text(recognizer: Recognizer) -> None:
    assert recognizer.transcribe(Audio(np.zeros(2 * RATE, np.float32))).segments == ()


def test_stretches_come_back_in_their_order_and_as_if_alone(engine: Engine, clip: Audio) -> None:
    pieces = [clip.samples, clip.samples[:0], clip.samples[8000:40000], clip.samples[:100], clip.samples[:24000]]
    together = [heard.posteriors for heard in engine.listen(pieces)]
    assert len(together) == len(pieces)
    assert [len(together[place].log_probs) for place in (1, 3)] == [0, 0]
    for piece, found in zip(pieces, together, strict=True):
        (alone,) = engine.listen([piece])
        assert found.log_probs.shape == alone.posteriors.log_probs.shape == (len(found.times), len(engine.units))
        assert np.array_equal(found.log_probs.argmax(1), alone.posteriors.log_probs.argmax(1))


def test_hotwords_get_into_the_text(recognizer: Recognizer, clip: Audio) -> None:
    """Whatever the engine knows of hotwords, a misheard form becomes its word."""
    plain = recognizer.transcribe(clip)
    texts = [token.text for token in plain.tokens]
    misheard = next(
        one + two for one, two in pairwise(texts) if len(one + two) == 2 and not one.isascii() and not two.isascii()
    )
    hotwords = HotwordList((Hotword("寻腔", aliases=(misheard,)),))
    changed = recognizer.transcribe(clip, hotwords, tiers=frozenset({Tier.PHONETIC}))
    assert "寻腔" in changed.spoken
    # An alias is found by its sound too, in another spelling perhaps.
    assert ("寻腔", misheard, "phonetic") in {(each.word, each.heard, each.tier) for each in changed.changes}
    assert {change.word for change in changed.changes} == {"寻腔"}


def test_an_engine_says_what_it_is(engine: Engine) -> None:
    assert engine.name
    assert 10 <= engine.max_seconds <= 60
    assert engine.batch_seconds >= 0


LOCAL = [OnnxEngine, StreamingParaformer, TorchEngine, SherpaEngine]


@pytest.mark.parametrize("kind", LOCAL)
def test_a_folder_that_is_not_there_is_named(kind: type[OnnxEngine], tmp_path: Path) -> None:
    with pytest.raises(ModelFileMissing, match="nowhere") as caught:
        kind(tmp_path / "nowhere")
    assert caught.value.details["folder"] == str(tmp_path / "nowhere")


def copied(folder: Path, target: Path, **contents: str | bytes) -> Path:
    """A folder with the same files, but for those whose contents are given by their names with _ for the point."""
    target.mkdir()
    names = {name.replace("_", "."): content for name, content in contents.items()}
    for file in folder.iterdir():
        if file.name in names:
            content = names[file.name]
            (target / file.name).write_bytes(content if isinstance(content, bytes) else content.encode())
        else:
            (target / file.name).symlink_to(file)
    return target


@pytest.mark.parametrize(
    ("kind", "source", "contents"),
    [
        (OnnxEngine, "seaco", {"model_onnx": b"broken"}),
        (StreamingParaformer, "streaming", {"decoder_onnx": b"broken"}),
        (TorchEngine, "seaco", {"model_pt": b"broken"}),
        (TorchEngine, "streaming", {}),
        (SherpaEngine, "sherpa", {"model_onnx": b"broken"}),
        (SherpaEngine, "sherpa", {"sherpa_yaml": "family: of_ours"}),
        (SherpaEngine, "sherpa", {"sherpa_yaml": "- a list"}),
        (SherpaEngine, "sherpa", {"sherpa_yaml": "{"}),
        (SherpaEngine, "sherpa", {"sherpa_yaml": yaml.safe_dump(
            {"family": "nemo_ctc", "model": "model.onnx", "tokens": "tokens.txt", "options": {"debug": True}}
        )}),
        (SherpaEngine, "sherpa", {"sherpa_yaml": yaml.safe_dump(
            {"family": "nemo_ctc", "model": "model.onnx", "tokens": "tokens.txt", "max_seconds": "long"}
        )}),
    ],
)  # fmt: skip
def test_a_model_that_cannot_be_used_is_named(
    kind: type[OnnxEngine], source: str, contents: dict[str, str], tiny_model: Tiny, sherpa_folder: Path, tmp_path: Path
) -> None:
    folder = copied(sherpa_folder if source == "sherpa" else tiny_model(source), tmp_path / "broken", **contents)
    with pytest.raises(ModelInvalid, match="broken") as caught:
        kind(folder)
    assert caught.value.details["folder"] == str(folder)


@pytest.mark.parametrize(
    ("kind", "package", "file"),
    [
        (TorchEngine, "torch", "requirements-torch.txt"),
        (TorchEngine, "funasr", "requirements-torch.txt"),
        (SherpaEngine, "sherpa_onnx", "requirements-sherpa.txt"),
    ],
)
def test_a_package_that_is_missing_is_named_with_the_file_to_install(
    kind: type[OnnxEngine],
    package: str,
    file: str,
    tiny_model: Tiny,
    sherpa_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(EngineMissing, match=f"pip install -r {file}") as caught:
        kind(sherpa_folder if kind is SherpaEngine else tiny_model("seaco"))
    assert caught.value.details == {"package": package, "file": file}
    assert (Path(__file__).parents[2] / file).is_file()


def test_the_files_of_a_folder_choose_the_engine(tiny_model: Tiny, sherpa_folder: Path, tmp_path: Path) -> None:
    torch_only = tmp_path / "torch"
    torch_only.mkdir()
    for file in tiny_model("paraformer").iterdir():
        if file.suffix != ".onnx":
            (torch_only / file.name).symlink_to(file)
    assert isinstance(open_engine(tiny_model("seaco"), EngineOptions(device="cpu")), OnnxEngine)
    assert isinstance(open_engine(tiny_model("streaming")), StreamingParaformer)
    assert isinstance(open_engine(sherpa_folder), SherpaEngine)
    assert isinstance(open_engine(torch_only), TorchEngine)


@pytest.mark.parametrize("family", ["wenet_ctc", "zipformer_ctc"])
def test_other_families_are_read(family: str, tmp_path: Path, clip: Audio) -> None:
    engine = SherpaEngine(tiny_sherpa.make(family, tmp_path / family))
    (heard,) = engine.listen([clip.samples])
    assert len(heard.posteriors.log_probs) > 5
    assert engine.name == f"sherpa-{family}"
    assert engine.max_seconds == 20.0


def test_a_recogniser_with_a_server_needs_no_model_of_its_own(tmp_path: Path) -> None:
    recognizer = open_recognizer(engine=EngineOptions("remote", url="ws://127.0.0.1:1"))
    assert recognizer.model_name == "funasr-offline"
    assert recognizer.transcribe(Audio(np.zeros(RATE, np.float32))).segments == ()


def test_a_gpu_that_is_not_there_is_said_and_the_cpu_taken(
    tiny_model: Tiny, clip: Audio, caplog: pytest.LogCaptureFixture
) -> None:
    engine = OnnxEngine(tiny_model("bicif"), device="cuda")
    assert "runs on the CPU" in caplog.text
    (heard,) = engine.listen([clip.samples])
    (expected,) = OnnxEngine(tiny_model("bicif")).listen([clip.samples])
    assert np.array_equal(heard.posteriors.log_probs, expected.posteriors.log_probs)


def test_threads_are_chosen_by_measurement(tiny_model: Tiny, clip: Audio) -> None:
    measured = OnnxEngine(tiny_model("bicif"), threads=0, most_threads=2)
    (heard,) = measured.listen([clip.samples])
    (expected,) = OnnxEngine(tiny_model("bicif"), threads=1).listen([clip.samples])
    assert np.abs(heard.posteriors.log_probs - expected.posteriors.log_probs).max() < 1e-4

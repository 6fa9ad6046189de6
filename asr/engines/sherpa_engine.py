"""Models of other families, by sherpa-onnx: a user of WeNet, NeMo, icefall, SenseVoice or Whisper brings their export.

A small file `sherpa.yaml` in the model's folder says what it is; names of files are relative to the folder:

    family: wenet_ctc            # one of FAMILIES below
    model: model.int8.onnx       # transducer: encoder, decoder, joiner; whisper: encoder, decoder
    tokens: tokens.txt
    options: {language: zh}      # of the family, where it has any
    max_seconds: 30              # the longest stretch it takes (Whisper: 30)
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from asr.audio.frontend import Samples
from asr.engines.engine import EngineOutput
from asr.engines.open_vocabulary import UNITS, UNRATED, SpokenText, posteriors_of, spread, words_of
from asr.engines.optional import import_optional
from asr.errors import RecognitionFailed
from asr.hotwords.list import EMPTY, HotwordList
from asr.model_files.folder import ModelFolder

DESCRIPTION = "sherpa.yaml"

_SAMPLE_RATE = 16000
_SHORTEST = _SAMPLE_RATE // 10  # samples; nobody says anything in less
_PROBE_SECONDS = 120.0
_LONGEST_TOKEN = 0.4  # seconds; what comes after the last emission of a token is a pause
_BATCH_SECONDS = 30.0


@dataclass(frozen=True)
class Family:
    """What sherpa-onnx wants for a kind of model: files under its own names, and what may be set."""

    files: Mapping[str, str]
    options: frozenset[str] = frozenset()


_ONE_FILE = Family({"model": "model"})
FAMILIES: Mapping[str, Family] = {
    "wenet_ctc": _ONE_FILE,
    "nemo_ctc": _ONE_FILE,
    "zipformer_ctc": _ONE_FILE,
    "telespeech_ctc": _ONE_FILE,
    "dolphin_ctc": _ONE_FILE,
    "paraformer": Family({"model": "paraformer"}),
    "sense_voice": Family({"model": "model"}, frozenset({"language"})),
    "transducer": Family(
        {"encoder": "encoder", "decoder": "decoder", "joiner": "joiner"},
        frozenset({"model_type", "decoding_method", "max_active_paths"}),
    ),
    "whisper": Family({"encoder": "encoder", "decoder": "decoder"}, frozenset({"language", "tail_paddings"})),
    "fire_red_asr": Family({"encoder": "encoder", "decoder": "decoder"}),
}


class SherpaEngine:
    """The model in a folder, on the CPU. Safe to share between threads; hotwords are found by their sound."""

    units = UNITS

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        """Load the model that `sherpa.yaml` in folder `path` describes.

        Raises:
            EngineMissing: sherpa-onnx is not installed.
            ModelFileMissing: the error names the folder looked in and the file missing.
            ModelInvalid: the description is wrong, or sherpa-onnx cannot load the model.
        """
        folder = ModelFolder(path)
        family, arguments, self.max_seconds = described(folder, threads)
        self.name = f"sherpa-{family}"
        self.batch_seconds = _BATCH_SECONDS
        sherpa = import_optional("sherpa_onnx")
        _probe(folder, family, arguments)
        self._recognizer = getattr(sherpa.OfflineRecognizer, f"from_{family}")(**arguments)

    def listen(self, segments: Sequence[Samples], hotwords: HotwordList = EMPTY) -> list[EngineOutput]:
        """Recognise stretches of speech, as `Engine.listen` says; raises RecognitionFailed."""
        streams: dict[int, Any] = {}
        for place, segment in enumerate(segments):
            if len(segment) >= _SHORTEST:
                streams[place] = self._recognizer.create_stream()
                streams[place].accept_waveform(_SAMPLE_RATE, segment)
        try:
            if streams:  # sherpa-onnx crashes on none
                self._recognizer.decode_streams(list(streams.values()))
        except (RuntimeError, ValueError) as error:
            raise RecognitionFailed("The acoustic model failed on this recording.", reason=str(error)) from error
        results = {place: stream.result for place, stream in streams.items()}
        return [
            EngineOutput(
                posteriors_of(_spoken(results[place], len(segment) / _SAMPLE_RATE) if place in results else ())
            )
            for place, segment in enumerate(segments)
        ]


def described(folder: ModelFolder, threads: int) -> tuple[str, dict[str, Any], float]:
    """Read sherpa.yaml: the family, sherpa-onnx's arguments, the longest stretch of speech, in seconds.

    Raises:
        ModelFileMissing, ModelInvalid: it, or a file that it names, is missing or wrong.
    """
    file = folder.find(DESCRIPTION)
    try:
        described = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise folder.invalid(file, "it is not YAML") from error
    if not isinstance(described, dict):
        raise folder.invalid(file, "it holds no settings")
    name = str(described.get("family"))
    family = FAMILIES.get(name)
    if family is None:
        raise folder.invalid(file, f"the family {name!r} is none of {', '.join(sorted(FAMILIES))}")
    arguments: dict[str, Any] = {"num_threads": threads, "tokens": str(folder.find(str(described.get("tokens"))))}
    for ours, theirs in family.files.items():
        arguments[theirs] = str(folder.find(str(described.get(ours))))
    options = folder.section(described, "options")
    unknown = sorted(set(map(str, options)) - family.options)
    if unknown:
        raise folder.invalid(file, f"the family {name} has no option {', '.join(unknown)}")
    try:
        max_seconds = float(described.get("max_seconds", 30.0))
    except (TypeError, ValueError) as error:
        raise folder.invalid(file, "max_seconds is no number") from error
    return name, {**arguments, **options}, max_seconds


def _probe(folder: ModelFolder, family: str, arguments: dict[str, Any]) -> None:
    """Load the model in a process of its own first: sherpa-onnx ends the process on a model it does not like."""
    program = (
        "import sys, json, sherpa_onnx\n"
        "family, arguments = json.loads(sys.stdin.read())\n"
        "getattr(sherpa_onnx.OfflineRecognizer, 'from_' + family)(**arguments)\n"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", program],
            input=json.dumps([family, arguments]),
            capture_output=True,
            text=True,
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise folder.invalid(folder.path / DESCRIPTION, "sherpa-onnx does not load the model in time") from error
    if done.returncode:
        said = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        reason = said[-1][-300:] if said else f"exit status {done.returncode}"
        raise folder.invalid(folder.path / DESCRIPTION, f"sherpa-onnx cannot load the model: {reason}")


def _spoken(result: Any, seconds: float) -> list[SpokenText]:
    """Give the tokens of a result their times; a token begins where it was emitted and ends with the next one."""
    starts = [min(float(start), seconds) for start in result.timestamps]
    tokens = list(result.tokens)
    if len(starts) != len(tokens):
        return spread(words_of(result.text), 0.0, seconds)
    sure = [float(log_prob) for log_prob in result.ys_log_probs]
    rated = [min(1.0, math.exp(log_prob)) for log_prob in sure] if len(sure) == len(tokens) else None
    spoken: list[SpokenText] = []
    for place, (token, start) in enumerate(zip(tokens, starts, strict=True)):
        following = starts[place + 1] if place + 1 < len(tokens) else seconds
        end = max(start, min(following, start + _LONGEST_TOKEN))
        confidence = rated[place] if rated else UNRATED
        # A Latin word comes in pieces: one that begins a word has a space (or ▁) before it.
        begins = token[:1] in (" ", "▁") or not spoken
        latin = token.strip(" ▁")[:1].isascii() and not begins and spoken[-1].text[-1:].isascii()
        if latin and spoken[-1].text[-1:].isalnum():
            last = spoken.pop()
            spoken.append(SpokenText(last.text + token, last.start, end, min(last.confidence, confidence)))
        elif token.strip(" ▁"):
            spoken.append(SpokenText(token.strip(" ▁"), start, end, confidence))
    return spoken

"""From exported graphs to a model folder that may be used: int8 beside fp32, and only if int8 recognises as well."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import torch
from rapidfuzz.distance import Levenshtein

from asr.audio.frontend import WhisperFrontend
from asr.decoding.greedy import decode_greedily
from asr.engines import open_engine
from asr.evaluation.error_rate import Errors, count_errors
from asr.training.datasets.corpus import Clip
from asr.training.datasets.items import TAIL_SECONDS
from asr.training.datasets.text import Vocabulary
from asr.training.errors import AccuracyLost, ConfigInvalid
from asr.training.export.graphs import export_encoder, export_model, write_description
from asr.training.export.quantise import Int8Settings, largest_inputs, quantise, tame
from asr.training.model import EmbeddedParaformer
from asr.training.whisper import WhisperEncoder

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExportConfig:
    """The ``export`` section of a configuration."""

    tolerance: float = 0.3
    """Percentage points of CER by which int8 may differ from fp32 on a held-out set."""
    smoothing: tuple[float, ...] = (0.85, 0.7, 0.5)
    outliers: tuple[int, ...] = (48,)
    """Settings of ``quantise.Int8Settings`` that are tried; the calibration clips choose."""
    calibration: int = 60
    """Clips of the training speech that are looked at for that; never those that int8 is checked on."""


def stage_embedded(
    encoder: WhisperEncoder,
    model: EmbeddedParaformer,
    vocabulary: Vocabulary,
    calibration: Sequence[Clip],
    staging: Path,
    config: ExportConfig,
) -> tuple[Path, Path]:
    """Write both models of the embedded kind into ``staging``; returns the folders of fp32 and int8."""
    fp32, int8 = empty(staging / "fp32"), empty(staging / "int8")
    export_encoder(encoder, fp32 / "encoder.onnx")
    export_model(model, fp32 / "model.onnx")
    write_description(model.config, vocabulary, fp32)
    for name in ("config.yaml", "tokens.json", "syllables.json"):
        shutil.copy(fp32 / name, int8)
    quantise(fp32 / "model.onnx", int8 / "model_quant.onnx")

    seen, judged = calibration[::2], calibration[1::2] or calibration
    frontend = WhisperFrontend(tail_padding=TAIL_SECONDS)
    largest = largest_inputs(encoder, (torch.from_numpy(frontend(clip.samples())) for clip in seen))
    expected = recognise(fp32, judged)
    settings = [Int8Settings(*pair) for pair in product(config.smoothing, config.outliers)]
    disagreements: list[float] = []
    for number, setting in enumerate(settings):
        graph = staging / "tamed.onnx"
        export_encoder(tame(encoder, largest, setting), graph)
        quantise(graph, int8 / "encoder_quant.onnx")
        disagreements.append(disagreement(expected, recognise(int8, judged)))
        log.info("%s: %.2f %% of the characters differ from fp32", setting, 100 * disagreements[-1])
        (int8 / "encoder_quant.onnx").rename(staging / f"encoder-{number}.onnx")
        graph.unlink()
    best = min(range(len(settings)), key=disagreements.__getitem__)
    (staging / f"encoder-{best}.onnx").rename(int8 / "encoder_quant.onnx")
    for left in staging.glob("encoder-*.onnx"):
        left.unlink()
    chosen = asdict(settings[best]) | {"disagreement": disagreements[best]}
    (staging / "int8.json").write_text(json.dumps(chosen), encoding="utf-8")
    return fp32, int8


def recognise(folder: Path, clips: Sequence[Clip]) -> list[str]:
    """What the acoustic model in ``folder`` alone makes of each clip: the likeliest character of each position."""
    engine = open_engine(folder)
    texts = []
    for clip in clips:
        (heard,) = engine.listen([clip.samples()])
        texts.append("".join(token.text for token in decode_greedily(heard.posteriors, engine.units)))
    return texts


def disagreement(expected: Sequence[str], found: Sequence[str]) -> float:
    """Edits between two lists of texts, by the characters of the first."""
    edits = sum(Levenshtein.distance(one, other) for one, other in zip(expected, found, strict=True))
    return edits / max(1, sum(len(text) for text in expected))


def verify(fp32: Path, int8: Path, held_out: Mapping[str, Sequence[Clip]], tolerance: float) -> dict[str, Any]:
    """Compare the two models of an export.

    Args:
        fp32, int8: their folders.
        held_out: clips that neither training nor calibration has seen, by the name of the set.
        tolerance: percentage points of CER by which they may differ.

    Returns:
        CER in percent by set: {"valid": {"fp32": 7.1, "int8": 7.2}}.

    Raises:
        AccuracyLost: they differ by more on a set.
        ConfigInvalid: there is no held-out set to compare on.
    """
    if not any(held_out.values()):
        raise ConfigInvalid("held_out: export compares int8 with fp32 on a held-out set, and there is none.")
    found: dict[str, Any] = {}
    for name, clips in held_out.items():
        rates = {kind: _cer(folder, clips) for kind, folder in (("fp32", fp32), ("int8", int8))}
        found[name] = rates
        log.info("%s: CER %.2f %% in fp32, %.2f %% in int8", name, rates["fp32"], rates["int8"])
    lost = [name for name, rates in found.items() if abs(rates["int8"] - rates["fp32"]) > tolerance + 1e-9]
    if lost:
        told = " ".join(_difference(name, found[name], held_out[name]) for name in lost)
        raise AccuracyLost(
            f"int8 differs from fp32 by more than {tolerance:g} points of CER, so nothing was published. {told} "
            f"Both models are in {fp32.parent}. If the set is too small to tell, enlarge it, or set export: tolerance."
        )
    return found


def _difference(name: str, rates: Mapping[str, float], clips: Sequence[Clip]) -> str:
    total = sum(len(clip.text) for clip in clips)
    edits = round(abs(rates["int8"] - rates["fp32"]) / 100 * total)
    told = f"{rates['fp32']:.2f} % in fp32, {rates['int8']:.2f} % in int8"
    return f"{name}: {told}, which is {edits} of {total} characters."


def publish(folders: Sequence[Path], out: Path) -> None:
    """Copy the files of ``folders`` into ``out``, which is made; what else is there stays."""
    out.mkdir(parents=True, exist_ok=True)
    files = {file.name: file for folder in folders for file in sorted(folder.iterdir())}
    for name, file in files.items():
        shutil.copy(file, out / f".{name}.partial")
    for name in files:  # all are there before the first is replaced
        (out / f".{name}.partial").replace(out / name)


def _cer(folder: Path, clips: Sequence[Clip]) -> float:
    texts = recognise(folder, clips)
    errors = sum((count_errors(clip.text, text) for clip, text in zip(clips, texts, strict=True)), Errors())
    return 100 * errors.cer


def empty(folder: Path) -> Path:
    """Make a folder, without anything in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder

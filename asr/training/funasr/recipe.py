"""FunASR's own training behind the same steps: Paraformer, BiCif, SeACo and streaming Paraformer, new or fine-tuned.

FunASR trains, on a CPU or a GPU; here its lists and settings are written, and what comes out is exported and checked
as our own models are. Source: FunASR 1.4, funasr/bin/train_ds.py, and docs/tutorial "Train and Finetune".
"""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import soundfile as sf
import torch
import yaml

from asr.engines.export import export_onnx
from asr.training.datasets.cmvn import STACK, CmvnStatistics
from asr.training.datasets.corpus import SAMPLE_RATE, Clip, read_manifest
from asr.training.datasets.preparation import SPECIAL_TOKENS, UNKNOWN_TOKEN
from asr.training.errors import ConfigInvalid, InitInvalid
from asr.training.export.publish import ExportConfig, empty, publish, verify
from asr.training.funasr.trainer import with_held_out_cer

log = logging.getLogger(__name__)

Settings = dict[str, Any]

_UNITS = re.compile(r"[a-z0-9']+|\S")
_FRAME_MS = 10
_OF_ONE_RUN = ("train_data_set_list", "valid_data_set_list", "output_dir", "init_param", "device", "ncpu", "model_path")
"""What a configuration says of the run and not of the model: left out of the trained folder."""
_HEARS_HOTWORDS = ("SeacoParaformer", "ContextualParaformer")
"""Models that learn to prefer given words: of every sentence a piece is given as such a word."""
_SEACO_NO_BIAS = 8377  # FunASR's own default
_DEFAULTS: Settings = {
    "frontend": "WavFrontend",
    "frontend_conf": {"fs": SAMPLE_RATE, "window": "hamming", "n_mels": 80, "frame_length": 25, "frame_shift": 10,
                      "dither": 0.0, "lfr_m": STACK, "lfr_n": 6},
    "tokenizer": "CharTokenizer",
    "tokenizer_conf": {"unk_symbol": UNKNOWN_TOKEN, "split_with_space": True},
    "dataset_conf": {"index_ds": "IndexDSJsonl", "batch_sampler": "BatchSampler", "batch_type": "example",
                     "batch_size": 12, "max_token_length": 4096, "shuffle": True, "num_workers": 0,
                     "pin_memory": False},
    "train_conf": {"max_epoch": 20, "log_interval": 10, "accum_grad": 1, "grad_clip": 5, "keep_nbest_models": 5,
                   "avg_nbest_model": 5, "avg_keep_nbest_models_type": "loss", "resume": True,
                   "validate_interval": 1_000_000, "save_checkpoint_interval": 1_000_000},
    "optim": "adam",
    "optim_conf": {"lr": 5e-4},
    "scheduler": "warmuplr",
    "scheduler_conf": {"warmup_steps": 500},
}  # fmt: skip


@dataclass(frozen=True)
class FunasrRecipe:
    """What the YAML file says; paths are relative to the data folder, or to where it runs."""

    speech: list[str]
    """Manifests to learn from, as ``prepare`` writes them; tokens.json and am.mvn beside the first are used."""
    held_out: dict[str, str]
    """Manifests to measure on, by name; the first chooses the best epochs."""
    init: str = ""
    """Folder of a FunASR model (model.pt, config.yaml, tokens.json, am.mvn) to fine-tune."""
    funasr: Settings = field(default_factory=dict)
    """FunASR's own configuration; it goes before that of ``init``, and that before the defaults here."""
    device: str = ""
    """cpu or cuda; empty takes a GPU when there is one."""
    threads: int = 1
    export: Settings = field(default_factory=dict)
    """Fields of ExportConfig; only the tolerance matters here."""

    @classmethod
    def from_settings(cls, settings: Settings) -> FunasrRecipe:
        """Take what a YAML file says; raises TypeError when a key is not known."""
        recipe = cls(**settings)
        ExportConfig(**recipe.export)
        return recipe


class FunasrWorkshop:
    """Runs the steps: reads ``data``, writes ``work``."""

    def __init__(self, recipe: FunasrRecipe, data: Path, work: Path) -> None:
        self.recipe = recipe
        self.data = data
        self.work = work
        self.run = work / "run"
        self.trained = work / "trained"
        self.run.mkdir(parents=True, exist_ok=True)

    def gather(self) -> None:
        """Write FunASR's lists, and vocabulary and CMVN where no model brings them."""
        clips = self._training_clips()
        self._write_list(clips, self._list("train"))
        self._write_list(self._clips(next(iter(self.recipe.held_out.values()), "")), self._list("valid"))
        start = self._start()
        if start is not None:
            for name in ("tokens.json", "am.mvn", "seg_dict"):
                if (start / name).is_file():
                    shutil.copy(start / name, self.work)
            return
        beside = self._path(self.recipe.speech[0]).parent
        for name, make in (("tokens.json", _write_tokens), ("am.mvn", _write_cmvn)):
            if (beside / name).is_file():
                shutil.copy(beside / name, self.work)
            elif not (self.work / name).is_file():
                make(clips, self.work / name)

    def train(self) -> Path:
        """Train, or go on training; returns the folder of the trained model, which FunASR opens."""
        # here, because its import takes seconds and only this kind of training needs it
        from funasr.bin import train_ds

        settings = self.settings()
        torch.set_num_threads(self.recipe.threads)
        trainer = train_ds.Trainer
        train_ds.Trainer = with_held_out_cer(trainer, on_the_cpu=settings["device"] == "cpu")
        try:
            train_ds.main(**settings)
        finally:
            train_ds.Trainer = trainer
        self._collect(settings)
        return self.trained

    def settings(self) -> Settings:
        """FunASR's configuration of this run; raises ConfigInvalid when no architecture is named."""
        start = self._start()
        base: Settings = {}
        if start is not None:
            base = yaml.safe_load((start / "config.yaml").read_text(encoding="utf-8"))
        settings = merged(merged(_DEFAULTS, base), self.recipe.funasr)
        if "model" not in settings or "model_conf" not in settings:
            raise ConfigInvalid(
                "funasr: model and model_conf name the architecture; or init names a model to fine-tune."
            )
        hears_hotwords = settings["model"] in _HEARS_HOTWORDS
        settings["dataset"] = "AudioDatasetHotword" if hears_hotwords else "AudioDataset"
        if settings["model"] == "SeacoParaformer":
            seaco_id = settings["model_conf"].get("NO_BIAS", _SEACO_NO_BIAS)
            settings["dataset_conf"] = settings["dataset_conf"] | {"seaco_id": seaco_id}
        device = self.recipe.device or ("cuda" if torch.cuda.is_available() else "cpu")
        files: Settings = {
            "tokenizer_conf": {"token_list": str(self.work / "tokens.json")},
            "frontend_conf": {"cmvn_file": str(self.work / "am.mvn")},
        }
        if (self.work / "seg_dict").is_file():
            files["tokenizer_conf"]["seg_dict_file"] = str(self.work / "seg_dict")
        run: Settings = {
            "train_data_set_list": str(self._list("train")),
            "valid_data_set_list": str(self._list("valid")),
            "output_dir": str(self.run),
            "device": device,
            "ncpu": self.recipe.threads,
            "disable_update": True,
        }
        if start is not None:
            run["init_param"] = str(start / "model.pt")
        return merged(merged(settings, files), run)

    def export(self, folder: Path) -> dict[str, Any]:
        """Write the ONNX files to ``folder``; returns CER in percent, fp32 and int8, by held-out set.

        Raises:
            AccuracyLost: int8 differs too much; ``folder`` was left as it was.
            ConfigInvalid: there is no held-out set.
            ModelInvalid: FunASR cannot export the model.
        """
        staging = self.work / "export"
        fp32, int8 = empty(staging / "fp32"), empty(staging / "int8")
        for file in export_onnx(self.trained, target=staging):
            file.rename((int8 if file.stem.endswith("_quant") else fp32) / file.name)
        for name in ("config.yaml", "tokens.json", "am.mvn", "seg_dict"):
            if (self.trained / name).is_file():
                shutil.copy(self.trained / name, fp32)
                shutil.copy(self.trained / name, int8)
        held_out = {name: self._clips(manifest) for name, manifest in self.recipe.held_out.items()}
        found = verify(fp32, int8, held_out, ExportConfig(**self.recipe.export).tolerance)
        publish((fp32, int8), folder)
        return found

    def _collect(self, settings: Settings) -> None:
        """Put the model together as FunASR's hub has it: averaged weights, settings of the model alone, its files."""
        self.trained.mkdir(exist_ok=True)
        averaged = sorted(self.run.glob("model.pt.avg*"))
        weights = averaged[-1] if averaged else self.run / "model.pt"
        state = torch.load(weights, map_location="cpu", weights_only=False)["state_dict"]
        torch.save({"state_dict": state}, self.trained / "model.pt")
        config = {name: value for name, value in settings.items() if name not in _OF_ONE_RUN}
        for section, name in (("tokenizer_conf", "token_list"), ("tokenizer_conf", "seg_dict_file"),
                              ("frontend_conf", "cmvn_file")):  # fmt: skip
            config[section] = {key: value for key, value in config[section].items() if key != name}
        (self.trained / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
        files: Settings = {
            "init_param": "model.pt",
            "config": "config.yaml",
            "tokenizer_conf": {"token_list": "tokens.json"},
            "frontend_conf": {"cmvn_file": "am.mvn"},
        }
        for name in ("tokens.json", "am.mvn", "seg_dict"):
            if (self.work / name).is_file():
                shutil.copy(self.work / name, self.trained)
        if (self.trained / "seg_dict").is_file():
            files["tokenizer_conf"]["seg_dict_file"] = "seg_dict"
        description = {"framework": "pytorch", "task": "auto-speech-recognition", "file_path_metas": files}
        (self.trained / "configuration.json").write_text(json.dumps(description, indent=1), encoding="utf-8")

    def _write_list(self, clips: list[Clip], target: Path) -> None:
        lines = []
        for clip in clips:
            units = _UNITS.findall(clip.text)
            line = {
                "key": clip.id,
                "source": str(self._audio(clip)),
                "source_len": max(1, round(clip.seconds * 1000 / _FRAME_MS)),
                "target": " ".join(units),
                "target_len": len(units),
            }
            lines.append(json.dumps(line, ensure_ascii=False))
        target.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _audio(self, clip: Clip) -> Path:
        """A whole file that FunASR reads: a stretch of one, and what only ffmpeg reads, is written out first."""
        if clip.offset is None and clip.path.suffix.lower() in (".wav", ".flac"):
            return clip.path.resolve()
        target = self.work / "audio" / f"{re.sub(r'[^0-9A-Za-z_-]', '_', clip.id)}.wav"
        if not target.is_file():
            target.parent.mkdir(exist_ok=True)
            partial = target.with_suffix(".partial")
            sf.write(partial, clip.samples(), SAMPLE_RATE, subtype="PCM_16", format="WAV")
            partial.replace(target)
        return target.resolve()

    def _start(self) -> Path | None:
        if not self.recipe.init:
            return None
        start = self._path(self.recipe.init)
        for name in ("config.yaml", "model.pt", "tokens.json", "am.mvn"):
            if not (start / name).is_file():
                raise InitInvalid(f"init: {start} has no {name}; a model from FunASR's hub has.")
        return start

    def _training_clips(self) -> list[Clip]:
        return [clip for manifest in self.recipe.speech for clip in self._clips(manifest)]

    def _clips(self, manifest: str) -> list[Clip]:
        path = self._path(manifest)
        if not path.is_file():
            raise ConfigInvalid(f"There is no manifest {manifest!r}, neither below {self.data} nor here.")
        return read_manifest(path)

    def _list(self, name: str) -> Path:
        return self.work / f"{name}.jsonl"

    def _path(self, name: str) -> Path:
        return self.data / name if (self.data / name).exists() else Path(name)


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> Settings:
    """Settings with those of ``over`` before those of ``base``, section by section; both are left as they are."""
    result = dict(base)
    for name, value in over.items():
        below = result.get(name)
        result[name] = merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return result


def _write_tokens(clips: list[Clip], path: Path) -> None:
    characters = sorted({character for clip in clips for character in clip.text})
    path.write_text(json.dumps([*SPECIAL_TOKENS, *characters, UNKNOWN_TOKEN], ensure_ascii=False), encoding="utf-8")


def _write_cmvn(clips: list[Clip], path: Path) -> None:
    statistics = CmvnStatistics()
    for clip in clips:
        statistics.add(clip.samples())
    statistics.save(path)

"""Where training starts from when not from nothing: a checkpoint of another run, or an exported model folder."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import yaml
from torch import Tensor

from asr.training.datasets.text import Vocabulary
from asr.training.errors import InitInvalid
from asr.training.export.onnx_weights import read_weights, rejoin
from asr.training.model import EmbeddedParaformer, ModelConfig
from asr.training.whisper import WhisperEncoder

log = logging.getLogger(__name__)

_ONLY_FOR_TRAINING = ("ctc.", "glance_norm.")
"""Parts that an exported model does not have: they start anew."""
_BY_TOKEN = ("token_embedding.weight", "output_bias")
_BY_SYLLABLE = ("to_syllable.weight", "to_syllable.bias", "syllable_embedding.weight", "ctc.weight", "ctc.bias")
"""Weights with a row for each entry of the vocabulary."""
_SIZES = ("heads", "dynamic_threshold")
"""What weights do not show; config.yaml has it."""


@dataclass(frozen=True)
class Start:
    """A trained model to go on from."""

    vocabulary: Vocabulary
    config: ModelConfig
    weights: dict[str, Tensor]
    encoder: WhisperEncoder | None
    """None is Whisper's own, as it was published."""

    @property
    def has_ctc(self) -> bool:
        """Whether the CTC head is among the weights: a new one would pull the adapter away from what it knows."""
        return "ctc.weight" in self.weights


def regrown(start: Start, vocabulary: Vocabulary) -> Start:
    """The same model over another vocabulary: what both have keeps its weights, what is new begins at random."""
    config = replace(start.config, tokens=len(vocabulary.tokens), syllables=len(vocabulary.syllables))
    fresh = EmbeddedParaformer(config).state_dict()
    tokens = _places(start.vocabulary.tokens, vocabulary.tokens)
    syllables = _places(start.vocabulary.syllables, vocabulary.syllables)
    weights = dict(start.weights)
    for names, (old, new) in ((_BY_TOKEN, tokens), (_BY_SYLLABLE, syllables)):
        for name in names:
            if name in weights:
                fresh[name][new] = weights[name][old]
                weights[name] = fresh[name]
    return replace(start, vocabulary=vocabulary, config=config, weights=weights)


def _places(before: list[str], after: list[str]) -> tuple[list[int], list[int]]:
    """Where what both lists have stands in each."""
    places = {entry: i for i, entry in enumerate(before)}
    both = [(places[entry], i) for i, entry in enumerate(after) if entry in places]
    return [old for old, _ in both], [new for _, new in both]


def read_start(path: Path) -> Start:
    """Read what training should go on from.

    Args:
        path: a checkpoint.pt of this trainer, with tokens.json and syllables.json beside it; or an exported model
            folder, whose ONNX files are read, fp32 before int8.

    Raises:
        InitInvalid: it is neither, or lacks a part; the message names it.
    """
    if not path.exists():
        raise InitInvalid(f"init: there is no {path}.")
    folder = path if path.is_dir() else path.parent
    for name in ("tokens.json", "syllables.json"):
        if not (folder / name).is_file():
            raise InitInvalid(f"init: {folder} has no {name}, which says what the model's outputs stand for.")
    vocabulary = Vocabulary.load(folder)
    try:
        start = _from_folder(path, vocabulary) if path.is_dir() else _from_checkpoint(path, vocabulary)
        _check(start)
    except (KeyError, RuntimeError, OSError, TypeError) as error:
        raise InitInvalid(f"init: {path} is no model of this trainer: {error}") from error
    return start


def _check(start: Start) -> None:
    model = EmbeddedParaformer(start.config)
    missing, strange = model.load_state_dict(start.weights, strict=False)
    lacking = [name for name in missing if not name.startswith(_ONLY_FOR_TRAINING)]
    if lacking or strange:
        raise KeyError(f"missing {lacking}, not known {strange}")


def _from_checkpoint(path: Path, vocabulary: Vocabulary) -> Start:
    state = torch.load(path, map_location="cpu", weights_only=True)
    encoder = None
    if state.get("encoder_average"):
        encoder = WhisperEncoder()
        encoder.load_state_dict(state["encoder_average"])
    return Start(vocabulary, ModelConfig(**state["model_config"]), state["average"], encoder)


def _from_folder(folder: Path, vocabulary: Vocabulary) -> Start:
    weights = read_weights(_first(folder, "model"))
    weights["token_embedding.weight"] = weights.pop("")
    encoder = WhisperEncoder()
    encoder.load_state_dict(rejoin(read_weights(_first(folder, "encoder"))))
    settings = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8")).get("model_conf", {})
    return Start(vocabulary, _sizes(weights, {k: settings[k] for k in _SIZES if k in settings}), weights, encoder)


def _first(folder: Path, name: str) -> Path:
    for file in (folder / f"{name}.onnx", folder / f"{name}_quant.onnx"):
        if file.is_file():
            return file
    raise InitInvalid(f"init: {folder} has neither {name}.onnx nor {name}_quant.onnx.")


def _sizes(weights: dict[str, Tensor], stated: dict[str, int]) -> ModelConfig:
    tokens, width = weights["token_embedding.weight"].shape

    def layers(part: str) -> int:
        return len({name.split(".")[2] for name in weights if name.startswith(f"{part}.layers.")})

    return ModelConfig(
        tokens=tokens,
        syllables=len(weights["syllable_embedding.weight"]),
        width=width,
        feed_forward=len(weights["decoder.layers.0.feed_forward.widen.weight"]),
        adapter_layers=layers("adapter"),
        decoder_layers=layers("decoder"),
        **stated,  # type: ignore[arg-type]  # as YAML gives them
    )

"""Random weights at the full size of Paraformer-large (220 M), exported as FunASR ships them: what offline.py runs.

The shapes are those of iic/speech_paraformer-large_asr_nat-zh-cn-16k-common-vocab8404-pytorch, of its SeACo kin and of
the punctuation model iic/punc_ct-transformer_zh-cn-common-vocab272727-pytorch. The predictor is set to give as many
tokens as Mandarin has (4.5 a second), for the decoder's work depends on them, and the output layers to be as sure as a
trained model's, for the search for hotwords asks for every character that is not out of the question.
"""

from __future__ import annotations

import json
from itertools import islice, product
from pathlib import Path
from typing import Any

import onnx
import torch
from funasr import AutoModel

from asr.engines.export import export_onnx
from asr.model_files.folder import ModelFolder
from tests import tiny_models

UNITS = 8404
WORDS = 272_727
KINDS = ("paraformer", "seaco", "punctuation")
_WIDTH, _FEED_FORWARD, _HEADS = 512, 2048, 4
_ENCODER_BLOCKS, _DECODER_BLOCKS = 50, 16
_SURENESS = 20.0  # the likeliest character of a token has 0.9 on average then, instead of 0.001
_FIRING = -1.0  # bias of the CIF weights: sigmoid(-1) of a token in each frame of 60 ms


def make(kind: str, folder: Path) -> Path:
    """Make model_quant.onnx and model.pt of one of KINDS, unless they are there."""
    if (folder / "model_quant.onnx").is_file() and (folder / "model.pt").is_file():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    tiny_models.write_settings(folder, _full_size(tiny_models.KINDS[kind](UNITS)), UNITS)
    if kind == "punctuation":
        (folder / "tokens.json").write_text(json.dumps(_words(), ensure_ascii=False), encoding="utf-8")
    torch.manual_seed(0)
    model = AutoModel(model=str(folder), device="cpu", disable_update=True, disable_pbar=True).model
    if kind != "punctuation":
        model.predictor.cif_output.weight.data.mul_(0.01)
        model.predictor.cif_output.bias.data.fill_(_FIRING)
        model.decoder.output_layer.weight.data.mul_(_SURENESS)
    if kind == "seaco":
        model.hotword_output_layer.weight.data.mul_(_SURENESS)
    torch.save({"state_dict": model.state_dict()}, folder / "model.pt")
    del model
    export_onnx(folder)
    for file in folder.glob("*.onnx"):
        if not file.name.endswith("_quant.onnx"):
            file.unlink()
    if kind != "seaco":
        _describe_for_sherpa(kind, folder)
    return folder


def _words() -> list[str]:
    """The characters of the recogniser's vocabulary, then pairs of them."""
    *characters, unknown = tiny_models.vocabulary(UNITS)
    chinese = [character for character in characters if "\u4e00" <= character <= "\u9fff"]
    pairs = map("".join, product(chinese, repeat=2))
    return [*characters, *islice(pairs, WORDS - UNITS), unknown]


def _full_size(config: dict[str, Any]) -> dict[str, Any]:
    if config["model"] == "CTTransformer":
        config["model_conf"] |= {"embed_unit": 256, "att_unit": 256}
        size = {"input_size": 256, "output_size": 256, "linear_units": 1024, "num_blocks": 4, "attention_heads": 8}
        config["encoder_conf"] |= size
        return config
    size = {"output_size": _WIDTH, "linear_units": _FEED_FORWARD, "num_blocks": _ENCODER_BLOCKS}
    config["encoder_conf"] |= {**size, "attention_heads": _HEADS}
    decoder = {"attention_heads": _HEADS, "linear_units": _FEED_FORWARD}
    config["decoder_conf"] |= {**decoder, "num_blocks": _DECODER_BLOCKS, "att_layer_num": _DECODER_BLOCKS}
    config["predictor_conf"]["idim"] = _WIDTH
    if "seaco_decoder_conf" in config:
        config["seaco_decoder_conf"] |= {**decoder, "linear_units": 1024}
        config["model_conf"] |= {"inner_dim": _WIDTH, "NO_BIAS": 8377}
    return config


def _describe_for_sherpa(kind: str, folder: Path) -> None:
    """Write into the file what sherpa-onnx wants to find there, and the tokens as it reads them."""
    tokens = ModelFolder(folder).tokens()
    about: dict[str, object] = {"vocab_size": len(tokens)}
    if kind == "punctuation":
        about |= {
            "model_type": "ct_transformer",
            "tokens": "|".join(tokens),
            "punctuations": "|".join(tiny_models.PUNCTUATION),
            "unk_symbol": "<unk>",
        }
    else:
        shift, scale = ModelFolder(folder).cmvn()
        about |= {
            "model_type": "paraformer",
            "lfr_window_size": 7,
            "lfr_window_shift": 6,
            "neg_mean": ",".join(map(str, shift.tolist())),
            "inv_stddev": ",".join(map(str, scale.tolist())),
        }
    file = str(folder / "model_quant.onnx")
    model = onnx.load(file)
    onnx.helper.set_model_props(model, {name: str(value) for name, value in about.items()})
    onnx.save(model, file)
    lines = [f"{unit} {number}\n" for number, unit in enumerate(tokens)]
    (folder / "tokens.txt").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    import sys

    for name in KINDS:
        make(name, Path(sys.argv[1]) / name)

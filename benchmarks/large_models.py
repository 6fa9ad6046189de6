"""Random weights at the full size of Paraformer-large (220 M), exported as FunASR ships them: what offline.py runs.

The shapes are those of iic/speech_paraformer-large_asr_nat-zh-cn-16k-common-vocab8404-pytorch and of its SeACo kin. The
predictor is set to give as many tokens as Mandarin has (4.5 a second), for the decoder's work depends on them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import torch
from funasr import AutoModel

from asr.engines.export import export_onnx
from asr.folder import ModelFolder
from tests import tiny_models

UNITS = 8404
_WIDTH, _FEED_FORWARD, _HEADS = 512, 2048, 4
_ENCODER_BLOCKS, _DECODER_BLOCKS = 50, 16
_FIRING = -1.0  # bias of the CIF weights: sigmoid(-1) of a token in each frame of 60 ms


def make(kind: str, folder: Path) -> Path:
    """Make model_quant.onnx and model.pt of a kind (`paraformer`, `seaco`), unless they are there."""
    if (folder / "model_quant.onnx").is_file():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    tiny_models.write_settings(folder, _full_size(tiny_models.KINDS[kind](UNITS)), UNITS)
    torch.manual_seed(0)
    model = AutoModel(model=str(folder), device="cpu", disable_update=True, disable_pbar=True).model
    model.predictor.cif_output.weight.data.mul_(0.01)
    model.predictor.cif_output.bias.data.fill_(_FIRING)
    torch.save({"state_dict": model.state_dict()}, folder / "model.pt")
    del model
    export_onnx(folder)
    for file in folder.glob("*.onnx"):
        if not file.name.endswith("_quant.onnx"):
            file.unlink()
    if kind == "paraformer":
        _describe_for_sherpa(folder)
    return folder


def _full_size(config: dict[str, Any]) -> dict[str, Any]:
    size = {"output_size": _WIDTH, "linear_units": _FEED_FORWARD, "num_blocks": _ENCODER_BLOCKS}
    config["encoder_conf"] |= {**size, "attention_heads": _HEADS}
    decoder = {"attention_heads": _HEADS, "linear_units": _FEED_FORWARD}
    config["decoder_conf"] |= {**decoder, "num_blocks": _DECODER_BLOCKS, "att_layer_num": _DECODER_BLOCKS}
    config["predictor_conf"]["idim"] = _WIDTH
    if "seaco_decoder_conf" in config:
        config["seaco_decoder_conf"] |= {**decoder, "linear_units": 1024}
        config["model_conf"] |= {"inner_dim": _WIDTH, "NO_BIAS": 8377}
    return config


def _describe_for_sherpa(folder: Path) -> None:
    """Write into the file what sherpa-onnx wants to find there, and the tokens as it reads them."""
    shift, scale = ModelFolder(folder).cmvn()
    file = str(folder / "model_quant.onnx")
    model = onnx.load(file)
    about = {
        "model_type": "paraformer",
        "vocab_size": UNITS,
        "lfr_window_size": 7,
        "lfr_window_shift": 6,
        "neg_mean": ",".join(map(str, shift.tolist())),
        "inv_stddev": ",".join(map(str, scale.tolist())),
    }
    onnx.helper.set_model_props(model, {name: str(value) for name, value in about.items()})
    onnx.save(model, file)
    lines = [f"{unit} {number}\n" for number, unit in enumerate(ModelFolder(folder).tokens())]
    (folder / "tokens.txt").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    import sys

    for name in ("paraformer", "seaco"):
        make(name, Path(sys.argv[1]) / name)

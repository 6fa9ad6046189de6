"""Tiny random models of every kind that FunASR makes, in the layout in which they are shipped.

They stand for the real weights, which no test can download: a folder has config.yaml, configuration.json, tokens.json,
am.mvn, model.pt and the ONNX files of FunASR's own exporter.

    python -m tests.tiny_models OUT [--kind seaco ...] [--units 8404] [--quantise]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

WIDTH = 48
ENDS = ("<blank>", "<s>", "</s>")
CHARACTERS = (
    "你好世界今天气很怎么样我们一起去吃饭吧请打开空调把音乐关掉明早八点会收到了谢北京上海的是不在人有这个来说时大地为子中也生"
    "国年着就那和要她出里得可下而过家学发对小多如事都用于心前所还成种主同经十三之进二四五六七九零百千万亿分秒元米语识别微信阿巴达摩院"
)
LATIN = ("hello", "wo@@", "rld", "a", "b", "c")
PUNCTUATION = ["<unk>", "_", "，", "。", "？", "、"]

Config = dict[str, Any]


def sanm(*, blocks: int = 2, **more: Any) -> Config:
    """A small encoder of Paraformer."""
    return {
        "output_size": WIDTH,
        "attention_heads": 4,
        "linear_units": 128,
        "num_blocks": blocks,
        "dropout_rate": 0.1,
        "positional_dropout_rate": 0.1,
        "attention_dropout_rate": 0.1,
        "input_layer": "pe",
        "pos_enc_class": "SinusoidalPositionEncoder",
        "normalize_before": True,
        "kernel_size": 11,
        "sanm_shfit": 0,
        "selfattention_layer_type": "sanm",
        **more,
    }


def decoder(*, blocks: int = 2, linear_units: int = 128, **more: Any) -> Config:
    """A small decoder of Paraformer."""
    return {
        "attention_heads": 4,
        "linear_units": linear_units,
        "num_blocks": blocks,
        "dropout_rate": 0.1,
        "positional_dropout_rate": 0.1,
        "self_attention_dropout_rate": 0.1,
        "src_attention_dropout_rate": 0.1,
        "att_layer_num": blocks,
        "kernel_size": 11,
        "sanm_shfit": 0,
        **more,
    }


def frontend(stack: int, stride: int) -> Config:
    """FunASR's filter banks, without dither: comparisons need the same features twice."""
    return {
        "fs": 16000,
        "window": "hamming",
        "n_mels": 80,
        "frame_length": 25,
        "frame_shift": 10,
        "dither": 0.0,
        "lfr_m": stack,
        "lfr_n": stride,
    }


def paraformer(units: int) -> Config:
    """Gao et al. 2022: no hotwords, no times."""
    return {
        "model": "Paraformer",
        "model_conf": {
            "ctc_weight": 0.0,
            "lsm_weight": 0.1,
            "length_normalized_loss": True,
            "predictor_weight": 1.0,
            "predictor_bias": 1,
            "sampling_ratio": 0.75,
        },
        "encoder": "SANMEncoder",
        "encoder_conf": sanm(),
        "decoder": "ParaformerSANMDecoder",
        "decoder_conf": decoder(),
        "predictor": "CifPredictorV2",
        "predictor_conf": {"idim": WIDTH, "threshold": 1.0, "l_order": 1, "r_order": 1, "tail_threshold": 0.45},
        "frontend": "WavFrontend",
        "frontend_conf": frontend(7, 6),
        "tokenizer": "CharTokenizer",
        "tokenizer_conf": {"unk_symbol": "<unk>", "split_with_space": True},
    }


def bicif(units: int) -> Config:
    """With times."""
    config = paraformer(units)
    config["model"] = "BiCifParaformer"
    config["predictor"] = "CifPredictorV3"
    config["predictor_conf"] |= {
        "smooth_factor2": 0.25,
        "noise_threshold2": 0.01,
        "upsample_times": 3,
        "use_cif1_cnn": False,
        "upsample_type": "cnn_blstm",
    }
    return config


def seaco(units: int) -> Config:
    """With times and a hotword encoder: the kind of paraformer-zh."""
    config = bicif(units)
    config["model"] = "SeacoParaformer"
    config["model_conf"] |= {
        "inner_dim": WIDTH,
        "bias_encoder_type": "lstm",
        "bias_encoder_bid": False,
        "seaco_lsm_weight": 0.1,
        "seaco_length_normalized_loss": True,
        "train_decoder": True,
        "NO_BIAS": units - 27,
    }
    config["seaco_decoder"] = "ParaformerSANMDecoder"
    config["seaco_decoder_conf"] = decoder(  # six blocks: its exporter reads the attention of the sixth
        blocks=6, linear_units=64, use_output_layer=False, wo_input_layer=True
    ) | {"kernel_size": 21}
    return config


def contextual(units: int) -> Config:
    """With an older hotword encoder, without times."""
    config = paraformer(units)
    config["model"] = "ContextualParaformer"
    config["model_conf"] |= {"inner_dim": WIDTH, "bias_encoder_type": "lstm", "bias_encoder_bid": False}
    config["decoder"] = "ContextualParaformerDecoder"
    return config


def streaming(units: int) -> Config:
    """Hears 600 ms at a time: the kind of paraformer-zh-streaming."""
    config = paraformer(units)
    config["model"] = "ParaformerStreaming"
    config["encoder"] = "SANMEncoderChunkOpt"
    config["encoder_conf"] |= {
        "input_layer": "pe_online",
        "chunk_size": [12, 15],
        "stride": [8, 10],
        "pad_left": [0, 0],
        "encoder_att_look_back_factor": [4, 4],
        "decoder_att_look_back_factor": [1, 1],
    }
    config["decoder_conf"]["sanm_shfit"] = 5
    config["frontend"] = "WavFrontendOnline"
    return config


def vad(units: int) -> Config:
    """FSMN-VAD at its real size, which is small."""
    return {
        "frontend": "WavFrontendOnline",
        "frontend_conf": frontend(5, 1),
        "model": "FsmnVADStreaming",
        "model_conf": {
            "sample_rate": 16000,
            "max_end_silence_time": 800,
            "window_size_ms": 200,
            "sil_to_speech_time_thres": 150,
            "speech_to_sil_time_thres": 150,
            "lookback_time_start_point": 200,
            "lookahead_time_end_point": 100,
            "max_single_segment_time": 60000,
            "speech_noise_thres": 0.6,
            "silence_pdf_num": 1,
            "sil_pdf_ids": [0],
        },
        "encoder": "FSMN",
        "encoder_conf": {
            "input_dim": 400,
            "input_affine_dim": 140,
            "fsmn_layers": 4,
            "linear_dim": 250,
            "proj_dim": 128,
            "lorder": 20,
            "rorder": 0,
            "lstride": 1,
            "rstride": 0,
            "output_affine_dim": 140,
            "output_dim": 248,
        },
    }


def punctuation(units: int) -> Config:
    """CT-Transformer: the kind of ct-punc."""
    return {
        "model": "CTTransformer",
        "model_conf": {
            "ignore_id": 0,
            "embed_unit": WIDTH,
            "att_unit": WIDTH,
            "dropout_rate": 0.1,
            "punc_list": PUNCTUATION,
            "punc_weight": [1.0] * len(PUNCTUATION),
            "sentence_end_id": 3,
        },
        "encoder": "SANMEncoder",
        "encoder_conf": sanm(input_size=WIDTH, padding_idx=0),
        "tokenizer": "CharTokenizer",
        "tokenizer_conf": {"unk_symbol": "<unk>"},
    }


def streaming_punctuation(units: int) -> Config:
    """CT-Transformer that sees no future: the kind of ct-punc's realtime variant."""
    config = punctuation(units)
    config["model"] = "CTTransformerStreaming"
    config["encoder"] = "SANMVadEncoder"
    config["encoder_conf"] = sanm(input_size=WIDTH)
    return config


KINDS: Mapping[str, Callable[[int], Config]] = {
    kind.__name__: kind
    for kind in (
        paraformer, bicif, seaco, contextual, streaming, vad, punctuation, streaming_punctuation,
    )
}  # fmt: skip


def vocabulary(size: int) -> list[str]:
    """A vocabulary as FunASR's: blank and ends first, <unk> last."""
    units = list(dict.fromkeys((*ENDS, *CHARACTERS, *LATIN)))
    following = (chr(code) for code in range(0x4E00, 0x9FFF))
    while len(units) < size - 1:
        character = next(following)
        if character not in CHARACTERS:
            units.append(character)
    return [*units[: size - 1], "<unk>"]


def make(kind: str, folder: Path, *, units: int = 600, quantise: bool = False, seed: int = 0) -> Path:
    """Make one model; needs funasr. Its random weights depend on `kind`, `units` and `seed` alone."""
    import torch
    from funasr import AutoModel

    from asr.engines.export import export_onnx

    folder.mkdir(parents=True, exist_ok=True)
    config = KINDS[kind](units)
    write_settings(folder, config, units)
    torch.manual_seed(seed)
    model = AutoModel(model=str(folder), device="cpu", disable_update=True, disable_pbar=True).model
    torch.save({"state_dict": model.state_dict()}, folder / "model.pt")
    export_onnx(folder, quantise=quantise)
    return folder


def write_settings(folder: Path, config: Config, units: int) -> None:
    """Write all files of a model's folder but its weights."""
    metas: dict[str, Any] = {"init_param": "model.pt", "config": "config.yaml"}
    if "tokenizer" in config:
        tokens = vocabulary(units)
        (folder / "tokens.json").write_text(json.dumps(tokens, ensure_ascii=False), encoding="utf-8")
        metas["tokenizer_conf"] = {"token_list": "tokens.json"}
    if "tokenizer" in config and "frontend" in config:
        spelled = [f"{unit} {unit}\n" for unit in tokens if len(unit) == 1] + ["hello hello\n", "world wo@@ rld\n"]
        (folder / "seg_dict").write_text("".join(spelled), encoding="utf-8")
        metas["tokenizer_conf"]["seg_dict_file"] = "seg_dict"
    if "frontend" in config:
        size = config["frontend_conf"]["n_mels"] * config["frontend_conf"]["lfr_m"]
        shift, scale = " ".join(["-8.0"] * size), " ".join(["0.2"] * size)
        (folder / "am.mvn").write_text(
            f"<Nnet> \n<Splice> {size} {size} \n[ 0 ]\n<AddShift> {size} {size} \n<LearnRateCoef> 0 [ {shift} ]\n"
            f"<Rescale> {size} {size} \n<LearnRateCoef> 0 [ {scale} ]\n</Nnet> \n"
        )
        metas["frontend_conf"] = {"cmvn_file": "am.mvn"}
    (folder / "config.yaml").write_text(yaml.safe_dump(config, allow_unicode=True, sort_keys=False), encoding="utf-8")
    task = "auto-speech-recognition" if "frontend" in config else "punctuation"
    described = {"framework": "pytorch", "task": task, "model": {"type": "funasr"}, "file_path_metas": metas}
    (folder / "configuration.json").write_text(json.dumps(described), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--kind", nargs="*", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--units", type=int, default=600)
    parser.add_argument("--quantise", action="store_true")
    given = parser.parse_args()
    for name in given.kind:
        make(name, given.out / name, units=given.units, quantise=given.quantise)

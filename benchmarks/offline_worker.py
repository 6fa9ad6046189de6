"""One engine in a process of its own: started and spoken to by benchmarks/offline.py.

It loads its models, prints a line, and for each line it reads, a number of seconds and one of hotwords, recognises that
much of the recording and prints how long that took: detector, recogniser and punctuation, in its own way.
Only the standard library and numpy are imported at the top: one of the peers needs an environment of its own.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np

SAMPLE_RATE = 16000
VAD = Path(__file__).parents[1] / "models" / "embedded" / "vad"

Recognise = Callable[[np.ndarray, int], str]
"""A recording, float32 at 16 kHz, to its punctuated text, with so many hotwords if the engine is Tingshuo's."""


def tingshuo(models: Path, threads: int, kind: str = "paraformer") -> Recognise:
    from asr.audio.decoding import Audio
    from asr.engines.onnx.engine import OnnxEngine
    from asr.hotwords.list import Hotword, HotwordList
    from asr.recognizer import Recognizer
    from asr.text.finishing import Finisher
    from asr.text.punctuation import Punctuator
    from asr.vad.fsmn import open_vad

    engine = OnnxEngine(models / kind, threads=threads)
    finisher = Finisher(Punctuator(models / "punctuation", threads=threads), None)
    recognizer = Recognizer(open_vad(VAD), engine, finisher=finisher, min_confidence=0.0)
    characters = [unit for unit in engine.units if "\u4e00" <= unit <= "\u9fff"]

    @cache
    def drawn(count: int) -> HotwordList:
        rng = np.random.default_rng(0)
        return HotwordList(tuple(Hotword("".join(rng.choice(characters, 2 + place % 4))) for place in range(count)))

    def recognise(samples: np.ndarray, hotwords: int) -> str:
        return recognizer.transcribe(Audio(samples, SAMPLE_RATE), drawn(hotwords)).text

    return recognise


def seaco(models: Path, threads: int) -> Recognise:
    return tingshuo(models, threads, "seaco")


def stretches(samples: np.ndarray) -> Iterator[np.ndarray]:
    """The speech as this project's detector finds it, for peers that cannot read the model."""
    from asr.vad.fsmn import open_vad

    for span in open_vad(VAD).spans(samples):
        yield samples[round(span.start * SAMPLE_RATE) : round(span.end * SAMPLE_RATE)]


def sherpa_onnx(models: Path, threads: int) -> Recognise:
    import sherpa_onnx

    file, tokens = models / "paraformer" / "model_quant.onnx", models / "paraformer" / "tokens.txt"
    recognizer = sherpa_onnx.OfflineRecognizer.from_paraformer(str(file), str(tokens), num_threads=threads)
    marks = sherpa_onnx.OfflinePunctuationModelConfig(
        ct_transformer=str(models / "punctuation" / "model_quant.onnx"), num_threads=threads
    )
    punctuation = sherpa_onnx.OfflinePunctuation(sherpa_onnx.OfflinePunctuationConfig(marks))

    def recognise(samples: np.ndarray, hotwords: int) -> str:
        texts = []
        for stretch in stretches(samples):
            stream = recognizer.create_stream()
            stream.accept_waveform(SAMPLE_RATE, stretch)
            recognizer.decode_stream(stream)
            texts.append(punctuation.add_punctuation(stream.result.text))
        return "".join(texts)

    return recognise


def funasr_onnx(models: Path, threads: int) -> Recognise:
    from funasr_onnx import CT_Transformer, Fsmn_vad, Paraformer

    detector = Fsmn_vad(str(VAD), intra_op_num_threads=threads)
    recognizer = Paraformer(str(models / "paraformer"), batch_size=1, quantize=True, intra_op_num_threads=threads)
    punctuation = CT_Transformer(str(models / "punctuation"), quantize=True, intra_op_num_threads=threads)

    def recognise(samples: np.ndarray, hotwords: int) -> str:
        texts = []
        for begin, end in detector(samples)[0]:
            (heard,) = recognizer(samples[begin * SAMPLE_RATE // 1000 : end * SAMPLE_RATE // 1000])
            texts.append(punctuation("".join(heard["preds"][0]))[0])
        return "".join(texts)

    return recognise


def funasr(models: Path, threads: int) -> Recognise:
    import torch
    from funasr import AutoModel

    torch.set_num_threads(threads)
    settings = {"device": "cpu", "ncpu": threads, "disable_update": True, "disable_pbar": True}
    recognizer = AutoModel(model=str(models / "paraformer"), **settings)
    punctuation = AutoModel(model=str(models / "punctuation"), **settings)

    def recognise(samples: np.ndarray, hotwords: int) -> str:
        texts = []
        for stretch in stretches(samples):
            (heard,) = recognizer.generate(stretch)
            texts.append(punctuation.generate(heard["text"])[0]["text"])
        return "".join(texts)

    return recognise


ENGINES = {
    "tingshuo": tingshuo,
    "tingshuo seaco": seaco,
    "sherpa-onnx": sherpa_onnx,
    "funasr-onnx": funasr_onnx,
    "funasr (torch, float)": funasr,
}


def main() -> None:
    name, models, threads, recording = sys.argv[1:]
    answers = sys.stdout
    sys.stdout = sys.stderr  # what the engines print must not come between the answers
    logging.disable(logging.WARNING)
    recognise = ENGINES[name](Path(models), int(threads))
    samples = np.load(recording)
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        seconds, hotwords = line.split()
        heard = samples[: round(float(seconds) * SAMPLE_RATE)]
        begin, begin_cpu = time.perf_counter(), time.process_time()
        text = recognise(heard, int(hotwords))
        answer = {
            "seconds": time.perf_counter() - begin,
            "cpu_seconds": time.process_time() - begin_cpu,
            "characters": len(text),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()

"""One engine in a process of its own: started and spoken to by benchmarks/offline.py.

It loads its model, prints a line, and for each line it reads recognises all clips once and prints how long that took.
Only the standard library and numpy are imported at the top: one of the peers needs an environment of its own.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

Recognise = Callable[[np.ndarray], int]
"""A clip, float32 at 16 kHz, to the number of characters recognised."""


def tingshuo(model: Path, threads: int, hotwords: int = 0) -> Recognise:
    from asr.engines.onnx_engine import OnnxEngine
    from asr.hotwords import EMPTY, Hotword, HotwordList
    from asr.recognizer import EMBEDDED, Recognizer
    from asr.vad import open_vad

    engine = OnnxEngine(model, threads=threads)
    recognizer = Recognizer(open_vad(EMBEDDED / "vad"), engine, min_confidence=0.0)
    characters = [unit for unit in engine.units if "\u4e00" <= unit <= "\u9fff"]
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(characters, 2 + number % 4)) for number in range(hotwords)]
    hotword_list = HotwordList(tuple(map(Hotword, words))) if words else EMPTY

    def recognise(samples: np.ndarray) -> int:
        segment = recognizer.recognise(samples, hotwords=hotword_list)
        return len(segment.tokens) if segment else 0

    return recognise


def with_hotwords(model: Path, threads: int) -> Recognise:
    return tingshuo(model, threads, 100)


def sherpa_onnx(model: Path, threads: int) -> Recognise:
    import sherpa_onnx

    recognizer = sherpa_onnx.OfflineRecognizer.from_paraformer(
        str(model / "model_quant.onnx"), str(model / "tokens.txt"), num_threads=threads
    )

    def recognise(samples: np.ndarray) -> int:
        stream = recognizer.create_stream()
        stream.accept_waveform(16000, samples)
        recognizer.decode_stream(stream)
        return len(stream.result.tokens)

    return recognise


def funasr_onnx(model: Path, threads: int) -> Recognise:
    from funasr_onnx import Paraformer

    recognizer = Paraformer(str(model), batch_size=1, quantize=True, intra_op_num_threads=threads)
    return lambda samples: len(recognizer(samples)[0]["preds"][0])


def funasr(model: Path, threads: int) -> Recognise:
    import torch
    from funasr import AutoModel

    torch.set_num_threads(threads)
    recognizer = AutoModel(model=str(model), device="cpu", ncpu=threads, disable_update=True, disable_pbar=True)
    return lambda samples: len(recognizer.generate(samples)[0]["text"].split())


ENGINES = {
    "tingshuo": tingshuo,
    "hotwords": with_hotwords,
    "sherpa-onnx": sherpa_onnx,
    "funasr-onnx": funasr_onnx,
    "funasr": funasr,
}


def main() -> None:
    name, model, threads, clips = sys.argv[1:]
    answers = sys.stdout
    sys.stdout = sys.stderr  # what the engines print must not come between the answers
    logging.disable(logging.WARNING)
    recognise = ENGINES[name](Path(model), int(threads))
    with np.load(clips) as file:
        samples = [file[clip] for clip in file.files]
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for _ in sys.stdin:
        begin, begin_cpu = time.perf_counter(), time.process_time()
        tokens = sum(recognise(clip) for clip in samples)
        answer = {
            "seconds": time.perf_counter() - begin,
            "cpu_seconds": time.process_time() - begin_cpu,
            "tokens": tokens,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()

"""What a field's language model gains on the field, what it costs elsewhere, and the time it takes.

    python benchmarks/field_language/measure.py MODEL.npz [MANIFEST...]

Every recording is heard by each of four recognisers in turn, so that a busy machine slows all of them alike: without a
language model, with the one that ships, with MODEL, and with MODEL and the hotwords of this folder.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from asr import Recognizer, open_recognizer
from asr.evaluation.error_rate import Errors, count_errors
from asr.evaluation.recognition import read_manifest
from asr.hotwords.list import EMPTY, HotwordList, parse_strictly
from asr.lm import open_language_model

HERE = Path(__file__).resolve().parent


def measure(recognizers: dict[str, tuple[Recognizer, HotwordList]], manifest: Path) -> None:
    """Print the table of one set."""
    errors = dict.fromkeys(recognizers, Errors())
    seconds = dict.fromkeys(recognizers, 0.0)
    for utterance in read_manifest(manifest):
        audio = utterance.decode()
        for name, (recognizer, hotwords) in recognizers.items():
            begin = time.thread_time()
            text = recognizer.transcribe(audio, hotwords).spoken
            seconds[name] += time.thread_time() - begin
            errors[name] += count_errors(utterance.text, text)
    print(f"{manifest}: {errors['none'].sentences} sentences, {errors['none'].characters} characters")
    for name in recognizers:
        cer, whole = errors[name].cer, errors[name].sentence_accuracy
        print(f"  {name:16}  CER {cer:7.2%}  whole sentences {whole:5.1%}  time {seconds[name] / seconds['none']:5.2f}")


def main(model: Path, manifests: list[Path]) -> None:
    """Measure on each manifest."""
    general = open_recognizer()
    field = general.with_language(open_language_model(model))
    hotwords = parse_strictly((HERE / "hotwords.txt").read_text(encoding="utf-8"))
    recognizers = {
        "none": (general.with_language(None), EMPTY),
        "general": (general, EMPTY),
        "field": (field, EMPTY),
        "field, hotwords": (field, hotwords),
    }
    for manifest in manifests:
        measure(recognizers, manifest)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]] or [HERE / "manifest.jsonl"])

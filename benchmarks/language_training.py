"""How long a training takes, and how much memory, on a million sentences.

    python benchmarks/language_training.py FOLDER [SENTENCES]

The sentences are drawn from the unigrams and bigrams of the general model that ships, 3 to 9 words each, so that they
have the vocabulary and the variety of everyday text. FOLDER becomes a job of `python -m asr lm`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from asr.lm import NgramModel, open_language_model
from asr.lm.corpus import Source
from asr.lm.job import JobSpec, read_training, step_command, write_job
from asr.lm.ngram import WORD_BITS
from asr.recognizer import EMBEDDED, LANGUAGE_FILE

SHORTEST, LONGEST = 3, 9  # words


def draw(model: NgramModel, count: int, rng: np.random.Generator) -> Iterator[str]:
    """Draw sentences from a model's unigrams and bigrams."""
    usual = np.cumsum(np.exp(model.orders[0].scores.astype(np.float64)))
    after = np.concatenate([[0.0], np.cumsum(np.exp(model.orders[1].scores.astype(np.float64)))])
    keys = model.orders[1].keys
    words = [np.searchsorted(usual, rng.random(count) * usual[-1])]
    for _ in range(LONGEST - 1):
        first, last = (np.searchsorted(keys, (words[-1] + more) << WORD_BITS) for more in (0, 1))
        drawn = after[first] + rng.random(count)
        place = np.searchsorted(after, drawn, side="right") - 1
        others = np.searchsorted(usual, rng.random(count) * usual[-1])
        known = np.where(place < last, keys[np.minimum(place, len(keys) - 1)] & ((1 << WORD_BITS) - 1), others)
        words.append(np.minimum(known, len(usual) - 1))
    for sentence, length in zip(np.stack(words, axis=1), rng.integers(SHORTEST, LONGEST + 1, count), strict=True):
        yield "".join(model.words[word] for word in sentence[:length])


def main(folder: Path, count: int) -> None:
    """Write the text, do both steps, print what they took."""
    folder.mkdir(parents=True)
    model = open_language_model(EMBEDDED / "language" / LANGUAGE_FILE)
    sentences: dict[str, None] = {}
    rng = np.random.default_rng(1)
    while len(sentences) < count:
        sentences |= dict.fromkeys(draw(model, count, rng))
    chosen = list(sentences)[:count]
    (folder / "sentences.txt").write_text("".join(f"{sentence}\n" for sentence in chosen), encoding="utf-8")
    write_job(folder, JobSpec((Source("drawn", "text", "sentences.txt"),)))
    characters = float(np.mean([len(sentence) for sentence in chosen]))
    del sentences, chosen
    print(f"{count} sentences of {characters:.1f} characters on average")
    for step in ("prepare", "train"):
        begin = time.monotonic()
        subprocess.run(step_command(step, folder), check=True, stdout=subprocess.DEVNULL)
        print(f"{step:8} {time.monotonic() - begin:6.1f} s", flush=True)
    made = read_training(folder)
    print(json.dumps({key: made[key] for key in ("sentences", "ngrams", "peak_mb", "bytes")}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000)

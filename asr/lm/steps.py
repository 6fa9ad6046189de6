"""The steps of a training: prepare the corpus, train the model, check whether it is better than the one in use."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from asr.errors import LanguageTrainingFailed
from asr.evaluation.error_rate import Errors, count_errors
from asr.evaluation.recognition import peak_memory_mb, read_manifest
from asr.lm import NgramModel, interpolate, open_language_model, read_arpa, save_language_model
from asr.lm.corpus import read_counted, read_sources, write_counted
from asr.lm.job import (
    CHECKED,
    HELD_OUT,
    MODEL_FILE,
    REPORT,
    TRAINED,
    TRAINING,
    JobSpec,
    Report,
    Step,
    StepProgress,
    is_done,
    made_by,
    making,
    model_file,
    read_job,
    write_figures,
)
from asr.lm.kenlm import count_ngrams
from asr.lm.ngram import END
from asr.lm.perplexity import best_share, judge
from asr.recognizer import EMBEDDED, LANGUAGE_FILE, Recognizer, open_recognizer
from asr.transcript import PLAIN
from mandarin.words import WordCutter

LEAST_SHARE, MOST_SHARE = 0.05, 0.2
"""Bounds of the field's part in the mixture. Held-out sentences of a field want all of it, but not all that is said to
a recogniser is of its field: what is left to the general model keeps other talk nearly as it was. How the upper bound
was chosen is told in benchmarks/field_language/README.md."""
CONVINCING = 1_000
"""So many different sentences may have half of MOST_SHARE. The held-out part of a small corpus is like the rest of it,
so it says little about how people speak: 25 sentences at a share of 0.3 spoiled recordings that have nothing to do with
them, and at LEAST_SHARE they corrected what they were given for."""

_LONGEST_WORD = 6
_LARGE = 200_000  # sentences, from which on longer n-grams that occur once are left out
_NOT_WORDS = frozenset({END, "<unk>"})  # a pause may cut a sentence anywhere, so its end says nothing
_TOLD_EVERY = 50_000  # sentences


def most_share(sentences: int) -> float:
    """Return how much of the mixture a field with so many different sentences may have, between the bounds."""
    return max(LEAST_SHARE, MOST_SHARE * sentences / (sentences + CONVINCING))


def run_step(step: Step, folder: Path, report: Report = lambda progress: None) -> None:
    """Do one step, unless it is done; those before it must be.

    Args:
        step: which.
        folder: of the job, with its job.json.
        report: told how far it is.

    Raises:
        LanguageJobInvalid: job.json, or a file that it names, is missing or wrong.
        LanguageCorpusTooSmall, LanguageCorpusTooLarge: as they say.
        LanguageTrainingFailed, TrainerMissing: n-grams could not be counted.
        ModelError: a model that is needed cannot be opened.
        AudioError, RecognitionFailed, ValueError: the check set cannot be used.
        OSError: the disk is full, or a file cannot be read.
    """
    if is_done(folder, step):
        report(StepProgress(step, 1.0, "done before"))
        return
    spec = read_job(folder)
    {"prepare": _prepare, "train": _train, "check": _check}[step](folder, spec, report)
    report(StepProgress(step, 1.0, "done"))


def _prepare(folder: Path, spec: JobSpec, report: Report) -> None:
    report(StepProgress("prepare", 0.0, "reading the sources"))
    corpus = read_sources(spec.sources, folder, spec.limits)
    training, held_out = corpus.split()
    report(StepProgress("prepare", 0.9, f"{len(training)} sentences to learn from"))
    with making(folder, "prepare") as unfinished:
        write_counted(training, unfinished / TRAINING)
        (unfinished / HELD_OUT).write_text("".join(f"{text}\n" for text in held_out), encoding="utf-8")
        figures = {
            "sources": [asdict(source) for source in corpus.sources],
            "sentences": sum(corpus.sentences.values()),
            "unique": len(corpus.sentences),
            "training": len(training),
            "held_out": len(held_out),
            "problems": [asdict(problem) for problem in corpus.problems],
            "problem_count": sum(corpus.reasons.values()),
            "problem_reasons": dict(corpus.reasons),
        }
        write_figures(unfinished / REPORT, figures)


def _train(folder: Path, spec: JobSpec, report: Report) -> None:
    begin = time.monotonic()
    report(StepProgress("train", 0.0, "opening the general model"))
    base_file = Path(spec.base) if spec.base else EMBEDDED / "language" / LANGUAGE_FILE
    general = open_language_model(base_file)
    segmenter = _segmenter(general)
    corpus = made_by(folder, "prepare")
    with making(folder, "train") as unfinished:
        sentences = _Words(corpus / TRAINING, segmenter, report)
        prune = spec.prune or _suitable(_lines(corpus / TRAINING), spec.order)
        arpa = unfinished / "field.arpa"
        memory = f"{spec.limits.memory_mb // 3}M"
        count_ngrams(sentences, arpa, order=spec.order, prune=prune, memory=memory, timeout=float(spec.limits.seconds))
        report(StepProgress("train", 0.5, "reading the n-grams"))
        field = read_arpa(arpa, keep=lambda word: word not in _NOT_WORDS)
        arpa.unlink()
        report(StepProgress("train", 0.7, "mixing with the general model"))
        held_out = _cut_lines(corpus / HELD_OUT, segmenter)
        judged = [judge(model, held_out) for model in (general, field)]
        best = best_share(judged[0].scores, judged[1].scores)
        share = float(np.clip(best, LEAST_SHARE, most_share(_lines(corpus / TRAINING))))
        mixed = interpolate([general, field], [1.0 - share, share])
        report(StepProgress("train", 0.9, f"writing the model, {share:.0%} of it the field's"))
        save_language_model(mixed, unfinished / MODEL_FILE)
        content = (unfinished / MODEL_FILE).read_bytes()
        figures = {
            "order": spec.order,
            "prune": list(prune),
            "sentences": sentences.count,
            "ngrams": [len(order.keys) for order in mixed.orders],
            "share": share,
            "perplexity": {"general": judged[0].perplexity, "mixed": judge(mixed, held_out).perplexity},
            "seconds": time.monotonic() - begin,
            "peak_mb": _peak_mb(),
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        write_figures(unfinished / TRAINED, figures)


def _check(folder: Path, spec: JobSpec, report: Report) -> None:
    begin = time.monotonic()
    report(StepProgress("check", 0.0, "opening both models"))
    running = spec.running or spec.base
    before = open_language_model(Path(running) if running else EMBEDDED / "language" / LANGUAGE_FILE)
    after = open_language_model(model_file(folder))
    held_out = made_by(folder, "prepare") / HELD_OUT
    # Each model's own words: it is how the recogniser uses it, and characters are what is counted.
    judged = [judge(model, _cut_lines(held_out, _segmenter(model))) for model in (before, after)]
    reasons = []
    if judged[1].perplexity > judged[0].perplexity * spec.tolerance.perplexity:
        reasons.append("perplexity_worse")
    errors = _errors(spec, before, after, report) if spec.check_set else None
    if errors and errors[1].cer > errors[0].cer + spec.tolerance.cer:
        reasons.append("cer_worse")
    figures = {
        "accepted": not reasons,
        "reasons": reasons,
        "perplexity": {
            "before": judged[0].perplexity,
            "after": judged[1].perplexity,
            "sentences": _lines(held_out),
        },
        "cer": None
        if errors is None
        else {
            "before": errors[0].cer,
            "after": errors[1].cer,
            "clips": errors[0].sentences,
            "characters": errors[0].characters,
        },
        "tolerance": asdict(spec.tolerance),
        "seconds": time.monotonic() - begin,
    }
    with making(folder, "check") as unfinished:
        write_figures(unfinished / CHECKED, figures)


def _errors(spec: JobSpec, before: NgramModel, after: NgramModel, report: Report) -> tuple[Errors, Errors]:
    """Recognise the check set with both models."""
    opened = open_recognizer(Path(spec.recognizer) if spec.recognizer else None)
    old: Recognizer = opened.with_language(before)
    new = opened.with_language(after)
    utterances = list(read_manifest(Path(spec.check_set or "")))
    if not utterances:
        raise LanguageTrainingFailed("The check set holds no recording.")
    totals = [Errors(), Errors()]
    for number, utterance in enumerate(utterances):
        report(StepProgress("check", number / len(utterances), f"recording {number + 1} of {len(utterances)}"))
        transcripts = old.compare(utterance.decode(), new, formatting=PLAIN)
        for place, transcript in enumerate(transcripts):
            totals[place] += count_errors(utterance.text, transcript.spoken)
    return totals[0], totals[1]


class _Words:
    """The sentences of a corpus as words, each as often as it counts; tells how far it is."""

    def __init__(self, path: Path, segmenter: WordCutter, report: Report) -> None:
        self._path = path
        self._segmenter = segmenter
        self._report = report
        self.count = 0

    def __iter__(self) -> Iterator[list[str]]:
        total = _lines(self._path)
        for number, (text, count) in enumerate(read_counted(self._path)):
            if number % _TOLD_EVERY == 0:
                self._report(StepProgress("train", 0.05 + 0.3 * number / total, f"sentence {number} of {total}"))
            words = self._segmenter.cut(text)
            for _ in range(count):
                yield words
            self.count += count
        self._report(StepProgress("train", 0.35, "counting n-grams"))


def _segmenter(model: NgramModel) -> WordCutter:
    scores = model.orders[0].scores.tolist()
    return WordCutter(dict(zip(model.words, scores, strict=True)), longest=_LONGEST_WORD)


def _suitable(sentences: int, order: int) -> tuple[int, ...]:
    return (0, 0, *(1,) * (order - 2)) if sentences >= _LARGE else (0,) * order


def _cut_lines(path: Path, segmenter: WordCutter) -> list[list[str]]:
    return [segmenter.cut(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


def _peak_mb() -> float | None:
    """The most memory that this process, or lmplz, took."""
    own = peak_memory_mb()
    if own is None or sys.platform == "win32":
        return None
    import resource  # Unix only

    unit = 2**20 if sys.platform == "darwin" else 2**10
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / unit)

"""What the steps of a training found out, as it is kept with the job and with the version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.errors import Detail
from asr.lm.job import read_check, read_report, read_training

MAX_PROBLEMS = 20  # lines of the corpus that are named; all are counted


@dataclass(frozen=True)
class Results:
    """Whether the check accepts the model, the figures that tell why not, and the whole report."""

    accepted: bool
    figures: Mapping[str, Detail]
    report: Mapping[str, Any]


def read_results(folder: Path) -> Results:
    """Return what the steps wrote into the folder of a job; raises what the readers in asr.lm.job raise."""
    corpus, training, check = read_report(folder), read_training(folder), read_check(folder)
    perplexity, cer = check.get("perplexity") or {}, check.get("cer") or {}
    report = {
        "sentences": corpus.get("sentences"),
        "kept": corpus.get("unique"),
        "held_out": corpus.get("held_out"),
        "problems": list(corpus.get("problems") or [])[:MAX_PROBLEMS],
        "problem_reasons": corpus.get("problem_reasons") or {},
        "ngrams": sum(training.get("ngrams") or []),
        "share": training.get("share"),
        "perplexity": {"before": perplexity.get("before"), "after": perplexity.get("after")},
        "cer": {"before": cer.get("before"), "after": cer.get("after")},
        "clips": cer.get("clips"),
        "tolerance": check.get("tolerance"),
        "reasons": list(check.get("reasons") or []),
        "seconds": round((training.get("seconds") or 0.0) + (check.get("seconds") or 0.0), 1),
    }
    figures = {
        "reasons": ", ".join(report["reasons"]),
        "perplexity_before": _rounded(perplexity.get("before"), 1),
        "perplexity_after": _rounded(perplexity.get("after"), 1),
        "cer_before": _percent(cer.get("before")),
        "cer_after": _percent(cer.get("after")),
    }
    return Results(bool(check.get("accepted")), figures, report)


def _rounded(value: float | None, digits: int) -> Detail:
    return "–" if value is None else round(value, digits)


def _percent(value: float | None) -> Detail:
    return "–" if value is None else f"{100 * value:.1f} %"

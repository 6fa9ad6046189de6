"""From lists of recordings to what training reads: checked manifests, CMVN, and a report.

Writes into one folder: train.jsonl, valid.jsonl when some are held out, tokens.json when the vocabulary is a new one,
am.mvn, report.json.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from asr.evaluation.manifests import Entry, ManifestFault, read_entries
from asr.training.datasets.checks import LIMITS, Accepted, Checker, CheckLimits
from asr.training.datasets.cmvn import CmvnStatistics
from asr.training.errors import NothingToLearn
from mandarin.spoken import spoken_form

SPECIAL_TOKENS = ("<blank>", "<s>", "</s>")
UNKNOWN_TOKEN = "<unk>"  # a unit of the vocabulary, no password


@dataclass(frozen=True)
class HeldOut:
    """What is kept for measuring: never learnt from."""

    share: float = 0.0
    """Of the sentences; all recordings of one sentence go to the same side."""
    speakers: frozenset[str] = frozenset()
    """All that these say."""

    def sentences(self, texts: Iterable[str]) -> frozenset[str]:
        """Choose the held-out ones of ``texts``: at least one, and the same ones every time."""
        ordered = sorted(set(texts), key=lambda text: hashlib.blake2b(text.encode()).digest())
        return frozenset(ordered[: math.ceil(self.share * len(ordered))])


_NOTHING = HeldOut()


@dataclass
class Part:
    """Counts of one of the manifests written."""

    utterances: int = 0
    seconds: float = 0.0
    characters: Counter[str] = field(default_factory=Counter)
    speakers: Counter[str] = field(default_factory=Counter)

    def add(self, accepted: Accepted) -> None:
        """Count a recording."""
        self.utterances += 1
        self.seconds += accepted.seconds
        self.characters.update(accepted.entry.text)
        self.speakers[accepted.entry.speaker] += 1

    def to_dict(self) -> dict[str, Any]:
        """Return the counts for JSON; recordings without a speaker's name count as nobody's."""
        return {
            "utterances": self.utterances,
            "hours": round(self.seconds / 3600, 4),
            "speakers": len(self.speakers.keys() - {""}),
            "characters": self.characters.total(),
            "distinct_characters": len(self.characters),
        }


@dataclass
class Report:
    """What was found: counts by manifest written, and every problem with its line."""

    parts: dict[str, Part] = field(default_factory=dict)
    problems: list[ManifestFault] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return everything for JSON."""
        return {
            "parts": {name: part.to_dict() for name, part in self.parts.items()},
            "speakers": {name: dict(part.speakers.most_common()) for name, part in self.parts.items()},
            "problem_counts": dict(Counter(problem.kind for problem in self.problems).most_common()),
            "problems": [
                {"file": str(p.place.file), "line": p.place.line, "kind": p.kind, "detail": p.detail}
                for p in self.problems
            ],
        }

    def table(self) -> str:
        """Return the counts for people."""
        rows: list[tuple[str, ...]] = [("", "utterances", "hours", "speakers", "characters", "distinct")]
        for name, part in self.parts.items():
            counts = part.to_dict()
            rows.append((name, *(f"{value:.2f}" if key == "hours" else f"{value}" for key, value in counts.items())))
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
        if self.problems:
            lines.append(f"left out: {len({problem.place for problem in self.problems})} lines")
            counted = Counter(problem.kind for problem in self.problems)
            lines += [f"{count:8} {kind}" for kind, count in counted.most_common()]
        return "\n".join(lines)


def prepare(
    sources: Iterable[Path],
    out: Path,
    *,
    root: Path | None = None,
    vocabulary: Collection[str] | None = None,
    held_out: HeldOut = _NOTHING,
    limits: CheckLimits = LIMITS,
) -> Report:
    """Check recordings and texts, and write what training reads.

    Args:
        sources: manifests or Kaldi folders, see ``asr.evaluation.manifests``.
        out: folder to write; files of the same names are replaced.
        root: what relative audio paths are relative to; None is each manifest's folder.
        vocabulary: characters that the model can write; None makes a new tokens.json of those that occur.
        held_out: what goes to valid.jsonl.
        limits: between what recordings and texts have to lie.

    Raises:
        ManifestUnknown: a source is in no format known here.
        NothingToLearn: nothing is left to learn from; the report is written all the same.
    """
    found = [item for source in sources for item in read_entries(source, root)]
    kept_back = held_out.sentences(spoken_form(item.text) for item in found if isinstance(item, Entry))
    out.mkdir(parents=True, exist_ok=True)
    report = Report({"train": Part()} | ({"valid": Part()} if held_out.share or held_out.speakers else {}))
    statistics = CmvnStatistics()
    lines: dict[str, list[str]] = {name: [] for name in report.parts}
    for accepted in _accepted(found, Checker(vocabulary, limits), report.problems):
        measured = accepted.entry.text in kept_back or accepted.entry.speaker in held_out.speakers
        part = "valid" if measured else "train"
        report.parts[part].add(accepted)
        lines[part].append(json.dumps(_line(accepted), ensure_ascii=False))
        if part == "train":
            statistics.add(accepted.samples)
    (out / "report.json").write_text(json.dumps(report.to_dict(), ensure_ascii=False, indent=1), encoding="utf-8")
    if not lines["train"]:
        raise NothingToLearn("Nothing is left to learn from; report.json names what is wrong with each line.")
    for name, written in lines.items():
        (out / f"{name}.jsonl").write_text("\n".join(written) + "\n", encoding="utf-8")
    statistics.save(out / "am.mvn")
    if vocabulary is None:
        _write_tokens(report.parts["train"].characters, out / "tokens.json")
    return report


def _accepted(found: list[Entry | ManifestFault], check: Checker, problems: list[ManifestFault]) -> Iterator[Accepted]:
    for item in tqdm(found, desc="checking", unit="recordings", mininterval=1, disable=None):
        outcome = [item] if isinstance(item, ManifestFault) else check(item)
        if isinstance(outcome, Accepted):
            yield outcome
        else:
            problems += outcome


def _line(accepted: Accepted) -> dict[str, Any]:
    entry = accepted.entry
    line: dict[str, Any] = {"id": entry.id, "audio_filepath": str(entry.audio.resolve()), "text": entry.text}
    if entry.speaker:
        line["speaker"] = entry.speaker
    if entry.offset is not None:
        line["offset"] = entry.offset
    return line | {"duration": round(accepted.seconds, 4)}


def _write_tokens(characters: Iterable[str], path: Path) -> None:
    tokens = [*SPECIAL_TOKENS, *sorted(characters), UNKNOWN_TOKEN]
    path.write_text(json.dumps(tokens, ensure_ascii=False), encoding="utf-8")

"""One training of a field's language model, as a folder: what is asked for, and what each step has made of it.

    FOLDER/job.json                what is asked for (`JobSpec`)
    FOLDER/...                     the sources
    FOLDER/corpus/                 prepare: training.txt, held_out.txt, report.json
    FOLDER/model/                  train:   language.npz, training.json
    FOLDER/check/                  check:   check.json

A step makes its folder under another name and renames it when it is whole. So a folder that is there is finished, and
a step that was killed, at whatever moment, is simply run again.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, cast, get_args

from asr.errors import LanguageJobInvalid
from asr.lm.corpus import Limits, Source, SourceKind

Step = Literal["prepare", "train", "check"]
STEPS: tuple[Step, ...] = get_args(Step)

JOB_FILE = "job.json"
MODEL_FILE = "language.npz"
TRAINING, HELD_OUT, REPORT = "training.txt", "held_out.txt", "report.json"
TRAINED, CHECKED = "training.json", "check.json"

_FOLDERS: Mapping[Step, str] = {"prepare": "corpus", "train": "model", "check": "check"}
_ORDERS = range(2, 6)
_MOST_WEIGHT = 100


@dataclass(frozen=True)
class Tolerance:
    """How much worse than the model before it a new one may be.

    Attributes:
        cer: added to the character error rate on the check set, 0.003 being 0.3 % absolute.
        perplexity: on held-out text, as a multiple of the former.
    """

    cer: float = 0.003
    perplexity: float = 1.0


@dataclass(frozen=True)
class JobSpec:
    """What a language model is to be made of, and when it is good enough.

    Attributes:
        sources: the field's text.
        order: words of the longest n-grams, 2 to 5.
        prune: for each order the count up to which n-grams are left out; empty is what suits the corpus's size.
        base: the general model to mix with, a .npz; None is the embedded one.
        running: the model to compare with, a .npz; None is `base`.
        recognizer: folder of the acoustic model for the check; None is the embedded one.
        check_set: a manifest of recordings with their texts; None leaves the check to perplexity alone.
        tolerance: how much worse than `running` it may be.
        limits: what the job may take.
    """

    sources: tuple[Source, ...]
    order: int = 3
    prune: tuple[int, ...] = ()
    base: str | None = None
    running: str | None = None
    recognizer: str | None = None
    check_set: str | None = None
    tolerance: Tolerance = field(default_factory=Tolerance)
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        """Raise LanguageJobInvalid for what cannot be trained."""
        _demand(bool(self.sources), "sources", "at least one is needed")
        names = [source.name for source in self.sources]
        _demand(len(set(names)) == len(names), "sources", "two have the same name")
        for source in self.sources:
            _demand(source.kind in get_args(SourceKind), "sources", f"no kind is called {source.kind}")
            _demand(0 < source.weight <= _MOST_WEIGHT, "sources", f"weights are 1 to {_MOST_WEIGHT}")
        _demand(self.order in _ORDERS, "order", f"{_ORDERS[0]} to {_ORDERS[-1]} are possible")
        rising = all(low <= high for low, high in zip(self.prune, self.prune[1:], strict=False))
        _demand(len(self.prune) <= self.order and rising, "prune", "at most one count an order, none below the last")
        _demand(not self.prune or self.prune[0] == 0, "prune", "single words are not left out")
        _demand(0 <= self.tolerance.cer <= 1 and self.tolerance.perplexity > 0, "tolerance", "it is out of range")
        _demand(all(value > 0 for value in asdict(self.limits).values()), "limits", "all are positive")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> JobSpec:
        """Rebuild what `to_dict` gave; what is left out has its default. Raises LanguageJobInvalid."""
        unknown = sorted(set(data) - {one.name for one in fields(cls)})
        _demand(not unknown, unknown[0] if unknown else "", "there is no such field")
        values = dict(data)
        try:
            values["sources"] = tuple(Source(**source) for source in data["sources"])
            values["prune"] = tuple(map(int, data.get("prune", ())))
            values["tolerance"] = Tolerance(**data.get("tolerance", {}))
            values["limits"] = Limits(**data.get("limits", {}))
            return cls(**values)
        except (TypeError, KeyError, ValueError) as error:
            raise LanguageJobInvalid(f"The order for a language model is not valid: {error}.", field="job") from error


@dataclass(frozen=True)
class StepProgress:
    """How far a step is: 0 to 1, and what it does."""

    step: Step
    progress: float
    message: str


Report = Callable[[StepProgress], None]


def write_job(folder: Path, spec: JobSpec) -> None:
    """Write what is asked for; the sources are put into the folder by the caller."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_json(folder / JOB_FILE, spec.to_dict())


def read_job(folder: Path) -> JobSpec:
    """Read what `write_job` wrote; raises LanguageJobInvalid where there is none, or a wrong one."""
    try:
        data = json.loads((folder / JOB_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LanguageJobInvalid(f"There is no {JOB_FILE} that can be read in {folder}.", field="job") from error
    _demand(isinstance(data, dict), "job", "it is no object")
    return JobSpec.from_dict(data)


def step_command(step: Step, folder: Path) -> list[str]:
    """Return the command of the process that does a step; its standard output is `StepProgress` as JSON lines."""
    return [sys.executable, "-m", "asr", "lm", step, str(folder)]


def is_done(folder: Path, step: Step) -> bool:
    """Tell whether a step is finished."""
    return (folder / _FOLDERS[step]).is_dir()


def made_by(folder: Path, step: Step) -> Path:
    """Return the folder that a step makes."""
    return folder / _FOLDERS[step]


def model_file(folder: Path) -> Path:
    """Return where the trained model is."""
    return made_by(folder, "train") / MODEL_FILE


def read_report(folder: Path) -> dict[str, Any]:
    """Return what `prepare` says of the corpus; raises OSError before it is done."""
    return _read_json(made_by(folder, "prepare") / REPORT)


def read_training(folder: Path) -> dict[str, Any]:
    """Return what `train` says of the model; raises OSError before it is done."""
    return _read_json(made_by(folder, "train") / TRAINED)


def read_check(folder: Path) -> dict[str, Any]:
    """Return the verdict of `check` and its figures; raises OSError before it is done."""
    return _read_json(made_by(folder, "check") / CHECKED)


@contextmanager
def making(folder: Path, step: Step) -> Iterator[Path]:
    """Give a step an empty folder to write into; it takes its place when the block ends without an error."""
    target = made_by(folder, step)
    unfinished = target.with_name(f".{target.name}.partial")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    try:
        yield unfinished
        _settle(unfinished)
        unfinished.rename(target)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def write_figures(path: Path, figures: Mapping[str, Any]) -> None:
    """Write what a step found out, as JSON."""
    _write_json(path, figures)


def _settle(folder: Path) -> None:
    """Bring the files to the disk before their folder gets its name, lest a power cut leave them empty."""
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _write_json(path: Path, data: Mapping[str, Any]) -> None:
    unfinished = path.with_name(f".{path.name}.partial")
    unfinished.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    unfinished.replace(path)


def _read_json(path: Path) -> dict[str, Any]:
    return cast(dict[str, Any], json.loads(path.read_text(encoding="utf-8")))


def _demand(holds: bool, name: str, reason: str) -> None:
    if not holds:
        raise LanguageJobInvalid(f"{name}: {reason}.", field=name, reason=reason)

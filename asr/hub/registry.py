"""The models known by a short name (models/registry.yaml), and how others are named: a ModelScope id, or a folder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from asr.errors import ModelNameUnknown

MODELS = Path(__file__).resolve().parents[2] / "models"
DEFAULT_REVISION = "master"
AUTO = "auto"  # AUTO_MODEL where it can be had, else the embedded one
AUTO_MODEL = "paraformer-zh"
EMBEDDED = "embedded"
_ID = re.compile(r"(?P<id>[\w-][\w.-]*/[\w-][\w.-]*)(?:@(?P<revision>[\w-][\w./-]*))?")


@dataclass(frozen=True)
class Card:
    """A model: its short name, where ModelScope has it, and the files without which it is of no use.

    `huggingface` is its id there, where it is another one.
    `needs` names files, alternatives as a tuple. `punctuation` names the model that sets the marks in what this one
    hears. `folder` is set where the model lies in this repository.
    """

    name: str
    id: str = ""
    revision: str = DEFAULT_REVISION
    kind: str = "speech"
    about: str = ""
    needs: tuple[tuple[str, ...], ...] = ()
    sha256: Mapping[str, str] = field(default_factory=dict)
    punctuation: str = ""
    huggingface: str = ""
    folder: Path | None = None

    def missing(self, folder: Path) -> tuple[str, ...]:
        """Return which of the files needed are not in `folder`; alternatives that are all missing as `a or b`."""
        return tuple(" or ".join(names) for names in self.needs if not any((folder / name).is_file() for name in names))


@cache
def registry(path: Path = MODELS / "registry.yaml") -> dict[str, Card]:
    """Return the models that have a short name."""
    listed: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {name: _card(name, fields) for name, fields in listed.items()}


def card_of(name: str) -> Card:
    """Return the model called `name`: a short name, or `owner/model` with or without `@revision`.

    Raises ModelNameUnknown when it is neither.
    """
    known = registry()
    if name in known:
        return known[name]
    found = _ID.fullmatch(name)
    if found is None or ".." in name:
        names = ", ".join(known)
        raise ModelNameUnknown(
            f"There is no model called {name!r}: use one of {names}, the id of one on ModelScope (owner/name), "
            "or the path of a folder.",
            name=name,
            names=names,
        )
    for card in known.values():
        if card.id == found["id"] and found["revision"] in (None, card.revision):
            return card
    return Card(name, found["id"], found["revision"] or DEFAULT_REVISION, needs=(("config.yaml",),))


def _card(name: str, fields: Mapping[str, Any]) -> Card:
    return Card(
        name=name,
        id=fields.get("id", ""),
        huggingface=fields.get("huggingface", ""),
        revision=fields.get("revision", DEFAULT_REVISION),
        kind=fields["kind"],
        about=fields["about"],
        needs=tuple(tuple(names.split("|")) for names in fields["needs"]),
        sha256=dict(fields.get("sha256", {})),
        punctuation=fields.get("punctuation", ""),
        folder=MODELS / fields["folder"] if "folder" in fields else None,
    )

"""The sources of a training as a request names them, and the files that the training's steps read."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.errors import DomainUnknown, FieldInvalid
from app.hotwords.corrections import Corrections, LabelledRecording
from asr.lm.corpus import Source
from asr.lm.job import JobSpec, write_job
from bot import DomainMissing, load_domain

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Weight = Annotated[int, Field(ge=1, le=100)]
MAX_SOURCES = 50
MAX_CLIPS = 200  # corrected recordings that a model is checked with: the latest
_SPECIAL = frozenset("{}()[]|=#\n\r")  # what has a meaning in a template


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TextSource(_Strict):
    """Sentences, one a line."""

    kind: Literal["text"]
    name: Name = "text"
    text: str = Field(min_length=1)
    weight: Weight = 1


class TemplateSource(_Strict):
    """Sentences with slots in braces, one a line, and the words of the slots."""

    kind: Literal["template"]
    name: Name = "template"
    text: str = Field(min_length=1)
    lists: dict[Name, list[Name]] = {}
    weight: Weight = 1


class DomainSource(_Strict):
    """The examples of one of the bot's domains."""

    kind: Literal["domain"]
    domain: Annotated[str, StringConstraints(pattern="^[a-z][a-z0-9_]{0,40}$")]
    weight: Weight = 1


class CorrectionsSource(_Strict):
    """What the user has put right."""

    kind: Literal["corrections"]
    weight: Weight = 1


AnySource = Annotated[TextSource | TemplateSource | DomainSource | CorrectionsSource, Field(discriminator="kind")]


@dataclass(frozen=True)
class SourceFile:
    """A source as the steps read it."""

    name: str
    kind: Literal["text", "template", "corrections"]
    text: str
    weight: int


def expand(sources: Sequence[AnySource], corrections: Sequence[LabelledRecording]) -> list[SourceFile]:
    """Return the sources with the bot's domains and the corrections written out; raises DomainUnknown, FieldInvalid."""
    files = [file for source in sources for file in _files(source, corrections)]
    names: Counter[str] = Counter()
    for number, file in enumerate(files):
        names[file.name] += 1
        if names[file.name] > 1:  # a report names lines by their source
            files[number] = replace(file, name=f"{file.name} ({names[file.name]})")
    return files


def write_files(folder: Path, files: Sequence[SourceFile], spec: Mapping[str, Any]) -> None:
    """Write a job's folder, which appears whole or not at all; `spec` has the other fields of its JobSpec.

    Raises OSError.
    """
    draft = folder.with_name(f"{folder.name}.part")
    draft.mkdir(parents=True, mode=0o700)
    try:
        sources = []
        for number, file in enumerate(files):
            name = f"source{number}.txt"
            (draft / name).write_text(file.text, "utf-8", errors="replace")
            sources.append(Source(file.name, file.kind, name, file.weight))
        write_job(draft, JobSpec(tuple(sources), **spec))
        draft.replace(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def write_clips(folder: Path, corrections: Corrections, clips: Sequence[LabelledRecording]) -> Path:
    """Copy corrected recordings into a folder, for they may be deleted meanwhile; return their manifest.

    Those that are gone already are left out. Raises OSError, StoreUnavailable.
    """
    folder.mkdir(parents=True, mode=0o700)
    lines = []
    for number, clip in enumerate(clips[-MAX_CLIPS:]):
        name = f"{number:03}.wav"
        try:
            recording = corrections.open(clip)
        except FileNotFoundError:
            continue
        with recording, (folder / name).open("xb") as file:
            shutil.copyfileobj(recording, file)
        lines.append(json.dumps({"id": name, "audio_filepath": name, "text": clip.said}, ensure_ascii=False))
    manifest = folder / "manifest.jsonl"
    manifest.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return manifest


def _files(source: AnySource, corrections: Sequence[LabelledRecording]) -> Iterator[SourceFile]:
    match source:
        case TextSource():
            yield SourceFile(source.name, "text", source.text, source.weight)
        case TemplateSource():
            yield SourceFile(source.name, "template", _grammar(source.lists) + source.text, source.weight)
        case DomainSource():
            yield from _domain_files(source)
        case CorrectionsSource():
            lines = "".join(json.dumps({"text": one.said}, ensure_ascii=False) + "\n" for one in corrections)
            yield SourceFile("corrections", "corrections", lines, source.weight)


def _grammar(lists: Mapping[str, Sequence[str]]) -> str:
    for slot, values in lists.items():
        if _SPECIAL & set("".join((slot, *values))):
            raise FieldInvalid("A list's words may not hold any of {}()[]|=#.", field=f"lists.{slot}")
    return "".join(f"{slot} = {' | '.join(values)}\n" for slot, values in lists.items() if values)


def _domain_files(source: DomainSource) -> Iterator[SourceFile]:
    """Write what users are expected to say: the examples, with the words of every slot that has a list of them."""
    try:
        domain = load_domain(source.domain)
    except DomainMissing as error:
        raise DomainUnknown("There is no domain of this name.", domain=source.domain) from error
    lists = {
        name: [word for value in slot.values for word in (value.value, *value.synonyms) if not _SPECIAL & set(word)]
        for name, slot in domain.slots.items()
    }
    known = {f"{{{name}}}" for name, words in lists.items() if words}
    lines = [example for intent in domain.intents.values() for example in intent.examples]
    plain = [line for line in lines if not _SPECIAL & set(line)]
    filled = [line for line in lines if "{" in line and not _SPECIAL & set(_without(line, known))]
    yield SourceFile(f"{source.domain}", "text", "\n".join(plain), source.weight)
    if filled:
        yield SourceFile(f"{source.domain} {{}}", "template", _grammar(lists) + "\n".join(filled), source.weight)


def _without(line: str, parts: set[str]) -> str:
    for part in parts:
        line = line.replace(part, "")
    return line

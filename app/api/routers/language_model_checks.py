"""What a language model is checked and tried with: recordings and their texts, or one recording before and after."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel
from rapidfuzz.distance import Levenshtein
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from app.api.dependencies import (
    ConversationsDependency,
    LanguageModelsDependency,
    LimitsDependency,
    ModelDependency,
    PersonDependency,
    SettingsDependency,
)
from app.api.routers.chat import REFUSALS
from app.api.routers.hotword_trial import MAX_SECONDS, recording_sent
from app.api.uploads import sent_form
from app.errors import FieldInvalid
from app.language_models import check_sets
from app.language_models.check_sets import Clip
from app.language_models.errors import CheckSetInvalid
from app.language_models.service import LanguageModels
from app.language_models.versions import OWN
from app.recognition.decoding import decode
from app.recognition.running_model import RunningModel
from app.storage.tables import CheckSetRecord
from asr import Audio
from asr.lm import NgramModel

MAX_PAIRS = 60  # recordings sent one by one; an archive may hold more
MAX_FIELD_BYTES = 1024
MAX_NAME = 100  # characters

router = APIRouter(prefix="/api/lm", tags=["language models"])


class CheckSet(BaseModel):
    """Recordings and texts that a language model can be checked with."""

    id: str
    name: str
    kind: Literal["shipped", "uploaded", "corrections"]
    clips: int
    seconds: float
    created_at: datetime | None

    @classmethod
    def of(cls, record: CheckSetRecord) -> CheckSet:
        """Return what a client gets to see of a check set that was sent."""
        return cls(**record.model_dump(exclude={"owner"}), kind="uploaded")


class CheckSets(BaseModel):
    """One's own check sets, after the one that is always there."""

    check_sets: list[CheckSet]


class VersionText(BaseModel):
    """What one version hears, and how long that took, in milliseconds."""

    text: str
    took_ms: float
    version: int


class VersionDifference(BaseModel):
    """Characters `before` to `before_end` of the one text are `after` to `after_end` of the other."""

    before: int
    before_end: int
    after: int
    after_end: int


class VersionComparison(BaseModel):
    """A recording of `seconds` length, recognised with two versions."""

    before: VersionText
    after: VersionText
    marks: list[VersionDifference]
    seconds: float


_TEXT = {"type": "string"}
_FILE = {"type": "string", "format": "binary"}


def _form(**properties: object) -> dict[str, object]:
    schema = {"type": "object", "properties": properties}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


@router.get("/check-sets")
def list_check_sets(models: LanguageModelsDependency, person: PersonDependency) -> CheckSets:
    """List what a training can be checked with: the shipped set, what one has corrected, and what one sent."""
    clips, seconds = check_sets.shipped_size()
    shipped = CheckSet(
        id=check_sets.SHIPPED, name="", kind="shipped", clips=clips, seconds=seconds, created_at=None
    )  # fmt: skip
    own = [CheckSet.of(record) for record in models.check_sets.list(person.id)]
    return CheckSets(check_sets=[shipped, *_corrected(models, person.id), *own])


@router.post(
    "/check-sets",
    status_code=201,
    responses=REFUSALS,
    openapi_extra=_form(
        name=_TEXT,
        archive=_FILE | {"description": "A zip archive with manifest.jsonl and the recordings that it names,"},
        clip={"type": "array", "items": _FILE, "description": "or recordings, one by one,"},
        text={"type": "array", "items": _TEXT, "description": "and their texts in the same order."},
    ),
)
async def add_check_set(
    request: Request,
    models: LanguageModelsDependency,
    person: PersonDependency,
    settings: SettingsDependency,
    allowance: LimitsDependency,
) -> CheckSet:
    """Keep recordings with their texts, to check language models with."""
    async with sent_form(request, settings, MAX_FIELD_BYTES, max_files=MAX_PAIRS) as form:
        name = _text(form, "name")[:MAX_NAME] or "check"
        return CheckSet.of(
            await run_in_threadpool(models.check_sets.add, person.id, name, _clips(form), allowance.account())
        )


@router.delete("/check-sets/{check_set_id}", status_code=204, responses={404: {}})
def remove_check_set(check_set_id: str, models: LanguageModelsDependency, person: PersonDependency) -> None:
    """Delete a check set; trainings that wait for it fail."""
    models.check_sets.remove(person.id, check_set_id)


@router.post(
    "/try",
    responses=REFUSALS,
    openapi_extra=_form(
        audio=_FILE | {"description": "A recording,"},
        message_id=_TEXT | {"description": "or a voice message of the conversation."},
        conversation_id=_TEXT,
        version={"type": "integer", "description": "What to try; left out, the current version,"},
        against={"type": "integer", "default": OWN, "description": "and what to compare it with."},
    ),
)
async def try_version(
    request: Request,
    models: LanguageModelsDependency,
    model: ModelDependency,
    person: PersonDependency,
    conversations: ConversationsDependency,
    settings: SettingsDependency,
    allowance: LimitsDependency,
) -> VersionComparison:
    """Recognise a recording with two versions; nothing is kept or switched."""
    conversations.queue.check_admission()
    async with sent_form(request, settings, MAX_FIELD_BYTES) as form:
        first = _number(form, "against", OWN)
        second = _number(form, "version", (await run_in_threadpool(models.versions.standing)).current)
        data = await run_in_threadpool(recording_sent, conversations, person, form, settings)
    limits = replace(conversations.limits, max_seconds=min(MAX_SECONDS, conversations.limits.max_seconds))

    charge = allowance.account()

    def recognise() -> VersionComparison:
        audio = decode(data, charge, limits=limits, times=2)
        before = _heard(model, audio, first, _model(models, first))
        after = _heard(model, audio, second, _model(models, second))
        return VersionComparison(
            before=before, after=after, marks=list(_marks(before.text, after.text)), seconds=audio.seconds
        )

    return await conversations.queue.run(recognise)


def _model(models: LanguageModels, number: int) -> NgramModel | None:
    return None if number == OWN else models.switch.open(models.versions.get(number))


def _heard(model: RunningModel, audio: Audio, number: int, language: NgramModel | None) -> VersionText:
    recognizer = model.with_language(language)
    started = time.perf_counter()
    text = recognizer.transcribe(audio).text
    return VersionText(text=text, took_ms=round(1000 * (time.perf_counter() - started), 1), version=number)


def _marks(before: str, after: str) -> Iterator[VersionDifference]:
    for code in Levenshtein.opcodes(before, after):
        if code.tag != "equal":
            yield VersionDifference(
                before=code.src_start, before_end=code.src_end, after=code.dest_start, after_end=code.dest_end
            )  # fmt: skip


def _corrected(models: LanguageModels, owner: str) -> Iterator[CheckSet]:
    clips, seconds = models.corrected(owner)
    if clips:
        yield CheckSet(
            id=check_sets.CORRECTIONS, name="", kind="corrections", clips=clips, seconds=seconds, created_at=None
        )  # fmt: skip


def _clips(form: FormData) -> Iterator[Clip]:
    archive = form.get("archive")
    if isinstance(archive, UploadFile):
        return check_sets.unpacked(archive.file)
    recordings = [part for part in form.getlist("clip") if isinstance(part, UploadFile)]
    texts = [part for part in form.getlist("text") if isinstance(part, str)]
    if len(recordings) != len(texts):
        reason = f"{len(recordings)} recordings and {len(texts)} texts"
        raise CheckSetInvalid("Each recording needs its text.", reason=reason)
    return (
        Clip(part.file.read(check_sets.MAX_CLIP_BYTES + 1), text) for part, text in zip(recordings, texts, strict=True)
    )


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return (
        "".join(character for character in value if character.isprintable()).strip() if isinstance(value, str) else ""
    )


def _number(form: FormData, name: str, default: int) -> int:
    text = _text(form, name)
    if text and not text.isdecimal():
        raise FieldInvalid(f"{name} is the number of a version.", field=name, allowed="0, 1, 2, ...")
    return int(text) if text else default

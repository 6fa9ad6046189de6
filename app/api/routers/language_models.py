"""Language models over HTTP: train one from sentences, follow it, publish it, go back.

What is published changes what everybody's speech is recognised as: all of it needs the scope `admin`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Request, Response
from fastapi.sse import EventSourceResponse
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, StreamingResponse

from app.access.rights import require
from app.api import errors
from app.api.dependencies import LanguageDependency, LanguageModelsDependency, PersonDependency
from app.api.sse import described, event, event_stream, preceded
from app.language_models import jobs
from app.language_models.check_sets import CORRECTIONS, SHIPPED
from app.language_models.service import LanguageModels, TrainingOrder
from app.language_models.sources import MAX_SOURCES, AnySource, CorrectionsSource, DomainSource, Name, TemplateSource
from app.language_models.versions import OWN
from app.storage.tables import LanguageVersion, TrainingJob
from asr.errors import TrainerMissing
from asr.lm.kenlm import find_lmplz

router = APIRouter(
    prefix="/api/lm",
    tags=["language models"],
)


class TrainingRequest(BaseModel):
    """A language model that is wanted; the sources are said together, each `weight` times."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    sources: Annotated[list[AnySource], Field(min_length=1, max_length=MAX_SOURCES)]
    order: Annotated[int, Field(ge=2, le=5, description="Words of the longest n-grams.")] = 3
    base: Annotated[Literal["general", "current"], Field(description="What the field's model is mixed with.")] = (
        "general"
    )
    check_set: Annotated[str, StringConstraints(max_length=100)] = SHIPPED
    callback_url: Annotated[str, StringConstraints(max_length=2000)] | None = None


class SourceShown(BaseModel):
    """What is shown of a source: not its text."""

    kind: str
    name: str
    weight: int
    characters: int


class Callback(BaseModel):
    """How far the callback is."""

    status: Literal["waiting", "sent", "failed"]
    attempts: int


class Training(BaseModel):
    """A training; `progress` (0 to 1) is that of all steps together."""

    id: str
    name: str
    status: Literal["queued", "running", "published", "refused", "failed", "cancelled"]
    step: Literal["prepare", "train", "check", "publish"]
    progress: float
    log: str
    error: errors.ErrorBody | None
    report: dict[str, Any] | None
    version: int | None
    order: int
    base: str
    check_set: str
    sources: list[SourceShown]
    callback: Callback | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, job: TrainingJob, language: str, *, with_log: bool = True) -> Training:
        """Return what a client that reads `language` gets to see of a stored job."""
        error = None
        if job.error_code is not None:
            error = errors.body(job.error_code, job.error_details, language).error
        callback = None
        if job.callback_status is not None:
            callback = Callback(status=job.callback_status, attempts=job.callback_attempts)  # type: ignore[arg-type]
        shown = job.model_dump(include={"id", "name", "status", "step", "report", "version", "created_at",
                                        "started_at", "finished_at"})  # fmt: skip
        log = job.log if with_log else ""
        return cls(**shown, **job.request, progress=_overall(job), log=log, error=error, callback=callback)


class Trainings(BaseModel):
    """One's own trainings, the newest first."""

    jobs: list[Training]


class Version(BaseModel):
    """A published model; number 0 is the model folder's own."""

    number: int
    name: str
    bytes: int
    sha256: str
    report: dict[str, Any] | None
    published_at: datetime | None
    current: bool
    job_id: str | None


class Versions(BaseModel):
    """What is published: `running` recognises in this process, and `warning` says why where it is not `current`."""

    current: int
    previous: int | None
    running: int
    warning: errors.ErrorBody | None
    follows: str
    trainable: bool
    versions: list[Version]


class Current(BaseModel):
    """What other nodes ask for again and again."""

    number: int
    sha256: str
    name: str


_Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200)]

_UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"model": errors.ErrorAnswer}}
_CONFLICT: dict[int | str, dict[str, Any]] = {409: {"model": errors.ErrorAnswer}}
_REFUSALS: dict[int | str, dict[str, Any]] = {code: {"model": errors.ErrorAnswer} for code in (404, 409, 413, 422, 503)}
_WEIGHTS = (0.1, 0.5, 0.4)  # of the steps that take time, in the progress of the whole


@router.post(
    "/jobs",
    status_code=202,
    responses={200: {"model": Training, "description": "It was submitted before, under the same key."}, **_REFUSALS},
)
async def submit(
    asked: TrainingRequest,
    request: Request,
    response: Response,
    models: LanguageModelsDependency,
    person: PersonDependency,
    language: LanguageDependency,
    idempotency_key: _Key = None,
) -> Training:
    """Begin a training; the answer comes at once. The same key with the same body begins nothing twice."""
    if asked.check_set == CORRECTIONS or any(isinstance(source, CorrectionsSource) for source in asked.sources):
        require(person, "chat")  # they are what was said in conversations
    order = TrainingOrder(asked.name, asked.sources, asked.order, asked.base, asked.check_set, asked.callback_url)
    canonical = json.dumps(asked.model_dump(), ensure_ascii=False, sort_keys=True).encode()
    fingerprint = hashlib.sha256(canonical).hexdigest()
    shown = asked.model_dump(include={"order", "base", "check_set"}) | {"sources": _shown(asked.sources)}
    job, new = await run_in_threadpool(models.submit, person.id, order, shown, fingerprint, idempotency_key)
    response.headers["Location"] = f"{request.url.path.rstrip('/')}/{job.id}"
    response.status_code = 202 if new else 200
    return Training.of(job, language)


@router.get("/jobs")
def list_jobs(models: LanguageModelsDependency, person: PersonDependency, language: LanguageDependency) -> Trainings:
    """List one's own trainings, the newest first, without their logs."""
    return Trainings(jobs=[Training.of(job, language, with_log=False) for job in models.jobs.list(person.id)])


@router.get("/jobs/{training_id}", responses=_UNKNOWN)
def show(
    training_id: str, models: LanguageModelsDependency, person: PersonDependency, language: LanguageDependency
) -> Training:
    """Say how a training stands."""
    return Training.of(models.jobs.get(person.id, training_id), language)


@router.get(
    "/jobs/{training_id}/events",
    response_class=StreamingResponse,
    responses={
        **described("Server-sent events: `job` at once and whenever it changes, at last `done`."),
        **_UNKNOWN,
    },
)
async def follow(
    training_id: str, models: LanguageModelsDependency, person: PersonDependency, language: LanguageDependency
) -> EventSourceResponse:
    """Follow a training until it ends."""
    updates = models.follow(person.id, training_id)
    first = await anext(updates)  # here, so that an unknown id is answered with a status of its own
    return event_stream(preceded(first, updates), lambda job: (event("job", Training.of(job, language)),))


@router.post("/jobs/{training_id}/cancel", responses=_UNKNOWN)
async def cancel(
    training_id: str, models: LanguageModelsDependency, person: PersonDependency, language: LanguageDependency
) -> Training:
    """Stop a training; one that has ended stays as it is."""
    return Training.of(await models.cancel(person.id, training_id), language)


@router.delete("/jobs/{training_id}", status_code=204, responses=_UNKNOWN)
async def remove(training_id: str, models: LanguageModelsDependency, person: PersonDependency) -> None:
    """Stop a training and delete it; a version that it published stays."""
    await models.remove(person.id, training_id)


@router.get("/versions")
def versions(models: LanguageModelsDependency, language: LanguageDependency) -> Versions:
    """List what was published, the newest first, and what recognises now."""
    return _standing(models, language)


@router.post("/versions/{number}/publish", responses=_UNKNOWN | _CONFLICT)
def publish(number: int, models: LanguageModelsDependency, language: LanguageDependency) -> Versions:
    """Let a version recognise from now on, here and on all nodes; 0 is the model folder's own."""
    models.publish(number)
    return _standing(models, language)


@router.post("/rollback", responses=_CONFLICT)
def roll_back(models: LanguageModelsDependency, language: LanguageDependency) -> Versions:
    """Let what recognised before do so again."""
    models.roll_back()
    return _standing(models, language)


@router.get("/versions/{number}/model", response_class=FileResponse, responses=_UNKNOWN | _CONFLICT)
def download(number: int, models: LanguageModelsDependency) -> FileResponse:
    """Return the file of a version, and its SHA-256 in X-Checksum-Sha256."""
    version = models.versions.get(number)
    return FileResponse(
        models.versions.path(version),
        media_type="application/octet-stream",
        filename=f"language-{number}.npz",
        headers={"ETag": f'"{version.sha256}"', "X-Checksum-Sha256": version.sha256},
    )


@router.get("/current")
def current(models: LanguageModelsDependency) -> Current:
    """Say what is published, for nodes that take it over."""
    _, version = models.versions.current()
    return Current(number=version.number, sha256=version.sha256, name=version.name) if version else Current(
        number=OWN, sha256="", name=""
    )  # fmt: skip


def _standing(models: LanguageModels, language: str) -> Versions:
    standing = models.versions.standing()
    problem = models.switch.problem
    return Versions(
        current=standing.current,
        previous=standing.previous,
        running=models.switch.running,
        warning=errors.body(problem.code, problem.details, language).error if problem else None,
        follows=models.follows,
        trainable=_trainable(),
        versions=[*(_version(one, standing.current) for one in standing.versions), _own(standing.current)],
    )


def _version(version: LanguageVersion, current: int) -> Version:
    return Version(
        number=version.number,
        name=version.name,
        bytes=version.size,
        sha256=version.sha256,
        report=version.report,
        published_at=version.published_at,
        current=version.number == current,
        job_id=version.job_id,
    )


def _own(current: int) -> Version:
    return Version(
        number=OWN, name="", bytes=0, sha256="", report=None, published_at=None, current=current == OWN, job_id=None
    )


def _trainable() -> bool:
    try:
        find_lmplz()
    except TrainerMissing:
        return False
    return True


def _shown(sources: Sequence[AnySource]) -> list[dict[str, Any]]:
    shown = []
    for source in sources:
        match source:
            case DomainSource():
                name, characters = source.domain, 0
            case CorrectionsSource():
                name, characters = "", 0
            case _:
                lists = source.lists.values() if isinstance(source, TemplateSource) else ()
                name, characters = source.name, len(source.text) + sum(len(word) for words in lists for word in words)
        shown.append({"kind": source.kind, "name": name, "weight": source.weight, "characters": characters})
    return shown


def _overall(job: TrainingJob) -> float:
    if job.status == "published":
        return 1.0
    step = jobs.STEPS.index(job.step)
    within = _WEIGHTS[step] * job.progress if step < len(_WEIGHTS) else 0.0
    return round(min(0.99, sum(_WEIGHTS[:step]) + within), 3)

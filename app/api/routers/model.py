"""Which model recognises, and how far a better one is on its way."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from app.api import errors
from app.api.dependencies import LanguageDependency, ModelDependency
from app.recognition.running_model import RunningModel

router = APIRouter(prefix="/api", tags=["config"])


class Model(BaseModel):
    """The model that recognises and why this one: it is `embedded` or `chosen`, or stands in for one that is wanted.

    While that is `downloading`, `done` of its `total` bytes are there; `unavailable` comes with an `error`.
    """

    name: str
    reason: Literal["embedded", "chosen", "downloading", "unavailable"]
    wanted: str | None = None
    done: int | None = None
    total: int | None = None
    error: errors.ErrorBody | None = None

    @classmethod
    def of(cls, model: RunningModel, language: str) -> Model:
        """Return what a client that reads `language` gets to see of the model that runs."""
        progress, error = model.progress, model.error
        return cls(
            name=model.name,
            reason=model.reason,
            wanted=model.wanted if model.reason in ("downloading", "unavailable") else None,
            done=progress.done if progress else None,
            total=progress.total if progress else None,
            error=errors.body(error.code, error.details, language).error if error else None,
        )


@router.get("/model")
def model(running: ModelDependency, language: LanguageDependency) -> Model:
    """Say which model recognises."""
    return Model.of(running, language)

"""Whether the app lives and is ready, for those who watch over it."""

from __future__ import annotations

from typing import Literal

import structlog
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from app.errors import StoreUnavailable

log = structlog.get_logger(__name__)

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The process lives and answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Whether messages can be taken; `status` names what is missing."""

    status: Literal["ready", "model_unavailable", "store_unavailable"]
    model: str


@router.get("/health")
async def health() -> Health:
    """Say that the process lives."""
    return Health()


@router.get("/ready", responses={503: {"model": Readiness}})
def ready(request: Request, response: Response) -> Readiness:
    """Say whether the model is loaded and the store can be written to."""
    state = request.app.state
    found: Literal["ready", "model_unavailable", "store_unavailable"] = "ready"
    if state.model_error is not None:
        found = "model_unavailable"
    try:
        state.conversations.store.check()
    except StoreUnavailable as error:
        log.error("store unavailable", reason=str(error))
        found = "store_unavailable"
    if found != "ready":
        response.status_code = 503
    return Readiness(status=found, model=state.model.name)

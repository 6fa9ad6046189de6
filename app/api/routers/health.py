"""Whether the app lives and is ready, for those who watch over it."""

from __future__ import annotations

from typing import Literal

import structlog
from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from pydantic import BaseModel

from app.api.dependencies import MetricsDependency, ServicesDependency
from app.errors import StoreUnavailable
from app.storage.disk import free_bytes

STORE_SECONDS = 2.0  # that the store may take to say that it works

log = structlog.get_logger(__name__)

router = APIRouter(tags=["health"])
metrics_router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The process lives and answers."""

    status: Literal["ok"] = "ok"


Status = Literal["ready", "model_unavailable", "store_unavailable", "disk_full"]


class Readiness(BaseModel):
    """Whether messages can be taken; `status` names what is missing."""

    status: Status
    model: str


@router.get("/health")
async def health() -> Health:
    """Say that the process lives."""
    return Health()


@router.get("/ready", responses={503: {"model": Readiness}})
async def ready(services: ServicesDependency, response: Response) -> Readiness:
    """Say whether the model is loaded, the store can be written to, and the disk has room; within STORE_SECONDS."""
    found: Status = "ready"
    if services.model.broken is not None:
        found = "model_unavailable"
    if free_bytes(services.settings.data_dir) < services.settings.min_free_bytes:
        found = "disk_full"
    try:
        await services.store_check.require(STORE_SECONDS)
    except StoreUnavailable as error:
        log.error("store unavailable", reason=str(error))
        found = "store_unavailable"
    if found != "ready":
        response.status_code = 503
    return Readiness(status=found, model=services.model.name)


@metrics_router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(found: MetricsDependency) -> Response:
    """Return the metrics in Prometheus' text format."""
    return Response(found.text(), media_type=CONTENT_TYPE_PLAIN_0_0_4)

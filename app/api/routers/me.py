"""What is kept of the one who asks: a copy of it, and its end."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from app.api.dependencies import PersonalDataDependency, PersonDependency
from app.storage.archive import begun

router = APIRouter(prefix="/api/me", tags=["me"])


class Forgotten(BaseModel):
    """How many records were deleted."""

    records: int


@router.get("/export", response_class=StreamingResponse, responses={200: {"content": {"application/zip": {}}}})
def export(personal: PersonalDataDependency, person: PersonDependency) -> StreamingResponse:
    """Return all that is kept of you: a zip archive of JSON lines and recordings."""
    headers = {"Content-Disposition": 'attachment; filename="tingshuo.zip"'}
    return StreamingResponse(begun(personal.export(person.id)), media_type="application/zip", headers=headers)


@router.delete("")
async def forget(personal: PersonalDataDependency, person: PersonDependency) -> Forgotten:
    """Delete all that is kept of you, keys and logins too; it cannot be undone."""
    return Forgotten(records=await run_in_threadpool(personal.forget, person.id))

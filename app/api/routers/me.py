"""What is kept of the one who asks: a copy of it, and its end."""

from __future__ import annotations

import tempfile

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse

from app.api.dependencies import PersonalDataDependency, PersonDependency

router = APIRouter(prefix="/api/me", tags=["me"])


class Forgotten(BaseModel):
    """How many records were deleted."""

    records: int


@router.get("/export", response_class=FileResponse, responses={200: {"content": {"application/zip": {}}}})
def export(personal: PersonalDataDependency, person: PersonDependency) -> FileResponse:
    """Return all that is kept of you: a zip archive of JSON lines and recordings."""
    file = tempfile.NamedTemporaryFile(prefix="tingshuo-", suffix=".zip")  # noqa: SIM115 -- sent after the return
    try:
        personal.export(person.id, file.file)
        file.flush()
    except BaseException:
        file.close()
        raise
    return FileResponse(
        file.name, media_type="application/zip", filename="tingshuo.zip", background=BackgroundTask(file.close)
    )


@router.delete("")
async def forget(personal: PersonalDataDependency, person: PersonDependency) -> Forgotten:
    """Delete all that is kept of you, keys and logins too; it cannot be undone."""
    return Forgotten(records=await run_in_threadpool(personal.forget, person.id))

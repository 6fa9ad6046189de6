"""Answers that a client asks for again and again: 304 and no body while they are what it has."""

from __future__ import annotations

import hashlib
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel

UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "It is what the client has: see If-None-Match."}}


def unless_known(request: Request, answer: BaseModel) -> Response:
    """Return `answer` as JSON with an ETag, or 304 when the client names that very ETag."""
    body = answer.model_dump_json().encode()
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Vary": "Accept-Language"}  # the client keeps it in memory: words of users are in no cache
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)

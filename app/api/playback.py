"""Sending a recording, whole or the part that a player asks for (RFC 9110, section 14)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

_PIECE = 256 * 1024
# One part; who asks for several at once, or for something else, gets the whole, as the RFC allows.
_PART = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def playback(
    request: Request, recording: BinaryIO, *, media_type: str, headers: Mapping[str, str], filename: str | None = None
) -> Response:
    """Return the answer to `request` for an open `recording`, which is closed afterwards.

    Args:
        request: whose header Range counts.
        recording: open, and can be sought in.
        media_type: of the recording.
        headers: more headers of the answer.
        filename: the name to save it under; None leaves that to the browser.
    """
    size = recording.seek(0, os.SEEK_END)
    sent = {"Accept-Ranges": "bytes", **headers}
    if filename:
        # What could not be decoded may be anything, a page with a script too: it is only ever saved.
        disposition = "inline" if media_type == "audio/wav" else "attachment"
        sent["Content-Disposition"] = f'{disposition}; filename="{filename}"'
    part = _part(request.headers.get("range", ""), size)
    first, end = part or (0, size)
    if part:
        if first >= end:
            recording.close()
            return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
        sent["Content-Range"] = f"bytes {first}-{end - 1}/{size}"
    sent["Content-Length"] = str(end - first)
    return StreamingResponse(
        _pieces(recording, first, end), status_code=206 if part else 200, media_type=media_type, headers=sent
    )


def _part(wanted: str, size: int) -> tuple[int, int] | None:
    """Return the first byte that is wanted and the one after the last; None for the whole."""
    match = _PART.fullmatch(wanted.strip())
    if match is None:
        return None
    first, last = match.groups()
    if not first:
        return (max(0, size - int(last)), size) if last else None
    if last and int(last) < int(first):
        return None  # not a range at all
    return int(first), min(int(last) + 1, size) if last else size


def _pieces(recording: BinaryIO, first: int, end: int) -> Iterator[bytes]:
    with recording:
        recording.seek(first)
        while first < end and (piece := recording.read(min(_PIECE, end - first))):
            first += len(piece)
            yield piece

"""The files of assets/ over HTTP: text is compressed, and what carries its hash in its name is asked for once."""

from __future__ import annotations

from os import PathLike, stat_result

from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

TEXT = (".js", ".css", ".json", ".svg", ".html")


class _Files(StaticFiles):
    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        if "/build/" in scope["path"] and not scope["path"].endswith("manifest.json"):
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def static_files(directory: str | PathLike[str]) -> ASGIApp:
    """Return an app that serves the files of `directory`; recordings and pictures go as they are, in parts too."""
    files = _Files(directory=directory)
    compressed = GZipMiddleware(files, minimum_size=500)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        await (compressed if scope["path"].endswith(TEXT) else files)(scope, receive, send)

    return serve

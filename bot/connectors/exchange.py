"""Asking another server, on guard: bounded in time and bytes, never following where it is sent elsewhere."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urljoin

import httpx

from bot.errors import BackendFailed
from bot.turn import Image

MAX_ANSWER_BYTES = 256 * 1024
MAX_IMAGE_BYTES = 2 * 2**20
_MAGIC = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
}
"""The pictures that are taken, and how their files begin; no SVG, which may hold scripts."""


class Exchange:
    """A client of one server. It asks no other host, whatever that server answers. Safe to share between threads."""

    def __init__(
        self, url: str, *, timeout: float, key: str = "", transport: httpx.BaseTransport | None = None
    ) -> None:
        """Ask the server at `url`, at most `timeout` seconds a request; `key` goes along as a bearer token."""
        self._url = httpx.URL(url)
        self._timeout = timeout
        self._client = httpx.Client(
            timeout=httpx.Timeout(timeout),
            follow_redirects=False,
            trust_env=False,  # a proxy in the environment would be another host
            transport=transport,
            # Packed, a small answer could become a huge one before its size is seen.
            headers={"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {key}"} if key else {}),
        )

    def post(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Any:
        """Post JSON to `path` below the server's url ("" for the url itself) and return the JSON it answers.

        Raises BackendFailed when it does not answer in time, or not with a success, or not with JSON.
        """
        with self._stream("POST", self._below(path), json=body, headers=headers) as response:
            data = b"".join(self._bounded(response, MAX_ANSWER_BYTES))
        try:
            return json.loads(data) if data.strip() else None
        except ValueError as error:
            raise BackendFailed("The service did not answer with JSON.") from error

    def events(self, path: str, body: Mapping[str, Any]) -> Iterator[str]:
        """Post JSON and yield the data of each server-sent event; raises BackendFailed like `post`."""
        with self._stream("POST", self._below(path), json=body) as response:
            rest = b""
            for chunk in self._bounded(response, MAX_ANSWER_BYTES):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    if line.startswith(b"data:"):
                        yield line.removeprefix(b"data:").strip().decode("utf-8", "replace")

    def image(self, url: str, text: str = "") -> Image | None:
        """Return the picture at `url` when it lies on this server and is one; None for anything else."""
        try:
            target = httpx.URL(urljoin(str(self._url), url))
            if (target.scheme, target.host, target.port) != (self._url.scheme, self._url.host, self._url.port):
                return None
            with self._stream("GET", target) as response:
                media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
                data = b"".join(self._bounded(response, MAX_IMAGE_BYTES))
        except (BackendFailed, httpx.InvalidURL, ValueError):
            return None
        return Image(data, media_type, text) if data.startswith(_MAGIC.get(media_type, b"\0none")) else None

    def _below(self, path: str) -> httpx.URL:
        return httpx.URL(f"{str(self._url).rstrip('/')}/{path.lstrip('/')}") if path else self._url

    @contextmanager
    def _stream(self, method: str, url: httpx.URL, **request: Any) -> Iterator[httpx.Response]:
        try:
            with self._client.stream(method, url, **request) as response:
                if not response.is_success:
                    raise BackendFailed(
                        f"The service answered with status {response.status_code}.", status=response.status_code
                    )
                if response.headers.get("content-encoding", "identity") != "identity":
                    raise BackendFailed("The service packed its answer, which it was not asked to.")
                yield response
        except httpx.HTTPError as error:
            raise BackendFailed(f"The service could not be reached ({type(error).__name__}).") from error

    def _bounded(self, response: httpx.Response, most: int) -> Iterator[bytes]:
        """Yield the body; httpx bounds the wait for each piece, this the wait for all of them, and their size."""
        deadline, size = time.monotonic() + self._timeout, 0
        for chunk in response.iter_bytes():
            size += len(chunk)
            if size > most:
                raise BackendFailed(f"The service answered with more than {most} bytes.")
            if time.monotonic() > deadline:
                raise BackendFailed(f"The service took longer than {self._timeout:g} s.")
            yield chunk

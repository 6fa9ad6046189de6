"""The three kinds of steps: a conversation with either WebSocket, and a request to a route of the schema."""

from __future__ import annotations

import json
import random
import re
from contextlib import suppress
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.fuzz.values import noise, strange, text

FUNASR = {
    "mode": "2pass", "wav_name": "a", "wav_format": "pcm", "audio_fs": 16000, "chunk_size": [5, 10, 5], "itn": True,
    "hotwords": "词 20", "is_speaking": True, "is_end": False, "decoder_chunk_look_back": 0, "chunk_interval": 10,
}  # fmt: skip
LIVE = {"type": "begin", "sample_rate": 16000, "client_id": "a", "hands_free": False, "language": "zh"}
ENDS = ('{"is_speaking": false}', '{"type": "end"}', '{"is_speaking": false, "is_end": true}')
EXPECTED = {503}  # busy, which a flood may be told
SECONDS = 30.0


def changed(rng: random.Random, fields: dict[str, Any]) -> dict[str, Any]:
    """Return some of the fields, with strange values in some of them, and now and then one that nobody knows."""
    found = {name: value for name, value in fields.items() if rng.random() < 0.8}
    for name in list(found):
        if rng.random() < 0.25:
            found[name] = strange(rng)
    if rng.random() < 0.2:
        found[text(rng)[:50]] = strange(rng)
    return found


def converse(rng: random.Random, url: str, first: dict[str, Any]) -> str:
    """Talk to a socket; return what is wrong with how it ended, or ""."""
    try:
        with connect(url, close_timeout=1, open_timeout=SECONDS, max_size=None,
                     compression="deflate" if rng.random() < 0.5 else None) as socket:  # fmt: skip
            for _ in range(rng.randrange(1, 6)):
                _say(rng, socket, first)
            socket.send(rng.choice(ENDS))
            with suppress(TimeoutError):
                while True:
                    socket.recv(0.3)
    except ConnectionClosed as closed:
        if closed.rcvd is not None and closed.rcvd.code == 1011:
            return "the socket was closed with 1011"
    return ""


def _say(rng: random.Random, socket: Any, first: dict[str, Any]) -> None:
    kind = rng.randrange(5)
    if kind <= 1:
        socket.send(json.dumps(changed(rng, first)))
    elif kind == 2:
        socket.send(text(rng).encode("utf-8", "replace").decode())
    else:
        socket.send(noise(rng, 200_000))


class Routes:
    """What the schema of the app offers."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._schema: dict[str, Any] = client.get("/api/openapi.json").json()
        self._found = [
            (method.upper(), path, operation)
            for path, methods in self._schema["paths"].items()
            for method, operation in methods.items()
        ]

    def ask(self, rng: random.Random) -> str:
        """Send a request; return what is wrong with the answer, or ""."""
        method, path, operation = rng.choice(self._found)
        target = re.sub(r"\{\w+(:path)?\}", lambda _: rng.choice(("1", "0" * 22, "%00", "9" * 23, "..%2f")), path)
        query = {p["name"]: text(rng)[:200].encode("utf-8", "replace") for p in operation.get("parameters", ())
                 if p["in"] == "query" and rng.random() < 0.4}  # fmt: skip
        # What is told as it comes is not waited for.
        with self._client.stream(method, target, params=query, timeout=SECONDS, **self._body(rng, operation)) as answer:
            if answer.status_code >= 500 and answer.status_code not in EXPECTED:
                return f"{method} {path}: {answer.status_code} {answer.read()[:300]!r}"
        return ""

    def _body(self, rng: random.Random, operation: dict[str, Any]) -> dict[str, Any]:
        content = operation.get("requestBody", {}).get("content", {})
        kind = rng.randrange(4)
        if kind == 0 or not content:
            types = ("application/json", "multipart/form-data", "multipart/form-data; boundary=x", "text/plain", "")
            return {"content": noise(rng, 300_000), "headers": {"Content-Type": rng.choice(types)}}
        if "multipart/form-data" in content and kind < 3:
            fields = [*content["multipart/form-data"]["schema"].get("properties", {}), "audio", "file"]
            data = {name: text(rng).encode("utf-8", "replace") for name in fields if rng.random() < 0.4}
            name = text(rng)[:100].encode("utf-8", "replace").decode() or "a"
            return {"data": data, "files": {rng.choice(fields): (name, noise(rng, 300_000))}}
        schema = content.get("application/json", {}).get("schema", {})
        properties = self._schema["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], {})
        known: dict[str, Any] = dict.fromkeys(properties.get("properties", {"text": 1}), "a")
        whole = changed(rng, known) if rng.random() < 0.8 else strange(rng)
        return {"content": json.dumps(whole), "headers": {"Content-Type": "application/json"}}

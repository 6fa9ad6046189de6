"""Two people with keys of their own, and one of everything that can belong to somebody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx

from app.access.credentials import ApiKeys
from app.access.person import SCOPES
from app.settings import Settings
from app.storage.database import open_database
from tests.integration.client import Chat, wav

SECRET = "挂号密语"
METHODS = ("get", "post", "put", "patch", "delete")
SHARED = {"model", "number"}  # parameters of paths that name what belongs to nobody


class People:
    """Two people with keys of their own, and what the first of them has."""

    def __init__(self, client: httpx.Client, settings: Settings) -> None:
        keys = ApiKeys(open_database(settings.data_dir))
        now = datetime.now(UTC)
        self.anna, self.bert = (
            httpx.Client(
                base_url=client.base_url,
                # Admins too: not even they get to see what is another's.
                headers={"Authorization": f"Bearer {keys.add(name, name, SCOPES, now)}"},
                timeout=30,
            )
            for name in ("anna", "bert")
        )
        self.stranger = client
        self.schema: dict[str, Any] = self.anna.get("/api/openapi.json").json()
        chat = Chat(self.anna)
        chat.write(SECRET)
        said = chat.say(wav())[0]
        listed = self.anna.post("/api/hotwords/lists", json={"name": SECRET, "text": SECRET}).json()
        corrected = self.anna.post(f"{chat.path}/{said['id']}/correction", json={"text": f"我要{SECRET}"})
        assert corrected.status_code == 200, corrected.text
        candidates = self.anna.get("/api/hotwords/candidates").json()["candidates"]
        job = self.anna.post("/api/transcribe", files={"file": (f"{SECRET}.wav", wav())}).json()
        source = {"kind": "text", "text": SECRET}
        training = self.anna.post("/api/lm/jobs", json={"name": SECRET, "sources": [source]})
        assert training.status_code == 202, training.text
        form = {"name": SECRET, "text": SECRET}
        check_set = self.anna.post("/api/lm/check-sets", data=form, files={"clip": ("a.wav", wav())})
        assert check_set.status_code == 201, check_set.text
        self.ids = {
            "conversation_id": chat.id,
            "message_id": said["id"],
            "list_id": listed["id"],
            "candidate_id": str(candidates[0]["id"]),
            "job_id": job["id"],
            "training_id": training.json()["id"],
            "check_set_id": check_set.json()["id"],
        }

    def routes(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for path, methods in self.schema["paths"].items():
            for method in METHODS:
                if method in methods:
                    yield path, method, methods[method]

    def body(self, operation: dict[str, Any]) -> dict[str, Any]:
        """The smallest body that the schema of an operation allows, as arguments of a request."""
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" in content:
            return {"json": self._value(content["application/json"]["schema"])}
        if "multipart/form-data" in content:
            return {"files": {"audio": ("a.wav", wav())}}
        return {}

    def _value(self, schema: dict[str, Any]) -> Any:
        if "$ref" in schema:
            return self._value(self.schema["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
        if "anyOf" in schema:
            return self._value(schema["anyOf"][0])
        if "enum" in schema:
            return schema["enum"][0]
        if schema.get("type") == "object":
            return {name: self._value(schema["properties"][name]) for name in schema.get("required", [])}
        return {"string": "你好", "integer": 1, "number": 1.0, "boolean": True, "array": []}.get(schema.get("type", ""))


def filled(path: str, ids: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)(:path)?\}", lambda match: ids[match[1]], path)


def parameters(path: str) -> set[str]:
    return set(re.findall(r"\{(\w+)", path)) - SHARED

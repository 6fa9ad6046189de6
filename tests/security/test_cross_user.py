"""What belongs to one person is not there for another, by whatever route: the routes are those of the OpenAPI schema,
so that a new one is tried by itself. One whose path has a new kind of id needs a line in `anna`, or this fails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from app.credentials import ApiKeys
from app.database import open_database
from app.factory import build
from app.people import SCOPES
from app.settings import Settings
from tests.integration.client import Chat, InstantRecognizer, wav
from tests.integration.conftest import start_server

SECRET = "挂号密语"
METHODS = ("get", "post", "put", "patch", "delete")
OPEN_TO_ALL = {"/health", "/ready", "/api/session"}
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


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("people"), user_header="Remote-User",
                        trusted_proxies=frozenset({"10.0.0.1"}), requests_per_minute=0, max_streams=0,
                        lm_workers=0)  # fmt: skip
    client, stop = start_server(build(settings, recognizer=InstantRecognizer(), page=None))
    yield People(client, settings)
    stop()


def filled(path: str, ids: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)(:path)?\}", lambda match: ids[match[1]], path)


def parameters(path: str) -> set[str]:
    return set(re.findall(r"\{(\w+)", path)) - SHARED


def test_every_kind_of_id_in_a_path_is_tried(people: People) -> None:
    assert set().union(*(parameters(path) for path, _, _ in people.routes())) == set(people.ids)


def test_what_is_anothers_looks_as_if_it_were_not_there(people: People) -> None:
    nowhere = dict.fromkeys(people.ids, "0" * 22) | {"candidate_id": "99999999"}
    tried = 0
    for path, method, operation in people.routes():
        if not parameters(path):
            continue
        body = people.body(operation)
        hers, none = (
            people.bert.request(method.upper(), filled(path, ids), headers={"If-Match": '"0"'}, **body)
            for ids in (people.ids, nowhere)
        )
        assert hers.status_code == 404, (method, path, hers.text)
        assert (none.status_code, none.json()["error"]["code"]) == (404, hers.json()["error"]["code"]), (method, path)
        assert SECRET not in hers.text
        tried += 1
    assert tried >= 20


def test_an_id_of_ones_own_does_not_open_what_is_anothers_beside_it(people: People) -> None:
    own = Chat(people.bert)
    for path, method, operation in people.routes():
        if {"conversation_id", "message_id"} <= parameters(path):
            mixed = filled(path, {**people.ids, "conversation_id": own.id})
            answer = people.bert.request(method.upper(), mixed, **people.body(operation))
            assert answer.status_code == 404, (method, path, answer.text)


def test_lists_hold_what_is_ones_own(people: People) -> None:
    for path, method, _ in people.routes():
        if method == "get" and not parameters(path):
            answer = people.bert.get(filled(path, {"model": "whisper-1", "number": "0"}))
            assert SECRET not in answer.text, path
            assert not [value for value in people.ids.values() if len(value) > 8 and value in answer.text], path


def test_nobody_gets_anything_without_saying_who_they_are(people: People) -> None:
    for path, method, operation in people.routes():
        if path in OPEN_TO_ALL:
            continue
        answer = people.stranger.request(
            method.upper(), filled(path, {**people.ids, "model": "whisper-1", "number": "0"}), **people.body(operation)
        )
        assert answer.status_code == 401, (method, path, answer.text)


def test_all_is_as_it_was_afterwards(people: People) -> None:
    ids = people.ids
    assert SECRET in people.anna.get(f"/api/conversations/{ids['conversation_id']}/messages").text
    assert SECRET in people.anna.get(f"/api/hotwords/lists/{ids['list_id']}").text
    assert people.anna.get(f"/api/transcribe/{ids['job_id']}").status_code == 200
    assert ids["candidate_id"] in people.anna.get("/api/hotwords/candidates").text

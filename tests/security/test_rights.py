"""What each scope may do: the table in docs/security.md is that of the app, and every route keeps to it.

The routes are those of the app: one that is added is tried by itself, and keeps the app from starting until it stands
in the table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from app.access.credentials import ApiKeys
from app.access.person import SCOPES
from app.access.rights import RIGHTS, Action, action_of, check_rights, data_at
from app.factory import ROUTERS, build
from app.settings import Settings
from app.storage.database import open_database
from tests.integration.client import Chat, InstantRecognizer, wav
from tests.integration.conftest import start_server

DOCUMENT = Path(__file__).parents[2] / "docs" / "security.md"
COLUMNS: tuple[Action, ...] = ("read", "change", "delete")


def table() -> dict[str, dict[str, str]]:
    """The rows of the table of rights: of each kind of data, the cell of each column."""
    text = DOCUMENT.read_text("utf-8").split("## Who may do what", 1)[1].split("\n## ", 1)[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")
    ]
    return {row[0]: dict(zip(("paths", *COLUMNS), row[1:], strict=True)) for row in rows[1:]}


def cell(scopes: frozenset[str] | None) -> str:
    if scopes is None:
        return "–"
    return ", ".join(f"`{scope}`" for scope in sorted(scopes)) or "anybody"


def routes() -> Iterator[tuple[str, str]]:
    """Each path and method of the app; the method of a WebSocket is ""."""
    for router in ROUTERS:
        for route in router.routes:
            for method in sorted(getattr(route, "methods", [""])):
                yield getattr(route, "path", ""), method


def test_the_document_has_the_table_of_the_app() -> None:
    shown = {
        data.name: {"paths": ", ".join(f"`{path}`" for path in data.paths)}
        | {action: cell(getattr(data, action)) for action in COLUMNS}
        for data in RIGHTS
    }
    assert table() == shown


def test_a_route_that_is_not_in_the_table_keeps_the_app_from_starting() -> None:
    router = APIRouter()
    router.add_api_route("/api/everything", lambda: None)
    with pytest.raises(LookupError, match="/api/everything"):
        check_rights(router.routes)
    export = APIRouter()
    export.add_api_route("/api/corrections/export", lambda: None, methods=["DELETE"])
    with pytest.raises(LookupError, match="DELETE"):
        check_rights(export.routes)


class Keys:
    """A server, and a key for each set of scopes."""

    def __init__(self, client: httpx.Client, settings: Settings) -> None:
        self.client = client
        self._keys = ApiKeys(open_database(settings.data_dir))
        self._made: dict[frozenset[str], dict[str, str]] = {}

    def __getitem__(self, scopes: frozenset[str]) -> dict[str, str]:
        if scopes not in self._made:
            key = self._keys.add("k", "-".join(sorted(scopes)) or "nothing", scopes, datetime.now(UTC))
            self._made[scopes] = {"Authorization": f"Bearer {key}"}
        return self._made[scopes]

    def refused(self, path: str, method: str, scopes: frozenset[str]) -> bool:
        """Say whether a request is refused for its scopes."""
        filled = re.sub(r"\{\w+(:path)?\}", "0", path)
        if not method:
            try:
                with connect(f"ws://127.0.0.1:{self.client.base_url.port}{filled}", additional_headers=self[scopes]):
                    return False
            except InvalidStatus as refusal:
                return json.loads(refusal.response.body)["error"]["code"] == "scope_missing"
        answer = self.client.request(method, filled, headers=self[scopes])
        return answer.status_code == 403 and answer.json()["error"]["code"] == "scope_missing"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keys]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("rights"), user_header="Remote-User", lm_workers=0,
                        trusted_proxies=frozenset({"10.0.0.1"}), requests_per_minute=0, max_streams=0)  # fmt: skip
    client, stop = start_server(build(settings, recognizer=InstantRecognizer(), page=None))
    yield Keys(client, settings)
    stop()


@pytest.mark.parametrize(("path", "method"), list(routes()))
def test_a_route_needs_what_the_table_says(keys: Keys, path: str, method: str) -> None:
    data = data_at(path)
    assert data is not None
    written = table()[data.name][action_of(method)]
    needed = frozenset(re.findall(r"`(\w+)`", written))
    assert needed or written == "anybody"
    for scopes in (frozenset[str](), *(frozenset({scope}) for scope in SCOPES), SCOPES - needed, *(
        SCOPES - {scope} for scope in needed
    )):  # fmt: skip
        assert keys.refused(path, method, scopes) == bool(needed - scopes), sorted(scopes)
    if (path, method) != ("/api/me", "DELETE"):  # it works, and takes the keys along
        assert not keys.refused(path, method, needed)


def test_what_was_said_is_not_had_in_another_way(keys: Keys) -> None:
    keys.client.headers.update(keys[SCOPES])
    chat = Chat(keys.client)
    said = chat.say(wav())[0]
    form = {"conversation_id": chat.id, "message_id": said["id"], "hotwords": "词"}
    for path, scope in (("/api/hotwords/try", "hotwords"), ("/api/lm/try", "admin")):
        answer = keys.client.post(path, files={"x": b""}, data=form, headers=keys[frozenset({scope})])
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "scope_missing"), path
    for asked in ({"sources": [{"kind": "corrections"}]}, {"sources": [{"kind": "text", "text": "你好", "name": "a"}],
                                                           "check_set": "corrections"}):  # fmt: skip
        answer = keys.client.post("/api/lm/jobs", json={"name": "a", **asked}, headers=keys[frozenset({"admin"})])
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "scope_missing"), answer.text


def test_scopes_are_asked_for_before_the_body(keys: Keys) -> None:
    headers = keys[frozenset({"chat"})]
    answer = keys.client.post(
        "/api/lm/jobs", content=b"not read", headers={**headers, "Content-Type": "application/json"}
    )
    assert answer.json()["error"]["code"] == "scope_missing"

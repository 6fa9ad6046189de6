"""A node that takes over the language models of another one, with their checksums."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.factory import build
from app.language_models.following import Follower
from app.language_models.versions import LanguageVersions
from app.settings import Settings
from app.storage.database import open_database
from tests.integration.client import InstantRecognizer
from tests.integration.conftest import start_server
from tests.integration.trainings import ended, scripted, submit, tiny_model, wanted


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """Two servers, of which the second takes over what the first publishes."""
    folder = tmp_path_factory.mktemp("nodes")
    settings = Settings(data_dir=folder / "first", lm_poll_seconds=0.2)
    commands = scripted(tiny_model(folder / "tiny.npz"))
    first, stop_first = start_server(build(settings, recognizer=InstantRecognizer(), page=None, training=commands))
    settings = Settings(data_dir=folder / "second", lm_poll_seconds=0.2, lm_source=str(first.base_url))
    second, stop_second = start_server(build(settings, recognizer=InstantRecognizer(), page=None, training=commands))
    yield first, second
    stop_second()
    stop_first()


def reached(node: httpx.Client, done: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while True:
        standing: dict[str, Any] = node.get("/api/lm/versions").json()
        if done(standing):
            return standing
        assert time.monotonic() < deadline, standing
        time.sleep(0.05)


def test_what_is_published_and_taken_back_there_is_so_here(nodes: tuple[httpx.Client, httpx.Client]) -> None:
    first, second = nodes
    number = ended(first, submit(first))["version"]
    here = reached(second, lambda standing: standing["current"] != 0 and standing["running"] == standing["current"])
    assert here["versions"][0]["sha256"] == first.get("/api/lm/current").json()["sha256"]
    assert (here["versions"][0]["name"], here["follows"]) == ("内镜", str(first.base_url))
    first.post("/api/lm/rollback")
    reached(second, lambda standing: standing["current"] == standing["running"] == 0)
    first.post(f"/api/lm/versions/{number}/publish")
    again = reached(second, lambda standing: standing["running"] != 0)
    assert len(again["versions"]) == len(here["versions"])  # it was there, and is not fetched again


@pytest.mark.parametrize("path", ["jobs", "rollback", "versions/0/publish"])
def test_a_node_that_follows_changes_nothing_itself(nodes: tuple[httpx.Client, httpx.Client], path: str) -> None:
    answer = nodes[1].post(f"/api/lm/{path}", json=wanted())
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "lm_follower")


MODEL = b"a model"
TRUE = {"number": 3, "sha256": hashlib.sha256(MODEL).hexdigest(), "name": "内镜"}


@pytest.fixture
def versions(tmp_path: Path) -> LanguageVersions:
    return LanguageVersions(open_database(tmp_path), tmp_path / "versions")


def follower(versions: LanguageVersions, current: httpx.Response, model: httpx.Response) -> Follower:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"] == "Bearer key"
        return current if request.url.path == "/base/api/lm/current" else model

    return Follower(versions, "https://node.example/base/", "key", httpx.MockTransport(answer))


def test_bytes_that_are_those_announced_are_published(versions: LanguageVersions) -> None:
    assert follower(versions, httpx.Response(200, json=TRUE), httpx.Response(200, content=MODEL)).follow()
    _, version = versions.current()
    assert version is not None
    assert versions.path(version).read_bytes() == MODEL


@pytest.mark.parametrize(
    ("current", "model"),
    [
        (httpx.Response(200, json=TRUE), httpx.Response(200, content=b"another model")),
        (httpx.Response(200, json=TRUE), httpx.Response(500)),
        (httpx.Response(200, json=TRUE), httpx.Response(302, headers={"Location": "https://elsewhere.example/"})),
        (httpx.Response(403), httpx.Response(200, content=MODEL)),
        (httpx.Response(200, content=b"<html>"), httpx.Response(200, content=MODEL)),
        (httpx.Response(200, json={"number": "x", "sha256": None, "name": 1}), httpx.Response(200, content=MODEL)),
        (httpx.Response(200, json=[]), httpx.Response(200, content=MODEL)),
    ],
    ids=["other bytes", "no bytes", "redirect", "refused", "no JSON", "other fields", "a list"],
)
def test_whatever_goes_wrong_there_what_runs_here_stays(
    versions: LanguageVersions, current: httpx.Response, model: httpx.Response
) -> None:
    assert not follower(versions, current, model).follow()
    assert versions.standing().versions == ()
    assert versions.current() == (0, None)

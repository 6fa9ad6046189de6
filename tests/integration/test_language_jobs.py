"""Trainings of language models over HTTP: followed, refused, broken and cancelled, with what runs safe."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.access.credentials import ApiKeys
from app.access.person import USER_SCOPES
from app.factory import build
from app.settings import Settings
from app.storage.database import open_database
from tests.integration.client import InstantRecognizer, Serve, events, wav
from tests.integration.conftest import start_server
from tests.integration.trainings import ended, scripted, submit, tiny_model, waited, wanted


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("language")


@pytest.fixture(scope="module")
def client(data: Path) -> Iterator[httpx.Client]:
    """A server whose trainings go as their corpus says."""
    settings = Settings(data_dir=data, lm_poll_seconds=0.2, lm_lease_seconds=5.0,
                        lm_memory_bytes=2**28, lm_max_corpus_bytes=50_000)  # fmt: skip
    commands = scripted(tiny_model(data / "tiny.npz"))
    client, stop = start_server(build(settings, recognizer=InstantRecognizer(), page=None, training=commands))
    yield client
    stop()


def standing(client: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/lm/versions").json()
    return found


def running() -> list[list[str]]:
    """The command lines of all processes."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has just ended
            found.append(path.read_text(errors="replace").rstrip("\0").split("\0"))
    return found


def test_sentences_become_a_version_that_runs(client: httpx.Client) -> None:
    before = standing(client)["current"]
    job = submit(client, sources=[
        {"kind": "text", "name": "粘贴", "text": "我要挂号", "weight": 2},
        {"kind": "template", "text": "我想挂{科室}的号", "lists": {"科室": ["心内科", "骨科"]}},
        {"kind": "domain", "domain": "clinic"},
    ])  # fmt: skip
    with client.stream("GET", f"/api/lm/jobs/{job['id']}/events") as response:
        received = list(events(response))
    assert received[-1] == ("done", {})
    last = received[-2][1]
    assert (last["status"], last["progress"], last["error"]) == ("published", 1.0, None)
    assert [source["kind"] for source in last["sources"]] == ["text", "template", "domain"]
    assert "half of train" in last["log"]
    assert last["report"]["cer"] == {"before": 0.1, "after": 0.05}
    waited(client, job, lambda _: standing(client)["running"] == last["version"])
    now = standing(client)
    assert (now["current"], now["previous"]) == (last["version"], before)
    version = now["versions"][0]
    assert (version["name"], version["job_id"], version["report"]) == ("内镜", job["id"], last["report"])
    model = client.get(f"/api/lm/versions/{version['number']}/model")
    assert hashlib.sha256(model.content).hexdigest() == version["sha256"] == model.headers["x-checksum-sha256"]
    assert client.get("/api/lm/current").json()["sha256"] == version["sha256"]


def test_what_ran_before_runs_again_after_a_rollback(client: httpx.Client) -> None:
    first, second = (ended(client, submit(client))["version"] for _ in range(2))
    assert (standing(client)["current"], standing(client)["previous"]) == (second, first)
    back = client.post("/api/lm/rollback").json()
    assert (back["current"], back["running"]) == (first, first)
    own = client.post("/api/lm/versions/0/publish").json()
    assert (own["current"], own["running"], own["previous"]) == (0, 0, first)
    while standing(client)["previous"] is not None:
        client.post("/api/lm/rollback")
    answer = client.post("/api/lm/rollback")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "lm_nothing_before")
    assert client.post("/api/lm/versions/999/publish").status_code == 404


def test_a_worse_model_is_refused_with_the_figures(client: httpx.Client) -> None:
    before = standing(client)
    job = ended(client, submit(client, "check: refuse"))
    assert (job["status"], job["step"], job["version"]) == ("refused", "check", None)
    assert job["error"]["code"] == "lm_refused"
    assert (job["error"]["details"]["cer_before"], job["error"]["details"]["cer_after"]) == ("5.0 %", "10.0 %")
    assert job["report"]["cer"]["after"] == 0.1
    assert standing(client) == before


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        ("prepare: error language_corpus_too_small", "refused", "language_corpus_too_small"),
        ("train: error language_training_failed", "failed", "language_training_failed"),
        ("train: disk", "failed", "disk_full"),
        ("train: memory 500000000", "failed", "lm_step_failed"),
    ],
)
def test_a_step_that_breaks_ends_its_job_and_leaves_what_runs(
    client: httpx.Client, data: Path, text: str, status: str, code: str
) -> None:
    before = standing(client)
    job = ended(client, submit(client, text))
    assert (job["status"], job["error"]["code"], job["step"]) == (status, code, text.partition(":")[0])
    assert job["error"]["message"]
    assert standing(client) == before
    assert not (data / "language" / "jobs" / job["id"]).exists()


def test_what_a_step_says_is_kept_in_bounds_and_without_control_characters(client: httpx.Client) -> None:
    job = ended(client, submit(client, "prepare: shout 500"))
    assert job["status"] == "published"
    assert len(job["log"]) <= 16 * 2**10
    assert "\x1b" not in job["log"]


@pytest.mark.parametrize("step", ["prepare", "train", "check"])
def test_a_job_is_cancelled_at_any_step_with_all_that_it_began(client: httpx.Client, data: Path, step: str) -> None:
    before = standing(client)
    seconds = f"77{('prepare', 'train', 'check').index(step)}"
    job = submit(client, f"{step}: spawn {seconds}")
    waited(client, job, lambda now: now["step"] == step and now["progress"] > 0 and f"half of {step}" in now["log"])
    cancelled = client.post(f"/api/lm/jobs/{job['id']}/cancel").json()
    assert (cancelled["status"], cancelled["step"]) == ("cancelled", step)
    assert ["sleep", seconds] not in running()
    assert not (data / "language" / "jobs" / job["id"]).exists()
    assert standing(client) == before
    assert client.post(f"/api/lm/jobs/{job['id']}/cancel").json() == cancelled


def test_a_job_that_waits_is_cancelled_at_once_and_one_that_runs_is_deleted(client: httpx.Client) -> None:
    running, waiting = submit(client, "train: wait 50"), submit(client)
    assert client.post(f"/api/lm/jobs/{waiting['id']}/cancel").json()["status"] == "cancelled"
    assert client.delete(f"/api/lm/jobs/{running['id']}").status_code == 204
    assert client.get(f"/api/lm/jobs/{running['id']}").status_code == 404
    assert ended(client, submit(client))["status"] == "published"


def test_the_same_submission_is_taken_once(client: httpx.Client) -> None:
    answers: list[httpx.Response] = []

    def send(text: str) -> None:
        answers.append(client.post("/api/lm/jobs", json=wanted(text), headers={"Idempotency-Key": "k-1"}))

    threads = [threading.Thread(target=send, args=("我要挂号",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [202]
    assert len({answer.json()["id"] for answer in answers}) == 1
    send("我要退号")
    assert (answers[-1].status_code, answers[-1].json()["error"]["code"]) == (409, "lm_key_reused")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (wanted(""), 422, "invalid_request"),
        (wanted(sources=[]), 422, "invalid_request"),
        (wanted(name=" "), 422, "invalid_request"),
        (wanted(order=9), 422, "invalid_request"),
        (wanted(other=1), 422, "invalid_request"),
        (wanted(sources=[{"kind": "domain", "domain": "../../etc/passwd"}]), 422, "invalid_request"),
        (wanted(sources=[{"kind": "domain", "domain": "nowhere"}]), 404, "domain_unknown"),
        (wanted(sources=[{"kind": "template", "text": "{a}", "lists": {"a": ["b | c"]}}]), 422, "field_invalid"),
        (wanted(check_set="../versions"), 404, "lm_check_set_unknown"),
        (wanted(check_set="corrections"), 404, "lm_check_set_unknown"),
        (wanted(callback_url="http://169.254.169.254/latest"), 422, "callback_forbidden"),
        (wanted("好" * 20_000), 413, "upload_too_large"),
    ],
    ids=lambda value: value["sources"][0]["kind"] if isinstance(value, dict) and value["sources"] else str(value),
)
def test_what_cannot_be_trained_is_refused_at_once(
    client: httpx.Client, data: Path, body: dict[str, Any], status: int, code: str
) -> None:
    answer = client.post("/api/lm/jobs", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    assert not [path for path in (data / "language" / "jobs").iterdir() if path.name.endswith(".part")]


def test_a_job_lists_without_its_log(client: httpx.Client) -> None:
    job = ended(client, submit(client))
    listed = client.get("/api/lm/jobs").json()["jobs"]
    assert (listed[0]["id"], listed[0]["log"]) == (job["id"], "")


def test_too_many_jobs_are_told_to_come_later(settings: Settings, serve: Serve, tmp_path: Path) -> None:
    few = settings.model_copy(update={"lm_workers": 0, "lm_max_jobs": 2})
    client = serve(build(few, recognizer=InstantRecognizer(), page=None, training=scripted(tmp_path)))
    for _ in range(2):
        submit(client)
    refused = client.post("/api/lm/jobs", json=wanted())
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "lm_jobs_full")
    assert int(refused.headers["retry-after"]) > 0


def test_only_who_may_administer_trains(tmp_path: Path, serve: Serve) -> None:
    settings = Settings(data_dir=tmp_path, open=True, lm_workers=0)
    client = serve(build(settings, recognizer=InstantRecognizer(), page=None))
    key = ApiKeys(open_database(tmp_path)).add("user", "user", USER_SCOPES, datetime.now(UTC))
    for headers in ({}, {"Authorization": f"Bearer {key}"}):
        for method, path in (("GET", "versions"), ("POST", "rollback"), ("GET", "jobs"), ("GET", "versions/1/model")):
            answer = client.request(method, f"/api/lm/{path}", headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "scope_missing"), path


def test_a_stopped_server_goes_on_with_the_step_it_was_at(settings: Settings, tmp_path: Path) -> None:
    app_settings = settings.model_copy(update={"lm_lease_seconds": 60.0})
    commands = scripted(tiny_model(tmp_path / "tiny.npz"))

    def start() -> Any:
        return start_server(build(app_settings, recognizer=InstantRecognizer(), page=None, training=commands))

    client, stop = start()
    job = submit(client, "train: wait 2")
    waited(client, job, lambda now: now["step"] == "train" and now["progress"] > 0)
    stop()
    client, stop = start()
    job = ended(client, job)
    assert job["status"] == "published"
    assert [job["log"].count(f"half of {step}") for step in ("prepare", "train")] == [1, 2]
    stop()


def test_a_damaged_version_is_not_used_and_the_folders_own_recognises(settings: Settings, tmp_path: Path) -> None:
    commands = scripted(tiny_model(tmp_path / "tiny.npz"))

    def start() -> Any:
        return start_server(build(settings, recognizer=InstantRecognizer(), page=None, training=commands))

    client, stop = start()
    number = ended(client, submit(client))["version"]
    stop()
    (file,) = (settings.data_dir / "language" / "versions").glob("*.npz")
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    client, stop = start()
    now = standing(client)
    assert (now["current"], now["running"], now["warning"]["code"]) == (number, 0, "lm_version_broken")
    answer = client.post(f"/api/lm/versions/{number}/publish")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "lm_version_broken")
    assert client.post("/api/lm/rollback").json()["warning"] is None
    stop()


def test_a_version_is_tried_beside_another(client: httpx.Client) -> None:
    number = ended(client, submit(client))["version"]
    tried = client.post("/api/lm/try", data={"version": str(number)}, files={"audio": ("a.wav", wav())}).json()
    assert (tried["before"]["version"], tried["after"]["version"]) == (0, number)
    assert (tried["after"]["text"], tried["marks"], tried["seconds"]) == ("我要挂号", [], 0.5)
    for version, status in (("99999", 404), ("-1", 422)):
        answer = client.post("/api/lm/try", data={"version": version}, files={"audio": ("a.wav", wav())})
        assert answer.status_code == status

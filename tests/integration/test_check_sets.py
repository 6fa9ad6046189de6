"""Recordings with their texts that are sent to check language models with, and archives that mean harm."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.factory import build
from app.language_models import check_sets
from app.settings import Settings
from tests.integration.client import InstantRecognizer, wav
from tests.integration.conftest import start_server


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("check_sets")


@pytest.fixture(scope="module")
def client(data: Path) -> Iterator[httpx.Client]:
    settings = Settings(data_dir=data, lm_workers=0)
    client, stop = start_server(build(settings, recognizer=InstantRecognizer(), page=None))
    yield client
    stop()


def archive(files: dict[str, bytes], manifest: list[Any] | bytes | None, name: str = "manifest.jsonl") -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as opened:
        for path, content in files.items():
            opened.writestr(path, content)
        if isinstance(manifest, list):
            manifest = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in manifest).encode()
        if manifest is not None:
            opened.writestr(name, manifest)
    return written.getvalue()


def send(client: httpx.Client, content: bytes) -> httpx.Response:
    return client.post("/api/lm/check-sets", data={"name": "门诊"}, files={"archive": ("a.zip", content)})


def kept(data: Path) -> set[str]:
    return {str(path.relative_to(data)) for path in (data / "language" / "check_sets").rglob("*")}


def test_an_archive_becomes_a_check_set_of_ones_own_and_goes_again(client: httpx.Client, data: Path) -> None:
    files = {"clips/a.wav": wav(), "clips/sub/b.wav": wav(), "clips/unnamed.wav": wav()}
    manifest = [
        {"audio": "a.wav", "text": " 我要挂号 "},
        {"audio_filepath": "sub/b.wav", "text": "好的", "speaker": "x"},
    ]
    answer = send(client, archive(files, manifest, "clips/manifest.jsonl"))
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["name"], made["kind"], made["clips"], made["seconds"]) == ("门诊", "uploaded", 2, 1.0)
    listed = client.get("/api/lm/check-sets").json()["check_sets"]
    assert [one["id"] for one in listed] == ["shipped", made["id"]]
    assert (listed[0]["clips"], listed[0]["kind"]) == (24, "shipped")
    lines = (data / "language" / "check_sets" / made["id"] / "manifest.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["text"] for line in lines] == ["我要挂号", "好的"]
    assert client.delete(f"/api/lm/check-sets/{made['id']}").status_code == 204
    assert client.delete(f"/api/lm/check-sets/{made['id']}").status_code == 404
    assert kept(data) == set()


def test_recordings_may_come_one_by_one_with_their_texts(client: httpx.Client) -> None:
    files = [("clip", ("a.wav", wav())), ("clip", ("b.wav", wav()))]
    form = {"name": "门诊", "text": ["我要挂号", "好的"]}
    made = client.post("/api/lm/check-sets", data=form, files=files).json()
    assert made["clips"] == 2
    answer = client.post("/api/lm/check-sets", data={"name": "门诊", "text": ["一"]}, files=files)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "lm_check_set_invalid")
    client.delete(f"/api/lm/check-sets/{made['id']}")


ONE = [{"audio": "a.wav", "text": "好的"}]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no zip", "cannot be read"),
        (archive({"a.wav": wav()}, ONE)[:-60], "cannot be read"),
        (archive({"a.wav": wav()}, None), "manifest.jsonl is missing"),
        (archive({"a.wav": wav()}, []), "no recording"),
        (archive({}, ONE), "a.wav is missing"),
        (archive({"a.wav": wav()}, [{"audio": "../../a.wav", "text": "好的"}]), "../../a.wav is missing"),
        (archive({"a.wav": wav()}, b"{\n"), "manifest.jsonl:1 is not JSON"),
        (archive({"a.wav": wav()}, [1]), "needs audio and text"),
        (archive({"a.wav": wav()}, [{"audio": "a.wav"}]), "needs audio and text"),
        (archive({"a.wav": wav()}, [{"audio": "a.wav", "text": " "}]), "1 to 200 characters"),
        (archive({"a.wav": wav()}, [{"audio": "a.wav", "text": "好\x07"}]), "1 to 200 characters"),
        (archive({"a.wav": b"no audio"}, ONE), "recording 1"),
        (archive({"a.wav": bytes(check_sets.MAX_CLIP_BYTES + 1)}, ONE), "a.wav has more than"),
        (archive({"a.wav": wav()}, b" " * (check_sets.MAX_MANIFEST_BYTES + 1)), "has more than"),
        (archive({"a.wav": wav()}, ONE * (check_sets.MAX_CLIPS + 1)), "more than 500 recordings"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_what_cannot_be_used_is_refused_with_the_reason_and_nothing_is_kept(
    client: httpx.Client, data: Path, content: bytes, reason: str
) -> None:
    answer = send(client, content)
    assert answer.status_code == 422, answer.text
    error = answer.json()["error"]
    assert error["code"] == "lm_check_set_invalid"
    assert reason in error["details"]["reason"]
    assert kept(data) == set()

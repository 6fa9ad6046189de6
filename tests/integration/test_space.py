"""The app on a Hugging Face Space: what is pushed there, and that it starts in such a place."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from tests.hub_server import MOST_IN_GIT, Hub
from tests.integration.test_entry_point import ROOT, free_port

PUSH = ROOT / "deploy" / "push_space.py"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    return subprocess.run(
        [sys.executable, PUSH, *arguments],
        cwd=ROOT,
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    """A Hub to which the app was pushed, over what an older release left there."""
    hub = Hub("anna/tingshuo")
    hub.files = {"old_module.py": b"1", ".gitattributes": b""}
    environment = {"HF_TOKEN": "hf_may_write", "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    with hub.serve():
        pushed = run(hub.space, "--endpoint", hub.url, "--private", **environment)
        assert pushed.returncode == 0, pushed.stderr
        assert pushed.stdout.strip() == f"{hub.url}/spaces/anna/tingshuo/commit/1"
        yield hub


@pytest.fixture(scope="module")
def space(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the Space, as the Hub gives it to its machine."""
    folder = tmp_path_factory.mktemp("space")
    for path, data in hub.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def test_a_dry_run_tells_what_would_be_pushed_and_asks_nobody() -> None:
    shown = run("anna/tingshuo", "--dry-run", "--endpoint", "http://127.0.0.1:1")
    assert shown.returncode == 0, shown.stderr
    rows = re.findall(r"(?m)^ *([\d,]+)  (git|large file) +(\S+)$", shown.stdout)
    for size, kind, path in rows:
        assert (int(size.replace(",", "")) > MOST_IN_GIT) == (kind == "large file"), path
    assert {"app.py", "requirements.txt", "app/ui/demo.py", "mandarin/__init__.py"} <= {path for _, _, path in rows}
    assert "large file" in {kind for _, kind, _ in rows}


def test_the_space_gets_what_it_runs_and_nothing_else(hub: Hub) -> None:
    assert hub.created["sdk"] == "gradio"
    assert hub.created["type"] == "space"
    assert "old_module.py" not in hub.files
    tops = {Path(path).parts[0] for path in hub.files}
    assert tops - {"tts"} == {
        ".gitattributes", "LICENSE", "README.md", "app", "app.py", "asr", "assets", "bot", "docs", "mandarin", "models",
        "packages.txt", "requirements.txt",
    }  # fmt: skip
    assert not [path for path in hub.files if path.startswith(("asr/training", "data", "tests")) or ".env" in path]
    for path, data in hub.files.items():
        if path != ".gitattributes":
            assert data == (ROOT / path).read_bytes(), path


def test_nothing_above_what_git_takes_there_is_pushed_in_plain_git(hub: Hub) -> None:
    large = {path for path, data in hub.files.items() if len(data) > MOST_IN_GIT}
    assert large
    attributes = hub.files[".gitattributes"].decode()
    assert set(re.findall(r"(?m)^(\S+) filter=lfs diff=lfs merge=lfs -text$", attributes)) == large
    assert {hub.files[path] for path in large} == set(hub.stored.values())


def test_the_front_matter_is_one_that_the_hub_takes(hub: Hub) -> None:
    front_matter = yaml.safe_load(hub.files["README.md"].decode().split("---\n")[1])
    assert front_matter["sdk"] == "gradio"
    assert f"gradio=={front_matter['sdk_version']}" in hub.files["requirements.txt"].decode()
    assert front_matter["app_file"] in hub.files
    assert len(front_matter["short_description"]) <= 60
    assert {front_matter["colorFrom"], front_matter["colorTo"]} <= {
        "red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray",
    }  # fmt: skip


def test_without_a_token_the_push_says_how_to_get_one(tmp_path: Path) -> None:
    refused = run("anna/tingshuo", "--endpoint", "http://127.0.0.1:1", HF_HOME=str(tmp_path), HOME=str(tmp_path))
    assert refused.returncode != 0
    assert refused.stderr.strip() == "Log in first: `hf auth login`, or set HF_TOKEN to a token that may write."


def test_a_token_that_may_not_write_is_told_so(hub: Hub) -> None:
    refused = run(hub.space, "--endpoint", hub.url, HF_TOKEN="hf_may_read", HF_HUB_DISABLE_XET="1")
    assert refused.returncode != 0
    assert refused.stderr.startswith("The Hub refused: ")


def test_it_starts_in_a_place_like_a_space(space: Path, tmp_path: Path) -> None:
    """Without a home, with code that cannot be written to, behind a proxy, with a disk of its own for data."""
    port = free_port()
    data = tmp_path / "persistent"
    environment = {
        "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": "/nonexistent", "TMPDIR": str(tmp_path),
        "SPACE_ID": "anna/tingshuo", "SPACE_HOST": "anna-tingshuo.hf.space", "SYSTEM": "spaces",
        "TINGSHUO_PORT": str(port), "TINGSHUO_DATA_DIR": str(data), "TINGSHUO_HUB_URL": "http://127.0.0.1:1",
    }  # fmt: skip
    command = [sys.executable, "-B", "app.py"]
    if _can_mount_read_only(tmp_path):
        here = f"mount --bind {space} {space} && mount -o remount,ro,bind {space} && cd {space}"
        command = ["unshare", "-m", "sh", "-c", f'{here} && exec "$@"', "sh", *command]
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(command, cwd=space, env=environment, stdout=log, stderr=log) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        try:
            _wait(client, process, tmp_path / "log")
            proxied = {"Host": "anna-tingshuo.hf.space", "X-Forwarded-Proto": "https", "X-Forwarded-For": "1.2.3.4"}
            page = client.get("/", headers=proxied)
            assert page.status_code == 200
            cookie = page.headers["set-cookie"]
            assert "Secure" in cookie
            assert "Partitioned" in cookie
            assert "https://huggingface.co" in page.headers["content-security-policy"]
            assert 'content="https://anna-tingshuo.hf.space/ui/preview.jpg"' in page.text
            picture = client.get("/ui/preview.jpg", headers=proxied)
            assert picture.headers["content-type"] == "image/jpeg"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
    assert (data / "tingshuo.db").exists()
    assert not (space / "data").exists()


def _can_mount_read_only(folder: Path) -> bool:
    if shutil.which("unshare") is None:
        return False
    tried = f"mount --bind {folder} {folder} && mount -o remount,ro,bind {folder}"
    return subprocess.run(["unshare", "-m", "sh", "-c", tried], capture_output=True, check=False).returncode == 0


def _wait(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 150
    while True:
        try:
            if client.get("/ready").json()["status"] == "ready":
                return
        except httpx.HTTPError:
            pass
        assert process.poll() is None, log.read_text("utf-8")[-3000:]
        assert time.monotonic() < deadline, log.read_text("utf-8")[-3000:]
        time.sleep(0.2)

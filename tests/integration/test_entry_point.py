"""`python app.py`, as people start it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.integration.client import Chat

ROOT = Path(__file__).parents[2]
ENTRY_POINT = ROOT / "app.py"
START = """
from starlette.testclient import TestClient
import app.factory
from app.settings import Settings
with TestClient(app.factory.build(Settings(open=True)), base_url="http://localhost") as client:
    print(app.factory.__file__, client.get("/ready").json()["status"], client.get("/").status_code)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    """The app in its own process, on a free port, from an empty folder."""
    port = free_port()
    environment = {**os.environ, "TINGSHUO_PORT": str(port), "TINGSHUO_LOG_JSON": "true"}
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen([sys.executable, ENTRY_POINT], cwd=tmp_path, env=environment, stderr=log) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        yield process, client
        process.kill()


def _wait_until_ready(client: httpx.Client) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            assert client.get("/ready").json()["status"] == "ready"
        except httpx.ConnectError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


def test_the_app_starts_from_nothing_serves_its_page_and_stops_when_told(
    running: tuple[subprocess.Popen[bytes], httpx.Client], tmp_path: Path
) -> None:
    process, client = running
    _wait_until_ready(client)
    page = client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "frame-ancestors 'self'" in page.headers["content-security-policy"]
    assert client.get("/api/nothing").json()["error"]["code"] == "not_found"
    assert Chat(client).write("我姓欧阳要挂号")[-1]["role"] == "bot"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) in (0, -signal.SIGTERM)

    log = (tmp_path / "log").read_text("utf-8")
    assert f"http://localhost:{client.base_url.port}" in log
    assert "message done" in log
    assert "欧阳" not in log
    assert (tmp_path / "data" / "tingshuo.db").exists()


def test_what_the_image_holds_is_enough_to_start(tmp_path: Path) -> None:
    image = tmp_path / "image"
    ignored = [line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line[0] not in "#*!"]
    kept_out = shutil.ignore_patterns("__pycache__", *(Path(pattern).name for pattern in ignored))
    for source in re.findall(r"(?m)^COPY ([\w.]+) \./", (ROOT / "Dockerfile").read_text("utf-8")):
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, image / source, ignore=kept_out)
        else:
            image.mkdir(exist_ok=True)
            shutil.copy(ROOT / source, image)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["TINGSHUO_DATA_DIR"] = str(tmp_path / "data")
    started = subprocess.run(
        [sys.executable, "-c", START], cwd=image, env=environment, capture_output=True, text=True, timeout=120
    )
    assert started.returncode == 0, started.stderr[-2000:]
    assert started.stdout.split()[-3:] == [str(image / "app" / "factory.py"), "ready", "200"]

"""The app as a Gradio app: `demo.launch()` from a script or a notebook, and `gradio app.py`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from gradio_client import Client

from app.errors import ExposedWithoutLogin
from app.settings import Settings
from app.ui.demo import Demo, open_demo
from tests.integration.test_entry_point import ENTRY_POINT, ROOT, free_port

NOTEBOOK = """
import runpy
demo = runpy.run_path({entry!r})["demo"]
app, url, share = demo.launch(prevent_thread_lock=True, server_port=0)
import httpx
print(type(demo).__mro__[1].__name__, share, httpx.get(url + "ready", timeout=60).json()["status"])
demo.close()
"""


@pytest.fixture
def demo(settings: Settings) -> Iterator[Demo]:
    demo = open_demo(settings.model_copy(update={"port": 0}))
    yield demo
    demo.close()


def test_launch_serves_the_whole_app_and_close_ends_it(demo: Demo) -> None:
    served, url, share = demo.launch(prevent_thread_lock=True, quiet=True)
    assert share is None
    assert served is demo.served
    assert httpx.get(f"{url}ready", timeout=60).json()["status"] == "ready"
    assert "tingshuo" in httpx.get(url, timeout=60).text
    manifest = httpx.get(f"{url}manifest.json", timeout=60).json()
    assert manifest["name"] == "听说 Tingshuo"
    assert (
        httpx.get(f"{url}{manifest['icons'][0]['src'].lstrip('/')}", timeout=60)
        .headers["content-type"]
        .startswith("image/")
    )
    client = Client(url, verbose=False, download_files=False, analytics_enabled=False, httpx_kwargs={"timeout": 60})
    assert client.predict(text="我要挂号", api_name="/chat")["replies"]
    demo.close()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}ready", timeout=60)


def test_launch_lets_no_other_machine_in_without_a_login(demo: Demo) -> None:
    with pytest.raises(ExposedWithoutLogin):
        demo.launch(prevent_thread_lock=True, server_name="0.0.0.0")
    with pytest.raises(ValueError, match="share"):
        demo.launch(prevent_thread_lock=True, share=True)
    with pytest.raises(ValueError, match="auth"):
        demo.launch(prevent_thread_lock=True, auth=("anna", "x"))


def test_a_notebook_can_launch_what_app_py_offers(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TINGSHUO_DATA_DIR": str(tmp_path / "data")}
    started = subprocess.run(
        [sys.executable, "-c", NOTEBOOK.format(entry=str(ENTRY_POINT))],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert started.returncode == 0, started.stderr[-2000:]
    assert started.stdout.splitlines()[-1] == "Blocks None ready"


def test_gradio_app_py_starts_the_app_anew_when_its_code_changes(tmp_path: Path) -> None:
    port = free_port()
    watched = tmp_path / "watched"
    watched.mkdir()
    code = watched / "mine.py"
    code.write_text("A = 1\n")
    environment = {**os.environ, "TINGSHUO_PORT": str(port), "TINGSHUO_DATA_DIR": str(tmp_path / "data")}
    command = [Path(sys.executable).with_name("gradio"), "app.py", "--watch-dirs", str(watched)]
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        try:
            _wait(client, tmp_path / "log", starts=1)
            code.write_text("A = 2\n")
            os.utime(code, (time.time() + 5, time.time() + 5))
            _wait(client, tmp_path / "log", starts=2)
            assert client.get("/").status_code == 200
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def _wait(client: httpx.Client, log: Path, *, starts: int) -> None:
    """Wait until the app has started so many times and answers."""
    deadline = time.monotonic() + 90
    while True:
        with contextlib.suppress(httpx.HTTPError):
            if log.read_text("utf-8").count("store open") >= starts and client.get("/ready").status_code == 200:
                return
        assert time.monotonic() < deadline, log.read_text("utf-8")[-2000:]
        time.sleep(0.2)

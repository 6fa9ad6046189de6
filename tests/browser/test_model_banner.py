"""The page says which model recognises while the one that is wanted is not there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from asr.hub import registry
from tests.browser.conftest import OpenChat
from tests.browser.running_app import RunningApp
from tests.model_hub import ModelHub, serving


@pytest.fixture(scope="module")
def hub() -> Iterator[ModelHub]:
    embedded = registry()["embedded"].folder
    assert embedded is not None
    files = {path.name: path.read_bytes() for path in embedded.iterdir() if path.is_file()}
    with serving({registry()["paraformer-zh"].id: {"am.mvn": b"<Nnet>", **files}}) as server:
        yield server


@pytest.fixture(scope="module")
def waiting(hub: ModelHub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """An app whose model is on its way, slowly."""
    folder: Path = tmp_path_factory.mktemp("waiting")
    hub.seconds_a_chunk = 0.2
    running = RunningApp(folder)
    wanted = {"model": "paraformer-zh", "model_cache": folder / "models", "hub_url": hub.url}
    running.settings = running.settings.model_copy(update=wanted)
    running.start()
    yield running
    running.stop()


def test_the_settings_follow_the_download_to_its_end(open_chat: OpenChat, waiting: RunningApp, hub: ModelHub) -> None:
    chat = open_chat(waiting.url)
    chat.more("设置")
    notice = chat.page.locator(".st-notice")
    expect(notice).to_contain_text("正在下载 paraformer-zh")
    expect(notice).to_contain_text("现在由内置模型识别")
    expect(chat.page.locator(".ts-model")).to_have_text("识别模型：内置 Paraformer")
    hub.seconds_a_chunk = 0.0
    expect(chat.page.locator(".ts-model")).to_have_text("识别模型：paraformer-zh", timeout=30_000)
    expect(notice).to_be_hidden()
    expect(chat.banner).to_have_count(0)

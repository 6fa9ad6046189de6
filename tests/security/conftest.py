"""The servers of tests/integration, for those who mean them harm."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.factory import build
from app.settings import Settings
from tests.integration.client import InstantRecognizer
from tests.integration.conftest import _quiet, chat, own_chat, serve, settings, shared_server, start_server
from tests.security.people import People

__all__ = ["_quiet", "chat", "own_chat", "serve", "settings", "shared_server"]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("people"), user_header="Remote-User",
                        trusted_proxies=frozenset({"10.0.0.1"}), requests_per_minute=0, max_streams=0,
                        lm_workers=0)  # fmt: skip
    client, stop = start_server(build(settings, recognizer=InstantRecognizer(), page=None))
    yield People(client, settings)
    stop()

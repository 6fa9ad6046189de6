"""Settings come from the environment, and say what is wrong with them."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.settings import Settings

ENTRY_POINT = Path(__file__).parents[3] / "app.py"


def test_every_setting_is_explained_in_one_line() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert "\n" not in field.description


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINGSHUO_PORT", "8000")
    monkeypatch.setenv("TINGSHUO_MODEL", "/models/large")
    monkeypatch.setenv("TINGSHUO_DATABASE_URL", "")
    settings = Settings()
    assert (settings.port, settings.model, settings.database_url) == (8000, "/models/large", "")


def test_only_this_machine_is_listened_to_unless_it_is_a_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACE_ID", raising=False)
    assert (Settings().host, Settings().port) == ("127.0.0.1", 7860)
    assert "hf.space" not in Settings().frame_ancestors
    monkeypatch.setenv("SPACE_ID", "someone/tingshuo")
    assert (Settings().host, Settings().port) == ("0.0.0.0", 7860)
    assert "hf.space" in Settings().frame_ancestors


def test_a_setting_given_by_hand_wins_over_the_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "someone/tingshuo")
    monkeypatch.setenv("TINGSHUO_HOST", "10.0.0.1")
    assert Settings().host == "10.0.0.1"


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINGSHUO_PORT", "many")
    with pytest.raises(ValidationError, match="port"):
        Settings()
    with pytest.raises(SystemExit, match="A setting is wrong"):
        runpy.run_path(str(ENTRY_POINT), run_name="__main__")

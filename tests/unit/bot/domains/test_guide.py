"""The guide to writing a bot, followed to the letter."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.__main__ import app
from bot.slots.model import SlotType

GUIDE = (Path(__file__).parents[4] / "docs" / "bot.md").read_text("utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    domain, dialogues = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
    (tmp_path / "barber.yaml").write_text(domain, encoding="utf-8")
    (tmp_path / "barber_test.yaml").write_text(dialogues, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("command", ["check barber.yaml", "graph barber.yaml", "test barber.yaml barber_test.yaml"])
def test_the_bot_of_the_guide_works(folder: Path, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"python -m bot {command}" in GUIDE
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(app, command.split())
    assert result.exit_code == 0, result.output


def test_the_guide_explains_every_type_of_slot() -> None:
    assert re.findall(r"(?m)^\| `(\w+)` \|", GUIDE) == list(SlotType.__args__)


def test_links_of_the_guide_lead_somewhere() -> None:
    targets = re.findall(r"\]\((?!https?://)([^)#]+)\)", GUIDE)
    assert [target for target in targets if not (Path(__file__).parents[4] / "docs" / target).exists()] == []

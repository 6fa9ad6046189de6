"""What holds for the repository as a whole."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

from app.settings import Settings

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "README_zh.md")
REQUIREMENTS = sorted(path.name for path in ROOT.glob("requirements*.txt"))


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("this copy of the source is not a git checkout")
    return [path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def requirement_lines(name: str) -> list[str]:
    lines = [line.partition("#")[0].strip() for line in (ROOT / name).read_text("utf-8").splitlines()]
    return [line for line in lines if line]


def imported_packages(files: list[Path]) -> set[str]:
    """The packages, by the names that pip knows them by, that these files import anywhere."""
    modules: set[str] = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules.add(node.module.partition(".")[0])
    modules -= {*sys.stdlib_module_names, "app", "asr", "bot", "mandarin"}
    distributions = packages_distributions()
    return {distributions.get(module, [module])[0].lower().replace("_", "-") for module in modules}


def leaves(texts: dict[str, object], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for key, value in texts.items():
        found |= leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key}
    return found


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_requirement_is_pinned_to_one_version(name: str) -> None:
    loose = [
        line
        for line in requirement_lines(name)
        if not line.startswith("-r ") and not re.fullmatch(r"[\w.-]+(\[[\w,]+\])?==[\w.]+( ?;.+)?", line)
    ]
    assert loose == []


def test_a_package_stands_once_in_a_file_and_with_the_same_pin_in_all() -> None:
    pins: dict[str, set[str]] = {}
    for name in REQUIREMENTS:
        packages = [line.partition("==")[0].lower().replace("_", "-") for line in requirement_lines(name)]
        assert len(packages) == len(set(packages)), name
        for line, package in zip(requirement_lines(name), packages, strict=True):
            pins.setdefault(package, set()).add(line.partition("==")[2])
    assert {package: found for package, found in pins.items() if len(found) > 1} == {}


def test_the_app_installs_what_it_imports_and_nothing_else() -> None:
    rooms = [
        ROOT / "app.py",
        *(path for room in ("app", "asr", "bot", "mandarin") for path in (ROOT / room).rglob("*.py")),
    ]
    imported = imported_packages([path for path in rooms if ROOT / "asr" / "training" not in path.parents])
    installed = {line.partition("==")[0].lower().replace("_", "-") for line in requirement_lines("requirements.txt")}
    # Found by FastAPI, uvicorn, Gradio and zoneinfo, which do not bring them; of wetext only files are read.
    unnamed = {"mcp", "python-multipart", "tzdata", "websockets", "wetext"}
    optional = {
        line.partition("==")[0].lower()
        for name in ("requirements-tracing.txt", "requirements-s3.txt", "requirements-celery.txt")
        for line in requirement_lines(name)
    }
    assert imported - optional == installed - unnamed


def test_running_the_app_installs_no_torch() -> None:
    assert not [line for line in requirement_lines("requirements.txt") if line.startswith(("torch", "funasr"))]


def test_the_space_gets_the_gradio_that_is_tested() -> None:
    front_matter = yaml.safe_load((ROOT / "README.md").read_text("utf-8").split("---\n")[1])
    assert f"gradio=={front_matter['sdk_version']}" in requirement_lines("requirements.txt")
    assert (ROOT / front_matter["app_file"]).is_file()


@pytest.mark.parametrize("readme", READMES)
def test_commands_of_the_readme_can_be_started(readme: str) -> None:
    commands = set(re.findall(r"(?m)^(scripts/[\w-]+)", (ROOT / readme).read_text("utf-8")))
    assert commands >= {"scripts/run", "scripts/test"}
    assert [command for command in commands if not os.access(ROOT / command, os.X_OK)] == []


@pytest.mark.parametrize("readme", READMES)
def test_links_of_the_readme_lead_somewhere(readme: str) -> None:
    targets = re.findall(r"\]\((?!https?://)([^)#]+)\)", (ROOT / readme).read_text("utf-8"))
    assert [target for target in targets if not (ROOT / target).exists()] == []


@pytest.mark.parametrize("readme", READMES)
def test_the_readme_explains_every_setting_and_no_other(readme: str) -> None:
    rows = re.findall(r"(?m)^\| `TINGSHUO_(\w+)` \|", (ROOT / readme).read_text("utf-8"))
    assert rows == [name.upper() for name in Settings.model_fields]


@pytest.mark.parametrize("readme", READMES)
def test_the_readme_gives_the_defaults_that_numbers_have(readme: str) -> None:
    rows = re.findall(r"(?m)^\| `TINGSHUO_(\w+)` \| ([\d.]+) \|", (ROOT / readme).read_text("utf-8"))
    settings = Settings(_env_file=None)
    wrong = {
        name: shown
        for name, shown in rows
        if name != "WORKERS" and float(shown) != float(getattr(settings, name.lower()))
    }
    assert wrong == {}


def test_both_languages_have_the_same_texts() -> None:
    chinese, english = (
        leaves(json.loads((ROOT / "assets" / "locales" / f"{language}.json").read_text("utf-8")))
        for language in ("zh", "en")
    )
    assert chinese == english


def test_no_file_in_git_is_too_large_for_a_clone() -> None:
    assert [str(path) for path in tracked_files() if path.stat().st_size > 30 * 2**20] == []


def test_the_embedded_models_stay_small() -> None:
    weights = [path for path in (ROOT / "models" / "embedded").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in weights) < 50 * 2**20
    paraformer = [path for path in weights if path.parent.name == "paraformer"]
    assert 0 < sum(path.stat().st_size for path in paraformer) <= 35 * 2**20


def test_only_rooms_that_may_know_each_other_do() -> None:
    forbidden = {"asr": ("app", "bot"), "bot": ("app", "asr"), "mandarin": ("app", "asr", "bot")}
    crossings = [
        f"{path.relative_to(ROOT)}: {line}"
        for room, others in forbidden.items()
        for path in (ROOT / room).rglob("*.py")
        for line in path.read_text("utf-8").splitlines()
        if re.match(rf"\s*(from|import) ({'|'.join(others)})\b", line)
    ]
    assert crossings == []

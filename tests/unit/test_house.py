"""What holds for the repository as a whole."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable
from graphlib import TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

from app.settings import Settings
from app.settings_page import settings_page
from app.version import VERSION

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "README_zh.md")
# The packages, a room each; tts is there from the day that it speaks.
ROOMS = tuple(room for room in ("app", "asr", "bot", "mandarin", "tts") if (ROOT / room / "__init__.py").is_file())
MOST_LINES, MOST_LINES_OF_A_FUNCTION, MOST_FILES = 400, 60, 15
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


def imports(rooms: Iterable[str]) -> dict[str, set[str]]:
    """For each module, the modules of this repository that it imports when it is imported itself."""
    paths = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    names = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths}
    modules = set(names.values())
    found: dict[str, set[str]] = {}
    for path, name in names.items():
        if name.split(".")[0] not in rooms:
            continue
        found[name] = set()
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ImportFrom) and node.module:
                within = {f"{node.module}.{one.name}" for one in node.names}
                found[name] |= (within & modules) or ({node.module} & modules)
            elif isinstance(node, ast.Import):
                found[name] |= {one.name for one in node.names} & modules
    return found


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
    # Found by FastAPI, uvicorn, Gradio and zoneinfo, which do not bring them.
    unnamed = {"mcp", "python-multipart", "tzdata", "websockets"}
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


def test_the_page_of_settings_is_that_of_the_settings() -> None:
    made = (ROOT / "docs" / "settings.md").read_text("utf-8")
    assert made == settings_page(), "run: python -m app settings > docs/settings.md"


@pytest.mark.parametrize("readme", READMES)
def test_the_readme_names_no_setting_that_there_is_not(readme: str) -> None:
    named = set(re.findall(r"TINGSHUO_([A-Z_]+[A-Z])", (ROOT / readme).read_text("utf-8")))
    assert named - {name.upper() for name in Settings.model_fields} == set()
    assert "docs/settings.md" in (ROOT / readme).read_text("utf-8")


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
    forbidden = {
        "mandarin": {"app", "asr", "bot", "tts"},
        "asr": {"app", "bot", "tts"},
        "bot": {"app", "asr", "tts"},
        "tts": {"app", "asr", "bot"},
    }
    crossings = [
        f"{module} imports {other}"
        for module, imported in imports(ROOMS).items()
        for other in imported
        if other.split(".")[0] in forbidden.get(module.split(".")[0], set())
    ]
    assert crossings == []


@pytest.mark.parametrize(
    ("room", "others"),
    [
        ("storage", "api ui chat recognition transcriptions hotwords language_models access"),
        ("access", "api ui chat recognition transcriptions hotwords language_models"),
        ("monitoring", "api ui chat recognition transcriptions hotwords language_models storage access"),
        ("recognition", "api ui chat transcriptions hotwords language_models storage access"),
        ("hotwords", "api ui chat transcriptions language_models access"),
        ("chat", "api ui transcriptions language_models access"),
    ],
)
def test_a_room_of_the_app_knows_none_that_is_built_on_it(room: str, others: str) -> None:
    above = tuple(f"app.{other}" for other in others.split())
    crossings = [
        f"{module} imports {other}"
        for module, imported in imports(["app"]).items()
        for other in imported
        if module.startswith(f"app.{room}") and ".".join(other.split(".")[:2]) in above
    ]
    assert crossings == []


def test_no_two_modules_import_each_other_by_any_way_round() -> None:
    TopologicalSorter(imports(ROOMS)).prepare()  # raises CycleError, which names the circle


def test_no_two_rooms_of_the_app_import_each_other_by_any_way_round() -> None:
    rooms: dict[str, set[str]] = {}
    for module, imported in imports(["app"]).items():
        room = ".".join(module.split(".")[:2])
        others = {".".join(other.split(".")[:2]) for other in imported if other.startswith("app.")}
        rooms.setdefault(room, set()).update(others - {room})
    TopologicalSorter(rooms).prepare()


def test_nothing_is_too_large_to_be_read_at_a_sitting() -> None:
    sources = {path: path.read_text("utf-8") for room in ROOMS for path in (ROOT / room).rglob("*.py")}
    lengths = {path: text.count("\n") for path, text in sources.items()}
    files = [f"{path.relative_to(ROOT)} has {lines} lines" for path, lines in lengths.items() if lines > MOST_LINES]
    functions = [
        f"{path.relative_to(ROOT)}: {node.name} has {length} lines"
        for path, text in sources.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (length := (node.end_lineno or 0) - node.lineno + 1) > MOST_LINES_OF_A_FUNCTION
    ]
    in_folder = Counter(path.parent for path in sources if path.name != "__init__.py")
    folders = [f"{path.relative_to(ROOT)} has {count} files" for path, count in in_folder.items() if count > MOST_FILES]
    assert files + functions + folders == []


def test_every_package_says_what_lives_there() -> None:
    packages = [path for room in ROOMS for path in (ROOT / room).rglob("__init__.py")]
    assert [
        str(path.relative_to(ROOT)) for path in packages if not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ] == []


def test_the_picture_of_the_house_shows_the_folders_that_there_are() -> None:
    drawing = (ROOT / "docs" / "architecture.md").read_text("utf-8").split("```text\n")[1].split("```")[0]
    drawn: set[str] = set()
    above = ""
    for indent, name in re.findall(r"(?m)^( *)([\w-]+)/ ", drawing):
        above = above if indent else name
        drawn.add(f"{above}/{name}" if indent else name)
    there = {
        path.name for path in ROOT.iterdir() if path.is_dir() and any(path in file.parents for file in tracked_files())
    }
    there = {name for name in there if not name.startswith(".")}
    there |= {f"{room}/{path.parent.name}" for room in ROOMS for path in (ROOT / room).glob("*/__init__.py")}
    assert there - drawn == set(), "not in docs/architecture.md"
    assert drawn - there == set(), "in docs/architecture.md, but not there"


def test_the_changelog_begins_with_what_is_not_released() -> None:
    headings = re.findall(r"(?m)^## (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"))
    assert headings[0] == "Unreleased"
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert any(heading.startswith(version) for heading in headings)
    assert version == VERSION

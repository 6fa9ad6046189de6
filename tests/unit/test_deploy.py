"""What operators copy: the files they name exist, they parse, and what they ask for is there."""

from __future__ import annotations

import json
import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from app.monitoring.metrics import Metrics, ModelCollector
from app.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DOCKERFILES = ("Dockerfile", "Dockerfile.gpu")
SPACE_COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")


def instructions(name: str) -> list[list[str]]:
    text = (ROOT / name).read_text("utf-8").replace("\\\n", " ")
    return [line.split() for line in text.splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("name", DOCKERFILES)
def test_an_image_copies_what_exists_and_what_the_builder_is_sent(name: str) -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")]
    for instruction, *words in instructions(name):
        sources = [word for word in words[:-1] if not word.startswith("--")]
        if instruction != "COPY" or any(word.startswith("--from") for word in words):
            continue
        for source in sources:
            assert (ROOT / source).exists(), source
            assert any(fnmatch(source, pattern) for pattern in allowed), source


@pytest.mark.parametrize("name", DOCKERFILES)
def test_an_image_can_train_language_models_with_the_trainer_that_is_tested(name: str) -> None:
    tested = re.findall(r'(?m)^KENLM="(.+)"$', (ROOT / "scripts" / "environment.sh").read_text("utf-8"))
    built = [word for instruction, *words in instructions(name) for word in words if word.startswith("kenlm==")]
    assert built == [f"kenlm=={tested[0]}"]
    assert ["COPY", "--from=kenlm", "/tmp/build/bin/lmplz", "/opt/tingshuo/bin/lmplz"] in instructions(name)


@pytest.mark.parametrize("name", DOCKERFILES)
def test_an_image_runs_without_rights_and_says_how_it_is(name: str) -> None:
    found = {instruction: words for instruction, *words in instructions(name)}
    assert found["USER"] == ["1000"]  # as a number, which Kubernetes asks for to see that it is not root
    assert "HEALTHCHECK" in found
    assert found["CMD"] == ['["python",', '"app.py"]']


def test_a_space_finds_what_the_front_matter_names() -> None:
    _, front, _ = (ROOT / "README.md").read_text("utf-8").split("---\n", 2)
    space = yaml.safe_load(front)
    requirements = (ROOT / "requirements.txt").read_text("utf-8")
    assert space["sdk"] == "gradio"
    assert f"gradio=={space['sdk_version']} " in requirements
    assert (ROOT / space["app_file"]).is_file()
    python = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"]
    assert SpecifierSet(python).contains(space["python_version"])
    assert len(space["short_description"]) <= 60  # the hub refuses a longer one
    assert {space["colorFrom"], space["colorTo"]} <= set(SPACE_COLOURS)
    # All native libraries come in wheels; a Space installs what is named here by Debian's names.
    assert (ROOT / "packages.txt").read_text("utf-8") == ""


def test_the_composition_mounts_what_exists_and_shows_only_the_proxy() -> None:
    composition = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    services = composition["services"]
    for service in services.values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            if source.startswith("./") and source != "./metrics.key":  # a secret that the operator makes
                assert (DEPLOY / source).exists(), source
            elif not source.startswith("./"):
                assert source in composition["volumes"]
    public = {name for name, service in services.items() for port in service.get("ports", []) if port[:3] != "127"}
    assert public == {"caddy"}
    assert services["app"]["read_only"]
    assert services["app"]["cap_drop"] == ["ALL"]


def test_the_settings_that_are_set_exist() -> None:
    texts = [(DEPLOY / name).read_text("utf-8") for name in ("compose.yaml", "tingshuo.service", ".env.example")]
    pages = ("docs/deploy.md", "docs/lm.md", "docs/security.md")
    texts += [(ROOT / name).read_text("utf-8") for name in (*DOCKERFILES, *pages)]
    named = {name.lower() for text in texts for name in re.findall(r"TINGSHUO_([A-Z_]+)", text)}
    assert named <= set(Settings.model_fields)


def test_what_the_composition_asks_for_is_explained() -> None:
    asked = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text("utf-8")))
    explained = set(re.findall(r"(?m)^(\w+)=", (DEPLOY / ".env.example").read_text("utf-8")))
    assert asked == explained


def test_the_dashboard_and_the_alerts_ask_for_metrics_that_exist() -> None:
    metrics = Metrics()
    metrics.request("GET", "/", 200, 0.1)
    metrics.message("text", "done", {}, 0.1)
    metrics.recognised("file", "done")
    metrics.collect(ModelCollector(lambda: ("m", True)))
    watched = re.findall(r'"(tingshuo_\w+)"', (ROOT / "app" / "services.py").read_text("utf-8"))
    exported = set(re.findall(r"(?m)^(\w+)", metrics.text().decode())) | set(watched) | {"up"}
    panels = json.loads((DEPLOY / "grafana.json").read_text("utf-8"))["panels"]
    rules = yaml.safe_load((DEPLOY / "alerts.yml").read_text("utf-8"))["groups"][0]["rules"]
    expressions = [target["expr"] for panel in panels for target in panel["targets"]] + [rule["expr"] for rule in rules]
    asked = {name for text in expressions for name in re.findall(r"\b(?:tingshuo|process)_\w+", text)}
    assert len(asked) >= 8
    assert asked <= exported
    assert len({rule["alert"] for rule in rules}) == len(rules)


def test_prometheus_reads_the_alerts_that_are_there() -> None:
    configuration = yaml.safe_load((DEPLOY / "prometheus.yml").read_text("utf-8"))
    assert all((DEPLOY / name).exists() for name in configuration["rule_files"])


def test_the_lock_pins_every_requirement_with_its_hash() -> None:
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    locked = dict(re.findall(r"(?m)^([\w.-]+)==([^ \\]+)", lock))
    for name in ("requirements.txt", "requirements-postgres.txt", "requirements-s3.txt", "requirements-celery.txt"):
        for package, version in re.findall(r"(?m)^([\w.-]+)(?:\[\w+\])?==(\S+)", (ROOT / name).read_text("utf-8")):
            assert locked[package.lower().replace("_", "-")] == version, package
    assert all("--hash=sha256:" in entry for entry in re.split(r"\n(?=[\w])", lock) if "==" in entry.split("\n")[0])


@pytest.mark.parametrize("page", ["docs/deploy.md", "docs/lm.md", "docs/security.md", "SECURITY.md"])
def test_links_and_tests_that_are_named_exist(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    prose = re.sub(r"(?s)```.*?```|`[^`\n]*`", "", text)  # code has brackets of its own
    targets = [((ROOT / page).parent / target) for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", prose)]
    assert [str(target) for target in targets if not target.exists()] == []
    tests = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    assert set(re.findall(r"`(?:tests/\w+/)?(test_\w+\.py)`", text)) <= tests

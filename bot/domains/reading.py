"""Reading a domain from its YAML file; whatever is wrong is said with file, line and what to write instead.

A domain may say `extends: common`: it then begins with the intents, phrases and words of bot/domains/common.yaml and
replaces those it names itself.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from bot.domains.domain import COMMON, Domain
from bot.errors import DomainInvalid, DomainMissing

_NAMED = re.compile(r"(?P<place>[a-z_]+(?:\.[a-z0-9_]+)*): ")

DOMAINS = Path(__file__).parent


def domain_names() -> list[str]:
    """Return the names of the domains that are shipped."""
    return sorted(path.stem for path in DOMAINS.glob("*.yaml") if path.stem != "common")


def load_domain(source: str | Path) -> Domain:
    """Load a shipped domain by name, or any by path.

    Raises DomainMissing when there is none, DomainInvalid when it is wrong (with file, line and what to write).
    """
    path = Path(source) if isinstance(source, Path) or str(source).endswith((".yaml", ".yml")) else _shipped(source)
    own, own_node = _read(path)
    data, files = dict(own), [(path, own_node)]
    if base := own.get("extends"):
        base_path = DOMAINS / f"{base}.yaml"
        common, common_node = _read(base_path)
        files.append((base_path, common_node))
        for section in COMMON:
            if isinstance(own.get(section, {}), dict):
                data[section] = {**common.get(section, {}), **(own.get(section) or {})}
    try:
        return Domain.model_validate(data)
    except ValidationError as error:
        raise DomainInvalid(_explain(error, files), file=str(path)) from error


def _shipped(name: str) -> Path:
    if name not in domain_names():
        raise DomainMissing(f"There is no domain {name!r}; choose one of: {', '.join(domain_names())}.", name=name)
    return DOMAINS / f"{name}.yaml"


def _read(path: Path) -> tuple[dict[str, Any], yaml.Node]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DomainMissing(f"{path} cannot be read ({error.strerror}); check the path.", file=str(path)) from error
    except UnicodeDecodeError as error:
        raise DomainInvalid(f"{path} is not UTF-8; save it as UTF-8.", file=str(path)) from error
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(error, "problem", "") or "not YAML"
        braces = "{" in "".join(text.splitlines()[line - 1 : line])
        remedy = "correct the YAML" + (", and put a text with {...} in it in quotes" if braces else "")
        raise DomainInvalid(f"{path}, line {line}: {problem}; {remedy}.", file=str(path), line=line) from error
    if not isinstance(data, dict) or node is None:
        raise DomainInvalid(f"{path}, line 1: a domain is a mapping; begin with `name:`.", file=str(path), line=1)
    return data, node


def _explain(error: ValidationError, files: list[tuple[Path, yaml.Node]]) -> str:
    """Say of every problem in which file and line it is, and what to do."""
    lines = []
    for problem in error.errors():
        message = problem["msg"].removeprefix("Value error, ")
        location = [part for part in problem["loc"] if part != "[key]"]
        if match := _NAMED.match(message):  # a check of the whole domain: it names the place itself
            location += [int(part) if part.isdigit() else part for part in match["place"].split(".")]
            message = message[match.end() :]
        path, line = max((_find(path, node, location) for path, node in files), key=lambda found: found[2])[:2]
        if problem["type"] == "missing":
            message = f"`{location[-1]}:` is missing; add it"
        elif problem["type"] == "extra_forbidden":
            message = f"`{location[-1]}:` is not known here; remove it or correct its spelling"
        lines.append(f"{path}, line {line}: {'.'.join(map(str, location)) or 'domain'}: {message}")
    return "\n".join(lines)


def _find(path: Path, node: yaml.Node, location: list[str | int]) -> tuple[Path, int, int]:
    """Return the file, the line (from 1) of the deepest part of `location` that is there, and its depth."""
    line, depth = 1, 0
    for part in location:
        found: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(part):
                    line, found = key.start_mark.line + 1, value
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            found = node.value[part]
            line = found.start_mark.line + 1
        if found is None:
            break
        node, depth = found, depth + 1
    return path, line, depth

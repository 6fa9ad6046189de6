"""From a model's name to its folder: an explicit folder, this repository, the cache, then the hub.

    CACHE/owner/model/revision/            whole and checked, with .tingshuo.json: what was checked, for `verify`
    CACHE/owner/model/.revision.part/      on its way; taken up again by the next download

A folder appears under its name by one rename, when everything in it has been checked.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from asr.engines.export import export_onnx
from asr.errors import HubFileMissing, HubRefused, HubUnreachable, ModelFileMissing, ModelInvalid
from asr.hub.registry import Card, card_of
from asr.hub.source import FULL, HubFile, Source, digest, disk_full, open_sources, wrong_bytes

MANIFEST = ".tingshuo.json"
_LEFT_OUT = ("README*", "*.md", "*.png", "*.jpg", "*.gif", "*.wav", "*.mp3", ".*", "fig/*", "example/*", "examples/*")
_WEIGHTS = ("*.pt", "*.pb", "*.bin", "*.ckpt", "*.pth", "*.torchscript", "*.blade")


@dataclass(frozen=True)
class DownloadProgress:
    """How far a download is, in bytes, and which file is on its way."""

    done: int
    total: int
    file: str


def default_cache() -> Path:
    """Return where downloaded models are kept: TINGSHUO_MODEL_CACHE, or a folder of the user's cache."""
    chosen = os.environ.get("TINGSHUO_MODEL_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tingshuo" / "models"


def locate(name: str, cache: Path | None = None) -> Path | None:
    """Return the folder of the model called `name` if it is on this disk; the hub is not asked.

    Args:
        name: a folder, a short name of the registry, or `owner/model[@revision]`.
        cache: where downloads are kept; None is `default_cache()`.

    Returns:
        The folder, which may also be one that ModelScope's own client downloaded; None when there is none.

    Raises:
        ModelNameUnknown: the name is none of these.
    """
    if Path(name).is_dir():
        return Path(name)
    card = card_of(name)
    if card.folder is not None:
        return card.folder
    folders = (cached(card, cache or default_cache()), *_modelscopes_own(card))
    return next((folder for folder in folders if folder.is_dir() and not card.missing(folder)), None)


def fetch(
    name: str,
    cache: Path | None = None,
    *,
    sources: Sequence[Source] | None = None,
    report: Callable[[DownloadProgress], None] | None = None,
) -> Path:
    """Return the folder of the model called `name`, downloaded when it is not on this disk.

    Args:
        name: as for `locate`.
        cache: as for `locate`.
        sources: the hubs to download from, the first one first; None is `open_sources()`.
        report: told of the progress; what it raises ends the download, which can be taken up again.

    Raises:
        ModelNameUnknown: the name means nothing.
        HubUnreachable, HubRefused, HubFileMissing, DownloadBroken, DiskFull: the download failed.
        EngineMissing: the model has to be exported, and funasr is not installed.
    """
    found = locate(name, cache)
    if found is not None:
        return found
    card = card_of(name)
    target = cached(card, cache or default_cache())
    unfinished = target.with_name(f".{target.name}.part")
    failures: list[HubFileMissing | HubRefused | HubUnreachable] = []
    for source in open_sources() if sources is None else sources:
        try:
            _download(source, card, unfinished, report or (lambda progress: None))
            break
        except (HubFileMissing, HubRefused, HubUnreachable) as error:
            failures.append(error)
    else:
        raise failures[0]
    if not any(unfinished.glob("model*.onnx")):
        export_onnx(unfinished)
    write_manifest(unfinished, card)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished.replace(target)
    return target


def cached(card: Card, cache: Path) -> Path:
    """Return where a downloaded model lies, or would."""
    return cache / card.id / card.revision.replace("/", "-")


def wanted(files: Sequence[HubFile]) -> list[HubFile]:
    """Leave out what recognition does not need: pictures, examples, weights that there are smaller or ready ones of."""
    paths = {file.path for file in files}
    has_onnx = any(path.endswith(".onnx") for path in paths)

    def needed(path: str) -> bool:
        if any(fnmatch(path, pattern) for pattern in _LEFT_OUT):
            return False
        if has_onnx and any(fnmatch(path, pattern) for pattern in _WEIGHTS):
            return False
        return not (path.endswith(".onnx") and path.removesuffix(".onnx") + "_quant.onnx" in paths)

    return [file for file in files if needed(file.path)]


def write_manifest(folder: Path, card: Card) -> None:
    """Write down size and SHA-256 of every file in `folder`, now that they have been checked."""
    files = {
        path.relative_to(folder).as_posix(): {"size": path.stat().st_size, "sha256": digest(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }
    content = {"name": card.name, "id": card.id, "revision": card.revision, "files": files}
    (folder / MANIFEST).write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")


def verify(folder: Path) -> list[str]:
    """Check a downloaded folder against what was written down of it; return what is wrong, a sentence each.

    Raises ModelFileMissing or ModelInvalid when nothing was written down.
    """
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise ModelFileMissing(
            f"{folder} has no {MANIFEST}: it was not downloaded by this program.", folder=str(folder), file=MANIFEST
        )
    try:
        listed = json.loads(manifest.read_text(encoding="utf-8"))["files"]
        sums = {str(name): (int(file["size"]), str(file["sha256"])) for name, file in listed.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelInvalid(
            f"{manifest} is damaged.", folder=str(folder), file=MANIFEST, reason="it is no list of files"
        ) from error
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {MANIFEST}
    wrong = [f"{name} is not in the list of files" for name in sorted(there - sums.keys())]
    for name, (size, sha256) in sums.items():
        path = folder / name
        if name not in there:
            wrong.append(f"{name} is missing")
        elif path.stat().st_size != size:
            wrong.append(f"{name} has {path.stat().st_size} bytes instead of {size}")
        elif digest(path) != sha256:
            wrong.append(f"{name} has changed: its SHA-256 is another one")
    return wrong


def _download(source: Source, card: Card, folder: Path, report: Callable[[DownloadProgress], None]) -> None:
    files = wanted([_with_known_sum(card, file) for file in source.files(card)])
    folder.mkdir(parents=True, exist_ok=True)
    total = sum(file.size for file in files)
    there = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if shutil.disk_usage(folder).free < total - there:
        raise disk_full(folder, total - there)
    done = 0
    for file in files:
        target = folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)

        def advance(count: int, name: str = file.path) -> None:
            nonlocal done
            done += count
            report(DownloadProgress(done, total, name))

        if target.is_file() and not wrong_bytes(target, file):
            advance(file.size)
            continue
        target.unlink(missing_ok=True)
        begun = done
        try:
            advance(0)
            source.download(card, file, folder, advance)
            advance(begun + file.size - done)  # small files may come without a word about their progress
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise disk_full(folder) from error
    source.finish(folder)
    if missing := card.missing(folder):
        raise HubFileMissing(f"{card.id} on {source.url} has no {missing[0]}.", url=source.url, file=missing[0])
    for leftover in {path for path in folder.rglob("*") if path.is_file()} - {folder / file.path for file in files}:
        leftover.unlink()


def _with_known_sum(card: Card, file: HubFile) -> HubFile:
    known = card.sha256.get(file.path)
    return HubFile(file.path, file.size, known) if known else file


def _modelscopes_own(card: Card) -> tuple[Path, ...]:
    """Return where ModelScope's own client may have put the model: whoever used FunASR has it there."""
    root = Path(os.environ.get("MODELSCOPE_CACHE") or Path.home() / ".cache" / "modelscope")
    return tuple(root / between / card.id for between in ("hub/models", "models", "hub"))

"""Models for machines without a network: `pack` puts folders into one archive, `unpack` takes them out elsewhere.

A bundle is a tar file with one folder per model, laid out as the cache is, each with its list of checksums. What is in
one is not trusted: nothing is written outside the cache, no links are followed, and every file is checked.
"""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from asr.errors import AsrError, BundleInvalid
from asr.hub.cache import MANIFEST, cached, locate, verify
from asr.hub.registry import card_of
from asr.hub.source import is_inside

MAX_BYTES = 16 * 2**30  # unpacked; an archive may claim anything


def pack(names: Sequence[str], target: Path, cache: Path) -> None:
    """Write the downloaded models called `names` into the tar file `target`.

    Raises BundleInvalid for a model that is not in `cache`, and what `verify` raises.
    """
    folders = []
    for name in names:
        folder = cached(card_of(name), cache)
        if locate(name, cache) != folder:
            raise BundleInvalid(f"{name} is not in {cache}: download it first.", reason=f"{name} is not downloaded")
        if wrong := verify(folder):
            raise BundleInvalid(f"{name} is damaged: {wrong[0]}.", reason=wrong[0])
        folders.append(folder)
    unfinished = target.with_name(f"{target.name}.part")
    with tarfile.open(unfinished, "w") as archive:
        for folder in folders:
            archive.add(folder, arcname=folder.relative_to(cache).as_posix())
    unfinished.replace(target)


def unpack(source: Path, cache: Path) -> list[Path]:
    """Put the models of the bundle `source` into `cache`; return their folders. One that is there stays.

    Raises BundleInvalid when it is no bundle, is damaged, or would write elsewhere; then nothing is kept.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".unpack-") as folder:
        temporary = Path(folder)
        try:
            with tarfile.open(source) as archive:
                _extract(archive, temporary)
        except (tarfile.TarError, OSError, EOFError) as error:
            raise BundleInvalid(f"{source} cannot be unpacked: {error}.", reason=str(error)) from error
        found = sorted(manifest.parent for manifest in temporary.rglob(MANIFEST))
        if not found:
            raise BundleInvalid(f"{source} holds no model.", reason="it holds no model")
        for model in found:
            _check(model)
        return [_move(model, cache / model.relative_to(temporary)) for model in found]


def _extract(archive: tarfile.TarFile, target: Path) -> None:
    room = MAX_BYTES
    for member in archive:
        if not (member.isreg() or member.isdir()) or not is_inside(member.name):
            raise BundleInvalid(
                f"{member.name} has no place in a bundle.", reason=f"{member.name} is a link or leads elsewhere"
            )
        room -= member.size
        if room < 0:
            raise BundleInvalid(f"The bundle holds more than {MAX_BYTES} bytes.", reason="it is too large")
        archive.extract(member, target, filter="data")


def _check(model: Path) -> None:
    try:
        wrong = verify(model)
    except AsrError as error:
        raise BundleInvalid(str(error), reason=str(error)) from error
    if wrong:
        raise BundleInvalid(f"The bundle is damaged: {wrong[0]}.", reason=wrong[0])


def _move(model: Path, target: Path) -> Path:
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(model, target)
    return target

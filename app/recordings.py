"""The folder of recordings."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import BinaryIO


class Recordings:
    """A folder of recordings under random names; a file appears in it whole or not at all."""

    def __init__(self, folder: Path) -> None:
        """Make `folder`."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def sweep_drafts(self) -> None:
        """Delete what a crash left half written; only where no other process may be writing."""
        for unfinished in self._folder.glob("*.part"):
            unfinished.unlink(missing_ok=True)

    def sweep(self, named: Collection[str], before: datetime) -> int:
        """Delete the recordings that are not among `named` and were written `before`; return how many."""
        left = [
            path
            for path in self._folder.iterdir()
            if path.name not in named and path.stat().st_mtime < before.timestamp()
        ]
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    def add(self, source: BinaryIO, suffix: str) -> str:
        """Copy `source` to a new file and return its name."""
        unfinished = self.draft(suffix)
        try:
            with unfinished.open("xb") as target:
                shutil.copyfileobj(source, target)
            return self.complete(unfinished)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise

    def draft(self, suffix: str) -> Path:
        """Return a path for a file that somebody else will write; `complete` makes a recording of it."""
        return self._folder / f"{secrets.token_hex(16)}{suffix}.part"

    def complete(self, unfinished: Path) -> str:
        """Let a file that was written to a path from `draft` appear, now that it is whole; return its name."""
        with unfinished.open("rb+") as written:
            os.fsync(written.fileno())
        name = unfinished.name.removesuffix(".part")
        unfinished.replace(self._folder / name)
        return name

    def path(self, name: str) -> Path:
        """Return where the recording called `name` lies."""
        return self._folder / name

    def size(self, name: str) -> int:
        """Return how many bytes the recording called `name` has; 0 when it is gone."""
        try:
            return self.path(name).stat().st_size
        except FileNotFoundError:
            return 0

    def remove(self, name: str) -> None:
        """Delete the recording called `name` if it is there."""
        self.path(name).unlink(missing_ok=True)

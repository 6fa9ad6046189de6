"""How much room there is on a disk."""

from __future__ import annotations

import shutil
from pathlib import Path


def free_bytes(folder: Path) -> float:
    """Return how many bytes are free on the disk of `folder`; 0 when the folder is gone."""
    try:
        return float(shutil.disk_usage(folder).free)
    except OSError:
        return 0.0

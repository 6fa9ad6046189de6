"""Whether this is the only process that works in a data folder."""

from __future__ import annotations

import fcntl
from pathlib import Path
from types import TracebackType

from app.storage.database import guarded


class ProcessLock:
    """A lock on the data folder that every process shares; the system lets go of it when the process ends, however.

    Only a process that is alone may treat unfinished work there as left behind by a crash.
    """

    def __init__(self, data_dir: Path) -> None:
        """Enter `data_dir`, which is made if missing; raises StoreUnavailable."""
        with guarded():
            data_dir.mkdir(parents=True, exist_ok=True)
            self._file = (data_dir / ".running").open("ab")
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.alone = True
            except BlockingIOError:
                self.alone = False

    def settle(self) -> None:
        """Let others in, now that what a crash left is cleared away."""
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def __enter__(self) -> ProcessLock:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the folder."""
        self._file.close()

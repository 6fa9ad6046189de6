"""Runs one step of a training for a worker: with bounded memory, and not a moment longer than the worker lives.

    python -I -S guard.py MAX_BYTES COMMAND...

The worker begins it as the leader of a process group and holds the other end of its input. When that closes, the
worker is gone, killed perhaps, and the whole group is killed with it: nobody else may find half of a step still at
work. It stands alone, so that it starts in an instant: nothing of the app is imported.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading


def main() -> int:
    """Run the command; return its exit status as a shell would."""
    most = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    child = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL)
    threading.Thread(target=_end_with_the_worker, daemon=True).start()
    status = child.wait()
    return status if status >= 0 else 128 - status


def _end_with_the_worker() -> None:
    while os.read(0, 1024):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    raise SystemExit(main())

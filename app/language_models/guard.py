"""Runs one step of a training for a worker, with bounded memory, and ends with the worker.

    python -I -S guard.py MAX_BYTES COMMAND...

The worker begins it as the leader of a process group and holds the other end of its input. When that closes, the
worker has ended or was killed, and the whole group is killed: the next worker must not meet a step that is still
running. It imports nothing of the app, so that it starts at once.
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

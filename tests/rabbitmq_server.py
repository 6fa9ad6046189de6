"""A RabbitMQ of a test's own: in a folder, on loopback and ports that were free, gone at once when it is to be."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # the one in /usr/sbin becomes another user first
_TRIES = 3  # a port that was free can be somebody else's a moment later
_PATIENCE = 120.0


class Broker:
    """A server that answers at `url` from the start, and again after it crashed and was started again."""

    def __init__(self, folder: Path) -> None:
        """Start one whose files lie in `folder`."""
        if not SERVER.exists():
            pytest.fail("RabbitMQ is not installed; scripts/test does that")
        self._folder = folder
        self._log = folder / "output"
        (folder / "plugins").write_text("[].")
        (folder / "rabbitmq.conf").touch()
        for _ in range(_TRIES):
            self._choose_ports()
            if self._begun():
                return
        raise AssertionError(self._log.read_text(errors="replace"))

    def crash(self) -> None:
        """Kill it with all that it began; connections that are open break."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def start(self) -> None:
        """Start it again, where it was."""
        if not any(self._begun() for _ in range(_TRIES)):
            raise AssertionError(self._log.read_text(errors="replace"))

    def close(self) -> None:
        """Kill it, and the daemon that Erlang leaves behind."""
        self.crash()
        epmd = shutil.which("epmd", path="/usr/bin:/usr/lib/erlang/bin") or "epmd"
        for _ in range(10):  # it refuses until it has noticed that the server is gone
            subprocess.run([epmd, "-kill"], env=self._environment, capture_output=True, check=False)
            if not _answers(self._epmd_port):
                return
            time.sleep(0.1)

    def _choose_ports(self) -> None:
        self._port, self._epmd_port, node_port = _free_ports(3)
        self.url = f"amqp://guest:guest@127.0.0.1:{self._port}//"
        self._environment = os.environ | {
            "HOME": str(self._folder),
            "RABBITMQ_NODENAME": f"tingshuo{self._port}@localhost",
            "RABBITMQ_MNESIA_BASE": str(self._folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self._folder / "log"),
            "RABBITMQ_NODE_PORT": str(self._port),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_DIST_PORT": str(node_port),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(self._folder / "rabbitmq"),
            "RABBITMQ_CONF_ENV_FILE": str(self._folder / "none"),
            # One scheduler that sleeps when it has nothing to do: the other tests need the processors too.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }

    def _begun(self) -> bool:
        """Start a server; return False when it ended before it answered."""
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                [SERVER], env=self._environment, stdout=output, stderr=output, start_new_session=True
            )
        deadline = time.monotonic() + _PATIENCE
        while self._process.poll() is None:
            if _answers(self._port):
                return True
            if time.monotonic() > deadline:
                self.crash()
            time.sleep(0.05)
        return False


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()

"""Workers of trainings that are killed, a broker that crashes: every job ends once, whatever becomes of them."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.corrections import Corrections
from app.database import Database, open_database
from app.lm.broker import open_broker
from app.lm.jobs import TrainingJob
from app.lm.service import LanguageModels, Training
from app.lm.sources import TextSource
from app.recordings import FolderRecordings
from app.settings import Settings
from tests.integration.trainings import scripted, tiny_model

ROOT = Path(__file__).parents[2]
SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
JOBS = 50
KILLS = 6


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port: int = asked.getsockname()[1]
        return port


class Broker:
    """A RabbitMQ of the test's own, on loopback only."""

    def __init__(self, folder: Path) -> None:
        self.port, self.epmd_port, node_port = free_port(), free_port(), free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        (folder / "plugins").write_text("[].")
        (folder / "rabbitmq.conf").write_text("")
        self._log = folder / "log"
        self.environment = os.environ | {
            "HOME": str(folder),
            "RABBITMQ_NODENAME": f"tingshuo{self.port}@localhost",
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self._log),
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_DIST_PORT": str(node_port),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none",
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [SERVER], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )
        assert self._process.stdout is not None
        said = b""
        for line in self._process.stdout:
            said += line
            if b"completed with" in line:
                return
        raise AssertionError(said.decode(errors="replace"))

    def crash(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    def close(self) -> None:
        self.crash()
        epmd = shutil.which("epmd", path="/usr/bin:/usr/lib/erlang/bin") or "epmd"
        subprocess.run([epmd, "-kill"], env=self.environment, capture_output=True, check=False)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    if not SERVER.exists():
        pytest.fail("RabbitMQ is not installed; scripts/test does that")
    folder = tmp_path / "rabbitmq"
    folder.mkdir()
    broker = Broker(folder)
    yield broker
    broker.close()


class Workers:
    """Processes that work when the broker says so."""

    def __init__(self, *arguments: str) -> None:
        self._command = [sys.executable, str(ROOT / "tests" / "language_worker.py"), *arguments]
        self._environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        self.running: list[subprocess.Popen[bytes]] = []

    def begin(self) -> None:
        self.running.append(
            subprocess.Popen(self._command, env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        )

    def kill_one(self) -> None:
        worker = self.running.pop(random.randrange(len(self.running)))
        worker.kill()
        worker.wait()

    def end(self) -> None:
        while self.running:
            self.kill_one()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path / "data", lm_workers=0, lm_jobs_at_once=4, lm_lease_seconds=2.0, lm_poll_seconds=0.3
    )


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = open_database(settings.data_dir)
    yield database
    database.close()


def models_of(
    settings: Settings, database: Database, wake: Callable[[int], None] | None, model: Path
) -> LanguageModels:
    corrections = Corrections(database, FolderRecordings(settings.data_dir / "audio"))
    return LanguageModels(
        settings, database, corrections, lambda _: None, lambda: None, wake=wake, commands=scripted(model)
    )


def submit(models: LanguageModels, number: int) -> TrainingJob:
    text = {0: "check: refuse", 1: "train: wait 30"}.get(number % 10, "train: wait 0.05")
    training = Training(f"job {number}", (TextSource(kind="text", text=text),), 3, "general", "shipped", None)
    job, new = models.submit("local", training, {}, str(number), f"key {number}")
    assert new
    return job


def test_every_job_ends_once_though_workers_are_killed_and_the_broker_crashes(
    broker: Broker, settings: Settings, database: Database, tmp_path: Path
) -> None:
    model = tiny_model(tmp_path / "tiny.npz")
    models = models_of(settings, database, open_broker(broker.url), model)
    workers = Workers(str(settings.data_dir), str(model), broker.url)
    chance = random.Random(7)
    try:
        models.open()
        for _ in range(3):
            workers.begin()
        with ThreadPoolExecutor(8) as pool:
            jobs = list(pool.map(lambda number: submit(models, number), range(JOBS)))
        restart = threading.Thread(target=lambda: (broker.crash(), broker.start()))
        deadline, kills = time.monotonic() + 90, 0
        while unfinished := models.jobs.ids():
            assert time.monotonic() < deadline, {job.id: job.status for job in models.jobs.list("local")}
            for job in jobs[1::10]:
                if job.id in unfinished and chance.random() < 0.3:
                    models.jobs.cancel("local", job.id)
            if len(unfinished) < JOBS - 3 and restart.ident is None:
                restart.start()
            if len(unfinished) < JOBS and kills < KILLS:
                workers.kill_one()
                workers.begin()
                kills += 1
            time.sleep(0.7)
        restart.join()
    finally:
        workers.end()
        models.close()
    ended = models.jobs.list("local")
    assert Counter(job.status for job in ended) == {"published": 40, "refused": 5, "cancelled": 5}
    assert kills == KILLS
    published = [version.job_id for version in models.versions.standing().versions]
    assert sorted(published) == sorted(job.id for job in ended if job.status == "published")
    assert sorted(job.version for job in ended if job.version) == list(range(1, 41))
    assert len(list((settings.data_dir / "language" / "versions").glob("*.npz"))) >= 40


def test_a_worker_by_itself_finds_jobs_and_gives_back_what_it_has_when_it_is_told_to_end(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    model = tiny_model(tmp_path / "tiny.npz")
    models = models_of(settings, database, None, model)
    training = Training("job", (TextSource(kind="text", text="train: wait 30"),), 3, "general", "shipped", None)
    job, _ = models.submit("local", training, {}, "", None)
    workers = Workers(str(settings.data_dir), str(model), "")
    workers.begin()
    try:
        deadline = time.monotonic() + 30
        while models.jobs.get("local", job.id).step != "train" or not models.jobs.get("local", job.id).progress:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        workers.running[0].terminate()
        assert workers.running[0].wait(20) == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            workers.end()
    given_back = models.jobs.claim("another")
    assert given_back is not None
    assert (given_back.id, given_back.step) == (job.id, "train")


def test_no_more_jobs_run_at_once_than_may(settings: Settings, database: Database, tmp_path: Path) -> None:
    models = models_of(settings, database, None, tmp_path)
    for number in range(6):
        submit(models, number)
    with ThreadPoolExecutor(6) as pool:
        claimed = [job for job in pool.map(models.jobs.claim, map(str, range(6))) if job is not None]
    assert len({job.id for job in claimed}) == len(claimed) == settings.lm_jobs_at_once
    models.jobs.finish(claimed[0], "cancelled")
    assert models.jobs.claim("one more") is not None
    assert models.jobs.claim("too many") is None

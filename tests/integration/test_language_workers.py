"""Workers of trainings that are killed, a broker that crashes: every job ends once, whatever becomes of them.

LANGUAGE_JOBS=50 scripts/test tests/integration/test_language_workers.py     with more jobs, and more killed
"""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.hotwords.corrections import Corrections
from app.language_models.broker import open_broker
from app.language_models.service import LanguageModels, TrainingOrder
from app.language_models.sources import TextSource
from app.settings import Settings
from app.storage.database import Database, open_database
from app.storage.recordings import FolderRecordings
from app.storage.tables import TrainingJob
from tests.integration.trainings import scripted, tiny_model
from tests.rabbitmq_server import Broker

ROOT = Path(__file__).parents[2]
JOBS = int(os.environ.get("LANGUAGE_JOBS", "20"))  # tens
KILLS = JOBS // 8
CHANCE = random.Random(7)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
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
        worker = self.running.pop(CHANCE.randrange(len(self.running)))
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
    text = {0: "check: refuse", 1: "train: wait 300"}.get(number % 10, "train: wait 0.05")
    training = TrainingOrder(f"job {number}", (TextSource(kind="text", text=text),), 3, "general", "shipped", None)
    job, new = models.submit("local", training, {}, str(number), f"key {number}")
    assert new
    return job


def test_every_job_ends_once_though_workers_are_killed_and_the_broker_crashes(
    broker: Broker, settings: Settings, database: Database, tmp_path: Path
) -> None:
    model = tiny_model(tmp_path / "tiny.npz")
    models = models_of(settings, database, open_broker(broker.url), model)
    workers = Workers(str(settings.data_dir), str(model), broker.url)
    restart = threading.Thread(target=lambda: (broker.crash(), broker.start()))
    kills = 0
    try:
        models.open()
        for _ in range(2):
            workers.begin()
        with ThreadPoolExecutor(8) as pool:
            jobs = list(pool.map(lambda number: submit(models, number), range(JOBS)))
        endless = jobs[1::10]
        deadline = time.monotonic() + 300
        while unfinished := models.jobs.ids():
            assert time.monotonic() < deadline, {job.id: job.status for job in models.jobs.list("local")}
            if len(unfinished) < JOBS - 3 and restart.ident is None:
                restart.start()
            if len(unfinished) < JOBS and kills < KILLS:
                workers.kill_one()
                workers.begin()
                kills += 1
            # The first of those that do not end by themselves is left until everything has happened.
            for job in endless[restart.ident is None or kills < KILLS :]:
                if job.id in unfinished and CHANCE.random() < 0.3:
                    models.jobs.cancel("local", job.id)
            time.sleep(0.5)
        restart.join()
        submit(models, JOBS + 2)  # somebody still listens to the broker
        while models.jobs.ids():
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        workers.end()
        models.close()
    ended, each = models.jobs.list("local"), JOBS // 10
    assert Counter(job.status for job in ended) == {"published": 8 * each + 1, "refused": each, "cancelled": each}
    published = [version.job_id for version in models.versions.standing().versions]
    assert sorted(published) == sorted(job.id for job in ended if job.status == "published")
    assert sorted(job.version for job in ended if job.version) == list(range(1, 8 * each + 2))


def test_a_worker_by_itself_finds_jobs_and_gives_back_what_it_has_when_it_is_told_to_end(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    model = tiny_model(tmp_path / "tiny.npz")
    models = models_of(settings, database, None, model)
    training = TrainingOrder("job", (TextSource(kind="text", text="train: wait 30"),), 3, "general", "shipped", None)
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

"""Trainings in the hands of workers: each in one hand at a time, and ended once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.language_models.errors import WorkerLost
from app.language_models.jobs import MAX_ATTEMPTS, Submission, TrainingJobs
from app.storage.database import open_database
from app.storage.tables import TrainingJob

LEASE = 30.0


class Desk:
    """Jobs at a time that the test sets."""

    def __init__(self, folder: Path) -> None:
        self.now = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
        self.jobs = TrainingJobs(open_database(folder), at_once=2, lease=LEASE, clock=lambda: self.now)

    def submitted(self) -> str:
        job_id = self.jobs.new_id()
        self.jobs.add(job_id, Submission("anna", "内镜", {}, ""))
        self.now += timedelta(seconds=1)
        return job_id

    def claimed(self, worker: str) -> TrainingJob:
        job = self.jobs.claim(worker)
        assert job is not None
        return job

    def after_the_lease(self) -> None:
        self.now += timedelta(seconds=LEASE)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_who_lost_a_job_changes_nothing_of_it_any_more(desk: Desk) -> None:
    job_id = desk.submitted()
    lost = desk.jobs.step_done(desk.claimed("one"))
    desk.after_the_lease()
    taken = desk.claimed("two")
    assert (taken.id, taken.step) == (job_id, "train")
    for change in (
        lambda: desk.jobs.beat(lost, 0.9, "late"),
        lambda: desk.jobs.step_done(lost),
        lambda: desk.jobs.finish(lost, "failed"),
        lambda: desk.jobs.finish(lost, "published", also=lambda _: pytest.fail("published by who lost it")),
    ):
        with pytest.raises(WorkerLost):
            change()
    desk.jobs.release(lost)
    now = desk.jobs.get("anna", job_id)
    assert (now.status, now.step, now.log, now.worker) == ("running", "train", "", taken.worker)
    desk.jobs.finish(taken, "published", also=lambda _: 7)
    with pytest.raises(WorkerLost):
        desk.jobs.finish(taken, "failed")
    assert desk.jobs.get("anna", job_id).version == 7


def test_who_says_in_time_that_it_lives_keeps_its_job(desk: Desk) -> None:
    desk.submitted()
    job = desk.claimed("one")
    for _ in range(3):
        desk.now += timedelta(seconds=LEASE - 1)
        assert desk.jobs.beat(job, 0.5, "alive") is False
        assert desk.jobs.claim("two") is None


def test_the_same_worker_after_its_lease_is_another_one(desk: Desk) -> None:
    desk.submitted()
    before = desk.claimed("one")
    desk.after_the_lease()
    desk.claimed("one")
    with pytest.raises(WorkerLost):
        desk.jobs.beat(before, 0.5, "")


def test_a_job_whose_workers_die_again_and_again_is_given_up(desk: Desk) -> None:
    job_id = desk.submitted()
    for _ in range(MAX_ATTEMPTS):
        assert desk.claimed("mortal").id == job_id
        desk.after_the_lease()
    assert desk.jobs.claim("mortal") is None
    job = desk.jobs.get("anna", job_id)
    assert (job.status, job.error_code) == ("failed", WorkerLost.code)


def test_a_cancelled_job_whose_worker_died_ends_when_somebody_looks(desk: Desk) -> None:
    job_id, other = desk.submitted(), desk.submitted()
    job = desk.claimed("one")
    desk.jobs.cancel("anna", job_id)
    with pytest.raises(WorkerLost):
        desk.jobs.finish(job, "published", also=lambda _: pytest.fail("published though cancelled"))
    desk.after_the_lease()
    assert desk.claimed("two").id == other
    assert desk.jobs.get("anna", job_id).status == "cancelled"
    assert desk.jobs.waiting() == 0


def test_a_job_that_was_given_back_goes_on_at_once(desk: Desk) -> None:
    job_id = desk.submitted()
    desk.jobs.release(desk.claimed("one"))
    taken = desk.claimed("two")
    assert (taken.id, taken.attempts) == (job_id, 1)

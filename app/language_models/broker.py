"""Waking workers on other machines through RabbitMQ, with Celery (requirements-celery.txt, optional).

A message only says that there may be something to do; jobs and their progress are in the database, where a woken worker
takes the next one. A lost message costs nothing, because every app sends another while a job waits; a repeated one
finds nothing left to do. Nothing that a broker sends is trusted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import structlog

from app.language_models.errors import CeleryMissing
from app.language_models.worker import Worker, Workplace

log = structlog.get_logger(__name__)

QUEUE = "tingshuo.language"
TASK = "tingshuo.language.work"
_EXPIRES = 60.0  # seconds after which a message expires: another one has been sent by then
_CONNECT_SECONDS = 3.0


def open_broker(url: str) -> Callable[[int], None] | None:
    """Return a function that wakes a number of workers on any machine; None without a broker. Raises CeleryMissing."""
    if not url:
        return None
    application = _application(url)

    def wake(workers: int) -> None:
        try:
            for _ in range(workers):
                # Repetitions of the client's own would keep the caller waiting for a broker that is away.
                application.send_task(TASK, queue=QUEUE, expires=_EXPIRES, retry=False, ignore_result=True)
        except Exception as error:  # noqa: BLE001 -- whatever the client raises: the keeper tries again
            log.warning("the broker cannot be reached", error=type(error).__name__)

    return wake


def work_when_woken(url: str, place: Workplace, workers: int) -> None:
    """Work at `place` with `workers` threads whenever the broker sends a message, until a signal ends it.

    Raises CeleryMissing.
    """
    application = _application(url)
    stop = threading.Event()

    @application.task(name=TASK, ignore_result=True)  # type: ignore[untyped-decorator]
    def work() -> None:
        worker = Worker(place, stop)
        while not stop.is_set() and worker.work():
            pass

    try:
        application.worker_main(
            ["worker", "--pool=threads", f"--concurrency={workers}", f"--queues={QUEUE}", "--loglevel=WARNING",
             "--without-gossip", "--without-mingle"]
        )  # fmt: skip
    finally:
        stop.set()


def _application(url: str) -> Any:
    try:
        from celery import Celery  # here, for most have no use for it
    except ImportError as error:
        raise CeleryMissing("Celery is not installed: pip install -r requirements-celery.txt.") from error
    application = Celery("tingshuo", broker=url)
    application.conf.update(
        accept_content=["json"],
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=_CONNECT_SECONDS,
        task_default_queue=QUEUE,
        worker_enable_remote_control=False,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
    )
    return application

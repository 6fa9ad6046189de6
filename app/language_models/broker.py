"""Waking workers on other machines through RabbitMQ, with Celery (requirements-celery.txt, optional).

A message says no more than that there may be something to do: which job, and how far it is, stands in the database,
and whoever comes takes what waits. So a message that is lost costs nothing, for the keeper of every app sends another
as long as a job waits; and one that comes twice finds nothing left to do. Nothing that a broker sends is believed.
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
_EXPIRES = 60.0  # seconds after which nobody need be woken any more: another message has been sent
_CONNECT_SECONDS = 3.0


def open_broker(url: str) -> Callable[[int], None] | None:
    """Return what wakes so many workers somewhere, None where no broker is set; raises CeleryMissing."""
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
    """Work at `place`, with so many threads, whenever the broker says that there is something; until a signal.

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

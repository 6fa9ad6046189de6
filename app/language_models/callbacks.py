"""Telling another server how a training ended: signed, tried again, and never anywhere but where the settings allow.

    POST <callback_url>
    Tingshuo-Timestamp: 1791893593
    Tingshuo-Signature: sha256=<hex of HMAC-SHA256(secret, timestamp + "." + body)>
    {"id": "...", "name": "...", "status": "published", "version": 7, "error": null, "report": {}, "finished_at": ""}

Who receives it checks the signature over the bytes as they came, and that the timestamp is not old. It may come twice:
the id and the status are then the same.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Collection, Mapping

import httpx
import structlog

from app.language_models.errors import CallbackForbidden
from app.language_models.jobs import TrainingJobs
from app.storage.tables import TrainingJob

log = structlog.get_logger(__name__)

TRIES = 8
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 600.0  # seconds before it is tried again, doubled each time
_TIMEOUT = 10.0


def check_callback(url: str, origins: Collection[str]) -> None:
    """Raise CallbackForbidden unless `url` is below one of `origins`, each a scheme, a host and perhaps a port."""
    try:
        asked = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise CallbackForbidden("The callback's address is none.") from error
    if asked.userinfo or asked.fragment or not any(_same_origin(asked, httpx.URL(one)) for one in origins):
        raise CallbackForbidden("Callbacks to this address are not allowed.", host=asked.host[:100])


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a body that is sent at `timestamp` (seconds since 1970, decimal)."""
    return "sha256=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class Callbacks:
    """Sends what is due. Safe to share between threads; several processes may do it at once."""

    def __init__(
        self,
        jobs: TrainingJobs,
        origins: Collection[str],
        secret: str,
        *,
        first_pause: float = FIRST_PAUSE,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Send to `origins` only, signed with `secret`."""
        self._jobs = jobs
        self._origins = origins
        self._secret = secret
        self._first_pause = first_pause
        self._now = now

    def send_due(self) -> int:
        """Send every callback that is due; return how many were tried. Raises StoreUnavailable."""
        tried = 0
        while (job := self._jobs.due_callback(patience=3 * _TIMEOUT)) is not None:
            tried += 1
            if self._sent(job):
                self._jobs.called_back(job, "sent")
            elif job.callback_attempts + 1 >= TRIES:
                log.warning("callback given up", job=job.id)
                self._jobs.called_back(job, "failed")
            else:
                pause = min(LONGEST_PAUSE, self._first_pause * 2**job.callback_attempts)
                self._jobs.called_back(job, "waiting", pause)
        return tried

    def _sent(self, job: TrainingJob) -> bool:
        assert job.callback_url is not None
        try:
            check_callback(job.callback_url, self._origins)  # the settings may have changed since it was taken
        except CallbackForbidden:
            return False
        body = json.dumps(_told(job), ensure_ascii=False).encode()
        timestamp = str(int(self._now()))
        headers = {
            "Content-Type": "application/json",
            "Tingshuo-Timestamp": timestamp,
            "Tingshuo-Signature": signature(self._secret, timestamp, body),
        }
        try:
            # A proxy in the environment, or a redirect, would be another host.
            with (
                httpx.Client(timeout=_TIMEOUT, follow_redirects=False, trust_env=False) as client,
                client.stream("POST", job.callback_url, content=body, headers=headers) as response,
            ):
                status = response.status_code  # what it says besides is not read
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            log.info("callback not delivered", job=job.id, error=type(error).__name__)
            return False
        if status >= 300:
            log.info("callback not taken", job=job.id, status=status)
        return status < 300


def _told(job: TrainingJob) -> Mapping[str, object]:
    return {
        "id": job.id,
        "name": job.name,
        "status": job.status,
        "version": job.version,
        "error": job.error_code,
        "report": job.report,
        "finished_at": job.finished_at.isoformat() if job.finished_at else None,
    }


def _same_origin(one: httpx.URL, other: httpx.URL) -> bool:
    return (one.scheme, one.host, one.port) == (other.scheme, other.host, other.port) and bool(one.host)

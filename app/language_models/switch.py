"""Keeps the language model of this process at the published version.

Every process looks now and then, so that what is published in one of them soon runs in all. A file whose bytes are not
those that were published, or that cannot be opened, is not used: what runs goes on, at the start the model folder's
own, and a warning says so.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import lru_cache

import structlog

from app.errors import AppError, StoreUnavailable
from app.language_models.versions import OWN, LanguageVersions
from app.storage.tables import LanguageVersion
from asr.errors import AsrError, ModelInvalid
from asr.lm import NgramModel, open_language_model

log = structlog.get_logger(__name__)

Use = Callable[[NgramModel | None], None]
"""Makes the recogniser use a model; None is the model folder's own."""


class LanguageSwitch:
    """Puts the current version into the recogniser; safe to share between threads.

    `running` is the number of the version that recognises here; `problem` says why it is not the current one.
    """

    def __init__(self, versions: LanguageVersions, use: Use) -> None:
        """Take models from `versions` and hand them to `use`; nothing is switched yet."""
        self.running = OWN
        self.problem: AppError | AsrError | None = None
        self._versions = versions
        self._use = use
        self._seen = 0  # the publication that was dealt with last
        self._lock = threading.Lock()

    def follow(self) -> bool:
        """Switch to the current version where it is another; return whether it did. Raises StoreUnavailable."""
        with self._lock:
            publication, version = self._versions.current()
            if publication == self._seen:
                return False
            self._seen = publication
            number = version.number if version else OWN
            if number == self.running:
                self.problem = None
                return False
            try:
                self._use(self.open(version) if version else None)
            except StoreUnavailable:
                self._seen = 0  # it may be better the next time
                raise
            except (AppError, AsrError) as error:
                self.problem = error
                log.warning("the published language model cannot be used", version=number, running=self.running,
                            code=error.code, reason=str(error))  # fmt: skip
                return False
            self.running, self.problem = number, None
            log.info("language model switched", version=number)
            return True

    def open(self, version: LanguageVersion) -> NgramModel:
        """Return the model of a version; raises LanguageVersionBroken, ModelInvalid."""
        return _open(self._versions, version.number, version.sha256)


@lru_cache(maxsize=4)  # two to compare, and what runs; a model of a million sentences has some 100 MB
def _open(versions: LanguageVersions, number: int, sha256: str) -> NgramModel:
    path = versions.path(versions.get(number))
    try:
        return open_language_model(path)
    except MemoryError as error:
        raise ModelInvalid(f"{path} does not fit into memory.", file=str(path)) from error

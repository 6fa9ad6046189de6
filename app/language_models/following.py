"""Takes over the language models that another Tingshuo publishes: asks for the current version, downloads it."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import httpx
import structlog

from app.language_models.versions import OWN, LanguageVersions

log = structlog.get_logger(__name__)

MAX_BYTES = 2**30
MAX_NAME = 100  # characters
_TIMEOUT = 30.0


class Follower:
    """Mirrors the current version of another node; used by one thread at a time."""

    def __init__(
        self, versions: LanguageVersions, url: str, key: str, transport: httpx.BaseTransport | None = None
    ) -> None:
        """Ask the node at `url`, with a key of its scope `admin`."""
        self._versions = versions
        self._client = httpx.Client(
            base_url=url.rstrip("/") + "/api/lm/",
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=_TIMEOUT,
            follow_redirects=False,
            trust_env=False,
            transport=transport,
        )

    def follow(self) -> bool:
        """Publish here what is current there; return whether something changed.

        Whatever goes wrong there, what runs here goes on. Raises StoreUnavailable.
        """
        try:
            asked = self._client.get("current").raise_for_status().json()
            number, sha256, name = int(asked["number"]), str(asked["sha256"]), str(asked["name"])[:MAX_NAME]
            _, running = self._versions.current()
            if sha256 == (running.sha256 if running else ""):
                return False
            if number == OWN:
                self._versions.publish(OWN)
            elif (known := self._versions.known(sha256)) is not None:
                self._versions.publish(known.number)
            else:
                self._fetch(number, sha256, name)
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            log.warning("the language model's source does not answer", error=type(error).__name__, reason=str(error))
            return False
        return True

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _fetch(self, number: int, sha256: str, name: str) -> None:
        with tempfile.TemporaryDirectory(prefix="tingshuo-") as folder:
            path = Path(folder) / "model"
            seen, size = hashlib.sha256(), 0
            with self._client.stream("GET", f"versions/{number}/model") as response, path.open("wb") as file:
                response.raise_for_status()
                for piece in response.iter_bytes():
                    size += len(piece)
                    if size > MAX_BYTES:
                        raise ValueError(f"the model has more than {MAX_BYTES} bytes")
                    seen.update(piece)
                    file.write(piece)
            if seen.hexdigest() != sha256:
                raise ValueError("the model's bytes are not those that were announced")
            self._versions.mirror(self._versions.store(path), name)

"""Recordings in a bucket of any store that speaks S3: Amazon's, MinIO, Ceph, Garage.

Address and keys come from the environment, under the names that all clients of S3 know: AWS_ENDPOINT_URL,
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from botocore.exceptions import BotoCoreError
from s3fs import S3FileSystem

from app.errors import StoreUnavailable
from app.storage.recordings import Kept, Recordings

_AT_ONCE = 4 * 2**20  # bytes that are fetched in one request; longer recordings piece by piece
_PATIENCE = {"connect_timeout": 5, "read_timeout": 20, "retries": {"max_attempts": 2}}


class BucketRecordings(Recordings):
    """The objects below one prefix of a bucket. An object of S3 appears whole or not at all."""

    def __init__(self, folder: Path, url: str) -> None:
        """Keep recordings at `url` (s3://bucket/prefix); they are written in `folder` before they are sent there."""
        super().__init__(folder)
        self._root = url.removeprefix("s3://").strip("/")
        # Other processes work in the same bucket: what was listed a moment ago may be wrong.
        self._files: Any = S3FileSystem(use_listings_cache=False, skip_instance_cache=True, config_kwargs=_PATIENCE)
        self.check()

    def open(self, name: str) -> BinaryIO:
        """Return the recording, in memory or as a file whose parts are fetched when they are read."""
        with _reaching():
            if self.size(name) <= _AT_ONCE:
                return io.BytesIO(self._files.cat_file(self._key(name)))
            return cast(BinaryIO, self._files.open(self._key(name), "rb", block_size=_AT_ONCE, cache_type="readahead"))

    @contextmanager
    def local(self, name: str) -> Iterator[Path]:
        """Have a copy of the recording on the disk."""
        copy = self.temporary(Path(name).suffix)
        try:
            with _reaching():
                self._files.get_file(self._key(name), str(copy))
            yield copy
        finally:
            copy.unlink(missing_ok=True)

    def kept(self) -> Iterator[Kept]:
        """Go through all objects below the prefix."""
        with _reaching():
            found = self._files.find(self._root, detail=True)
        for key, about in found.items():
            yield Kept(key.removeprefix(f"{self._root}/"), about["LastModified"])

    def remove(self, name: str) -> None:
        """Delete the object if it is there."""
        with _reaching():
            self._files.rm_file(self._key(name))

    def check(self) -> None:
        """Raise StoreUnavailable when the bucket cannot be read."""
        bucket, _, prefix = self._root.partition("/")
        with _reaching(missing_is_trouble=True):
            self._files.call_s3("list_objects_v2", Bucket=bucket, Prefix=prefix, MaxKeys=1)

    def _stat(self, name: str) -> int:
        with _reaching():
            try:
                return int(self._files.info(self._key(name))["size"])
            except FileNotFoundError:
                return 0

    def _take(self, whole: Path, name: str) -> None:
        with _reaching(missing_is_trouble=True):
            self._files.put_file(str(whole), self._key(name))
        whole.unlink(missing_ok=True)

    def _key(self, name: str) -> str:
        return f"{self._root}/{name}"


@contextmanager
def _reaching(*, missing_is_trouble: bool = False) -> Iterator[None]:
    """Turn what the way to the bucket raises into StoreUnavailable; an object that is not there is no such trouble."""
    try:
        yield
    except FileNotFoundError as error:
        if not missing_is_trouble:
            raise
        raise StoreUnavailable(f"The bucket refused: {error}") from error
    except (OSError, BotoCoreError) as error:
        raise StoreUnavailable(f"The bucket refused: {error}") from error

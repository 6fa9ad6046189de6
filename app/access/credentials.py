"""Keys of programs and sessions of people who logged in. Only hashes of the secrets are kept.

The secrets are random and long, so one round of SHA-256 is all a hash of them needs.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlmodel import col, select

from app.errors import KeyUnknown
from app.storage.database import Database
from app.storage.tables import ApiKey, LoginSession

_KEY = re.compile(r"ts-([0-9a-f]{8})-([A-Za-z0-9_-]{43})")
_SEEN_EVERY = timedelta(minutes=5)  # how exact `used_at` is; each request would otherwise be a write


class ApiKeys:
    """The keys of one app; every method raises StoreUnavailable when the database refuses."""

    def __init__(self, database: Database) -> None:
        """Keep keys in `database`."""
        self._database = database

    def add(self, name: str, person: str, scopes: Iterable[str], now: datetime) -> str:
        """Make a key and return it; it cannot be had again."""
        key_id, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        key = f"ts-{key_id}-{secret}"
        with self._database.session() as session:
            session.add(
                ApiKey(id=key_id, name=name, person=person, scopes=sorted(scopes), hash=digest(key), created_at=now)
            )
        return key

    def find(self, key: str, now: datetime) -> ApiKey | None:
        """Return what is known of `key`; None when there is no such key or it was revoked."""
        match = _KEY.fullmatch(key)
        if match is None:
            return None
        with self._database.session() as session:
            found = session.get(ApiKey, match[1])
            if found is None or found.revoked_at is not None or not hmac.compare_digest(found.hash, digest(key)):
                return None
            if found.used_at is None or now - found.used_at > _SEEN_EVERY:
                found.used_at = now
                session.add(found)
            return found

    def list(self) -> list[ApiKey]:
        """Return all keys, revoked ones too, oldest first."""
        with self._database.session() as session:
            return list(session.exec(select(ApiKey).order_by(col(ApiKey.created_at))).all())

    def revoke(self, key_id: str, now: datetime) -> None:
        """End a key for ever; raises KeyUnknown."""
        with self._database.session() as session:
            found = session.get(ApiKey, key_id)
            if found is None:
                raise KeyUnknown(f"There is no key of the id {key_id!r}; `python -m app keys list` shows them.")
            found.revoked_at = found.revoked_at or now
            session.add(found)

    def any_active(self) -> bool:
        """Say whether there is a key that was not revoked."""
        with self._database.session() as session:
            return session.exec(select(ApiKey.id).where(col(ApiKey.revoked_at).is_(None))).first() is not None


class LoginSessions:
    """The sessions of one app; every method raises StoreUnavailable when the database refuses."""

    def __init__(self, database: Database, lifetime: timedelta) -> None:
        """Keep sessions in `database`, each for `lifetime`."""
        self._database = database
        self.lifetime = lifetime

    def begin(self, person: str, now: datetime) -> str:
        """Begin a session of `person`'s; return the token that its browser keeps."""
        token = secrets.token_urlsafe(32)
        with self._database.session() as session:
            session.execute(delete(LoginSession).where(col(LoginSession.expires_at) < now))
            session.add(LoginSession(hash=digest(token), person=person, created_at=now, expires_at=now + self.lifetime))
        return token

    def person(self, token: str, now: datetime) -> str | None:
        """Return whose session `token` is of; None when there is none or it is over."""
        with self._database.session() as session:
            found = session.get(LoginSession, digest(token))
            return found.person if found and found.expires_at > now else None

    def end(self, token: str) -> None:
        """End the session of `token`, if there is one."""
        with self._database.session() as session:
            session.execute(delete(LoginSession).where(col(LoginSession.hash) == digest(token)))


def digest(secret: str) -> str:
    """Return the hash under which a random secret is kept."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()

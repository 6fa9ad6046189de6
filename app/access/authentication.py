"""Who may use the app, and who somebody is by what they show.

Three ways, by the settings:

    local      on localhost, where no login is set up: whoever uses this machine, one person
    visitors   open to everybody (TINGSHUO_OPEN=1, a Space): every browser is a person of its own
    login      people log in, or a proxy in front names them; programs show a key

Keys work in all three.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Literal

from starlette.concurrency import run_in_threadpool

from app.access.credentials import ApiKeys, LoginSessions, digest
from app.access.login_tries import LoginTries
from app.access.passwords import read_users, unmatchable_hash, verify_password
from app.access.person import SCOPES, USER_SCOPES, Person
from app.errors import Busy, ExposedWithoutLogin, LoginFailed
from app.settings import Settings
from app.storage.database import Database, open_database

Mode = Literal["local", "visitors", "login"]

MAX_WAITING_LOGINS = 64
_MAX_PASSWORD = 1024  # characters: the hash of a longer one would only take time
_MAX_NAME = 128


class Access:
    """Tells who is asking; safe to share between threads. Looking somebody up may block."""

    def __init__(self, settings: Settings, database: Database, clock: Callable[[], datetime]) -> None:
        """Take users from `settings` and keys and sessions from `database`; raises UsersInvalid."""
        self._users = read_users(settings.users, settings.users_file)
        self._admins = settings.admins
        self._clock = clock
        self.keys = ApiKeys(database)
        self.sessions = LoginSessions(database, timedelta(hours=settings.session_hours))
        self.mode = access_mode(settings)
        self.with_passwords = bool(self._users)
        self._tries = LoginTries()
        # One thread, and not one of those that everything else waits for: each hash takes 16 MB and a core.
        self._hashing = ThreadPoolExecutor(1, thread_name_prefix="passwords")
        self._waiting = 0
        # Checked for names that nobody has, so that the time of an answer does not tell who has an account.
        self._nobody = unmatchable_hash()

    def by_key(self, key: str) -> Person | None:
        """Return whom a key stands for; None when it is not a key, or not any more."""
        found = self.keys.find(key, self._clock())
        return Person(found.person, frozenset(found.scopes) & SCOPES) if found else None

    def by_session(self, token: str) -> Person | None:
        """Return who logged in and got `token`; None when the session is over or the user is gone."""
        name = self.sessions.person(token, self._clock())
        return self.named(name) if name is not None and name in self._users else None

    def named(self, name: str) -> Person:
        """Return the person that a login, or a proxy, gave the name of."""
        return Person(name, SCOPES if name in self._admins else USER_SCOPES)

    async def log_in(self, name: str, password: str, address: str) -> str:
        """Return the token of a new session.

        Raises LoginFailed, TooManyRequests after several of those, Busy when too many others log in just now.
        """
        if self._waiting >= MAX_WAITING_LOGINS:
            raise Busy("Too many people log in just now; try again in 5 s.", retry_after=5)
        # The longest names are no names: they would only take memory.
        self._tries.begin(name[:_MAX_NAME], address)
        self._waiting += 1
        try:
            hashed = self._users.get(name, self._nobody)
            loop = asyncio.get_running_loop()
            right = await loop.run_in_executor(self._hashing, verify_password, password[:_MAX_PASSWORD], hashed)
        finally:
            self._waiting -= 1
        if not right or name not in self._users:
            raise LoginFailed("The name or the password is wrong.")
        self._tries.right(name, address)
        return await run_in_threadpool(self.sessions.begin, name, self._clock())

    def close(self) -> None:
        """End the thread that hashes."""
        self._hashing.shutdown(wait=False, cancel_futures=True)


def require_safe_start(settings: Settings) -> None:
    """Raise ExposedWithoutLogin when other machines could use the app and nobody said that they may.

    Raises UsersInvalid, StoreUnavailable and SchemaOutdated too: the app could not start either.
    """
    users = read_users(settings.users, settings.users_file)
    if access_mode(settings) != "login" or users or settings.user_header:
        return
    database = open_database(settings.data_dir, settings.database_url)
    try:
        if ApiKeys(database).any_active():
            return
    finally:
        database.close()
    raise ExposedWithoutLogin(
        f"TINGSHUO_HOST={settings.host} lets other machines use this app, and nobody would have to log in. "
        "Set TINGSHUO_USERS or TINGSHUO_USERS_FILE (lines made by `python -m app password NAME`), "
        "TINGSHUO_USER_HEADER with a proxy that logs people in, or make a key for a program "
        "(`python -m app keys add NAME`). TINGSHUO_OPEN=1 lets everybody in."
    )


def access_mode(settings: Settings) -> Mode:
    """Return the way in which people get in."""
    if settings.users or settings.users_file or settings.user_header:
        return "login"
    if settings.open:
        return "visitors"
    return "local" if is_loopback(settings.host) else "login"


def visitor(token: str) -> Person:
    """Return the person that a browser without a login is, by the secret in its cookie."""
    return Person(f"visitor-{digest(token)[:32]}", USER_SCOPES)


def is_loopback(host: str) -> bool:
    """Say whether `host`, a name or an address, can only mean the machine itself."""
    host = host.strip("[]").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

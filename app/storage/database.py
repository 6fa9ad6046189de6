"""The database of one app: how it is reached, how it is kept up to date, and what it raises when it refuses.

The tables stand in app.storage.tables; the classes that read and write them take a Database and work in its sessions.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, event, inspect, text
from sqlalchemy.exc import DataError, SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlmodel import Session, create_engine

from app.errors import RequestInvalid, SchemaOutdated, StoreUnavailable

LOCK_TIMEOUT = 10.0  # seconds to wait for another writer
CONNECT_TIMEOUT = 5.0  # seconds to wait for a database on another machine, or for a connection that is not in use
STATEMENT_TIMEOUT = 20.0
FILE_NAME = "tingshuo.db"
MIGRATIONS = Path(__file__).parent / "migrations"
BEFORE_MIGRATIONS = "0001"  # what a database looks like that was made before there were any
_MIGRATION_LOCK = 7_231_046  # any number, as long as all processes take the same


Clock = Callable[[], datetime]
"""Gives the present time, with its zone."""


def utc_now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


@contextmanager
def guarded() -> Iterator[None]:
    """Turn what a database or a disk raises into StoreUnavailable, without a word of any user.

    A value that a column cannot hold (a number of twenty digits, on PostgreSQL a NUL) is RequestInvalid: whoever sent
    it can do something about it.
    """
    try:
        yield
    except (DataError, OverflowError) as error:
        raise RequestInvalid("A value cannot be stored.", field="value") from error
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or type(error).__name__)
        raise StoreUnavailable(f"The database refused: {reason}") from error
    except OSError as error:
        raise StoreUnavailable(f"The disk refused: {error.strerror}") from error


class Database:
    """One database, SQLite or any other that SQLAlchemy speaks to; safe to share between threads."""

    def __init__(self, url: str) -> None:
        """Prepare to reach the database at `url`; nothing is opened yet."""
        self._own = threading.local()  # the session that a thread is in
        with guarded():
            self.engine = create_engine(url, hide_parameters=True, pool_pre_ping=True, **_timeouts(url))
            if self.is_sqlite:
                event.listen(self.engine, "connect", _prepare_sqlite)

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file of this machine."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Work in one transaction: all of it is kept at the end, or nothing when something is raised.

        Within a session of the same thread it is that session, so that calls can be put together into one transaction.
        What was read stays readable afterwards. Raises StoreUnavailable.
        """
        outer: Session | None = getattr(self._own, "session", None)
        if outer is not None:
            yield outer
            return
        with guarded(), Session(self.engine, expire_on_commit=False) as session, session.begin():
            self._own.session = session
            try:
                yield session
            finally:
                self._own.session = None

    def migrate(self) -> tuple[str | None, str]:
        """Bring the tables up to date; return the revisions before and after. Raises StoreUnavailable.

        One process does it at a time, in one transaction: one that is killed leaves the tables as they were.
        """
        with guarded(), _exclusive(self.engine) as connection:
            before = _revision(connection)
            config = Config()
            config.set_main_option("script_location", str(MIGRATIONS))
            config.attributes["connection"] = connection
            if before is None and inspect(connection).has_table("conversation"):
                command.stamp(config, BEFORE_MIGRATIONS)
                before = BEFORE_MIGRATIONS
            if before != head():
                command.upgrade(config, "head")
        return before, head()

    def require_current(self) -> None:
        """Raise SchemaOutdated unless the tables are those that this release works with."""
        with guarded(), self.engine.connect() as connection:
            found = _revision(connection)
        if found != head():
            raise SchemaOutdated(
                f"The database is at revision {found or 'none'}, this release needs {head()}: "
                "run `python -m app migrate`.",
            )

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def open_database(data_dir: Path, url: str = "") -> Database:
    """Return the database at `url`, ready for use; empty is a SQLite file in `data_dir`, which is made if missing.

    A SQLite file belongs to this app and is migrated on the way. Any other database may serve several processes, of
    different releases too: an operator migrates it. Raises StoreUnavailable, SchemaOutdated.
    """
    database = Database(database_url(data_dir, url))
    if database.is_sqlite:
        database.migrate()
    else:
        database.require_current()
    return database


def database_url(data_dir: Path, url: str = "") -> str:
    """Return `url`, or that of the SQLite file in `data_dir`, which is made if missing."""
    if url:
        return url
    with guarded():
        data_dir.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{data_dir.resolve() / FILE_NAME}"


def head() -> str:
    """Return the revision of the tables that this release works with."""
    revision = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    assert revision is not None
    return revision


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


@contextmanager
def _exclusive(engine: Engine) -> Iterator[Connection]:
    """A transaction that no other migration runs beside, and that holds changes of tables too."""
    if engine.dialect.name != "sqlite":
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                for limit in ("statement_timeout", "lock_timeout"):  # a large table takes its time
                    connection.execute(text(f"SET LOCAL {limit} = 0"))
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
            yield connection
        return
    # Python's driver commits before every change of a table, unless transactions are left to others.
    own = create_engine(engine.url, hide_parameters=True, poolclass=NullPool)

    @event.listens_for(own, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout={int(LOCK_TIMEOUT * 1000)}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    @event.listens_for(own, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    with own.begin() as connection:
        yield connection


def _timeouts(url: str) -> dict[str, Any]:
    """Return what keeps a thread from waiting for ever for a database on another machine."""
    if not url.startswith("postgresql"):
        return {}
    limits = {"statement_timeout": STATEMENT_TIMEOUT, "lock_timeout": LOCK_TIMEOUT}
    options = " ".join(f"-c {name}={int(seconds * 1000)}" for name, seconds in limits.items())
    connect_args: dict[str, Any] = {
        "connect_timeout": int(CONNECT_TIMEOUT),
        "options": options,
        # For a server that vanished without a word: the other side never says that a statement took too long.
        "tcp_user_timeout": int(STATEMENT_TIMEOUT * 1000),
        "keepalives_idle": int(STATEMENT_TIMEOUT),
    }
    return {"connect_args": connect_args, "pool_timeout": CONNECT_TIMEOUT}


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.execute(f"PRAGMA busy_timeout={int(LOCK_TIMEOUT * 1000)}")
    connection.execute("PRAGMA journal_mode=WAL")
    # With NORMAL a power cut could take back the last commit, which a user has seen.
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")

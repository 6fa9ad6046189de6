"""The same app on PostgreSQL: a real server in a temporary folder, reached by its socket."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlmodel import SQLModel
from typer.testing import CliRunner

from app.__main__ import commands
from app.errors import SchemaOutdated
from app.factory import build
from app.settings import Settings
from app.storage.database import Database, head
from app.storage.store import Store
from tests.integration.client import Chat, InstantRecognizer, Serve, wav


def _program(name: str) -> str:
    """Where Debian keeps it, else where the shell finds it."""
    found = next((str(path) for path in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))), shutil.which(name))
    assert found, f"{name} of PostgreSQL is not installed; scripts/test does that"
    return found


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A fresh server; gives the URL of its databases, without a name."""
    # It refuses to run as root, and the path of a socket has room for 100 characters.
    user: dict[str, Any] = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as folder:
        if user:
            shutil.chown(folder, "postgres", "postgres")
        control = [_program("pg_ctl"), "-D", f"{folder}/data", "-w", "-s"]
        create = "-U tingshuo --auth=trust --no-sync -E UTF8 --locale=C"
        subprocess.run([*control, "initdb", "-o", create], check=True, stdout=subprocess.DEVNULL, **user)
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        subprocess.run([*control, "start", "-l", f"{folder}/log", "-o", options], check=True, **user)
        yield f"postgresql+psycopg://tingshuo@/NAME?host={folder}"
        # At once: a connection that is still open, as after a failed test, must not hold up the others.
        subprocess.run([*control, "stop", "-m", "immediate"], check=True, **user)


@pytest.fixture
def url(server: str, request: pytest.FixtureRequest) -> str:
    """A database of its own for each test."""
    name = f"t{abs(hash(request.node.name))}"
    admin = Database(server.replace("NAME", "postgres"))
    with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    admin.close()
    return server.replace("NAME", name)


def test_the_migrations_make_the_tables_that_the_models_describe(url: str) -> None:
    database = Database(url)
    assert database.migrate() == (None, head())
    assert database.migrate() == (head(), head())
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []
    database.close()


def test_a_database_that_was_not_migrated_is_not_started_on(url: str, tmp_path: Path) -> None:
    with pytest.raises(SchemaOutdated, match="python -m app migrate"):
        Store.open(tmp_path, url)


def test_a_conversation_goes_its_whole_way(url: str, settings: Settings, serve: Serve) -> None:
    environment = {"TINGSHUO_DATABASE_URL": url, "TINGSHUO_DATA_DIR": str(settings.data_dir)}
    assert CliRunner().invoke(commands, ["migrate"], env=environment).exit_code == 0
    chat = Chat(
        serve(build(settings.model_copy(update={"database_url": url}), recognizer=InstantRecognizer(), page=None))
    )
    said = chat.say(wav())[0]
    assert chat.write("我想挂明天上午心内科")[-1]["role"] == "bot"
    failed = chat.say(b"not audio")[-1]
    assert chat.retry(failed["id"])[-1]["error"]["code"] == "audio_unreadable"
    corrected = chat.client.post(f"{chat.path}/{said['id']}/correction", json={"text": "我要挂心内科"})
    assert corrected.status_code == 200
    assert chat.client.post("/api/hotwords/lists", json={"name": "词", "text": "心内科"}).status_code in (200, 201)
    job = chat.client.post("/api/transcribe", files={"file": ("a.wav", wav())}).json()
    assert "event: " in chat.client.get(f"/api/transcribe/{job['id']}/events").text
    assert not (settings.data_dir / "tingshuo.db").exists()
    assert chat.client.get("/ready").json()["status"] == "ready"
    assert "deleted 0" in CliRunner().invoke(commands, ["prune"], env=environment).output
    assert chat.client.delete("/api/me").json()["records"] > 5
    assert chat.client.get(chat.path).status_code == 404


def test_a_server_that_is_gone_is_told(url: str) -> None:
    store_url = url.replace("host=/tmp/pg-", "host=/tmp/nowhere-")
    from app.errors import StoreUnavailable

    with pytest.raises(StoreUnavailable, match="database refused"):
        Database(store_url).migrate()

"""The database: migrated on the way, whole or not at all, and refusing in one way."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from typer.testing import CliRunner

from app.__main__ import commands
from app.errors import ConversationUnknown, SchemaOutdated, StoreUnavailable
from app.storage.database import Database, head, open_database
from app.storage.store import Store
from app.storage.tables import metadata
from bot import DialogueState, Reply

GREETING = Reply(texts=("您好",), state=DialogueState("clinic", "k"))


def test_the_migrations_make_the_tables_that_the_models_describe(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_a_database_from_before_the_migrations_keeps_its_conversations(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "tingshuo.db") as old:
        old.executescript("""
            CREATE TABLE conversation (id VARCHAR NOT NULL, state JSON NOT NULL, created_at DATETIME NOT NULL,
                PRIMARY KEY (id));
            CREATE TABLE message (number INTEGER NOT NULL, id VARCHAR NOT NULL, conversation_id VARCHAR NOT NULL,
                role VARCHAR NOT NULL, kind VARCHAR NOT NULL, status VARCHAR NOT NULL, text VARCHAR NOT NULL,
                seconds FLOAT, audio_name VARCHAR, audio_type VARCHAR, error_code VARCHAR, error_details JSON NOT NULL,
                quick_replies JSON NOT NULL, created_at DATETIME NOT NULL, PRIMARY KEY (number), UNIQUE (id),
                FOREIGN KEY(conversation_id) REFERENCES conversation (id));
            CREATE TABLE transcript (message_id VARCHAR NOT NULL, data JSON NOT NULL, PRIMARY KEY (message_id),
                FOREIGN KEY(message_id) REFERENCES message (id));
            INSERT INTO conversation VALUES ('c', '{"turn": 1}', '2026-03-01 00:00:00.000000');
            INSERT INTO message VALUES (1, 'm', 'c', 'user', 'text', 'done', '你好', NULL, NULL, NULL, NULL, '{}', '[]',
                '2026-03-01 00:00:00.000000');
        """)
    old.close()
    store = Store.open(tmp_path)
    assert [message.text for message in store.messages("local", "c")] == ["你好"]


def test_opening_again_migrates_nothing(tmp_path: Path) -> None:
    open_database(tmp_path).close()
    assert open_database(tmp_path).migrate() == (head(), head())


def test_a_migration_that_fails_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "tingshuo.db"
    with sqlite3.connect(path) as old:
        # Enough of the old tables to be taken for them, and something in the way of a later step.
        old.execute("CREATE TABLE conversation (id VARCHAR PRIMARY KEY, owner VARCHAR)")
    with pytest.raises(StoreUnavailable):
        open_database(tmp_path)
    with sqlite3.connect(path) as left:
        assert [name for (name,) in left.execute("SELECT name FROM sqlite_master WHERE type = 'table'")] == [
            "conversation"
        ]


def test_tables_of_another_release_are_refused_by_name(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'other.db'}")
    with pytest.raises(SchemaOutdated, match="python -m app migrate"):
        database.require_current()


def test_an_operator_migrates_by_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINGSHUO_DATABASE_URL", f"sqlite:///{tmp_path / 'other.db'}")
    assert CliRunner().invoke(commands, ["migrate"]).output == f"empty -> {head()}\n"
    assert CliRunner().invoke(commands, ["migrate"]).output == f"already at {head()}\n"
    Database(f"sqlite:///{tmp_path / 'other.db'}").require_current()


def test_a_session_keeps_all_or_nothing(tmp_path: Path) -> None:
    database = open_database(tmp_path)

    def write_and_fail() -> None:
        with database.session() as session:
            columns = "(id, state, created_at, owner)"
            session.execute(text(f"INSERT INTO conversation {columns} VALUES ('c', '{{}}', '2026-03-01', 'anna')"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    with database.session() as session:
        assert session.execute(text("SELECT count(*) FROM conversation")).scalar_one() == 0


def test_a_database_that_cannot_be_reached_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="unable to open"):
        Database(f"sqlite:///{tmp_path / 'nowhere' / 'a.db'}").migrate()
    with pytest.raises(StoreUnavailable):
        Database("nonsense")


def test_what_belongs_to_another_is_not_there(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    conversation, [greeting] = store.start_conversation("anna", GREETING)
    assert store.messages("anna", conversation) == [greeting]
    for ask in (
        lambda: store.messages("bert", conversation),
        lambda: store.message("bert", conversation, greeting.id),
        lambda: store.require_conversation("bert", conversation),
    ):
        with pytest.raises(ConversationUnknown) as refused:
            ask()
        with pytest.raises(ConversationUnknown) as absent:
            store.messages("bert", "nowhere")
        assert str(refused.value) == str(absent.value)

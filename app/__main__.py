"""What an operator does beside running the app: `python -m app COMMAND`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated

import typer

from app.credentials import ApiKeys
from app.database import Database, database_url, open_database, utc_now
from app.errors import AppError
from app.passwords import hash_password
from app.people import USER_SCOPES
from app.settings import Settings

SHORTEST_PASSWORD = 8

commands = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)
keys_commands = typer.Typer(no_args_is_help=True, help="Keys with which programs use the API.")
commands.add_typer(keys_commands, name="keys")


class Scope(StrEnum):
    """What a key may do."""

    TRANSCRIBE = "transcribe"
    CHAT = "chat"
    HOTWORDS = "hotwords"
    ADMIN = "admin"


@commands.command()
def migrate() -> None:
    """Bring the tables of the database to what this release works with."""
    settings = Settings()
    database = Database(database_url(settings.data_dir, settings.database_url))
    before, after = database.migrate()
    database.close()
    typer.echo(f"{before or 'empty'} -> {after}" if before != after else f"already at {after}")


@commands.command()
def password(name: Annotated[str, typer.Argument(help="The name to log in with.")]) -> None:
    """Ask for a password and print the line for TINGSHUO_USERS or the file of users."""
    if not name.strip() or set(name) & set(":,#\n"):
        raise typer.BadParameter("a name has no colon, comma or #")
    entered = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    if len(entered) < SHORTEST_PASSWORD:
        raise typer.BadParameter(f"a password has at least {SHORTEST_PASSWORD} characters")
    typer.echo(f"{name.strip()}:{hash_password(entered)}")


@keys_commands.command("add")
def add_key(
    name: Annotated[str, typer.Argument(help="What the key is for; the person it acts for, unless --person says.")],
    scope: Annotated[list[Scope] | None, typer.Option(help="What it may do; all but admin when none is given.")] = None,
    person: Annotated[str, typer.Option(help="Whose records it works on.")] = "",
) -> None:
    """Make an API key and print it; it cannot be shown again."""
    scopes = {one.value for one in scope} if scope else USER_SCOPES
    with _database() as database:
        typer.echo(ApiKeys(database).add(name, person or name, scopes, utc_now()))


@keys_commands.command("list")
def list_keys() -> None:
    """List the API keys, without what they are."""
    with _database() as database:
        for key in ApiKeys(database).list():
            state = f"revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else "active"
            used = f"used {key.used_at:%Y-%m-%d}" if key.used_at else "never used"
            typer.echo("\t".join((key.id, key.name, key.person, ",".join(key.scopes), state, used)))


@keys_commands.command("revoke")
def revoke_key(key_id: Annotated[str, typer.Argument(help="The id that `keys list` shows.")]) -> None:
    """End an API key, at once and for ever."""
    with _database() as database:
        ApiKeys(database).revoke(key_id, utc_now())


@contextmanager
def _database() -> Iterator[Database]:
    settings = Settings()
    database = open_database(settings.data_dir, settings.database_url)
    try:
        yield database
    finally:
        database.close()


def main() -> None:
    """Run the command of the command line; what the app refuses is said in one line."""
    try:
        commands()
    except AppError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()

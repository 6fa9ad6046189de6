"""What an operator does beside running the app: `python -m app COMMAND`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app.access.credentials import ApiKeys
from app.access.passwords import hash_password
from app.access.person import USER_SCOPES
from app.errors import AppError, StoreUnavailable
from app.language_models.broker import work_when_woken
from app.language_models.service import open_workplace
from app.language_models.worker import work_until_told
from app.settings import Settings
from app.settings_page import settings_page
from app.storage.archive import write_to
from app.storage.backup import back_up
from app.storage.backup import restore as restore_backup
from app.storage.database import Database, database_url, open_database, utc_now
from app.storage.personal_data import PersonalData
from app.storage.process_lock import ProcessLock
from app.storage.recording_names import move, wrong
from app.storage.recordings import FolderRecordings, open_bucket, open_recordings, recordings_folder
from app.storage.retention import Retention
from app.storage.store import Store

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
    """Bring the database and the recordings to where and how this release keeps them; the app must not run."""
    settings = Settings()
    folder = FolderRecordings(recordings_folder(settings.data_dir))
    with ProcessLock(settings.data_dir) as lock:
        if not lock.alone:
            raise StoreUnavailable(f"A process is at work in {settings.data_dir}: stop it first.")
        database = Database(database_url(settings.data_dir, settings.database_url))
        before, after = database.migrate()
        target = open_bucket(settings.data_dir, settings.audio_url) if settings.audio_url else folder
        moved = move(database, folder, target)
        database.close()
    typer.echo(f"{before or 'empty'} -> {after}" if before != after else f"already at {after}")
    if moved:
        typer.echo(f"{moved} recordings moved")


@commands.command()
def verify() -> None:
    """Compare every recording that a record names with the digest in its name; the app may run meanwhile."""
    count = 0
    with _store() as store:
        for name, trouble in wrong(store.database, store.recordings):
            typer.echo(f"{trouble}\t{name}")
            count += 1
    if count:
        raise SystemExit(f"{count} recordings are missing or damaged")
    typer.echo("all recordings are there and as they were written")


@commands.command()
def backup(target: Annotated[Path, typer.Argument(help="The archive to write, for example tingshuo.tar.")]) -> None:
    """Write the database, the recordings and the language models into one archive; the app may run meanwhile."""
    settings = Settings()
    with_database = not settings.database_url
    recordings = open_recordings(settings.data_dir, settings.audio_url)
    count = back_up(settings.data_dir, recordings, target, with_database=with_database)
    typer.echo(f"{target}: {count} recordings" + (" and the database" if with_database else ""))
    if not with_database:
        typer.echo("The database is not in it: back it up with its own tool, for example pg_dump.", err=True)


@commands.command()
def restore(source: Annotated[Path, typer.Argument(help="An archive that `backup` wrote.")]) -> None:
    """Put a backup into the data folder, which must be empty; the app must not run."""
    typer.echo(f"{restore_backup(source, Settings().data_dir)} recordings are back")


@commands.command()
def prune(
    days: Annotated[float | None, typer.Option(help="How long to keep; else TINGSHUO_KEEP_DAYS.")] = None,
    size: Annotated[int | None, typer.Option("--bytes", help="Keep so much at most; else TINGSHUO_KEEP_BYTES.")] = None,
) -> None:
    """Delete conversations and transcriptions that are not to be kept, and recordings that nothing names."""
    settings = Settings()
    with _store() as store:
        retention = Retention(
            store.database,
            store.recordings,
            keep_days=settings.keep_days if days is None else days,
            keep_bytes=settings.keep_bytes if size is None else size,
        )
        pruned = retention.prune(utc_now(), all_of_it=True)
    typer.echo(
        f"deleted {pruned.conversations} conversations, {pruned.transcriptions} transcriptions and "
        f"{pruned.recordings} recordings that nothing named"
    )


@commands.command()
def export(person: str, target: Annotated[Path, typer.Argument(help="The zip archive to write.")]) -> None:
    """Write all that is kept of one person into an archive."""
    with _store() as store, target.open("wb") as file:
        count = write_to(file, PersonalData(store.database, store.recordings).export(person))
    typer.echo(f"{target}: {count} records")


@commands.command()
def forget(person: str, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Delete all that is kept of one person."""
    if not yes:
        typer.confirm(f"Delete all conversations, recordings, hotwords, keys and logins of {person}?", abort=True)
    with _store() as store:
        typer.echo(f"{PersonalData(store.database, store.recordings).forget(person)} records deleted")


@commands.command()
def language_worker(
    workers: Annotated[int, typer.Option(min=1, help="How many trainings to work on at the same time.")] = 1,
) -> None:
    """Work on trainings of language models, beside the app or on another machine with its database and data folder."""
    settings = Settings()
    with _database() as database:
        place = open_workplace(settings, database)
        if settings.lm_broker:
            work_when_woken(settings.lm_broker, place, workers)
        else:
            work_until_told(place, workers)


@commands.command()
def password(name: Annotated[str, typer.Argument(help="The name to log in with.")]) -> None:
    """Ask for a password and print the line for TINGSHUO_USERS or the file of users."""
    if not name.strip() or set(name) & set(":,#\n"):
        raise typer.BadParameter("a name has no colon, comma or #")
    entered = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    if len(entered) < SHORTEST_PASSWORD:
        raise typer.BadParameter(f"a password has at least {SHORTEST_PASSWORD} characters")
    typer.echo(f"{name.strip()}:{hash_password(entered)}")


@commands.command("settings")
def print_settings() -> None:
    """Print docs/settings.md: every setting with its default and its meaning."""
    typer.echo(settings_page(), nl=False)


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
def _store() -> Iterator[Store]:
    settings = Settings()
    store = Store.open(settings.data_dir, settings.database_url, audio_url=settings.audio_url)
    try:
        yield store
    finally:
        store.close()


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

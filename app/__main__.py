"""What an operator does beside running the app: `python -m app COMMAND`."""

from __future__ import annotations

import typer

from app.database import Database, database_url
from app.errors import AppError
from app.settings import Settings

commands = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)


@commands.callback()
def _operate() -> None:
    """Keep typer from taking a single command for the whole program."""


@commands.command()
def migrate() -> None:
    """Bring the tables of the database to what this release works with."""
    settings = Settings()
    database = Database(database_url(settings.data_dir, settings.database_url))
    before, after = database.migrate()
    database.close()
    typer.echo(f"{before or 'empty'} -> {after}" if before != after else f"already at {after}")


def main() -> None:
    """Run the command of the command line; what the app refuses is said in one line."""
    try:
        commands()
    except AppError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()

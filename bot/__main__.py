"""`python -m bot`: check a domain, talk to it in a terminal, play its test dialogues, measure it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from bot.dialogue import Dialogue
from bot.domains.domain import Domain, json_schema
from bot.domains.graph import mermaid
from bot.domains.reading import load_domain
from bot.errors import BotError
from bot.evaluation.evaluate import evaluate as measure
from bot.evaluation.evaluate import score_slots, slot_table, table
from bot.evaluation.rehearsal import play, read_scripts
from bot.evaluation.timing import measure as measure_time
from bot.turn import Reply, Table, Utterance

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Task-oriented dialogue bots written in YAML.")

DomainName = Annotated[str, typer.Argument(help="The name of a shipped domain, or the path of a YAML file.")]


def _load(domain: str) -> Domain:
    try:
        return load_domain(domain)
    except BotError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


@app.command()
def check(domain: DomainName) -> None:
    """Say whether a domain is well written, and where it is not."""
    loaded = _load(domain)
    words = sum(1 + len(v.synonyms) + len(v.hints) for slot in loaded.slots.values() for v in slot.values)
    typer.echo(
        f"{loaded.name} is fine: {len(loaded.tasks)} tasks, {len(loaded.slots)} slots with {words} words, "
        f"{len(loaded.intents)} intents."
    )


@app.command()
def graph(domain: DomainName) -> None:
    """Print a picture of the tasks, as a Mermaid flowchart."""
    typer.echo(mermaid(_load(domain)))


@app.command()
def schema() -> None:
    """Print the JSON Schema of domains, for editors: bot/domains/domain.schema.json is this."""
    typer.echo(json.dumps(json_schema(), ensure_ascii=False, indent=2))


@app.command()
def chat(
    domain: DomainName = "clinic",
    spoken: Annotated[bool, typer.Option(help="Treat what is typed as heard: match by sound.")] = False,
    database: Annotated[Path, typer.Option(help="The SQLite file that bookings go to.")] = Path("data/bookings.db"),
) -> None:
    """Talk to a bot; an end of file (Ctrl-D) ends it."""
    dialogue = Dialogue(_load(domain), database)
    reply = dialogue.start()
    _show(reply)
    for line in typer.get_text_stream("stdin"):
        utterance = Utterance(line.strip(), "spoken", 0.9) if spoken else Utterance(line.strip())
        reply = dialogue.respond(utterance, reply.state)
        _show(reply)


def _show(reply: Reply) -> None:
    for text in reply.texts:
        typer.echo(f"< {text}")
    for card in reply.cards:
        rows = (card.columns, *card.rows) if isinstance(card, Table) else ((card.text,),)
        typer.echo("\n".join("  " + " | ".join(row) for row in rows))
    if reply.quick_replies:
        typer.echo("  " + " ".join(f"[{button.title}]" for button in reply.quick_replies))


@app.command()
def test(
    domain: DomainName,
    dialogues: Annotated[Path, typer.Argument(help="A YAML file of test dialogues, or a folder of them.")],
) -> None:
    """Play test dialogues and say what did not come out as expected."""
    loaded = _load(domain)
    try:
        played = [play(script, loaded) for script in read_scripts(dialogues)]
    except BotError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    for one in played:
        for failure in one.failures:
            typer.echo(f"{one.script.name}: {failure}", err=True)
    passed = sum(not one.failures for one in played)
    typer.echo(f"{passed} of {len(played)} dialogues passed")
    if passed < len(played):
        raise typer.Exit(1)


@app.command()
def evaluate(
    domain: DomainName,
    dialogues: Annotated[Path | None, typer.Argument(help="Test dialogues to hold besides the sampled ones.")] = None,
    sampled: Annotated[int, typer.Option(help="How many dialogues to make from the domain's examples.")] = 40,
    seed: Annotated[int, typer.Option(help="The same seed gives the same table.")] = 1,
    seeds: Annotated[int, typer.Option(min=1, help="So many seeds, from that one on, are held.")] = 1,
    words: Annotated[int, typer.Option(help="The size of the lexicon that turns are timed with.")] = 5000,
) -> None:
    """Measure task success and slot values under recognition errors, and the time that a turn takes."""
    loaded = _load(domain)
    try:
        rows = list(measure(loaded, dialogues, sampled=sampled, seeds=range(seed, seed + seeds)))
    except BotError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    drawn = f"seed {seed}" if seeds == 1 else f"seeds {seed} to {seed + seeds - 1}"
    typer.echo(f"{loaded.name}: {rows[0].dialogues} dialogues, {drawn}\n\n{table(rows)}")
    if dialogues is not None:
        scores = score_slots(loaded, dialogues, seed=seed)
        if scores[0].values:  # dialogues that are all misheard have no clean text to be held against
            by_spelling = score_slots(loaded, dialogues, seed=seed, phonetic=False)
            typer.echo(f"\n{slot_table(scores, by_spelling)}")
        time = measure_time(loaded, read_scripts(dialogues), words, seed)
        typer.echo(
            f"\nWith {time.words} words: loaded in {time.load:.2f} s, a turn takes {1000 * time.median:.1f} ms, "
            f"95 of 100 at most {1000 * time.p95:.1f} ms."
        )


if __name__ == "__main__":
    app()

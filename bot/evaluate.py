"""How well a bot does when it is misheard: task success and extra turns against the rate of character errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from sqlmodel import create_engine

from bot.dialogue import Dialogue
from bot.domain import Domain
from bot.noise import garble
from bot.rehearsal import DEFAULT_NOW, play, read_scripts
from bot.simulation import Outcome, Plan, clean_goals, converse, plan_from_script, sample_plan
from bot.slot_scores import SlotScore, slot_scores

RATES = (0.0, 0.05, 0.10, 0.20)


@dataclass(frozen=True)
class Row:
    """One line of the table: how `dialogues` went at `rate` character errors."""

    rate: float
    phonetic: bool
    dialogues: int
    succeeded: int
    extra_turns: float

    @property
    def success(self) -> float:
        """The share of dialogues whose task was done as wanted, 0 to 1."""
        return self.succeeded / self.dialogues if self.dialogues else 0.0


def evaluate(
    domain: Domain, scripts: Path | None, *, sampled: int, seed: int, rates: Sequence[float] = RATES
) -> Iterator[Row]:
    """Yield a row for every rate, with and without phonetic matching; the same seed gives the same rows.

    `scripts` is a file or folder of test dialogues (None for none), `sampled` how many more are made from the
    domain's examples. Extra turns are counted against the same dialogue on clean text, over those that succeeded.
    Raises DomainMissing or DomainInvalid when the test dialogues cannot be read.
    """
    random = Random(seed)
    plans = [plan for plan in _scripted(domain, scripts, random) if plan]
    plans += [sample_plan(domain, number, random) for number in range(sampled)]
    wanted = [plan for plan, outcome in clean_goals(plans, partial(_dialogue, domain, True)) if outcome.frame]
    lost = len(plans) - len(wanted)  # not done even on clean text: a failure at every rate
    for rate in rates:
        for phonetic in (True, False):
            outcomes = [_hold(plan, domain, rate, f"{seed} {rate} {plan.name}", phonetic) for plan in wanted]
            yield _row(rate, phonetic, wanted, outcomes, lost)


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = [
        "| character errors | success | extra turns | success without phonetic matching | extra turns |",
        "|---:|---:|---:|---:|---:|",
    ]
    for rate in dict.fromkeys(row.rate for row in rows):
        cells = [f"{rate:.0%}"]
        for phonetic in (True, False):
            row = next(row for row in rows if (row.rate, row.phonetic) == (rate, phonetic))
            cells += [f"{row.success:.1%}", f"{row.extra_turns:.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def slot_table(scores: Sequence[SlotScore]) -> str:
    """Return the slot scores as a Markdown table."""
    lines = ["| character errors | slot values | precision | recall | F1 |", "|---:|---:|---:|---:|---:|"]
    lines += [f"| {s.rate:.0%} | {s.values} | {s.precision:.1%} | {s.recall:.1%} | {s.f1:.1%} |" for s in scores]
    return "\n".join(lines)


def score_slots(domain: Domain, scripts: Path, *, seed: int, rates: Sequence[float] = RATES) -> list[SlotScore]:
    """Return how many of the values said in the test dialogues are understood, at every rate of errors.

    Raises DomainMissing or DomainInvalid when the test dialogues cannot be read.
    """
    dialogue = _dialogue(domain, True)
    return list(slot_scores(domain, read_scripts(scripts), lambda: dialogue, rates=rates, seed=seed))


def _scripted(domain: Domain, scripts: Path | None, random: Random) -> Iterator[Plan | None]:
    for script in read_scripts(scripts) if scripts else []:
        yield plan_from_script(play(script, domain), domain, random)


def _hold(plan: Plan, domain: Domain, rate: float, seed: str, phonetic: bool) -> Outcome:
    random = Random(seed)
    return converse(plan, _dialogue(domain, phonetic), lambda text: garble(text, rate, random))


def _row(rate: float, phonetic: bool, plans: Sequence[Plan], outcomes: Sequence[Outcome], lost: int) -> Row:
    extra = [outcome.turns - plan.length for plan, outcome in zip(plans, outcomes, strict=True) if outcome.success]
    return Row(
        rate=rate,
        phonetic=phonetic,
        dialogues=len(plans) + lost,
        succeeded=len(extra),
        extra_turns=sum(extra) / len(extra) if extra else 0.0,
    )


def _dialogue(domain: Domain, phonetic: bool) -> Dialogue:
    now = DEFAULT_NOW.replace(tzinfo=ZoneInfo(domain.timezone))
    return Dialogue(domain, create_engine("sqlite://"), clock=lambda: now, new_key=lambda: "key", phonetic=phonetic)

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
from bot.domains.domain import Domain
from bot.evaluation.noise import garble
from bot.evaluation.rehearsal import DEFAULT_NOW, play, read_scripts
from bot.evaluation.simulation import Outcome, Plan, clean_goals, converse, plan_from_script, sample_plan
from bot.evaluation.slot_scores import SlotScore, slot_scores

RATES = (0.0, 0.05, 0.10, 0.20)


@dataclass(frozen=True)
class Row:
    """One line of the table: how `dialogues` went at `rate` character errors, over all seeds.

    `lowest` is the share of dialogues, 0 to 1, that succeeded with the seed that was hardest on them.
    """

    rate: float
    phonetic: bool
    dialogues: int
    succeeded: int
    extra_turns: float
    lowest: float

    @property
    def success(self) -> float:
        """The share of dialogues whose task was done as wanted, 0 to 1."""
        return self.succeeded / self.dialogues if self.dialogues else 0.0


def evaluate(
    domain: Domain, scripts: Path | None, *, sampled: int, seeds: Sequence[int], rates: Sequence[float] = RATES
) -> Iterator[Row]:
    """Yield a row for every rate, with and without phonetic matching; the same seeds give the same rows.

    `scripts` is a file or folder of test dialogues (None for none), `sampled` how many more are made from the
    domain's examples for each seed. Extra turns are counted against the same dialogue on clean text, over those that
    succeeded. Raises DomainMissing or DomainInvalid when the test dialogues cannot be read.
    """
    held = [_Held(domain, scripts, sampled, seed) for seed in seeds]
    for rate in rates:
        for phonetic in (True, False):
            yield _row(rate, phonetic, [(one, one.outcomes(rate, phonetic=phonetic)) for one in held])


class _Held:
    """The dialogues of one seed, whose wants are known from clean text."""

    def __init__(self, domain: Domain, scripts: Path | None, sampled: int, seed: int) -> None:
        self._domain, self._seed = domain, seed
        random = Random(seed)
        open_dialogue = partial(_dialogue, domain, True)
        plans = [plan for plan in _scripted(domain, scripts, random) if plan]
        plans += [sample_plan(domain, number, random, open_dialogue) for number in range(sampled)]
        self.wanted = [plan for plan, outcome in clean_goals(plans, open_dialogue) if outcome.frame]
        self.dialogues = len(plans)  # what is not done even on clean text is a failure at every rate

    def outcomes(self, rate: float, *, phonetic: bool) -> list[Outcome]:
        return [self._hold(plan, rate, phonetic) for plan in self.wanted]

    def _hold(self, plan: Plan, rate: float, phonetic: bool) -> Outcome:
        random = Random(f"{self._seed} {rate} {plan.name}")
        return converse(plan, _dialogue(self._domain, phonetic), lambda text: garble(text, rate, random))


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = [
        "| character errors | success | lowest seed | extra turns | success without phonetic matching | extra turns |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for rate in dict.fromkeys(row.rate for row in rows):
        by_sound, by_spelling = (
            next(row for row in rows if (row.rate, row.phonetic) == (rate, phonetic)) for phonetic in (True, False)
        )
        lines.append(
            f"| {rate:.0%} | {by_sound.success:.1%} | {by_sound.lowest:.1%} | {by_sound.extra_turns:.2f} "
            f"| {by_spelling.success:.1%} | {by_spelling.extra_turns:.2f} |"
        )
    return "\n".join(lines)


def slot_table(scores: Sequence[SlotScore], by_spelling: Sequence[SlotScore]) -> str:
    """Return the slot scores as a Markdown table, beside those `by_spelling` alone at the same rates."""
    lines = [
        "| character errors | slot values | precision | recall | F1 | F1 without phonetic matching |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {s.rate:.0%} | {s.values} | {s.precision:.1%} | {s.recall:.1%} | {s.f1:.1%} | {other.f1:.1%} |"
        for s, other in zip(scores, by_spelling, strict=True)
    ]
    return "\n".join(lines)


def score_slots(
    domain: Domain, scripts: Path, *, seed: int, rates: Sequence[float] = RATES, phonetic: bool = True
) -> list[SlotScore]:
    """Return how many of the values said in the test dialogues are understood, at every rate of errors.

    Raises DomainMissing or DomainInvalid when the test dialogues cannot be read.
    """
    dialogue = _dialogue(domain, phonetic)
    return list(slot_scores(domain, read_scripts(scripts), lambda: dialogue, rates=rates, seed=seed))


def _scripted(domain: Domain, scripts: Path | None, random: Random) -> Iterator[Plan | None]:
    for script in read_scripts(scripts) if scripts else []:
        yield plan_from_script(play(script, domain), domain, random)


def _row(rate: float, phonetic: bool, held: Sequence[tuple[_Held, Sequence[Outcome]]]) -> Row:
    done = [
        [outcome.turns - plan.length for plan, outcome in zip(one.wanted, outcomes, strict=True) if outcome.success]
        for one, outcomes in held
    ]
    extra = [turns for one in done for turns in one]
    return Row(
        rate=rate,
        phonetic=phonetic,
        dialogues=sum(one.dialogues for one, _ in held),
        succeeded=len(extra),
        extra_turns=sum(extra) / len(extra) if extra else 0.0,
        lowest=min((len(turns) / one.dialogues for (one, _), turns in zip(held, done, strict=True)), default=0.0),
    )


def _dialogue(domain: Domain, phonetic: bool) -> Dialogue:
    now = DEFAULT_NOW.replace(tzinfo=ZoneInfo(domain.timezone))
    return Dialogue(domain, create_engine("sqlite://"), clock=lambda: now, new_key=lambda: "key", phonetic=phonetic)

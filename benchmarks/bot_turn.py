"""How long one turn of the bot takes, by the clock: every turn of the shipped test dialogues, taken as spoken.

Each domain is held as it is and with a lexicon of 5,000 words (names of random characters, added to its largest
choice), on a database in memory. The last column but one is the time of the processor, which a busy machine changes
less. The peer in the same run is the same bot without phonetic matching: what is above that is the price of finding
words by their sound. Loading is once with the classifier trained and once with it taken from the cache.

    python benchmarks/bot_turn.py [--words 5000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from sqlmodel import create_engine

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from bot import Dialogue, Utterance, load_domain  # noqa: E402 -- the line above makes it found
from bot.domains.domain import Domain  # noqa: E402
from bot.evaluation.rehearsal import DEFAULT_NOW, Script, read_scripts  # noqa: E402
from bot.evaluation.timing import CONFIDENCE, enlarged  # noqa: E402

DIALOGUES = ROOT / "tests" / "data" / "dialogues"
DOMAINS = ("clinic", "daily", "endoscopy")


HEADER = """\
| domain | lexicon | loaded | p50 | p95 | p95, processor | ratio of the p50 to the peer's |
|---|---|---:|---:|---:|---:|---:|"""


@dataclass(frozen=True)
class Took:
    """How long a turn took, in seconds: by the clock, and of the processor."""

    clock: float
    processor: float


def percentile(seconds: Iterable[float], share: float) -> float:
    """Return the value below which that share of `seconds` lies, in milliseconds."""
    ordered = sorted(seconds)
    return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def loading(name: str) -> float:
    """Return how many seconds a shipped domain and its bot take to load."""
    began = time.perf_counter()
    Dialogue(load_domain(name), create_engine("sqlite://"))
    return time.perf_counter() - began


def turns(domain: Domain, scripts: Sequence[Script], rounds: int, *, phonetic: bool) -> list[Took]:
    """Hold the dialogues and return how long each turn took; a first round is not counted."""
    now = DEFAULT_NOW.replace(tzinfo=ZoneInfo(domain.timezone))
    took: list[Took] = []
    for number in range(rounds + 1):
        dialogue = Dialogue(domain, create_engine("sqlite://"), clock=lambda: now, phonetic=phonetic)
        dialogue.prepare()
        for script in scripts:
            state = dialogue.start().state
            for turn in script.turns:
                utterance = Utterance(turn.utterance.text, "spoken", CONFIDENCE)
                clock, processor = time.perf_counter(), time.process_time()
                state = dialogue.respond(utterance, state).state
                if number:
                    took.append(Took(time.perf_counter() - clock, time.process_time() - processor))
    return took


def row(name: str, lexicon: str, loaded: str, by_sound: Sequence[Took], by_spelling: Sequence[Took]) -> str:
    clock, peer = [one.clock for one in by_sound], [one.clock for one in by_spelling]
    half, slow = percentile(clock, 0.5), percentile(clock, 0.95)
    processor = percentile((one.processor for one in by_sound), 0.95)
    ratio = half / percentile(peer, 0.5)
    return f"| {name} | {lexicon} | {loaded} | {half:.1f} | {slow:.1f} | {processor:.1f} | {ratio:.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--words", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()

    print(HEADER)
    with tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache  # where the classifier is kept
        for name in DOMAINS:
            loaded = f"{loading(name):.2f} s, from the cache {loading(name):.2f} s"
            domain, scripts = load_domain(name), read_scripts(DIALOGUES / name)
            large = enlarged(domain, arguments.words, Random(1))
            for one, lexicon, said in ((domain, "its own", loaded), (large, f"{arguments.words:,} words", "")):
                both = [turns(one, scripts, arguments.rounds, phonetic=phonetic) for phonetic in (True, False)]
                print(row(name, lexicon, said, *both), flush=True)


if __name__ == "__main__":
    main()

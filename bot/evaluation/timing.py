"""How long a turn takes with a large lexicon, and a domain to load: in seconds of one core, however busy it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from sqlmodel import create_engine

from bot.dialogue import Dialogue
from bot.domains.domain import Domain
from bot.evaluation.noise import common_characters
from bot.evaluation.rehearsal import Script
from bot.slots.model import Value
from bot.turn import Utterance

CONFIDENCE = 0.9


@dataclass(frozen=True)
class Timing:
    """Seconds of the processor: to build the bot, and for half and for 95 of 100 turns, with a lexicon of `words`."""

    words: int
    load: float
    median: float
    p95: float


def enlarged(domain: Domain, words: int, random: Random) -> Domain:
    """Return the domain with names of three to five random characters added to its largest choice, `words` in all."""
    choices = {name: slot for name, slot in domain.slots.items() if slot.type == "choice"}
    largest = max(choices, key=lambda name: len(choices[name].values))
    missing = words - sum(1 + len(v.synonyms) + len(v.hints) for slot in domain.slots.values() for v in slot.values)
    characters = common_characters()
    names = {"".join(random.choices(characters, k=random.randint(3, 5))) for _ in range(max(0, missing))}
    slot = domain.slots[largest]
    values = [*slot.values, *(Value(value=name) for name in sorted(names))]
    return domain.model_copy(update={"slots": {**domain.slots, largest: slot.model_copy(update={"values": values})}})


def measure(domain: Domain, scripts: list[Script], words: int, seed: int) -> Timing:
    """Hold the test dialogues as if spoken, with a lexicon of so many words, and time every turn."""
    large = enlarged(domain, words, Random(seed))
    began = time.process_time()
    dialogue = Dialogue(large, create_engine("sqlite://"))
    dialogue.prepare()
    load = time.process_time() - began
    seconds = sorted(_turns(dialogue, scripts))
    return Timing(words, load, seconds[len(seconds) // 2], seconds[int(len(seconds) * 0.95)])


def _turns(dialogue: Dialogue, scripts: list[Script]) -> Iterator[float]:
    for script in scripts:
        state = dialogue.start().state
        for turn in script.turns:
            began = time.process_time()
            state = dialogue.respond(Utterance(turn.utterance.text, "spoken", CONFIDENCE), state).state
            yield time.process_time() - began

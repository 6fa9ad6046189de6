"""How much of what people asked of a human restaurant guide a YAML domain understands: CrossWOZ, test split.

    python -m benchmarks.crosswoz.recall FOLDER

FOLDER holds val.json.zip and test.json.zip of CrossWOZ (Zhu et al. 2020, Apache-2.0). Counted are the user's turns
that are about restaurants alone. The names of restaurants and dishes, which an operator would take from the
database, are those that the validation split and the guide's turns of the test split mention.
"""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from bot.domains.domain import Domain
from bot.domains.reading import load_domain
from bot.evaluation.noise import garble
from bot.slots.model import Value
from bot.turn import Utterance
from bot.understanding.intents import CERTAIN
from bot.understanding.nlu import Nlu

RESTAURANT = "餐馆"
SLOTS = {"评分": "rating", "人均消费": "price", "推荐菜": "dish", "名称": "restaurant"}
INTENTS = {
    "名称": "name",
    "电话": "phone",
    "地址": "address",
    "营业时间": "hours",
    "周边景点": "nearby_sights",
    "周边酒店": "nearby_hotels",
    "周边餐馆": "nearby_restaurants",
    "推荐菜": "dish",
    "评分": "rating",
    "人均消费": "price",
}
RATES = (0.0, 0.05, 0.1, 0.2)


def messages(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the messages of all dialogues of a split."""
    with zipfile.ZipFile(path) as packed:
        for dialogue in json.loads(packed.read(packed.namelist()[0])).values():
            yield from dialogue["messages"]


def named(folder: Path) -> dict[str, set[str]]:
    """Return the dishes and restaurants that an operator would know."""
    found: dict[str, set[str]] = {"dish": set(), "restaurant": set()}
    for split in ("val", "test"):
        for message in messages(folder / f"{split}.json.zip"):
            for act, about, slot, value in message["dialog_act"]:
                kind = SLOTS.get(slot)
                known = split == "val" or message["role"] == "sys"
                if act == "Inform" and about == RESTAURANT and kind in found and known and 1 < len(value) <= 20:
                    found[kind].add(value)
    return found


def with_names(domain: Domain, names: dict[str, set[str]]) -> Domain:
    """Return the domain with these values in its slots."""
    slots = dict(domain.slots)
    for slot, values in names.items():
        listed = [*slots[slot].values, *(Value(value=v) for v in sorted(values) if v not in ("烤鸭", "全聚德"))]
        slots[slot] = slots[slot].model_copy(update={"values": listed})
    return domain.model_copy(update={"slots": slots})


def user_turns(folder: Path) -> Iterator[tuple[str, set[str], set[tuple[str, str]]]]:
    """Yield the text, the intents and the slot values of each turn that is about restaurants alone."""
    for message in messages(folder / "test.json.zip"):
        acts = message["dialog_act"]
        if message["role"] != "usr" or {act[1] for act in acts} - {RESTAURANT, "General"}:
            continue
        wanted = {INTENTS[slot] for act, _, slot, _ in acts if act == "Request" and slot in INTENTS}
        said = {(SLOTS[slot], value) for act, _, slot, value in acts if act == "Inform" and slot in SLOTS}
        if wanted or said:
            yield message["content"], wanted, said


def main(folder: Path) -> None:
    """Print the recall of intents and of slot values at each rate of character errors."""
    names = named(folder)
    nlu = Nlu(with_names(load_domain(Path(__file__).parent / "restaurant.yaml"), names))
    turns = list(user_turns(folder))
    print(f"{len(turns)} turns, {len(names['restaurant'])} restaurants, {len(names['dish'])} dishes\n")
    print("| character errors | intents | recall | slot values | recall |\n|---:|---:|---:|---:|---:|")
    for rate in RATES:
        random = Random(f"1 {rate}")
        intents = values = intents_found = values_found = 0
        for text, wanted, said in turns:
            source = "spoken" if rate else "typed"
            heard = Utterance(garble(text, rate, random), source, 0.9)
            understood = nlu.understand(heard, "", datetime.now(UTC))
            likely = {name for name, confidence in understood.intents if confidence >= CERTAIN}
            mentioned = {(mention.slot, mention.value) for mention in understood.mentions}
            intents += len(wanted)
            intents_found += len(wanted & likely)
            values += len(said)
            values_found += len(said & mentioned)
        print(f"| {rate:.0%} | {intents} | {intents_found / intents:.1%} | {values} | {values_found / values:.1%} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

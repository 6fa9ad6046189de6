"""The reader that a slot of the domain's YAML asks for."""

from __future__ import annotations

from typing import cast

from bot.domains.words import Words
from bot.slots.choice import Choice, ChoiceReader
from bot.slots.clock import TimeReader
from bot.slots.date import DateReader
from bot.slots.free import PatternReader, PlaceReader, TextReader, YesNoReader
from bot.slots.measure import MeasureReader
from bot.slots.mention import SlotReader
from bot.slots.model import Slot, custom_reader
from bot.slots.number import NumberReader
from bot.slots.person import PersonReader
from bot.slots.phone import PhoneReader
from bot.slots.record import RecordReader

BARE = frozenset({"person", "text"})
"""Types whose value may be any words at all: they are read after all others, and only when they were asked for."""


def open_reader(name: str, slot: Slot, words: Words) -> SlotReader:
    """Return the reader for a slot."""
    choices = [Choice(v.value, v.synonyms, v.hints, v.patterns, v.refuse, v.signs, v.over) for v in slot.values]
    match slot.type:
        case "choice":
            return ChoiceReader(name, choices, slot.others.replace("{surname}", f"[{words.surnames}]"))
        case "date":
            return DateReader(name, slot.within_days)
        case "time":
            return TimeReader(name)
        case "number":
            return NumberReader(name, slot.units, slot.least, slot.most)
        case "measure":
            return MeasureReader(name, slot.units, slot.converts)
        case "phone":
            return PhoneReader(name)
        case "person":
            return PersonReader(name, words)
        case "place":
            return PlaceReader(name, choices)
        case "yesno":
            return YesNoReader(name, choices)
        case "text":
            return TextReader(name, slot.longest, slot.buttons)
        case "record":
            return RecordReader(name)
        case "pattern":
            return PatternReader(name, slot.pattern)
        case "custom":
            return cast(SlotReader, custom_reader(slot.reader)(name))

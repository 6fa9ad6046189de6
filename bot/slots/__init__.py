"""Readers of slot values, one for each type of slot."""

from __future__ import annotations

from bot.slots.choice import Choice, ChoiceReader
from bot.slots.clock import TimeReader
from bot.slots.date import DateReader
from bot.slots.free import PatternReader, PlaceReader, TextReader, YesNoReader
from bot.slots.measure import MeasureReader
from bot.slots.mention import SURE, Mention, SlotReader
from bot.slots.number import NumberReader
from bot.slots.person import PersonReader
from bot.slots.phone import PhoneReader

__all__ = [
    "SURE",
    "Choice",
    "ChoiceReader",
    "DateReader",
    "MeasureReader",
    "Mention",
    "NumberReader",
    "PatternReader",
    "PersonReader",
    "PhoneReader",
    "PlaceReader",
    "SlotReader",
    "TextReader",
    "TimeReader",
    "YesNoReader",
]

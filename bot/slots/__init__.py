"""Readers of slot values, one module for each type of slot."""

from __future__ import annotations

from bot.slots.choice import Choice, ChoiceReader
from bot.slots.date import DateReader
from bot.slots.mention import SURE, Mention, SlotReader
from bot.slots.person import PersonReader
from bot.slots.phone import PhoneReader

__all__ = ["SURE", "Choice", "ChoiceReader", "DateReader", "Mention", "PersonReader", "PhoneReader", "SlotReader"]

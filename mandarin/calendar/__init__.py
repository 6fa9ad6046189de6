"""Days as they are said, against a given today: text enters, dates with their place in the text leave."""

from __future__ import annotations

from mandarin.calendar.days import DayWords, find_days
from mandarin.calendar.festivals import lunar_text
from mandarin.calendar.phrases import DayPhrase, Days
from mandarin.calendar.recurrence import Recurrence, find_recurrences

__all__ = ["DayPhrase", "DayWords", "Days", "Recurrence", "find_days", "find_recurrences", "lunar_text"]

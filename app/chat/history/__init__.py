"""What somebody said before: the list of their conversations, searched, named, taken away and deleted."""

from app.chat.history.export import EXPORTS, export
from app.chat.history.listing import Change, History, Summary

__all__ = ["EXPORTS", "Change", "History", "Summary", "export"]

"""Models by name: where they are on this disk, and how they get there. `python -m asr.hub` does it in a terminal."""

from __future__ import annotations

from asr.hub.bundle import pack, unpack
from asr.hub.cache import DownloadProgress, default_cache, fetch, locate, verify
from asr.hub.registry import AUTO, AUTO_MODEL, EMBEDDED, Card, card_of, registry
from asr.hub.source import Source, open_sources

__all__ = [
    "AUTO",
    "AUTO_MODEL",
    "EMBEDDED",
    "Card",
    "DownloadProgress",
    "Source",
    "card_of",
    "default_cache",
    "fetch",
    "locate",
    "open_sources",
    "pack",
    "registry",
    "unpack",
    "verify",
]

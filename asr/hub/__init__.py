"""Models by name: where they are on this disk, and how they get there. `python -m asr.hub` does it in a terminal."""

from __future__ import annotations

from asr.hub.bundle import pack, unpack
from asr.hub.cache import DownloadProgress, default_cache, fetch, locate, verify
from asr.hub.modelscope import Hub
from asr.hub.registry import AUTO, AUTO_MODEL, EMBEDDED, Card, card_of, registry

__all__ = [
    "AUTO",
    "AUTO_MODEL",
    "EMBEDDED",
    "Card",
    "Hub",
    "DownloadProgress",
    "card_of",
    "default_cache",
    "fetch",
    "locate",
    "pack",
    "registry",
    "unpack",
    "verify",
]

"""From posteriors to text."""

from __future__ import annotations

from asr.decoding.beam import Scorer
from asr.decoding.greedy import decode_greedily
from asr.decoding.hotwords import ALL_TIERS, HotwordDecoder, HotwordSettings, Tier
from asr.decoding.words import WordRescorer

__all__ = ["ALL_TIERS", "HotwordDecoder", "HotwordSettings", "Scorer", "Tier", "WordRescorer", "decode_greedily"]

"""From posteriors to text."""

from __future__ import annotations

from asr.decoding.beam import Scorer
from asr.decoding.frames import FrameDecoder
from asr.decoding.greedy import decode_greedily
from asr.decoding.hotwords import ALL_TIERS, HotwordDecoder, HotwordSettings, Tier
from asr.decoding.ngram import NgramScorer
from asr.decoding.words import WordRescorer

__all__ = [
    "ALL_TIERS",
    "FrameDecoder",
    "HotwordDecoder",
    "HotwordSettings",
    "NgramScorer",
    "Scorer",
    "Tier",
    "WordRescorer",
    "decode_greedily",
]

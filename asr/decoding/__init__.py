"""From posteriors to text."""

from __future__ import annotations

from asr.decoding.greedy import decode_greedily

__all__ = ["decode_greedily"]

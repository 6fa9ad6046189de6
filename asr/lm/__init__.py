"""Language models: what people are likely to say, whatever the acoustic model heard."""

from __future__ import annotations

from asr.lm.arpa import read_arpa
from asr.lm.interpolation import interpolate
from asr.lm.ngram import NgramModel
from asr.lm.storage import open_language_model, save_language_model

__all__ = ["NgramModel", "interpolate", "open_language_model", "read_arpa", "save_language_model"]

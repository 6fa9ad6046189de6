"""What runs an acoustic model: `open_engine(folder).listen(segments)` gives what was heard in each."""

from __future__ import annotations

from asr.engines.engine import Engine, Heard
from asr.engines.opening import open_engine

__all__ = ["Engine", "Heard", "open_engine"]

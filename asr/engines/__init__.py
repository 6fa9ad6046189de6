"""What runs an acoustic model: `open_engine(folder).listen(segments)` gives what was heard in each."""

from __future__ import annotations

from asr.engines.engine import Engine, EngineOutput
from asr.engines.opening import Device, EngineKind, EngineOptions, open_engine
from asr.engines.remote.connection import RemoteMode

__all__ = ["Device", "Engine", "EngineKind", "EngineOptions", "EngineOutput", "RemoteMode", "open_engine"]

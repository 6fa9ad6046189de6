"""Decoding audio against the limits of the person who sent it: the only place of the app that decodes recordings.

Whoever decodes charges an account with the seconds of audio, before anything of it is recognised; nothing that is
recognised again is free. tests/security/test_accounting.py keeps other rooms from decoding by themselves.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from app.errors import TooMuchAudio
from asr import Audio, AudioLimits, decode_audio
from asr.audio.recording import Recording, decode_recording

Charge = Callable[[float], None]
"""Takes seconds of audio from the account of the person who asks; raises TooMuchAudio when nothing is left."""


Hold = Callable[[], AbstractContextManager[None]]
"""Holds a place for the person who asks; raises TooManyStreams beyond the limit."""


def free(seconds: float) -> None:
    """Charge nobody."""


def decode(data: bytes, charge: Charge, *, limits: AudioLimits, times: int = 1) -> Audio:
    """Decode a recording that is to be recognised so many `times`; raises AudioError, TooMuchAudio."""
    audio = decode_audio(data, limits=limits)
    charge(times * audio.seconds)
    return audio


def decode_file(source: Path, target: Path, charge: Charge, *, limits: AudioLimits, keep_channels: bool) -> Recording:
    """Decode the file `source` into the WAV file `target`; raises AudioError, TooMuchAudio.

    The time that it takes is charged too, for a small file may take minutes to decode, or to be found broken.
    """
    began = time.monotonic()
    try:
        recording = decode_recording(source, target, limits=limits, keep_channels=keep_channels)
    except Exception:
        with suppress(TooMuchAudio):  # what is wrong with the file is what its owner has to know
            charge(time.monotonic() - began)
        raise
    charge(recording.seconds * recording.channels + time.monotonic() - began)
    return recording

"""A FunASR runtime server in the house, over its WebSocket protocol (runtime/docs/websocket_protocol.md).

One utterance is: settings as JSON, PCM in pieces, `{"is_speaking": false}`; then the server's messages. In mode
`offline` one message has it all; in `2pass` each sentence that the server's own detector ends has one. Punctuation and
ITN of the server are not asked for or left out: the text is finished here, as that of every engine.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from asr.audio.frontend import Samples
from asr.engines.engine import EngineOutput
from asr.engines.open_vocabulary import UNITS, SpokenText, posteriors_of, spread, words_of
from asr.engines.remote.connection import (
    Connection,
    ConnectionPool,
    RemoteMode,
    RemoteOptions,
    connection_failures,
)
from asr.errors import EngineUnreachable, RecognitionFailed
from asr.hotwords.list import EMPTY, HotwordList

log = logging.getLogger(__name__)

_SAMPLE_RATE = 16000
_PIECE_BYTES = 64 * 1024
_UTTERANCE_SECONDS = 30.0
_OFFLINE, _TWO_PASS = "offline", "2pass-offline"


class RemoteEngine:
    """An `Engine` whose model runs elsewhere. Safe to share between threads; connections are kept for the next call."""

    units = UNITS
    max_seconds = _UTTERANCE_SECONDS

    def __init__(self, options: RemoteOptions) -> None:
        """Open nothing yet: the server is reached with the first utterance."""
        self.name = f"funasr-{options.mode}"
        self.batch_seconds = _UTTERANCE_SECONDS
        self._options = options
        self._pool = ConnectionPool(options)
        self._senders = ThreadPoolExecutor(options.connections, thread_name_prefix="funasr-server")

    def listen(self, segments: Sequence[Samples], hotwords: HotwordList = EMPTY) -> list[EngineOutput]:
        """Recognise stretches of speech, as `Engine.listen` says; several are sent at the same time.

        Raises:
            EngineUnreachable: the server does not answer, after all attempts.
            RecognitionFailed: it answered that it failed, or in no known way.
        """
        jobs = [self._senders.submit(self._recognise, segment, hotwords) for segment in segments]
        return [EngineOutput(posteriors_of(job.result())) for job in jobs]

    def _recognise(self, samples: Samples, hotwords: HotwordList) -> list[SpokenText]:
        if not len(samples):
            return []
        failure: Exception | None = None
        for attempt in range(self._options.attempts):
            if attempt:
                time.sleep(self._options.back_off * 4 ** (attempt - 1))
            try:
                return self._attempt(samples, hotwords)
            except connection_failures() as error:
                failure = error
                log.warning("the FunASR server failed (attempt %d): %r", attempt + 1, error)
        raise EngineUnreachable(
            f"The FunASR server at {self._options.url} does not answer: {failure!r}.", url=self._options.url
        ) from failure

    def _attempt(self, samples: Samples, hotwords: HotwordList) -> list[SpokenText]:
        """Send one utterance; when a connection used before fails, on a fresh one: not every server takes two."""
        with self._pool.connection() as connection:
            if connection.used:
                try:
                    return self._exchange(connection, samples, hotwords)
                except connection_failures():
                    self._pool.reusable = False
                    connection.close()
            return self._exchange(connection, samples, hotwords)

    def _exchange(self, connection: Connection, samples: Samples, hotwords: HotwordList) -> list[SpokenText]:
        seconds = len(samples) / _SAMPLE_RATE
        name = uuid.uuid4().hex
        connection.send(json.dumps(_settings(name, self._options.mode, hotwords), ensure_ascii=False))
        pcm = np.round(np.clip(samples, -1.0, 1.0) * 32767).astype("<i2").tobytes()
        for begin in range(0, len(pcm), _PIECE_BYTES):
            connection.send(pcm[begin : begin + _PIECE_BYTES])
        connection.send(json.dumps({"is_speaking": False, "is_end": True}))
        deadline = time.monotonic() + self._options.reply_timeout + seconds
        found: list[SpokenText] | None = None
        while True:
            # Behind the text may come another sentence, an acknowledgement, or nothing.
            limit = deadline if found is None else min(deadline, time.monotonic() + self._options.quiet)
            try:
                message = _read(connection.receive(limit - time.monotonic()))
            except connection_failures() as error:
                if found is None:
                    raise
                if not isinstance(error, TimeoutError):  # it has closed the connection behind its answer
                    self._pool.reusable = False
                elif self._pool.acknowledges is None:
                    self._pool.acknowledges = False
                return found
            if message.get("wav_name", name) != name:
                continue  # a late word about an utterance that was given up
            if message.get("error"):
                raise RecognitionFailed(
                    "The FunASR server failed on this recording.", reason=str(message["error"])[:200]
                )
            if message.get("mode") in (_OFFLINE, _TWO_PASS) and isinstance(message.get("text"), str):
                found = [*(found or []), *_spoken(message, seconds)]
            if message.get("is_end"):
                self._pool.acknowledges = True
                return found or []
            last = message.get("mode") == _OFFLINE or message.get("is_final")
            if found is not None and last and self._pool.acknowledges is False:
                return found


def _settings(name: str, mode: RemoteMode, hotwords: HotwordList) -> dict[str, Any]:
    return {
        "mode": mode,
        "wav_name": name,
        "wav_format": "pcm",
        "audio_fs": _SAMPLE_RATE,
        "is_speaking": True,
        "itn": False,
        "chunk_size": [5, 10, 5],
        "chunk_interval": 10,
        # As a string of JSON: the one shape that every server takes.
        "hotwords": json.dumps({hotword.word: hotword.weight for hotword in hotwords}, ensure_ascii=False),
    }


def _read(content: str | bytes) -> dict[str, Any]:
    try:
        message = json.loads(content)
    except ValueError as error:
        raise RecognitionFailed("The FunASR server answered in no known way.", reason=repr(error)) from error
    if not isinstance(message, dict):
        raise RecognitionFailed("The FunASR server answered in no known way.", reason="its message is no JSON object")
    return message


def _spoken(message: dict[str, Any], seconds: float) -> list[SpokenText]:
    """Give each word its time, where the server sent as many times as there are words; else even shares."""
    words = words_of(message["text"])
    stamps = message.get("timestamp")
    try:
        times = [(float(start) / 1000, float(end) / 1000) for start, end in json.loads(stamps or "[]")]
    except (TypeError, ValueError):
        times = []
    if len(times) != len(words):
        first, last = (times[0][0], times[-1][1]) if times else (0.0, seconds)
        return spread(words, min(first, seconds), min(max(first, last), seconds))
    return [
        SpokenText(word, min(start, seconds), min(max(start, end), seconds))
        for word, (start, end) in zip(words, times, strict=True)
    ]
